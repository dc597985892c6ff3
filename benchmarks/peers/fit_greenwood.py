"""Fit a table of intervals with greenwood.

FILE.csv (left, right, n) -> processor seconds, then time,mass rows.

greenwood takes (left, right] as we do. What its masses leave of 1 lies after the last bound.
"""

from __future__ import annotations

import sys
import time

import greenwood as gw
import numpy as np

table = np.genfromtxt(sys.argv[1], delimiter=",", names=True)
start = time.process_time()
response = gw.Surv(time=table["left"], time2=table["right"], type="interval2")
fit = gw.Turnbull().fit(response, weights=table["n"])
seconds = time.process_time() - start

print(seconds)
for low, high, p in zip(fit.interval_low_, fit.interval_high_, fit.prob_mass_, strict=True):
    print(f"{float(low + high) / 2!r},{float(p)!r}")
print(f"inf,{max(1.0 - float(fit.prob_mass_.sum()), 0.0)!r}")
