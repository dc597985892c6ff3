"""A difference over shifts in two arms, hatched where its interval holds 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ketastats.plots.style import GREY, INK, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_tipping(
    grid: pd.DataFrame,
    ax: Axes | None = None,
    *,
    xlabel: str,
    ylabel: str,
    label: str,
) -> Axes:
    """Draw the difference as shades and contours, and hatch where it is not told from 0.

    Parameters
    ----------
    grid : DataFrame, one row per pair of shifts
        `arm_delta`, `reference_delta`, `estimate`, `excludes_zero` (-1, 0, 1).
    ax : Axes, optional
    xlabel, ylabel, label : str
        Axes, and the title that says what the shades are.

    Returns
    -------
    Axes
    """
    axes = new_axes(ax, 4.0)
    table = grid.pivot(index="reference_delta", columns="arm_delta", values="estimate")
    side = grid.pivot(index="reference_delta", columns="arm_delta", values="excludes_zero")
    x, y = table.columns.to_numpy(dtype=float), table.index.to_numpy(dtype=float)
    axes.set_xlabel(xlabel.replace("$", r"\$"))
    axes.set_ylabel(ylabel.replace("$", r"\$"))
    axes.set_title(f"{label}; hatched: interval holds 0", fontsize=9.5, loc="left")
    if min(len(x), len(y)) < 2:
        held = side.to_numpy().ravel() == 0
        along, values = (x, table.to_numpy()[0]) if len(y) < 2 else (y, table.to_numpy()[:, 0])
        axes.plot(along, values, color=INK, lw=1.4)
        axes.plot(along[held], values[held], ls="", marker="o", mfc="white", mec=INK)
        axes.set_ylabel(label)
        axes.set_title("Hollow: interval holds 0", fontsize=9.5, loc="left")
        return axes
    values = table.to_numpy(dtype=float)
    reach = float(np.abs(values).max()) or 1.0
    axes.pcolormesh(
        x, y, values, cmap="PuOr", vmin=-reach, vmax=reach, shading="nearest", alpha=0.75
    )
    held = (side.to_numpy() == 0).astype(float)
    hatched = axes.contourf(x, y, held, levels=[0.5, 1.5], colors="none", hatches=["//"])
    hatched.set(edgecolor=GREY, linewidth=0.0)
    lines = axes.contour(x, y, values, colors=INK, linewidths=0.8)
    axes.clabel(lines, fontsize=8, fmt=lambda value: f"{value:g}".replace("-", "−"))
    axes.plot([0], [0], marker="o", color=INK, ms=5, zorder=4)
    return axes
