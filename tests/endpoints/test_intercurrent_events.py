"""When rescue, drop-out and death end a follow-up; their meaning is tested with the relief."""

import numpy as np
import pandas as pd
import pytest

from ketastats.endpoints.intercurrent_events import HANDLING, KINDS, end_of_follow_up
from ketastats.errors import DataError, UsageError

INF = float("inf")
FOLLOWED = pd.DataFrame({"usubjid": ["a", "b", "c"]})
MEDICATIONS = pd.DataFrame(
    {
        "usubjid": ["a", "a", "b", "x"],
        "cmcat": ["Rescue ", "RESCUE", "SWITCH", "RESCUE"],
        "cmstrlt": [20.0, 5.0, 1.0, 1.0],
    }
)
SUBJECTS = pd.DataFrame(
    {
        "usubjid": ["b", "c", "x"],
        "eosstt": ["Discontinued", "COMPLETED", "DISCONTINUED"],
        "dcsreas": [None, "DEATH", None],
        "eosafrlt": [8.0, 9.0, 1.0],
    }
)


def ends(since=0.0, **words):
    handling = dict.fromkeys(KINDS, "competing") | words
    end, status = end_of_follow_up(
        FOLLOWED,
        since=np.full(3, since),
        medications=MEDICATIONS,
        subjects=SUBJECTS,
        handling=handling,
    )
    return list(zip(end, status, strict=True))


def test_each_follow_up_ends_by_its_first_event():
    assert ends() == [(5, "rescue"), (8, "dropout"), (9, "death")]
    assert ends(dropout="censor") == [(5, "rescue"), (8, "censored"), (9, "death")]
    assert ends(**dict.fromkeys(KINDS, "ignore")) == [(INF, "censored")] * 3


def test_a_rescue_counts_after_the_start_but_an_end_is_an_end():
    assert ends(since=5.0)[0] == (20, "rescue")
    assert ends(since=30.0) == [(INF, "censored"), (8, "dropout"), (9, "death")]


def test_there_are_three_words_and_three_kinds():
    assert list(HANDLING) == ["censor", "competing", "ignore"]
    assert KINDS == ("death", "rescue", "dropout")


@pytest.mark.parametrize(
    ("medications", "subjects", "words"),
    [
        (MEDICATIONS.assign(cmstrlt="soon"), SUBJECTS, "cmstrlt"),
        (MEDICATIONS, SUBJECTS.assign(eosafrlt="late"), "eosafrlt"),
        (MEDICATIONS, SUBJECTS.drop(columns="usubjid"), "usubjid: not in the table"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(medications, subjects, words):
    with pytest.raises(DataError, match=words):
        end_of_follow_up(
            FOLLOWED,
            since=np.zeros(3),
            medications=medications,
            subjects=subjects,
            handling=dict.fromkeys(KINDS, "censor"),
        )


def test_events_before_the_start_need_no_word():
    assert ends(since=30.0, **dict.fromkeys(KINDS)) == [(INF, "censored")] * 3
    with pytest.raises(UsageError, match="1 rescue medicines"):
        ends(since=5.0, death="ignore", dropout="ignore", rescue=None)
