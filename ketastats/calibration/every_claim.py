"""Every claim on one made-up cohort: the number that decides it, and how often such a verdict is wrong."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ketastats.calibration.cases import Template, claims_with_cases, template
from ketastats.calibration.operating import OperatingCharacteristics, rates_from_table
from ketastats.claims.judge import judge
from ketastats.claims.measures import MEASURES
from ketastats.claims.registry import Claim, load_claims
from ketastats.claims.standing import CONTRADICTED, DECISION_LEVEL, SUPPORTED, UNDECIDED
from ketastats.cohort.cohort import Cohort
from ketastats.errors import KetastatsError, UsageError
from ketastats.provenance import source_of_file
from ketastats.resources import shipped
from ketastats.results import Statement, TabularResult, count, in_shared_words, level_text, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RATES = ("data", "calibration", "error_rates.csv")
_OWN = (
    "claim",
    "sentence",
    "kind",
    "verdict",
    "measure",
    "supported_where_false",
    "contradicted_where_true",
    "undecided_where_true",
    "wrong_at_border",
    "reason",
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClaimTable(TabularResult):
    """One row per claim: what a made-up cohort would say of it were it real, and the error rates.

    `verdict` is the word that the same numbers would have in patients; on made-up data the verdict itself is
    always not_testable. It is empty for claims without a judging path, of which `reason` says why. Rates are
    shares of made-up cohorts of the same size; missing where there are none. `wrong_at_border` is the larger
    rate of the two decisive words where the claim is just at its border.
    """

    cohort: str = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return the judged claims, as text."""
        return pd.DataFrame([_shown(row) for row in self._judged().to_dict("records")])

    def without_path(self) -> UnjudgedClaims:
        """The claims that cannot be judged, with the reason."""
        kept = self.frame[self.frame["verdict"] == ""].reset_index(drop=True)
        return UnjudgedClaims(kept, sources=self.sources)

    def statement(self) -> Statement:
        """What a reader should take from the page, to stand at its head."""
        judged = self._judged()
        rates_of = judged[["supported_where_false", "contradicted_where_true", "wrong_at_border"]]
        wrong = float(np.nanmax(rates_of.to_numpy(dtype=float), initial=-1.0))
        undecided = judged["undecided_where_true"].dropna()
        rates = ""
        if wrong >= 0:
            rates = (
                f" Where the truth was known, also just at a claim's border, no wrong verdict came up in "
                f"more than {percent(wrong)}% of made-up cohorts; true claims were left undecided in "
                f"{percent(undecided.min())} to {percent(undecided.max())}%."
            )
        return Statement(f"{self}.{rates}", "synthetic, no evidence")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how often the path errs and how often it cannot decide, one row per claim."""
        from ketastats.plots.claim_rates import draw_claim_rates

        return draw_claim_rates(self._judged(), ax)

    def figure_text(self) -> str:
        """Return the rates of every claim in words."""
        parts = [
            f"{row['sentence']} Supported where false {_rate(row['supported_where_false'])}, contradicted "
            f"where true {_rate(row['contradicted_where_true'])}, undecided where true "
            f"{_rate(row['undecided_where_true'])}."
            for row in self._judged().to_dict("records")
        ]
        return " ".join(parts)

    def __str__(self) -> str:
        judged = self._judged()
        words = judged["verdict"].value_counts()
        told = [
            f"{int(words[word])} {word.replace('_', ' ')}"
            for word in (SUPPORTED, CONTRADICTED, UNDECIDED, "not_testable")
            if word in words.index
        ]
        return (
            f"{len(judged)} of {len(self.frame)} claims can be judged on a cohort; were the patients "
            f"of {self.cohort} real, they would be called: {', '.join(told)}"
        )

    def _judged(self) -> pd.DataFrame:
        return self.frame[self.frame["verdict"] != ""].reset_index(drop=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UnjudgedClaims(TabularResult):
    """Claims without a judging path, one row each, with the reason."""

    def display(self) -> pd.DataFrame:
        """Return sentence, kind and reason."""
        return pd.DataFrame(
            {
                "Claim": self.frame["sentence"].astype(str),
                "Kind": self.frame["kind"].astype(str).str.replace("_", " "),
                "Why it cannot be judged": self.frame["reason"].astype(str),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how many claims of each kind cannot be judged."""
        from ketastats.plots.style import GREY, INK, new_axes

        axes = new_axes(ax, 3.0)
        kinds = self.frame["kind"].astype(str).str.replace("_", " ").value_counts().sort_index()
        axes.barh(list(kinds.index), list(kinds), color=GREY, edgecolor=INK)
        axes.set_xlabel("Claims that cannot be judged (number)")
        return axes

    def __str__(self) -> str:
        return f"{len(self.frame)} claims have no judging path yet"


def judge_every_claim(cohort: Cohort, rates: OperatingCharacteristics | None = None) -> ClaimTable:
    """Judge every claim that has a path on one made-up cohort, beside the error rates of each verdict.

    Parameters
    ----------
    cohort : Cohort
        With the arms, instruments and diagnoses of the shipped scenarios (see `load_synthetic_cohort`). Each
        claim is put to the arms and diagnoses that it is about.
    rates : OperatingCharacteristics, optional
        Of the same claims; those that are stored for the shipped cohort if not given.

    Returns
    -------
    ClaimTable

    Raises
    ------
    UsageError
        If the cohort is not synthetic: real patients are judged one claim at a time.
    """
    if cohort.provenance != "synthetic":
        raise UsageError("Only a synthetic cohort is put to every claim at once: use judge")
    known = stored_error_rates() if rates is None else rates
    rows = [_row(claim, cohort, known) for claim in load_claims().values()]
    return ClaimTable(
        in_shared_words(rows, own=_OWN),
        cohort=cohort.name,
        sources=(*cohort.sources, *known.sources),
        notes=(
            "Synthetic data: no line of this table is evidence about the world. The verdicts show the "
            "method; the rates beside them show how far it can be trusted at this size.",
        ),
    )


def stored_error_rates() -> OperatingCharacteristics:
    """The error rates that are stored for the shipped synthetic cohort."""
    place = shipped(*_RATES)
    return rates_from_table(pd.read_csv(place), [source_of_file(place)])


def _row(claim: Claim, cohort: Cohort, rates: OperatingCharacteristics) -> dict[str, Any]:
    row: dict[str, Any] = {
        "claim": claim.id,
        "sentence": claim.sentence,
        "kind": claim.kind,
        "verdict": "",
        "measure": "",
        "reason": "",
        "term": claim.id,
    }
    if claim.id not in claims_with_cases():
        return row | {"reason": judge(claim).reason}
    one = template(claim)
    try:
        patients = patients_of(one, cohort)
        verdict = judge(claim, patients, readings="deciding", **one.options)
    except KetastatsError as error:
        return row | {"verdict": "not_testable", "reason": str(error).splitlines()[0]}
    row |= {"verdict": verdict.word, "reason": verdict.reason}
    if len(verdict.frame):
        first = verdict.frame.iloc[0]
        row |= {name: first[name] for name in ("measure", "n", "estimate", "conf_low", "conf_high")}
        row |= {"conf_level": DECISION_LEVEL, "method": first["method"]}
    return row | _rates_of(claim.id, len(patients.subjects), rates)


def patients_of(one: Template, cohort: Cohort) -> Cohort:
    """The patients of a made-up cohort that a claim is about, as if they were real, for the judging path."""
    subjects = cohort.subjects
    kept = subjects["trt01a"].isin(one.arms)
    wanted = one.claim.facts.get("conditions")
    if wanted:
        kept &= subjects["diagnosis"].isin(list(wanted))
    subjects = subjects[kept.to_numpy(dtype=bool)].reset_index(drop=True)
    if subjects.empty:
        raise UsageError("Nobody in the cohort has the condition and treatment of the claim")

    def mine(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["usubjid"].isin(subjects["usubjid"])].reset_index(drop=True)

    return Cohort(
        subjects,
        doses=mine(cohort.doses),
        scores=mine(cohort.scores),
        medications=mine(cohort.medications),
        provenance="public",
        name=cohort.name,
    )


def _rates_of(claim: str, n: int, rates: OperatingCharacteristics) -> dict[str, float]:
    """Rates of cohorts of as many patients; none where they are of another size."""
    frame = rates.frame[rates.frame["n"] == n]
    found = {}
    border = (frame["claim"] == claim) & (frame["which"] == "border") & frame["wrong"]
    if border.any():
        found["wrong_at_border"] = float(frame.loc[border, "estimate"].max())
    for word, which in ((SUPPORTED, "false"), (CONTRADICTED, "true"), (UNDECIDED, "true")):
        at = (frame["claim"] == claim) & (frame["which"] == which) & (frame["word"] == word)
        if at.any():
            found[f"{word}_where_{which}"] = float(frame.loc[at, "estimate"].iloc[0])
    return found


def _shown(row: Mapping[Hashable, Any]) -> dict[str, str]:
    measure = MEASURES.get(str(row["measure"]))
    value = "–"
    if measure is not None and not pd.isna(row["estimate"]):
        low, high = measure.form(row["conf_low"]), measure.form(row["conf_high"])
        value = (
            f"{measure.form(row['estimate'])}{measure.unit} ({low} to {high}), n {count(row['n'])}"
        )
    return {
        "Claim": str(row["sentence"]),
        "Were they real": str(row["verdict"]).replace("_", " "),
        f"Number that decides ({level_text(DECISION_LEVEL)} interval)": value,
        "Supported where false": _rate(row["supported_where_false"]),
        "Contradicted where true": _rate(row["contradicted_where_true"]),
        "Undecided where true": _rate(row["undecided_where_true"]),
        "Wrong at the border": _rate(row["wrong_at_border"]),
    }


def _rate(value: Any) -> str:
    return "–" if pd.isna(value) else f"{percent(value)}%"
