"""Operating characteristics: how often the judging path comes to each word where the truth is known."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ketastats.calibration.cases import WHICH, Case
from ketastats.calibration.cases import draw as draw_cohort
from ketastats.calibration.judging import (
    SEED,
    WHERE,
    Draw,
    checked_cases,
    judge_shortly,
    judging_jobs,
    measure_of,
    refusal_notes,
)
from ketastats.calibration.rates import bias, coverage, word_rates
from ketastats.calibration.replicates import run_jobs
from ketastats.calibration.wording import (
    BESIDE,
    bias_text,
    case_sentence,
    made_text,
    rate_text,
    reader_sentence,
    value_text,
)
from ketastats.checks.options import checked_level, require_choice
from ketastats.claims.standing import (
    ALPHA,
    CONTRADICTED,
    DECISION_LEVEL,
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    WORDS,
)
from ketastats.errors import UsageError
from ketastats.provenance import Source
from ketastats.results import (
    Statement,
    TabularResult,
    count,
    estimate_text,
    in_shared_words,
    level_text,
    percent,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OWN = (
    "case",
    "claim",
    "which",
    "truth",
    "truth_std_error",
    "measure",
    "word",
    "wrong",
    "replicates",
    "refused",
    "coverage",
    "coverage_low",
    "coverage_high",
    "intervals",
    "bias",
    "bias_std_error",
    "estimates",
)
"""Columns of the table before the shared words."""

OF_COHORTS = "with this schedule and drop-out"
OF_TRIALS = "as large and as different as these"
"""What made-up data have in common with those at hand: cohorts, and sets of trials."""

_WRONG = {
    "false": (SUPPORTED,),
    "border": (SUPPORTED, CONTRADICTED),
    "true": (CONTRADICTED,),
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OperatingCharacteristics(TabularResult):
    """Rate of each word in cohorts whose truth is known, one row per case and word.

    `estimate` is the rate among all `replicates`, with Monte Carlo limits; `wrong` says whether
    the word is wrong at this truth (supported where false or at the border, contradicted where true
    or at the border). `refused` is the share of cohorts on which the judging path raised an error;
    they count under no word. `coverage` (nominally `DECISION_LEVEL`) and `bias` are those of the row
    that decides, among the `intervals` and `estimates` that there were; missing where there were
    none. `n` is the number of patients in each cohort. `of` says what was drawn and `setting` what that has
    in common with the data at hand, which the table does not hold; all else is made from the table.
    """

    of: str = field(default="cohorts", kw_only=True)
    setting: str = field(default=OF_COHORTS, kw_only=True)

    @property
    def sound(self) -> bool:
        """Whether no rate of a wrong decisive word lies above `ALPHA` by more than Monte Carlo error.

        It does if its lower Monte Carlo limit is above. Of many rows with a rate of exactly
        `ALPHA`, at 95% limits one in forty is above by chance.
        """
        wrong = self.frame[self.frame["wrong"]]
        return not bool((wrong["conf_low"] > ALPHA).any())

    def of_claim(self, claim: str) -> OperatingCharacteristics:
        """The same for one claim only; `UsageError` if it is not among them."""
        require_choice("claim among these", claim, self.frame["claim"].unique())
        kept = self.frame[self.frame["claim"] == claim].reset_index(drop=True)
        return replace(self, frame=kept)

    def statement(self) -> Statement:
        """How often the verdict is wrong, for a reader, to stand beside it."""
        if self.frame["claim"].nunique() > 1:
            return Statement(f"{self}.", BESIDE, beside=True)
        return Statement(reader_sentence(self._cases(), self.of, self.setting), BESIDE, beside=True)

    def statement_for(self, which: str) -> Statement:
        """What becomes of cohorts where the claim is false, true, or just at the border."""
        require_choice("truth of a case", which, WHICH)
        cases = [rows for rows in self._cases() if rows[0]["which"] == which]
        if not cases:
            raise UsageError(f"No case here has a claim that is {which}")
        named = self.frame["claim"].nunique() > 1
        text = " ".join(case_sentence(rows, self.of, named=named) for rows in cases)
        return Statement(text, WHERE[which])

    def display(self) -> pd.DataFrame:
        """Return one row per case: truth, rate of each word, coverage and bias."""
        return pd.DataFrame([self._shown(rows) for rows in self._cases()])

    def _shown(self, rows: list[dict[Hashable, Any]]) -> dict[str, str]:
        first, by_word = rows[0], {str(row["word"]): row for row in rows}
        many = self.frame["claim"].nunique() > 1  # then there is no room for all limits
        level = level_text(first["conf_level"])
        where = WHERE[str(first["which"])].removeprefix("where it is ")
        cells = {
            "Claim": str(first["claim"]),
            "True value": f"{value_text(first['truth'], str(first['measure']))} ({where})",
        }
        for word in WORDS:
            if word == NOT_TESTABLE and not self._seen(word):
                continue
            heading = f"{word.replace('_', ' ').capitalize()} %"
            if many and word not in (SUPPORTED, CONTRADICTED):
                cells[heading] = percent(by_word[word]["estimate"])
            else:
                cells[f"{heading} ({level} limits)"] = rate_text(by_word[word])
        low, high = (nan, nan) if many else (first["coverage_low"], first["coverage_high"])
        heading = f"{'Covers' if many else 'Coverage'} % (nominal {100 * DECISION_LEVEL:.0f})"
        cells[heading] = estimate_text(first["coverage"], low, high, percent)
        heading = "Bias (error; of shares in points)" if many else "Bias (Monte Carlo error)"
        cells[heading] = bias_text(first, bare=many)
        if not many and self.frame["replicates"].nunique() > 1:
            cells["Drawn"] = count(first["replicates"])
        if self._refused:
            cells["Refused %"] = percent(first["refused"])
        # in a table as wide as this, limits may go on the next line
        return {name: text.replace("\u00a0", " ") if many else text for name, text in cells.items()}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw one stacked bar per case, with the nominal rate of a wrong word marked."""
        from ketastats.plots.error_rates import draw_error_rates

        drawn = self.frame.assign(
            label=[self._label(row) for row in self.frame.to_dict("records")],
        )
        return draw_error_rates(drawn, ax, nominal=ALPHA, of=self.of)

    def figure_text(self) -> str:
        """Return every bar of the figure in words."""
        parts = []
        for rows in self._cases():
            rates = ", ".join(
                f"{str(row['word']).replace('_', ' ')} {percent(row['estimate'])}%"
                for row in rows
                if row["estimate"] > 0
            )
            parts.append(f"{self._label(rows[0])}: {rates or 'all refused'}")
        return (
            f"Stacked bars of how often each word comes up, with {percent(ALPHA)}% marked as the most that a "
            f"wrong word should. {'; '.join(parts)}."
        )

    def __str__(self) -> str:
        if self.frame["claim"].nunique() > 1:
            return self._summary()
        level = level_text(self.frame["conf_level"].iloc[0])
        parts = [
            self._part("called supported in", SUPPORTED, "false", level),
            self._part("contradicted in", CONTRADICTED, "true", level),
            self._part("left undecided in", UNDECIDED, "", level),
        ]
        if self._seen(NOT_TESTABLE):
            parts.append(self._part("not testable in", NOT_TESTABLE, "", level))
        told = [part for part in parts if part]
        words = ", ".join(told[:-1]) + (", and " if len(told) > 1 else "") + told[-1]
        before, said, after = words.partition(f"{level} Monte Carlo limits ")
        words = f"{before}{said}{after.replace(said, '')}" if said else words  # once is enough
        refused = f"; {percent(self._refused)}% were refused" if self._refused else ""
        where = f"At n = {self._n}, {self.setting}"
        if self.setting != OF_COHORTS:
            where = f"In {self.of} ({self._n} patients) {self.setting}"
        return f"{where}, the claim would be {words}{refused}"

    def _summary(self) -> str:
        """The worst of several claims."""
        wrong = self.frame[self.frame["wrong"]]
        worst = wrong.iloc[int(wrong["estimate"].argmax())]
        limits = f"{percent(worst['conf_low'])} to {percent(worst['conf_high'])}%"
        claims, truths = self.frame["claim"].nunique(), self.frame["case"].nunique()
        return (
            f"{claims} claims at {truths} true values, at n = {self._n}, "
            f"{made_text(self.frame['replicates'])} cohorts each: no wrong verdict comes up in more than "
            f"{percent(worst['estimate'])}% of cohorts "
            f"({level_text(worst['conf_level'])} Monte Carlo limits {limits}; {worst['claim']}, "
            f"{worst['word']} {WHERE[worst['which']]}), nominally {percent(ALPHA)}%"
        )

    def _part(self, verb: str, word: str, first: str, level: str) -> str:
        """Rate of a word where it would be wrong, or wherever it comes up."""
        rows = self.frame[self.frame["word"] == word]
        told: list[str] = []
        for which in (first, "border") if first else WHICH:
            mine = rows[rows["which"] == which]
            if mine.empty:
                continue
            row = mine.iloc[int(mine["estimate"].argmax())]
            limits = f"{percent(row['conf_low'])} to {percent(row['conf_high'])}%"
            most = "at most " if len(mine) > 1 else ""
            of = f" of {self.of}" if not told else ""
            limits = f" ({level} Monte Carlo limits {limits})" if first else ""
            told.append(f"{most}{percent(row['estimate'])}%{limits}{of} {WHERE[which]}")
        if not told:
            return ""
        return f"{verb} {', '.join(told[:-1])}{' and ' if len(told) > 1 else ''}{told[-1]}"

    def _label(self, row: Mapping[Hashable, Any]) -> str:
        where = str(WHERE[row["which"]]).removeprefix("where it is ")
        claim = f"{row['claim']}, " if self.frame["claim"].nunique() > 1 else ""
        return f"{claim}{where}: {value_text(row['truth'], str(row['measure']))}"

    def _cases(self) -> list[list[dict[Hashable, Any]]]:
        """Rows of each case, in order."""
        groups = self.frame.groupby("case", sort=False)
        return [rows.to_dict("records") for _, rows in groups]

    def _seen(self, word: str) -> bool:
        return bool((self.frame.loc[self.frame["word"] == word, "estimate"] > 0).any())

    @property
    def _n(self) -> str:
        sizes = sorted(self.frame["n"].unique())
        return count(sizes[0]) if len(sizes) == 1 else f"{count(sizes[0])} to {count(sizes[-1])}"

    @property
    def _refused(self) -> float:
        """Highest share of cohorts refused."""
        return float(self.frame["refused"].max())


def rates_from_table(table: pd.DataFrame, sources: Iterable[Source]) -> OperatingCharacteristics:
    """The rates that a stored table holds, and the files it came from."""
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    frame = in_shared_words(rows, own=OWN).astype({"wrong": "boolean"})
    return OperatingCharacteristics(frame, sources=tuple(sources))


def of_trials(rates: OperatingCharacteristics, trials: int) -> OperatingCharacteristics:
    """The same, said of made-up sets of published trials."""
    return replace(rates, of=f"sets of {trials} trials", setting=OF_TRIALS)


def operating_characteristics(
    cases: Case | Sequence[Case],
    n: int,
    *,
    replicates: int = 1000,
    seed: int = SEED,
    workers: int | None = None,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    conf_level: float = 0.95,
    draw: Draw = draw_cohort,
    judge: Callable[..., Any] = judge_shortly,
) -> OperatingCharacteristics:
    """Judge many cohorts whose truth is known, and count the words.

    Parameters
    ----------
    cases : Case or sequence of them
        Claims with what cohorts are drawn from, and the true value of the number that decides.
    n : int
        Patients in each cohort.
    replicates : int, default 1000
        Cohorts per case.
    seed : int
        Each case draws seeds of its own from it, whatever the other cases.
    workers : int, optional
        Processes, as many as there are processors if not given.
    cache : str or Path, optional
        Folder where replicates are kept (see `default_cache`), so that a run that was stopped goes
        on and one that was finished is only read; nothing is kept without.
    progress : callable, optional
        Called with the cohorts judged and wanted.
    conf_level : float, default 0.95
        Of the Monte Carlo limits.
    draw : callable
        ``draw(case, n, seed)`` gives a cohort. It may depend on the scenario, arms and options of the
        case only, since these make the key of the cache.
    judge : callable
        Takes a claim id, a cohort and the options, as `ketastats.judge` does, which is asked for the
        readings that decide.

    Returns
    -------
    OperatingCharacteristics

    Raises
    ------
    UsageError
        If an option is wrong or every cohort of a case is refused.
    """
    level = checked_level(conf_level)
    given = checked_cases(cases, judge)
    jobs = judging_jobs(
        [(case, n) for case in given], replicates=replicates, seed=seed, draw=draw, judge=judge
    )
    tables = run_jobs(jobs, workers=workers, cache=cache, progress=progress)
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for at, (case, table) in enumerate(zip(given, tables, strict=True), start=1):
        rows += _rows_of_case(case, n, table, level, at)
        notes += refusal_notes(case, table)
    return OperatingCharacteristics(
        in_shared_words(rows, own=OWN).astype({"wrong": "boolean"}), notes=tuple(notes)
    )


def _rows_of_case(
    case: Case, n: int, table: pd.DataFrame, level: float, at: int
) -> list[dict[str, Any]]:
    held = coverage(table, case.truth, conf_level=level)
    off = bias(table, case.truth, truth_std_error=case.truth_std_error)
    common = {
        "case": at,
        "claim": case.claim,
        "which": case.which,
        "truth": float(case.truth),
        "truth_std_error": float(case.truth_std_error),
        "measure": measure_of(table),
        "replicates": len(table),
        "refused": float(table["refused"].mean()),
        "coverage": held.estimate,
        "coverage_low": held.low,
        "coverage_high": held.high,
        "intervals": held.of,
        "bias": off.estimate,
        "bias_std_error": off.std_error,
        "estimates": off.of,
        "n": n,
        "conf_level": level,
        "method": "clopper_pearson",
    }
    return [
        {
            **common,
            "word": word,
            "wrong": word in _WRONG[case.which],
            "term": f"{case.claim}, {WHERE[case.which]}: {word.replace('_', ' ')}",
            "estimate": rate.estimate,
            "std_error": rate.std_error,
            "conf_low": rate.low,
            "conf_high": rate.high,
        }
        for word, rate in word_rates(table, conf_level=level).items()
    ]
