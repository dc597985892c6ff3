"""Fit a table of intervals with lifelines.

FILE.csv (left, right, n), tolerance -> processor seconds, then time,mass rows.

lifelines takes closed intervals [left, right]; ours are (left, right]. The left bound is moved to
the next floating-point number, which makes the two the same. `fit_interval_censoring` keeps only
the curve, so the masses come from a second, untimed call of what it calls. It stops when a step
gains less than the tolerance in total log-likelihood; its default is 1e-5.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from lifelines.fitters.npmle import npmle

table, tolerance = pd.read_csv(sys.argv[1]), float(sys.argv[2])
left = np.nextafter(table["left"].to_numpy(float), np.inf)
right = table["right"].to_numpy(float)
weights = table["n"].to_numpy(float)

start = time.process_time()
KaplanMeierFitter().fit_interval_censoring(left, right, weights=weights, tol=tolerance)
seconds = time.process_time() - start

mass, cells = npmle(left, right, tol=tolerance, weights=weights)
print(seconds)
for (low, high), p in zip(cells, mass, strict=True):
    print(f"{float(low + high) / 2!r},{float(p)!r}")
