"""The deciding readings alone: the same word from the same first row, whatever the kind of claim."""

import pytest

import ketastats as ks

ASKED = (
    ("conventional-relief-30-40", {"arm": "CONVENTIONAL", "treatment": "conventional treatment"}),
    ("onset-hours-to-days", {"arm": "KETAMINE"}),
    ("relief-after-second-or-third", {"arm": "KETAMINE"}),
    ("long-term-improvement", {"arm": "KETAMINE"}),
    ("life-changing", {"arm": "KETAMINE"}),
    (
        "ketamine-works-faster",
        {"arm": "KETAMINE", "comparator": "conventional treatment", "randomised": True},
    ),
    ("works-when-others-failed", {"arm": "KETAMINE", "comparator": "midazolam", "blinded": True}),
)


def real() -> ks.Cohort:
    """The synthetic course as if it were real, so that nothing caps a verdict."""
    made = ks.load_synthetic_course()
    return ks.Cohort(
        made.subjects,
        doses=made.doses,
        scores=made.scores,
        medications=made.medications,
        provenance="public",
    )


@pytest.mark.parametrize(("claim", "options"), ASKED)
def test_the_deciding_readings_alone_give_the_same_word_and_first_row(claim, options):
    whole = ks.judge(claim, real(), **options)
    short = ks.judge(claim, real(), readings="deciding", **options)
    assert short.word == whole.word
    assert len(short.frame) <= len(whole.frame)
    columns = ["reading", "estimate", "conf_low", "conf_high", "verdict"]
    first, same = (v.frame[columns].head(1).to_dict("records") for v in (whole, short))
    assert first == same


def test_other_words_for_readings_are_refused():
    with pytest.raises(ks.UsageError, match="readings"):
        ks.judge("onset-hours-to-days", real(), arm="KETAMINE", readings="short")
