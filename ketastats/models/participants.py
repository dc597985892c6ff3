"""Who took part: participant flow over the visits, and the arms at baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.baseline import derive_baseline
from ketastats.instruments.registry import instrument
from ketastats.results import TabularResult, in_shared_words, number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALL = "All"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ParticipantFlow(TabularResult):
    """How many of each arm were enrolled, seen at each visit, and how they left."""

    def display(self) -> pd.DataFrame:
        """Return one row per step, one column per arm, as counts and per cent of the arm."""
        return _steps_by_arm(
            self.frame, lambda row: f"{int(row['count'])} ({percent(row['estimate'])}%)"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of each arm seen at each visit."""
        from ketastats.plots.retention import draw_retention

        return draw_retention(self.frame[self.frame["step"] == "seen"], ax)

    def __str__(self) -> str:
        enrolled = self.frame[self.frame["step"] == "enrolled"]
        seen = self.frame[self.frame["step"] == "seen"]
        last = seen[seen["term"] == seen["term"].iloc[-1]] if len(seen) else seen
        parts = [f"{row['arm']} {row['count']}" for row in enrolled.to_dict("records")]
        text = f"Enrolled: {', '.join(parts)}"
        if last.empty:
            return text
        return (
            text
            + f"; seen at {last['term'].iloc[0].removeprefix('Seen at ')}: "
            + ", ".join(f"{row['arm']} {row['count']}" for row in last.to_dict("records"))
        )


def participant_flow(cohort: Cohort, *, by: str = "trt01a") -> ParticipantFlow:
    """Count each arm at enrolment, at each visit and at the end of study.

    Parameters
    ----------
    cohort : Cohort
        Visits come from `avisit` of the scores, in the order of `avisitn` or else of time.
    by : str, default "trt01a"
        Arm column; without it everybody is one arm.

    Returns
    -------
    ParticipantFlow
        Own columns `arm`, `step` (enrolled, seen, ended) and `count`; `estimate` is the share of
        the arm.
    """
    arm_of = _arms(cohort, by)
    sizes = arm_of.value_counts()
    rows = [
        _flow_row(arm, "enrolled", "Enrolled", int(sizes[arm]), int(sizes[arm]))
        for arm in sorted(sizes.index)
    ]
    scores = cohort.scores
    if "avisit" in scores.columns:
        seen = scores[scores["aval"].notna() & scores["avisit"].notna()]
        order = seen.groupby("avisit")["avisitn" if "avisitn" in seen.columns else "afrlt"].median()
        for visit in order.sort_values(kind="stable").index:
            people = seen.loc[seen["avisit"] == visit, "usubjid"].unique()
            counts = arm_of.loc[arm_of.index.isin(people)].value_counts()
            rows += [
                _flow_row(arm, "seen", f"Seen at {visit}", int(counts.get(arm, 0)), int(sizes[arm]))
                for arm in sorted(sizes.index)
            ]
    rows += _ended_rows(cohort.subjects, arm_of, sizes)
    frame = in_shared_words(rows, own=("arm", "step", "count"))
    return ParticipantFlow(frame, sources=cohort.sources)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BaselineTable(TabularResult):
    """The arms at baseline: mean and standard deviation of numbers, counts of categories."""

    def display(self) -> pd.DataFrame:
        """Return one row per characteristic, one column per arm."""

        def cell(row: pd.Series) -> str:
            if row["kind"] == "mean":
                spread = "" if pd.isna(row["sd"]) else f" (SD {number(row['sd'])})"
                return "–" if pd.isna(row["estimate"]) else f"{number(row['estimate'])}{spread}"
            if row["kind"] == "size":
                return f"{int(row['n'])}"
            return f"{int(row['count'])} ({percent(row['estimate'])}%)"

        return _steps_by_arm(self.frame, cell)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the largest standardised difference between arms per characteristic."""
        from ketastats.plots.balance import draw_balance

        return draw_balance(self.frame, ax)

    def __str__(self) -> str:
        sizes = self.frame[self.frame["kind"] == "size"]
        return "At baseline: " + ", ".join(
            f"{row['arm']} n = {row['n']}" for row in sizes.to_dict("records")
        )


def baseline_table(cohort: Cohort, *, by: str = "trt01a") -> BaselineTable:
    """Describe each arm at baseline: age, weight, sex, diagnosis, failed treatments, baseline
    scores.

    Only what the cohort holds is described. There are no p-values: in a randomised trial
    differences at baseline are chance, in other cohorts their size matters, not their significance.

    Returns
    -------
    BaselineTable
        Own columns `arm`, `kind` (size, mean, share), `count`, `sd`.
    """
    subjects = cohort.subjects
    arm_of = _arms(cohort, by)
    table = subjects.set_index("usubjid").assign(_arm=arm_of)
    base = derive_baseline(cohort.scores)
    for paramcd in cohort.instruments:
        scale = instrument(paramcd)
        first = (
            base[base["paramcd"] == paramcd].drop_duplicates("usubjid").set_index("usubjid")["base"]
        )
        if first.notna().any():
            table[f"{scale.title} at baseline (points)"] = first
    numbers = {
        "age": "Age (years)",
        "weightbl": "Weight (kg)",
        "ntrials_failed": "Failed treatments",
    }
    numbers |= {name: name for name in table.columns if str(name).endswith("at baseline (points)")}
    rows: list[dict[str, Any]] = []
    for arm, group in table.groupby("_arm", sort=True):
        rows.append({"arm": arm, "kind": "size", "term": "Subjects", "n": len(group)})
        for name, title in numbers.items():
            if name in table.columns and table[name].notna().any():
                rows.append(_mean_row(arm, title, group[name].dropna()))
        for name, title in {"sex": "Sex", "diagnosis": "Diagnosis"}.items():
            if name in table.columns:
                levels = sorted(table[name].dropna().unique())
                rows += _share_rows(arm, title, group[name].dropna(), levels)
    frame = in_shared_words(rows, own=("arm", "kind", "count", "sd"))
    return BaselineTable(frame, sources=cohort.sources)


def _mean_row(arm: Any, title: str, values: pd.Series) -> dict[str, Any]:
    return {
        "arm": arm,
        "kind": "mean",
        "term": title,
        "n": len(values),
        "method": "mean",
        "estimate": values.mean(),
        "sd": values.std(ddof=1),
    }


def _share_rows(arm: Any, title: str, known: pd.Series, levels: list[Any]) -> list[dict[str, Any]]:
    counts = known.value_counts()
    return [
        {
            "arm": arm,
            "kind": "share",
            "term": f"{title}: {level}",
            "n": len(known),
            "count": int(counts.get(level, 0)),
            "estimate": int(counts.get(level, 0)) / max(len(known), 1),
            "method": "share",
        }
        for level in levels
    ]


def _arms(cohort: Cohort, by: str) -> pd.Series:
    subjects = cohort.subjects.set_index("usubjid")
    if by not in subjects.columns or subjects[by].isna().all():
        return pd.Series(_ALL, index=subjects.index)
    return subjects[by].fillna("(arm missing)").astype(str)


def _flow_row(arm: str, step: str, term: str, count: int, size: int) -> dict[str, Any]:
    return {
        "arm": arm,
        "step": step,
        "term": term,
        "count": count,
        "n": size,
        "estimate": count / size,
        "method": "share",
    }


def _ended_rows(
    subjects: pd.DataFrame, arm_of: pd.Series, sizes: pd.Series
) -> list[dict[str, Any]]:
    if "eosstt" not in subjects.columns:
        return []
    status = subjects.set_index("usubjid")["eosstt"].fillna("status unknown").str.capitalize()
    if "dcsreas" in subjects.columns:
        reason = subjects.set_index("usubjid")["dcsreas"]
        status = status.where(reason.isna(), status + ": " + reason.str.lower())
    counted = pd.crosstab(status, arm_of.reindex(status.index))
    return [
        _flow_row(
            arm,
            "ended",
            str(term),
            int(counted.loc[term, arm]) if arm in counted else 0,
            int(sizes[arm]),
        )
        for term in counted.index
        for arm in sorted(sizes.index)
    ]


def _steps_by_arm(frame: pd.DataFrame, cell: Any) -> pd.DataFrame:
    written = frame.assign(_cell=[cell(row) for _, row in frame.iterrows()])
    wide = written.pivot(index="term", columns="arm", values="_cell")
    wide = wide.reindex(frame["term"].drop_duplicates()).fillna("–").reset_index()
    return wide.rename(columns={"term": ""}).rename_axis(columns=None)
