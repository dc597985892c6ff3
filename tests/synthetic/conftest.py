import pytest

from ketastats.synthetic.parameters import DEFINES
from ketastats.synthetic.scenario import load_scenario

STILL = {
    ("arm.responders", "KETAMINE"): 0,
    ("arm.gain_sd", "KETAMINE"): 0,
    ("arm.gain_other", "KETAMINE"): 0,
    ("arm.gain_other_sd", "KETAMINE"): 0,
    ("arm.onset_spread", "KETAMINE"): 0,
    ("arm.step", "KETAMINE"): 1,
    ("arm.slip", "KETAMINE"): 0,
    ("arm.fade", "KETAMINE"): 1e6,
    ("arm.expectancy", "KETAMINE"): 0,
    ("arm.guess", "KETAMINE"): 0,
    ("arm.leave", "KETAMINE"): 0,
    ("arm.broken", "KETAMINE"): 0,
    ("arm.maintained", "KETAMINE"): 0,
    ("arm.lapses", "KETAMINE"): 0,
    "expectancy.sd": 0,
    "drift.per_week": 0,
    "site.sd": 0,
    "gap.share": 0,
    "gap.log_odds": 0,
    "leave.log_odds": 0,
    "rescue.share": 0,
    ("score.own_sd", "madrs"): 0,
    ("score.own_sd", "ham_a"): 0,
    ("score.items", "madrs"): "no",
}


@pytest.fixture(scope="session")
def still():
    """One arm in which nothing happens: no effect, nobody leaves, two scales, no side effects."""
    whole = load_scenario("ketamine_trd")
    gone = {
        (DEFINES[scope], name): None
        for scope in ("event", "vital", "medicine")
        for name in whole.members(scope)
    }
    gone |= {("arm.share", arm): None for arm in ("MIDAZOLAM", "CONVENTIONAL")}
    gone |= {("score.mean", name): None for name in ("sds", "who5")}
    return whole.changed({**gone, **STILL}, name="still")
