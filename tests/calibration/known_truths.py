"""Cases whose truth is known in closed form, with the whole judging path or a count in its place."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd

import ketastats as ks
from ketastats.calibration.cases import Case
from ketastats.claims.standing import DECISION_LEVEL, standing, word
from ketastats.stats.exact_proportions import clopper_pearson_interval

HEADLINE = "conventional-relief-30-40"
RANGE = (0.3, 0.4)


@dataclass(frozen=True)
class Law:
    """Stands for a scenario: the chance of relief."""

    share: float

    @property
    def key(self):
        return f"share{self.share}"


def case_of(share, which, claim=HEADLINE, **options):
    """The headline claim where so many have relief."""
    known = {"arm": "CONVENTIONAL", "instrument": "ham_a", "treatment": "conventional treatment"}
    return Case(
        claim, which, Law(share), {**known, **options}, ("CONVENTIONAL",), share, 0.0, RANGE
    )


def draw_scores(case, n, seed):
    """A cohort of one arm, everybody seen at one visit, so many of whom have relief."""
    relief = np.random.default_rng(seed).random(n) < case.scenario.share
    ids = [f"p{i}" for i in range(n)]
    subjects = pd.DataFrame({"usubjid": ids, "trt01a": "CONVENTIONAL", "diagnosis": "gad"})
    before = pd.DataFrame({"usubjid": ids, "avisit": "Baseline", "afrlt": 0.0, "aval": 30.0})
    after = before.assign(avisit="Week 6", afrlt=1008.0, aval=np.where(relief, 5.0, 28.0))
    scores = pd.concat([before, after], ignore_index=True).assign(paramcd="ham_a")
    return ks.Cohort(subjects, scores=scores, provenance="public", name="drawn")


def draw_count(case, n, seed):
    """Only how many have relief."""
    return n, int(np.random.default_rng(seed).binomial(n, case.scenario.share))


class Rows(list):
    """What is looked at of a table, without making one."""

    @property
    def iloc(self):
        return self


def judge_count(claim, cohort, **options):
    """The verdict on a count, with what of a verdict is looked at."""
    n, events = cohort
    low, high = clopper_pearson_interval(events, n, conf_level=DECISION_LEVEL)
    row = {"measure": "share", "n": n, "estimate": events / n, "conf_low": low, "conf_high": high}
    return SimpleNamespace(word=word(standing(low, high, RANGE)), frame=Rows([row]))


def judge_sometimes(claim, cohort, **options):
    """Refuses every cohort with an odd count."""
    if cohort[1] % 2:
        raise ks.UsageError("An odd count cannot be judged. Add a patient")
    return judge_count(claim, cohort, **options)
