"""An F statistic on the law it has when there is no effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ketastats.plots.style import BAND, INK, VERMILION, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_f_test(test: Mapping[Any, Any], ax: Axes | None = None) -> Axes:
    """Draw the density of F and where the statistic lies; its upper tail is shaded.

    Parameters
    ----------
    test : mapping
        `statistic`, `df` and `denominator_df`.
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    from scipy.special import betaln, fdtri

    axes = new_axes(ax, 2.8)
    found, top = float(test["statistic"]), float(test["df"])
    bottom = min(float(test["denominator_df"]), 1e6)
    end = 1.15 * max(found, float(fdtri(top, bottom, 0.999)))
    x = np.linspace(1e-3, end, 400)
    ratio = top * x / bottom
    log_density = (
        (top / 2) * np.log(ratio) - np.log(x) - (top + bottom) / 2 * np.log1p(ratio)
    ) - betaln(top / 2, bottom / 2)
    density = np.minimum(np.exp(log_density), 3.0)
    axes.plot(x, density, color=INK, lw=1.4)
    axes.fill_between(x, 0, np.where(x >= found, density, 0), color=BAND, lw=0)
    axes.axvline(found, color=VERMILION, lw=1.8)
    axes.set_xlim(0, end)
    axes.set_ylim(bottom=0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"F on {top:.0f} and {bottom:,.1f} degrees of freedom if there is no effect")
    return axes
