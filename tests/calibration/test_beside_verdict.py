"""The error rates beside a verdict: those stored with the package, and how they are told."""

import ast
import json
from dataclasses import replace

import pytest

import ketastats as ks
from ketastats.calibration.beside_verdict import (
    question_key,
    said_beside,
    shipped_questions,
    stored_beside,
)
from ketastats.resources import shipped


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


CLAIM = ks.find_claim("conventional-relief-30-40")
QUESTIONS = shipped_questions()


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: f"{q[0]}, {q[1]}"[:60])
def test_the_rates_of_every_verdict_in_a_shipped_report_are_stored_and_sound(question):
    claim, data, chosen = question
    rates = stored_beside(claim, data, **chosen)
    assert rates is not None  # else: benchmarks/shipped_error_rates.py
    assert set(rates.to_frame()["which"]) == {"false", "border", "true"}
    assert rates.sound
    assert (rates.to_frame()["replicates"] >= 400).all()
    assert rates.sources[0].name == "shipped_error_rates.csv"


@pytest.mark.parametrize("report", ["conventional_relief", "time_to_relief"])
def test_every_verdict_in_a_report_has_its_error_rates_beside_it(report):
    judged, rated = calls_of(report)
    assert judged  # a report without verdicts would prove nothing
    assert rated == judged


@pytest.mark.parametrize("report", ["conventional_relief", "time_to_relief"])
def test_a_shipped_report_asks_for_rates_that_are_stored_or_cannot_be(report):
    cohorts = {"cohort": ks.load_antidepressant_trial(), "course": ks.load_synthetic_course()}
    asked = [
        (claim, cohorts.get(data), dict(chosen)) for claim, data, chosen in calls_of(report)[1]
    ]
    missing = [
        question
        for question in asked
        if stored_beside(question[0], question[1], **question[2]) is None
    ]
    assert [claim for claim, data, _ in missing if data is not cohorts["cohort"]] == []
    assert {claim for claim, _, _ in missing} <= {"onset-hours-to-days"}  # nobody was seen so early


def calls_of(report):
    """Claim, name of the data and options of each judge and each error_rate_statement of a notebook."""
    cells = json.loads(shipped("notebooks", f"{report}.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    known = {}
    exec(code[0], known)  # the parameters
    claims, judged, rated = {}, [], []
    for call in [node for text in code for node in ast.walk(ast.parse(text))]:
        if isinstance(call, ast.Assign) and "ks.judge(" in ast.unparse(call.value):
            claims[ast.unparse(call.targets[0])] = ast.unparse(call.value.args[0])
        if not isinstance(call, ast.Call) or ast.unparse(call.func) not in CALLS:
            continue
        first, *data = map(ast.unparse, call.args)
        chosen = {
            keyword.arg: eval(ast.unparse(keyword.value), known)
            for keyword in call.keywords
            if keyword.arg in ("arm", "reference", "instrument", "visit")
        }
        claim = eval(claims.get(first, first), known)
        found = judged if ast.unparse(call.func) == "ks.judge" else rated
        found.append((claim, data[0] if data else "", tuple(sorted(chosen.items()))))
    return judged, rated


CALLS = ("ks.judge", "ks.error_rate_statement")


def test_another_arm_or_file_is_another_question():
    trial = ks.load_antidepressant_trial()
    asked = {"arm": "DRUG", "visit": "Week 6"}
    claim = "conventional-relief-30-40"
    assert stored_beside(claim, trial, **asked) is not None
    assert stored_beside(claim, trial, arm="PLACEBO", visit="Week 6") is None
    arms = trial.subjects["trt01a"].map({"DRUG": "PLACEBO", "PLACEBO": "DRUG"})
    halved = trial.scores.assign(aval=trial.scores["aval"] / 2)
    for changed in ({"subjects": trial.subjects.assign(trt01a=arms)}, {"scores": halved}):
        tables = {"subjects": trial.subjects, "scores": trial.scores, **changed}
        other = ks.Cohort(
            **tables, windows=trial.windows, provenance="public", sources=trial.sources
        )
        assert stored_beside(claim, other, **asked) is None


def test_so_many_rates_as_are_asked_for_are_made_whatever_is_stored():
    found = ks.error_rates("conventional-relief-30-40", replicates=3, workers=1)
    assert set(found.to_frame()["replicates"]) == {3}
    assert set(ks.error_rates("conventional-relief-30-40").to_frame()["replicates"]) == {500}


def test_rates_are_not_told_beside_a_verdict_on_other_data():
    trial, course = ks.load_antidepressant_trial(), ks.load_synthetic_course()
    asked = {"arm": "DRUG", "visit": "Week 6"}
    verdict = ks.judge("conventional-relief-30-40", trial, **asked)
    with pytest.raises(ks.UsageError, match="The verdict is on a cohort"):
        ks.error_rate_statement(verdict)
    with pytest.raises(ks.UsageError, match="on another cohort"):
        ks.error_rate_statement(verdict, course, arm="KETAMINE")
    with pytest.raises(ks.UsageError, match="on published evidence"):
        ks.error_rate_statement(ks.judge("conventional-relief-30-40"), trial, **asked)
    with pytest.raises(ks.UsageError, match="did you mean"):
        ks.error_rate_statement(verdict, trial, arm="DRUGG", visit="Week 6")


def test_what_is_not_stored_is_worked_out():
    trial = ks.load_antidepressant_trial()
    found = ks.error_rates(
        "conventional-relief-30-40", trial, arm="PLACEBO", visit="Week 6", replicates=2, workers=1
    )
    assert set(found.to_frame()["replicates"]) == {2}


def test_the_sentence_says_of_what_false_border_and_true_are():
    said = str(ks.error_rate_statement(ks.judge("conventional-relief-30-40")))
    assert said.startswith("How often such a verdict is wrong, in ")
    for part in ("sets of 8 trials (1,269 patients)", "50.0%", "40.0%", "35.0%", "left undecided"):
        assert part in said


def test_beside_a_verdict_that_was_capped_the_sentence_begins_with_that():
    trial = ks.load_antidepressant_trial()
    verdict = ks.judge("conventional-relief-30-40", trial, arm="DRUG", visit="Week 6")
    assert verdict.word == "not_testable"
    said = ks.error_rate_statement(verdict, trial, arm="DRUG", visit="Week 6")
    assert said.text.startswith("Were such patients what the claim is about")
    assert said.word == "error rates"


def test_where_no_rates_can_be_given_the_reason_stands_instead():
    unjudged = ks.error_rate_statement(ks.judge("all-routes-work"))
    assert unjudged.text.startswith("How often such a verdict is wrong is not known.")
    own = replace(CLAIM, facts={**CLAIM.facts, "range": [0.2, 0.3]})
    assert "differs from the registered one" in ks.error_rate_statement(ks.judge(own)).text
    trial = ks.load_antidepressant_trial()
    chosen = {"arm": "DRUG", "instrument": "hamd17"}
    hours = ks.judge("onset-hours-to-days", trial, treatment="ketamine", **chosen)
    said = ks.error_rate_statement(hours, trial, **chosen)
    assert (
        "lies between 0 and 0 whatever arm.responders[KETAMINE] is: it cannot be 0.5." in said.text
    )


def test_an_evidence_table_is_known_by_the_arms_that_decide():
    claim, table = ks.find_claim("conventional-relief-30-40"), ks.load_evidence()
    whole = question_key(claim, None)
    assert question_key(claim, table.sample(frac=1, random_state=1)) == whole
    row = table["row_id"] == "conv-349"
    assert question_key(claim, table[~row]) != whole  # a trial less, of the same file
    assert question_key(claim, table.assign(n=table["n"].where(~row, 200.0))) != whole
    assert stored_beside(claim, table[~row]) is None


def test_rates_of_several_claims_have_a_sentence_too():
    many = ks.stored_error_rates()
    assert str(many.statement()) == f"{many}."
    one = many.of_claim("medicines-take-weeks")
    assert "made-up cohorts (100 patients)" in one.statement().text
    capped = said_beside(ks.judge("medicines-take-weeks"), one)
    assert capped.text.startswith("Were such patients")
