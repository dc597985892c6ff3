"""Residuals: against normal quantiles, by visit, and against fitted values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.plots.style import BLUE, GREY, INK, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_MOST_MARKS = 2000  # beyond which a figure becomes heavy: every k-th is drawn


def draw_normal_quantiles(residuals: Floats, ax: Axes | None = None, *, ylabel: str) -> Axes:
    """Draw ordered residuals against the quantiles they would have under a normal law.

    References
    ----------
    Blom G (1958). Statistical Estimates and Transformed Beta-Variables: plotting positions.
    """
    from scipy.special import ndtri

    axes = new_axes(ax, 3.4)
    ordered = np.sort(residuals)
    n = len(ordered)
    expected = ndtri((np.arange(1, n + 1) - 0.375) / (n + 0.25))
    axes.axline((0, ordered.mean()), slope=float(ordered.std()) or 1.0, color=GREY, lw=1)
    _scatter(axes, expected, ordered)
    axes.set_xlabel("Expected under a normal law (standard deviations)")
    axes.set_ylabel(ylabel)
    return axes


def draw_by_visit(values: pd.DataFrame, ax: Axes | None = None, *, ylabel: str) -> Axes:
    """Draw boxes of `residual` by `visit`: median, quartiles, 5th and 95th per cent."""
    axes = new_axes(ax, 3.4)
    visits = list(values["visit"].drop_duplicates())
    held = [values.loc[values["visit"] == visit, "residual"].to_numpy() for visit in visits]
    boxes = axes.boxplot(held, whis=(5, 95), showfliers=False, widths=0.5)
    for part in ("boxes", "whiskers", "caps", "medians"):
        for line in boxes[part]:
            line.set(color=BLUE if part == "medians" else INK, lw=1.6 if part == "medians" else 1.0)
    axes.axhline(0, color=GREY, lw=1, zorder=0)
    axes.set_xticks(range(1, len(visits) + 1), [str(v).replace("$", r"\$") for v in visits])
    axes.tick_params(axis="x", labelrotation=40 if len(visits) > 7 else 0)
    axes.set_xlabel("Visit")
    axes.set_ylabel(ylabel)
    return axes


def draw_against_fitted(
    values: pd.DataFrame, ax: Axes | None = None, *, xlabel: str, ylabel: str
) -> Axes:
    """Draw `residual` against `fitted`."""
    axes = new_axes(ax, 3.4)
    axes.axhline(0, color=GREY, lw=1, zorder=0)
    _scatter(axes, values["fitted"].to_numpy(), values["residual"].to_numpy())
    axes.set_xlabel(xlabel.replace("$", r"\$"))
    axes.set_ylabel(ylabel)
    return axes


def draw_deviations(
    values: pd.DataFrame, ax: Axes | None = None, *, slope: float, xlabel: str, ylabel: str
) -> Axes:
    """Draw `x` against `y`, both differences from a mean, with the common slope through the origin."""
    axes = new_axes(ax, 3.8)
    _scatter(axes, values["x"].to_numpy(), values["y"].to_numpy())
    axes.axline((0, 0), slope=slope, color=INK, lw=1.4)
    axes.set_xlabel(xlabel.replace("$", r"\$"))
    axes.set_ylabel(ylabel.replace("$", r"\$"))
    return axes


def _scatter(axes: Axes, x: Floats, y: Floats) -> None:
    """Draw marks, of very many evenly spaced ones."""
    n = len(x)
    kept = np.unique(np.linspace(0, n - 1, min(n, _MOST_MARKS)).astype(np.intp))
    axes.plot(x[kept], y[kept], ls="", marker="o", ms=3, color=BLUE, alpha=0.6, mew=0)
