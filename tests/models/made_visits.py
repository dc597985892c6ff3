"""Made-up visits of thirty subjects in two arms, for tests of behaviour."""

from __future__ import annotations

import numpy as np
import pandas as pd

FORMULA = "chg ~ base + trt01a*avisit"


def visits(seed: int = 0, subjects: int = 30) -> pd.DataFrame:
    """Complete visits at weeks 1, 2 and 10, in an order in which letters would mislead."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(subjects):
        own = rng.normal()
        for k, visit in enumerate(["Week 1", "Week 2", "Week 10"]):
            arm = "active" if i % 2 else "placebo"
            effect = 0.6 * k * (i % 2)
            rows.append((f"s{i:02d}", visit, arm, 20 + i % 7, own - k - effect + rng.normal()))
    return pd.DataFrame(rows, columns=["usubjid", "avisit", "trt01a", "base", "chg"])
