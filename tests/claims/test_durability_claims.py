"""Claims that benefit lasts, on courses in which it is plain whether it did."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from made_cohorts import WEEK, clinic, course, deciding

import ketastats as ks

SERIES = (0.0, 72.0, 168.0, 240.0, 336.0)
AFTER = tuple(WEEK * week for week in (2.2, 3, 4, 6, 8, 10, 12))
LONG = tuple(WEEK * week for week in (2.2, 4, 8, 12, 16, 20, 24))
AS_NEEDED = (*SERIES, WEEK * 6, WEEK * 10, WEEK * 16)
SUSTAINED = "long-term-improvement"
KEPT = "top-ups-not-series"


def well(*, until=np.inf, times=AFTER):
    return course(times, relief=0.0, until=until)


def unwell(times=AFTER):
    return course(times)


def sustained(courses, *, doses=SERIES, instrument="ham_a", claim=SUSTAINED, **more):
    cohort = clinic(courses, doses=[doses], instrument=instrument, diagnosis="gad", **more)
    return ks.judge(claim, cohort)


def kept(courses, *, doses=(AS_NEEDED,), **more):
    return ks.judge(KEPT, clinic(courses, doses=doses, instrument="ham_a", **more))


class TestSustained:
    @pytest.mark.parametrize(
        ("lasting", "word"), [(45, "supported"), (5, "contradicted"), (25, "undecided")]
    )
    def test_each_word_can_be_reached_where_the_truth_is_plain(self, lasting, word):
        courses = [well()] * lasting + [well(until=WEEK * 7)] * (50 - lasting)
        verdict = sustained(courses)
        assert verdict.word == word
        assert deciding(verdict)["estimate"] == pytest.approx(lasting / 50)

    def test_response_at_the_horizon_alone_is_not_sustained(self):
        regained = {hour: 6.0 if hour < WEEK * 3 or hour > WEEK * 9 else 28.0 for hour in AFTER}
        assert sustained([regained] * 30).word == "contradicted"

    def test_patients_who_never_responded_count_too(self):
        verdict = sustained([well()] * 20 + [unwell()] * 30)
        table = verdict.to_frame()
        assert verdict.word == "undecided"
        assert table.loc[table["reading"].str.endswith("at_start"), "verdict"].item() == "supported"

    @pytest.mark.parametrize("n", [1, 2, 3, 4])
    @pytest.mark.parametrize("until", [np.inf, 0.0])
    def test_a_handful_of_patients_decides_nothing(self, n, until):
        assert sustained([well(until=until)] * n).word == "undecided"

    def test_patients_lost_from_sight_may_have_stayed_well_or_not(self):
        verdict = sustained([well()] * 30 + [well(times=AFTER[:3])] * 20)
        table = verdict.to_frame().set_index("missing")
        assert verdict.word == "undecided"
        assert (deciding(verdict)["bound_low"], deciding(verdict)["bound_high"]) == (0.6, 1.0)
        assert table.loc["observed/enrolled", "verdict"] == "supported"

    def test_patients_who_died_may_not_be_left_out(self):
        verdict = sustained([well()] * 30 + [{}] * 25)
        assert (verdict.word, deciding(verdict)["n"]) == ("undecided", 55)

    def test_a_follow_up_that_ends_early_says_when(self):
        verdict = sustained([well(times=AFTER[:3])] * 20)
        assert verdict.word == "not_testable"
        assert (
            verdict.reason == "Nobody was followed to 84 days: the last assessment was at 28 days."
        )
        assert verdict.needed.startswith("Follow-up to 84 days")

    def test_a_late_visit_alone_is_no_visit_at_the_horizon(self):
        verdict = sustained([well(times=(WEEK * 2.2, WEEK * 30))] * 20)
        assert verdict.word == "not_testable"
        assert "within a week of 84 days" in verdict.reason

    def test_without_doses_the_end_of_treatment_is_not_known(self):
        verdict = ks.judge(
            SUSTAINED, clinic([well()] * 20, doses=[()], instrument="ham_a"), treatment="ketamine"
        )
        assert verdict.word == "not_testable"
        assert "No doses are recorded" in verdict.reason

    def test_treatment_up_to_the_horizon_leaves_nothing_to_see(self):
        weekly = tuple(WEEK * week for week in range(13))
        verdict = sustained([well()] * 20, doses=weekly)
        assert verdict.word == "not_testable"
        assert verdict.reason.startswith("Treatment went on until 84 days")

    def test_minutes_after_a_single_dose_nobody_has_to_be_well_yet(self):
        courses = [{1.0: 28.0, 24.0: 6.0, **well()}] * 20
        assert sustained(courses, doses=(0.0,)).word == "supported"

    def test_who_is_still_in_treatment_has_not_failed_to_sustain(self):
        # two in five were treated for six weeks and responded at its end only
        short, long = SERIES, tuple(WEEK * week for week in range(7))
        slow = course(AFTER, relief=WEEK * 6)
        cohort = clinic(
            [well()] * 30 + [slow] * 20, doses=[short] * 30 + [long] * 20, instrument="ham_a"
        )
        verdict = ks.judge(SUSTAINED, cohort)
        assert deciding(verdict)["bound_high"] == 1.0
        assert any("20 were treated for longer" in note for note in verdict.notes)

    def test_another_construct_caps_the_verdict(self):
        verdict = sustained([well()] * 30, instrument="madrs")
        assert verdict.word == "not_testable"
        assert verdict.limits[0].startswith("The claim is about anxiety or panic")
        assert deciding(verdict)["verdict"] == "supported"

    @pytest.mark.parametrize(
        ("lasting", "word"), [(45, "supported"), (5, "contradicted"), (25, "undecided")]
    )
    def test_function_is_judged_by_the_minimal_important_difference(self, lasting, word):
        better = dict.fromkeys(AFTER, 10.0)
        worse = better | {AFTER[-1]: 30.0}
        verdict = sustained(
            [better] * lasting + [worse] * (50 - lasting),
            instrument="sds",
            claim="lasting-resilience",
        )
        assert verdict.word == word
        assert "Minimal important difference" in deciding(verdict)["term"]

    def test_an_instrument_without_the_rule_is_refused_in_words(self):
        with pytest.raises(ks.UsageError, match="name another instrument"):
            sustained([well()] * 10, claim="lasting-resilience")

    def test_a_horizon_between_two_visits_takes_the_nearer_one_within_a_week(self):
        claim = ks.find_claim(SUSTAINED)
        for hours in (2016.0 - 160.0, 2016.0 + 160.0):
            moved = replace(claim, facts=MappingProxyType({**claim.facts, "horizon_hours": hours}))
            assert sustained([well()] * 30, claim=moved).word == "supported"


class TestKept:
    @pytest.mark.parametrize(
        ("lasting", "word"), [(45, "supported"), (5, "contradicted"), (25, "undecided")]
    )
    def test_each_word_can_be_reached_where_the_truth_is_plain(self, lasting, word):
        courses = [well(times=LONG)] * lasting
        courses += [well(until=WEEK * 10, times=LONG)] * (50 - lasting)
        verdict = kept(courses)
        assert verdict.word == word
        assert deciding(verdict)["estimate"] == pytest.approx(lasting / 50, abs=1e-6)

    @pytest.mark.parametrize("n", [1, 2, 3, 4])
    @pytest.mark.parametrize("until", [np.inf, WEEK * 10])
    def test_a_handful_of_patients_decides_nothing(self, n, until):
        assert kept([well(until=until, times=LONG)] * n).word == "undecided"

    def test_a_second_series_counts_as_a_loss(self):
        again = (*SERIES, WEEK * 6, WEEK * 6 + 72, WEEK * 6 + 144)
        verdict = kept([well(times=LONG)] * 45, doses=[again] * 40 + [AS_NEEDED] * 5)
        assert verdict.word == "contradicted"

    def test_rescue_counts_as_a_loss(self):
        rescued = [(number, "RESCUE", WEEK * 9) for number in range(40)]
        assert kept([well(times=LONG)] * 45, medications=rescued).word == "contradicted"

    def test_ups_and_downs_during_the_first_series_are_no_loss(self):
        early = {24.0: 6.0, 100.0: 28.0, 200.0: 6.0, 300.0: 28.0}
        assert kept([{**early, **well(times=LONG)}] * 30).word == "supported"

    def test_relief_that_comes_late_is_not_counted_as_kept(self):
        # 30 responded at five months only: they have kept nothing for half a year
        late = course(LONG, relief=WEEK * 20)
        lost = well(until=WEEK * 4, times=LONG)
        verdict = kept([late] * 30 + [lost] * 20)
        assert (verdict.word, deciding(verdict)["n"]) == ("contradicted", 20)
        assert any(note.startswith("20 of 50 patients were in response") for note in verdict.notes)

    def test_a_short_follow_up_of_those_who_count_does_not_stand_for_half_a_year(self):
        courses = [well(times=LONG[:3])] * 40 + [unwell(times=LONG)] * 5
        verdict = kept(courses)
        assert verdict.word == "undecided"
        assert deciding(verdict)["bound_low"] == pytest.approx(0.0, abs=1e-6)

    def test_a_last_visit_a_few_days_early_is_enough(self):
        rng = np.random.default_rng(2)
        courses = [
            well(times=(*LONG[:-1], LONG[-1] - float(rng.uniform(1, 150)))) for _ in range(30)
        ]
        assert kept(courses).word == "supported"

    def test_a_follow_up_of_few_months_is_not_enough(self):
        verdict = kept([well(times=AFTER)] * 30)
        assert verdict.word == "not_testable"
        assert "Nobody was followed to 168 days" in verdict.reason

    @pytest.mark.parametrize(
        ("doses", "said"),
        [
            (SERIES, "Nobody was given a dose after the first series"),
            ((0.0, WEEK * 5, WEEK * 10), "Nobody was given a series of doses"),
            ((), "No doses are recorded"),
        ],
    )
    def test_cohorts_without_the_doses_it_speaks_of_say_so(self, doses, said):
        cohort = clinic([well(times=LONG)] * 30, doses=[doses])
        verdict = ks.judge(KEPT, cohort, treatment="ketamine")
        assert verdict.word == "not_testable"
        assert verdict.reason.startswith(said)

    def test_nobody_well_after_the_first_series_leaves_nobody_to_count(self):
        verdict = kept([unwell(times=LONG)] * 30)
        assert verdict.word == "not_testable"
        assert verdict.reason.startswith("Nobody was seen in response within a week")

    def test_a_scale_with_a_rule_of_relapse_is_judged_by_it_and_shows_loss_of_response_too(self):
        cohort = clinic([well(times=LONG)] * 40, doses=[AS_NEEDED])
        table = ks.judge(KEPT, cohort).to_frame()
        assert list(table["missing"]) == ["relapse", "loss_of_response"]

    def test_half_way_back_is_a_loss_of_response_and_no_relapse(self):
        halfway = {hour: 6.0 if hour < WEEK * 10 else 20.0 for hour in LONG}
        table = ks.judge(KEPT, clinic([halfway] * 40, doses=[AS_NEEDED])).to_frame()
        assert list(table["verdict"]) == ["supported", "contradicted"]

    def test_drop_outs_after_relief_leave_bounds(self):
        courses = [well(times=LONG)] * 20 + [well(times=LONG[:2])] * 20
        verdict = kept(courses)
        assert verdict.word == "undecided"
        assert deciding(verdict)["bound_low"] == pytest.approx(0.5, abs=1e-6)


class TestLifeChanging:
    """Sustained remission in most of the severely ill, with response beside it."""

    @staticmethod
    def judged(n_remitted, *, baseline=40.0, **more):
        improved = dict.fromkeys(AFTER, 14.0)  # response on MADRS without remission
        courses = [well()] * n_remitted + [improved] * (50 - n_remitted)
        given = {"doses": [SERIES], "instrument": "madrs", "baseline": baseline, **more}
        return ks.judge("life-changing", clinic(courses, **given))

    @pytest.mark.parametrize(
        ("remitted", "word"), [(45, "supported"), (25, "undecided"), (5, "contradicted")]
    )
    def test_remission_decides_and_not_response(self, remitted, word):
        verdict = self.judged(remitted)
        table = verdict.to_frame()
        assert verdict.word == word
        assert deciding(verdict)["estimate"] == pytest.approx(remitted / 50)
        response = table[table["rule"] == "madrs:response_50"].iloc[0]
        assert (response["role"], response["verdict"]) == ("yardstick", "")
        assert response["estimate"] == 1.0

    def test_patients_who_began_less_ill_cannot_carry_it(self):
        verdict = self.judged(45, baseline=30.0)
        assert verdict.word == "not_testable"
        assert "began below it" in verdict.reason
        assert self.judged(45, baseline=35.0).word == "supported"

    def test_an_instrument_without_the_band_does_not_tell_how_ill_they_were(self):
        verdict = self.judged(45, instrument="pdss", baseline=25.0)
        assert verdict.word == "not_testable"
        assert any("does not tell it" in limit for limit in verdict.limits)

    def test_an_instrument_of_something_else_is_no_evidence(self):
        verdict = self.judged(45, instrument="ybocs")
        assert verdict.word == "not_testable"

    def test_without_a_cohort_it_asks_for_one(self):
        assert "none was given" in ks.judge("life-changing").reason
