"""A square table of numbers as shades, with the numbers in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketastats.plots.style import WIDTH, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NUMBERS = 12  # rows and columns beyond which numbers no longer fit


def draw_heat_map(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    label: str,
    low: float = -1.0,
    high: float = 1.0,
    decimals: int = 2,
) -> Axes:
    """Draw a table of numbers; dark is far from the middle of `low` and `high`, either way.

    Parameters
    ----------
    table : DataFrame
        Numbers, with names of rows and columns.
    ax : Axes, optional
    label : str
        What the numbers are.
    low, high : float
        Ends of the shades.
    decimals : int

    Returns
    -------
    Axes
    """
    values = table.to_numpy(dtype=float)
    axes = new_axes(ax, min(WIDTH, 1.2 + 0.5 * len(values)))
    axes.imshow(values, cmap="PuOr", vmin=low, vmax=high, aspect="auto")
    axes.set_xticks(
        range(values.shape[1]), [_name(c) for c in table.columns], rotation=40, ha="right"
    )
    axes.set_yticks(range(len(values)), [_name(r) for r in table.index])
    middle, reach = (low + high) / 2, (high - low) / 2
    if max(values.shape) <= _MOST_NUMBERS:
        for (i, k), value in np.ndenumerate(values):
            dark = abs(value - middle) > 0.6 * reach
            axes.annotate(
                f"{value:.{decimals}f}".replace("-", "−"),
                (k, i),
                ha="center",
                va="center",
                fontsize=8.4,
                color="white" if dark else "black",
            )
    axes.set_title(label, fontsize=9.5, loc="left")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return axes


def _name(index: object) -> str:
    words = ", ".join(map(str, index)) if isinstance(index, tuple) else str(index)
    return words.replace("$", r"\$")
