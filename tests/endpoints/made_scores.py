"""Scores made by hand, for the tests of deriving relief."""

import pandas as pd

from ketastats.endpoints.relief import derive_relief

INF, NAN = float("inf"), float("nan")
HIGH, LOW = 30.0, 10.0  # on the MADRS: not a response from 30, and one


def scores_of(**subjects):
    """Scores from one mapping of hours to a score per subject."""
    rows = [(who, at, value) for who, course in subjects.items() for at, value in course.items()]
    table = pd.DataFrame(rows, columns=["usubjid", "afrlt", "aval"])
    return table.assign(paramcd="madrs").astype({"afrlt": float, "aval": float})


def course(*steps, start=HIGH):
    """Baseline and then N (not met), M (met) or ? (missing) at the given hours: course("N4 M24")."""
    values = {"N": HIGH, "M": LOW, "?": NAN}
    return {0: start} | {float(step[1:]): values[step[0]] for step in " ".join(steps).split()}


def bounds(table):
    return list(zip(table["left"], table["right"], table["status"], strict=True))


def one(steps, **options):
    (found,) = bounds(derive_relief(scores_of(a=course(steps)), **options))
    return found


def doses_of(**subjects):
    rows = [(who, k, at) for who, times in subjects.items() for k, at in enumerate(times, 1)]
    return pd.DataFrame(rows, columns=["usubjid", "exseq", "afrlt"]).astype({"afrlt": float})


def rescue_at(*times, who="a", category="RESCUE"):
    return pd.DataFrame({"usubjid": who, "cmcat": category, "cmstrlt": list(times)})
