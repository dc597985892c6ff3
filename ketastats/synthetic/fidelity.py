"""How far a made-up cohort is from a real one, in standard errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.cohort.cohort import Cohort
from ketastats.endpoints.baseline import derive_baseline
from ketastats.endpoints.criteria import derive_response
from ketastats.endpoints.visits import select_visit
from ketastats.errors import UsageError, unknown_name
from ketastats.instruments.registry import instrument as find_instrument
from ketastats.results import (
    Statement,
    TabularResult,
    count,
    in_shared_words,
    number,
    percent,
)
from ketastats.stats.intervals import two_sided_quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Part = tuple[float, float, int]
"""A number, its standard error, and the number of patients behind it."""

WITHIN = 2.0
"""Standard errors within which a check counts as alike; of independent true ones 95% are."""
LEVEL = 0.95
OWN = ("group", "at", "unit", "real", "synthetic", "source")
_SMALLEST = 4  # patients, below which a correlation has no standard error
_ROW_HEIGHT = 0.42  # inches
_LABEL_WIDTH = 58  # characters


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CohortComparison(TabularResult):
    """Checks of a made-up cohort against a real one, one row each.

    `real` and `synthetic` are the two numbers, `estimate` is synthetic minus real with its standard error
    and limits, `statistic` (z) the difference in standard errors; `unit` is points, share or correlation.
    The error of a difference of shares is that under equal shares. z is missing where neither number has an
    error, such as a share that is 0 in both.
    """

    name: str = ""
    instrument: str = ""

    @property
    def counted(self) -> tuple[int, int]:
        """How many checks lie within two standard errors, and of how many that have one."""
        z = self.frame["statistic"].dropna().abs()
        return int((z <= WITHIN).sum()), len(z)

    def statement(self) -> Statement:
        """Return what heads a report: the count, and which kinds of checks fail."""
        return Statement(f"{self}. {_failing(self.frame)}")

    def display(self) -> pd.DataFrame:
        """Return one row per check as text."""
        return display_checks(self.frame)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw z of every check, one line per kind of check."""
        return draw_checks(self.frame, ax)

    def figure_text(self) -> str:
        """Return what lies beyond two standard errors, in words."""
        return f"Differences in standard errors. {self}. {beyond_in_words(self.frame)}"

    def __str__(self) -> str:
        inside, every = self.counted
        return (
            f"{inside} of {every} checks of the made-up cohort against {self.name} lie within two standard "
            f"errors; if both followed one law, about {LEVEL * every:.0f} would"
        )


def compare_cohorts(
    synthetic: Cohort,
    real: Cohort,
    *,
    instrument: str,
    other: str | None = None,
    rule: str | None = None,
) -> CohortComparison:
    """Compare a made-up cohort with a real one that has the same arms and visits.

    Parameters
    ----------
    synthetic, real : Cohort
        Visits are those that both name alike; baselines are called Baseline.
    instrument : str
    other : str, optional
        A second instrument; its correlation with the first is compared at every visit.
    rule : str, optional
        Rule of response, such as "hamd17:response_50"; by default the instrument's own.

    Returns
    -------
    CohortComparison
        Per arm: mean and standard deviation of those seen at each visit, the share not seen, and response at
        the last visit with those not seen counted as no response. Within arms: correlations between
        visits and between the two instruments. Checks share patients and are not independent.

    Raises
    ------
    UsageError
        If the made-up cohort is not labelled synthetic, an instrument is absent from either, or there is no
        common arm or visit.
    """
    if synthetic.provenance != "synthetic":
        raise UsageError("The first cohort is the made-up one, and is not labelled synthetic")
    for name in (instrument, *([] if other is None else [other])):
        for cohort in (synthetic, real):
            if name not in cohort.instruments:
                raise unknown_name(f"instrument in {cohort.name!r}", name, cohort.instruments)
    arms = [arm for arm in real.arms if arm in synthetic.arms]
    pair = [wide_scores(cohort, instrument) for cohort in (synthetic, real)]
    visits = [name for name in pair[1].columns[1:] if name in pair[0].columns[1:]]
    if not arms or len(visits) < 2:
        raise UsageError("The cohorts have no arm, or not two visits, of one name in common")
    title = find_instrument(instrument).title
    rows = [*_per_arm(pair, arms, visits, title)]
    rows += _responses((synthetic, real), arms, visits[-1], instrument, rule)
    rows += _between_visits(pair, arms, visits, title)
    if other is not None:
        others = [wide_scores(cohort, other) for cohort in (synthetic, real)]
        titles = (title, find_instrument(other).title)
        rows += _between_scales(pair, others, arms, titles)
    notes = (
        "Checks share patients, so they are not independent; a number the generator was set to from these "
        "data agrees because it was set.",
    )
    return CohortComparison(
        in_shared_words(rows, own=OWN),
        name=real.name,
        instrument=instrument,
        sources=real.sources,
        notes=notes,
    )


def wide_scores(cohort: Cohort, instrument: str) -> pd.DataFrame:
    """Scores with one row per subject: the arm, then a column per visit in their order."""
    scores = cohort.scores
    scores = scores[scores["paramcd"] == instrument]
    order = scores.groupby("avisit", observed=True)["avisitn"].median().sort_values().index
    wide = scores.pivot_table(index="usubjid", columns="avisit", values="aval", observed=True)
    subjects = cohort.subjects.set_index("usubjid")
    wide = wide.reindex(subjects.index)[list(order)]
    wide.columns = wide.columns.astype(str)
    wide.insert(0, "trt01a", subjects["trt01a"])
    return wide


def check(
    group: str, at: str, unit: str, synthetic: Part, real: Part, source: str = ""
) -> dict[str, Any]:
    """One row: a number of a made-up cohort, the real one, and their difference."""
    difference, error = synthetic[0] - real[0], float(np.hypot(synthetic[1], real[1]))
    if unit == "share":  # as if both were one share, so that a share of 0 is not taken as certain
        sizes = (synthetic[2], real[2])
        p = (synthetic[0] * sizes[0] + real[0] * sizes[1]) / sum(sizes)
        error = sqrt(p * (1 - p) * (1 / sizes[0] + 1 / sizes[1]))
    reach = two_sided_quantile(LEVEL) * error
    return {
        "group": group,
        "at": at,
        "unit": unit,
        "real": real[0],
        "synthetic": synthetic[0],
        "source": source,
        "term": f"{group}, {at}" if at else group,
        "n": real[2],
        "estimate": difference,
        "std_error": error,
        "statistic": difference / error if error > 0 else np.nan,
        "conf_low": difference - reach,
        "conf_high": difference + reach,
        "conf_level": LEVEL,
        "method": "difference of two independent samples, normal limits",
    }


def mean_part(values: Floats) -> Part:
    """Mean with its standard error."""
    n = len(values)
    return float(values.mean()), float(values.std(ddof=1)) / sqrt(n), n


def sd_part(values: Floats) -> Part:
    """Standard deviation with its standard error, from the fourth moment."""
    n, sd = len(values), float(values.std(ddof=1))
    fourth = float(((values - values.mean()) ** 4).mean())
    return sd, sqrt(max(fourth - sd**4, 0.0) / n) / (2 * sd) if sd > 0 else 0.0, n


def share_part(met: int, n: int) -> Part:
    """Share with its standard error."""
    p = met / n
    return p, sqrt(p * (1 - p) / n), n


def correlation_part(one: Floats, other: Floats) -> Part:
    """Pearson's correlation with its standard error under a normal law."""
    r, n = float(np.corrcoef(one, other)[0, 1]), len(one)
    return r, (1 - r**2) / sqrt(n - 3), n


def _per_arm(
    pair: Sequence[pd.DataFrame], arms: Sequence[str], visits: Sequence[str], scale: str
) -> Iterator[dict[str, Any]]:
    kinds: tuple[tuple[str, Callable[[Floats], Part]], ...] = (
        (f"Mean {scale}", mean_part),
        (f"Standard deviation of {scale}", sd_part),
    )
    for title, part in kinds:
        for arm in arms:
            for visit in visits:
                held = [_seen(wide, arm, visit) for wide in pair]
                if min(len(values) for values in held) >= _SMALLEST:
                    yield check(f"{title}, {arm}", visit, "points", part(held[0]), part(held[1]))
    for arm in arms:
        for visit in visits[1:]:
            rows = [wide.loc[wide["trt01a"] == arm, visit].isna() for wide in pair]
            synthetic, real = (share_part(int(gone.sum()), len(gone)) for gone in rows)
            yield check(f"Not seen, {arm}", visit, "share", synthetic, real)


def _seen(wide: pd.DataFrame, arm: str, visit: str) -> Floats:
    return wide.loc[wide["trt01a"] == arm, visit].dropna().to_numpy(dtype=np.float64)


def _responses(
    cohorts: Sequence[Cohort], arms: Sequence[str], visit: str, scale: str, rule: str | None
) -> Iterator[dict[str, Any]]:
    tables = []
    for cohort in cohorts:
        scores = derive_response(derive_baseline(cohort.scores), rule=rule)
        tables.append(select_visit(scores, visit, subjects=cohort.subjects, instrument=scale))
    for arm in arms:
        met = [table.loc[table["trt01a"] == arm, "response"] for table in tables]
        synthetic, real = (share_part(int(one.fillna(value=False).sum()), len(one)) for one in met)
        title = find_instrument(scale).title
        yield check(f"Response on {title}, all patients, {arm}", visit, "share", synthetic, real)


def _within_arms(wide: pd.DataFrame, arms: Sequence[str], names: Sequence[str]) -> Floats:
    """Rows that have both columns, each less the mean of its arm, (n, 2)."""
    both = wide.loc[wide["trt01a"].isin(arms), ["trt01a", *names]].dropna()
    centred = both[list(names)] - both.groupby("trt01a")[list(names)].transform("mean")
    return centred.to_numpy(dtype=np.float64)


def _between_visits(
    pair: Sequence[pd.DataFrame], arms: Sequence[str], visits: Sequence[str], scale: str
) -> Iterator[dict[str, Any]]:
    for later in range(1, len(visits)):
        for earlier in range(later):
            names = (visits[earlier], visits[later])
            held = [_within_arms(wide, arms, names) for wide in pair]
            if min(len(values) for values in held) >= _SMALLEST:
                synthetic, real = (correlation_part(*values.T) for values in held)
                at = " with ".join(names)
                group = f"Correlation of {scale} between visits"
                yield check(group, at, "correlation", synthetic, real)


def _between_scales(
    pair: Sequence[pd.DataFrame],
    others: Sequence[pd.DataFrame],
    arms: Sequence[str],
    scales: tuple[str, str],
) -> Iterator[dict[str, Any]]:
    common = set.intersection(*(set(wide.columns[1:]) for wide in (*pair, *others)))
    for visit in [name for name in pair[1].columns[1:] if name in common]:
        held = []
        for wide, other in zip(pair, others, strict=True):
            table = wide[["trt01a", visit]].assign(_other=other[visit])
            held.append(_within_arms(table, arms, (visit, "_other")))
        if min(len(values) for values in held) >= _SMALLEST:
            synthetic, real = (correlation_part(*values.T) for values in held)
            group = f"Correlation of {' and '.join(scales)}"
            yield check(group, visit, "correlation", synthetic, real)


def _failing(frame: pd.DataFrame) -> str:
    """Name the kinds of checks with any beyond two standard errors, and how many of each."""
    z = frame["statistic"].abs()
    counts = (z > WITHIN).groupby(frame["group"], sort=False).agg(["sum", "size"])
    named = "; ".join(
        f"{group} ({row['sum']} of {row['size']})"
        for group, row in counts[counts["sum"] > 0].iterrows()
    )
    return f"Apart are: {named}." if named else "None lies beyond."


def display_checks(frame: pd.DataFrame) -> pd.DataFrame:
    """Write checks as text, shares in per cent."""

    def written(value: float, unit: str) -> str:
        return f"{percent(value)}%".replace("-", "−") if unit == "share" else number(value)

    rows = frame.to_dict("records")
    return pd.DataFrame(
        {
            "Check": [str(row["term"]) for row in rows],
            "Real (n)": [
                f"{written(row['real'], row['unit'])} ({count(row['n'])})" for row in rows
            ],
            "Made up": [written(row["synthetic"], row["unit"]) for row in rows],
            "Difference (standard error)": [
                f"{written(row['estimate'], row['unit'])} ({written(row['std_error'], row['unit'])})"
                for row in rows
            ],
            "In standard errors": [
                "–" if pd.isna(row["statistic"]) else number(row["statistic"]) for row in rows
            ],
        },
        dtype="str",
    )


def beyond_in_words(frame: pd.DataFrame) -> str:
    """Name the checks that lie beyond two standard errors."""
    far = frame[frame["statistic"].abs() > WITHIN]
    named = "; ".join(
        f"{row['term']}: {number(row['statistic'])}" for row in far.to_dict("records")
    )
    return f"Beyond: {named}." if named else "None lies beyond."


def draw_checks(frame: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw z of each check, one line per group; those beyond two standard errors are hollow."""
    from ketastats.plots.style import BAND, BLUE, GREY, INK, new_axes

    axes = new_axes(ax, 3.0)
    drawn = frame[frame["statistic"].notna()]
    groups = list(dict.fromkeys(drawn["group"]))
    reach = max(3.0, 1.12 * float(drawn["statistic"].abs().max())) if len(drawn) else 3.0
    axes.axvspan(-WITHIN, WITHIN, color=BAND, lw=0, zorder=0)
    axes.axvline(0, color=GREY, lw=1, zorder=1)
    top = 0.0
    for group in groups:
        label = "\n".join(wrap(str(group), _LABEL_WIDTH))
        top -= 1.0 + 0.34 * label.count("\n")
        rows = drawn[drawn["group"] == group]
        outside = rows["statistic"].abs() > WITHIN
        for chosen, fill in ((rows[~outside], BLUE), (rows[outside], "white")):
            axes.plot(
                chosen["statistic"],
                np.full(len(chosen), top),
                ls="",
                marker="o",
                ms=6,
                mfc=fill,
                mec=BLUE if fill == BLUE else INK,
                mew=1.3,
                alpha=0.85,
                zorder=3,
            )
        axes.annotate(
            label,
            (0.0, top),
            xycoords=("axes fraction", "data"),
            xytext=(2, 5.5),
            textcoords="offset points",
            va="bottom",
            fontsize=8.4,
        )
    axes.set_xlim(-reach, reach)
    axes.set_ylim(top - 0.5, 0.1)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("Made up minus real (standard errors); shaded: within two")
    canvas = axes.get_figure(root=True)
    if canvas is not None and len(canvas.axes) == 1:
        canvas.set_figheight(0.8 + _ROW_HEIGHT * max(-top, 1.0))
    return axes
