"""Times that differ only by rounding count as one time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TOLERANCE = float(np.sqrt(np.finfo(float).eps))


def merge_tied_times(*times: Floats) -> tuple[Floats, ...]:
    """Give times that differ by less than 1.5e-8, or that share of their mean, one value.

    20.000000000000004 - 10 and 10 are one time to a person and two to a computer, and a tie taken
    apart changes every risk set. The smallest of each run of close times stands for all.

    Parameters
    ----------
    *times : arrays
        All on one scale; infinite values stay as they are.

    Returns
    -------
    tuple of arrays, one per argument

    References
    ----------
    Therneau T (2023). survival: Survival Analysis, R package, vignette "Roundoff error and tied
    times", whose tolerance this is.
    """
    distinct = np.unique(np.concatenate([np.asarray(one, dtype=float).ravel() for one in times]))
    distinct = distinct[np.isfinite(distinct)]
    gaps = np.diff(distinct)
    scale = max(1.0, float(np.mean(np.abs(distinct)))) if distinct.size else 1.0
    close = gaps <= _TOLERANCE * scale
    if not close.any():
        return tuple(np.array(one, dtype=float) for one in times)
    kept = distinct[np.concatenate([[True], ~close])]
    merged = []
    for one in times:
        values = np.array(one, dtype=float)
        finite = np.isfinite(values)
        values[finite] = kept[np.searchsorted(kept, values[finite], side="right") - 1]
        merged.append(values)
    return tuple(merged)
