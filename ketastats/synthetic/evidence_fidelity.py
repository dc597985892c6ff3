"""How far a scenario is from the published figures that its notes name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.errors import UsageError
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.loaders.evidence import load_evidence
from ketastats.provenance import sources_of
from ketastats.results import Statement, TabularResult, in_shared_words, number, percent
from ketastats.stats.intervals import two_sided_quantile
from ketastats.stats.proportions import wilson_interval
from ketastats.synthetic.beside import side_effects
from ketastats.synthetic.cohort import MadeUp, make_up
from ketastats.synthetic.fidelity import (
    LEVEL,
    OWN,
    WITHIN,
    Part,
    beyond_in_words,
    check,
    display_checks,
    draw_checks,
    mean_part,
    share_part,
)
from ketastats.synthetic.scenario import Scenario, load_scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

_N, _SEED = 60_000, 20261124
_FALL = re.compile(r"a (\d+)% fall of (\S+) at (.+?) comes out near")
_CHANGE = re.compile(r"mean change of (\S+) at (.+?) comes out near")
_COURSE = re.compile(r"of patients in a course of (\d+) doses")
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EvidenceComparison(TabularResult):
    """Checks of a scenario against published figures, one row each.

    Columns as in `CohortComparison`; `source` is the row of the evidence table, `n` its patients, and
    `real_low` and `real_high` are the 95% limits of the published figure, Wilson's for a share.
    """

    name: str = ""

    @property
    def counted(self) -> tuple[int, int]:
        """How many checks lie within two standard errors, and of how many that have one."""
        z = self.frame["statistic"].dropna().abs()
        return int((z <= WITHIN).sum()), len(z)

    def statement(self) -> Statement:
        """Return the sentence that heads a report."""
        return Statement(str(self))

    def display(self) -> pd.DataFrame:
        """Return one row per published figure as text, with its row in the evidence table."""
        shown = display_checks(self.frame)
        limits = [
            f"{percent(row['real_low'])} to {percent(row['real_high'])}%"
            if row["unit"] == "share"
            else f"{number(row['real_low'])} to {number(row['real_high'])}"
            for row in self.frame.to_dict("records")
        ]
        shown = shown.rename(columns={"Real (n)": "Published (n)"})
        shown.insert(1, "Row", self.frame["source"].astype("str"))
        shown.insert(3, "95% interval", pd.Series(limits, dtype="str"))
        return shown

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw z of every check."""
        axes = draw_checks(self.frame.assign(group=self.frame["term"]), ax)
        axes.set_xlabel("Made up minus published (standard errors); shaded: within two")
        return axes

    def figure_text(self) -> str:
        """Return what lies beyond two standard errors, in words."""
        return f"Differences in standard errors. {self}. {beyond_in_words(self.frame)}"

    def __str__(self) -> str:
        inside, every = self.counted
        return (
            f"{inside} of {every} published figures that the scenario {self.name!r} was drawn from are met "
            f"within two standard errors"
        )


def compare_with_evidence(
    scenario: str | Path | Scenario, *, n: int = _N, seed: int = _SEED
) -> EvidenceComparison:
    """Draw a large cohort and compare it with the published figures that the scenario's notes name.

    Parameters
    ----------
    scenario : str, Path or Scenario
    n, seed : int
        Size and seed of the draw.

    Returns
    -------
    EvidenceComparison
        Falls and mean changes that a note says come out near a row's figure; baselines and shares of
        leavers "as printed"; and side effects over the first series, where it has as many doses as the
        published course. Where a mean has no printed error, that of the made-up patients stands in, with
        the published n.

    Raises
    ------
    UsageError
        If no note names a figure that can be compared.
    """
    chosen = load_scenario(scenario)
    evidence = load_evidence()
    rows = evidence.set_index("row_id")
    everywhere = chosen.changed({"site.count": float(n)}, name=chosen.name)
    made = make_up(everywhere, n, seed)
    found = list(_aimed_at(made, rows)) + list(_events(made, rows))
    if not found:
        raise UsageError(
            f"No note of the scenario {chosen.name!r} names a published figure that can be compared"
        )
    frame = in_shared_words(found, own=(*OWN, "real_low", "real_high"))
    notes = (
        "The scenario was set by hand until falls and changes came near these rows, so their agreement is no "
        "independent check.",
        "Side effects that one trial published share its patients.",
    )
    return EvidenceComparison(frame, name=chosen.name, sources=sources_of(evidence), notes=notes)


def _aimed_at(made: MadeUp, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Falls, changes, baselines and leaving."""
    for line in made.scenario.table.to_dict("records"):
        if line["source"] not in rows.index or pd.isna(rows.loc[line["source"], "n"]):
            continue
        published = rows.loc[line["source"]].rename(line["source"])
        note, of = str(line["note"]), str(line["of"])
        fall, change = _FALL.search(note), _CHANGE.search(note)
        if fall and (place := _place(made, of, fall[2], fall[3])):
            first, later = place
            met = first - later >= int(fall[1]) / 100 * first - _ROUNDING
            yield _share(f"{fall[1]}% fall of {fall[2]} at {fall[3]}, {of}", met, published)
        elif change and (place := _place(made, of, change[1], change[2])):
            first, later = place
            yield _mean(
                f"Mean change of {change[1]} at {change[2]}, {of}", later - first, published
            )
        elif line["parameter"] == "score.mean" and "as printed" in note:
            yield _mean(
                f"Mean {find_instrument(of).title} at baseline, those let in",
                made.patients.first[of],
                published,
            )
        elif line["parameter"] == "arm.leave" and "as printed" in note:
            mine = made.patients.arm == made.patients.arms.index(of)
            yield _share(
                f"Left before the end, {of}", np.isfinite(made.course.leaves[mine]), published
            )


def _place(made: MadeUp, arm: str, scale: str, visit: str) -> tuple[Floats, Floats] | None:
    """Baselines and scores of an arm where a note says; None where the scenario has no such place."""
    plain = _plain(scale)
    names = [name for name in made.scenario.in_order("instrument") if plain in _plain(name)]
    visits = [name.lower() for name in made.course.visits]
    if len(names) != 1 or visit.lower() not in visits:
        return None
    mine = made.patients.arm == made.patients.arms.index(arm)
    at = visits.index(visit.lower())
    return made.patients.first[names[0]][mine], made.course.scores[names[0]][mine, at]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _events(made: MadeUp, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Side effects in the first series, of those published for a course of as many doses."""
    table = side_effects(made.scenario, made.patients, made.course, made.streams[8])
    for line in made.scenario.table.to_dict("records"):
        course = _COURSE.search(str(line["note"]))
        if line["parameter"] != "event.share" or not course or line["source"] not in rows.index:
            continue
        arm, name = str(line["of"]).split("/", 1)
        if int(course[1]) != made.scenario.value("arm.doses", arm):
            continue
        of_series = (table["aedecod"] == name) & (table["exseq"] <= int(course[1]))
        hit = np.zeros(len(made.patients), dtype=bool)
        hit[table.loc[of_series, "who"]] = True
        mine = made.patients.arm == made.patients.arms.index(arm)
        published = rows.loc[line["source"]].rename(line["source"])
        yield _share(f"{name} in the first series, {arm}", hit[mine], published)


def _share(title: str, met: Bools, published: pd.Series) -> dict[str, Any]:
    n = int(published["n"])
    events = published["events"]
    count = round(float(published["proportion"]) * n) if pd.isna(events) else int(events)
    low, high = wilson_interval(count, n, conf_level=LEVEL)
    row = check(title, "", "share", share_part(int(met.sum()), len(met)), share_part(count, n))
    return row | {"source": str(published.name), "real_low": low, "real_high": high}


def _mean(title: str, values: Floats, published: pd.Series) -> dict[str, Any]:
    n, mean = int(published["n"]), float(published["mean"])
    spread = float(values.std(ddof=1)) if pd.isna(published["sd"]) else float(published["sd"])
    printed = published["se"]
    error = spread / sqrt(n) if pd.isna(printed) else float(printed)
    reach = two_sided_quantile(LEVEL) * error
    real: Part = (mean, error, n)
    row = check(title, "", "points", mean_part(values), real)
    return row | {
        "source": str(published.name),
        "real_low": mean - reach,
        "real_high": mean + reach,
    }
