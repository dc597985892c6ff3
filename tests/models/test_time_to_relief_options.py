"""Options and tables that time to relief refuses, in words."""

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.models.time_to_relief import time_to_relief

INF = np.inf


def table(left, right, **columns):
    n = len(left)
    frame = pd.DataFrame({"usubjid": [f"s{i}" for i in range(n)], "left": left, "right": right})
    return frame.assign(**columns).astype({"left": float, "right": float})


def visits():
    return table([0, 0, 24, 24, 72, 72], [24, 24, 72, 72, INF, INF], trt01a=["x", "y"] * 3)


OPTIONS = {
    "limits": ({"limits": "wald"}, "limits"),
    "no limits": ({"limits": None}, "limits"),
    "replicates as text": ({"replicates": "many"}, "whole numbers"),
    "half a replicate": ({"replicates": 2.5}, "whole numbers"),
    "seed as text": ({"seed": "x"}, "whole numbers"),
    "level": ({"conf_level": 1.0}, "conf_level"),
    "level as text": ({"conf_level": "high"}, "conf_level"),
    "negative time": ({"times": [-1]}, "hours after 0"),
    "time without end": ({"times": [INF]}, "hours after 0"),
    "missing time": ({"times": [np.nan]}, "hours after 0"),
    "times as text": ({"times": ["soon"]}, "list of hours"),
    "one time": ({"times": 24}, "list of hours"),
    "share of all": ({"shares": [1]}, "strictly between 0 and 1"),
    "share in per cent": ({"shares": [50]}, "strictly between 0 and 1"),
    "one share": ({"shares": 0.5}, "list of shares"),
    "tau": ({"tau": 0}, "hours after 0"),
    "replicates": ({"limits": "bootstrap", "replicates": 0}, "at least one replicate"),
    "seed": ({"limits": "bootstrap", "seed": -1}, "seed of at least 0"),
    "greenwood": ({"limits": "greenwood"}, "exact and right-censored"),
    "own column": ({"by": "estimate"}, "column of that name"),
    "twice": ({"by": ["trt01a", "trt01a"]}, "twice"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_that_cannot_be_are_refused_in_words(name):
    options, message = OPTIONS[name]
    with pytest.raises(ks.UsageError, match=message):
        time_to_relief(visits().assign(estimate=1), **options)


def test_an_exact_mean_beyond_follow_up_is_refused_in_words():
    data = table([5, 6, 7], [5, 6, INF])
    with pytest.raises(ks.UsageError, match="No limits for all"):
        time_to_relief(data, tau=100)


def test_groups_without_an_assessment_and_empty_tables_are_refused():
    data = pd.concat(
        [visits(), table([0, 0], [INF, INF], usubjid=["a", "b"], trt01a="<b>never</b>")]
    )
    with pytest.raises(ks.UsageError, match="anybody's time in <b>never</b>"):
        time_to_relief(data, by="trt01a")
    with pytest.raises(ks.UsageError, match="no rows"):
        time_to_relief(visits().iloc[:0])
