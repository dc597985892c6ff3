"""Every outcome of two groups, their means, and the difference of means with its interval beside them."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ketastats.plots.style import BLUE, GREY, INK, VERMILION, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_SPREAD = 0.16  # half the width of a cloud of marks


def draw_estimation(
    groups: Mapping[str, Floats], ax: Axes | None = None, *, ylabel: str, conf_level: float
) -> Axes:
    """Draw a Gardner-Altman plot: two clouds of outcomes, and their difference on an axis of its own.

    Parameters
    ----------
    groups : mapping of two names to (n,) float
        The reference first; the difference is the second minus it.
    ax : Axes, optional
    ylabel : str
    conf_level : float
        Of the difference's interval (Welch).

    Returns
    -------
    Axes

    References
    ----------
    Gardner MJ, Altman DG (1986). BMJ 292:746-750.
    """
    from scipy.special import stdtrit

    axes = new_axes(ax, 3.8)
    names, values = list(groups), list(groups.values())
    for x, (held, colour) in enumerate(zip(values, (BLUE, VERMILION), strict=True)):
        axes.plot(x + _beside(held), held, ls="", marker="o", ms=3, color=colour, alpha=0.55, mew=0)
        axes.plot([x - 0.25, x + 0.25], [held.mean()] * 2, color=INK, lw=1.6)
    base, mean = float(values[0].mean()), float(values[1].mean())
    parts = [float(held.var(ddof=1)) / len(held) for held in values]
    se = sqrt(sum(parts))
    below = sum(part**2 / (len(held) - 1) for part, held in zip(parts, values, strict=True))
    df = se**4 / below if below > 0 else float("inf")
    half = se * float(stdtrit(df, 0.5 + conf_level / 2)) if np.isfinite(df) else 0.0
    axes.plot([0.25, 2.2], [base, base], color=GREY, lw=0.9, zorder=0)
    axes.plot([1.25, 2.2], [mean, mean], color=GREY, lw=0.9, ls=":", zorder=0)
    axes.plot([2, 2], [mean - half, mean + half], color=INK, lw=2.2, solid_capstyle="butt")
    axes.plot([2], [mean], marker="s", ms=6.5, color=INK)
    axes.set_xlim(-0.5, 2.5)
    axes.set_xticks([0, 1, 2], [*map(_plain, names), "Difference"])
    axes.set_ylabel(_plain(ylabel))
    beside = axes.secondary_yaxis(
        "right", functions=(lambda y: np.subtract(y, base), lambda d: np.add(d, base))
    )
    beside.set_ylabel(f"Difference from {_plain(names[0])}")
    return axes


def _beside(values: Floats) -> Floats:
    """Places beside each other for marks of equal height, the same at every call."""
    order = np.argsort(values, kind="stable")
    places = np.empty(len(values))
    golden = (np.arange(len(values)) * 0.6180339887) % 1.0
    places[order] = _SPREAD * (2 * golden - 1)
    return places


def _plain(words: str) -> str:
    return words.replace("$", r"\$")
