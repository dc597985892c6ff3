import json
import sys

import pytest

import ketastats as ks
from ketastats.cli import cli
from ketastats.resources import shipped

HEADLINE = "conventional-relief-30-40"


def is_one_message(said):
    return bool(said.strip()) and "Traceback" not in said and said.strip()[-1] in ".?'…%)"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["reprt"], "did you mean 'report'"),
        (["judge", "conventional-relief"], f"did you mean '{HEADLINE}'"),
        (["report", "conventional_relif"], "did you mean 'conventional_relief'"),
        (["report", "--set", "ARMS=x"], "did you mean 'ARM'"),
        (["report", "--set", "ARM"], "NAME=VALUE"),
        (["report", "--set", "=x"], "NAME=VALUE"),
        (["report", "none.ipynb"], "none.ipynb"),
        (["judge", HEADLINE, "--arm", "DRUG"], "cohort"),
        (["judge", "--colour"], "--colour"),
        (["validate"], "PATH"),
    ],
)
def test_words_that_do_not_exist_end_with_2_and_name_what_was_meant(run, tmp_path, words, named):
    words = [*words, "--out", tmp_path] if words[0] == "report" else words
    code, printed, said = run(*words)
    assert code == 2
    assert named in said
    assert "Traceback" not in said
    assert printed == ""


@pytest.mark.parametrize(
    "words",
    [
        ["validate", "no_such_folder"],
        ["judge", HEADLINE, "--data", "no_such_folder"],
        ["report", "--data", "no_such_folder"],
    ],
)
def test_a_missing_cohort_ends_with_3_in_a_sentence(run, monkeypatch, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    code, printed, said = run(*words)
    assert code == 3
    assert "no such file or folder" in said
    assert is_one_message(said)
    assert printed == ""


def test_a_place_that_cannot_be_written_ends_with_3_in_a_sentence(
    run, tmp_path, write_small_notebook
):
    (tmp_path / "file").write_text("not a folder")
    code, _, said = run("report", write_small_notebook("1"), "--out", tmp_path / "file" / "out")
    assert code == 3
    assert is_one_message(said)


def test_validate_prints_every_problem_at_once_and_no_value(run, write_cohort):
    folder = write_cohort(faults=True)
    code, printed, said = run("validate", folder)
    assert code == 3
    assert "scores, aval, row 2" in said
    assert "high" not in said
    assert printed == ""


def test_validate_lists_faults_of_several_tables_together(run, write_cohort):
    folder = write_cohort()
    (folder / "subjects.csv").write_text("usubjid,age\ns1,190\ns1,40\n")
    scores = "usubjid,paramcd,afrlt,aval\ns1,ham_a,0,99\ns2,ham_a,0,12\n"
    (folder / "scores.csv").write_text(scores)
    code, _, said = run("validate", folder)
    assert code == 3
    for place in ("subjects, age, row 1", "subjects, usubjid, row 2", "scores, aval, row 1"):
        assert place in said


def test_validate_says_what_a_whole_cohort_holds(run, write_cohort):
    code, printed, _ = run("validate", write_cohort())
    assert code == 0
    assert "1 subjects, 2 scores" in printed
    assert "No problems found" in printed


def test_judge_without_a_claim_lists_all_claims(run):
    code, printed, _ = run("judge")
    assert code == 0
    names = [line.partition(":")[0] for line in printed.splitlines()]
    assert [name.partition(" ")[0] for name in names] == list(ks.load_claims())
    assert f"{HEADLINE} [judged]" in names
    assert "onset-hours-to-days [judged on a cohort]" in names
    assert "life-changing [judged on a cohort]" in names
    assert "chronic-pain-relief [judged on a cohort]" in names
    assert "inflammation-and-bdnf" in names


def test_judge_prints_the_verdict_and_every_reading(run):
    code, printed, said = run("judge", HEADLINE)
    verdict = ks.judge(HEADLINE)
    assert (code, said) == (0, "")
    assert str(verdict) in printed
    for title in verdict.to_frame()["term"]:
        assert title in printed


def test_judge_as_json_is_the_verdict_on_a_cohort(run):
    data = shipped("data", "antidepressant_hamd17")
    code, printed, _ = run("judge", HEADLINE, "--data", data, "--arm", "DRUG", "--json")
    assert code == 0
    content = json.loads(printed)
    assert content["verdict"] == "not_testable"
    assert content["rows"][0]["events"] == 29


SYNTHETIC = ("--data", shipped("data", "synthetic_course"))


def test_judge_prints_a_claim_on_onset_with_its_shares_limits_and_need(run):
    words = ("judge", "onset-hours-to-days", *SYNTHETIC, "--arm", "KETAMINE")
    code, printed, said = run(*words)
    verdict = ks.judge("onset-hours-to-days", ks.load_cohort(SYNTHETIC[1]), arm="KETAMINE")
    assert (code, said) == (0, "")
    assert str(verdict) in printed
    for row in verdict.display().to_dict("records"):
        assert f"{row['% (90% interval)']} %  {row['Reading']}" in printed
    for line in (*verdict.limits, *verdict.notes, f"Needed: {verdict.needed}"):
        assert printed.count(line) == 1


def test_judge_prints_ratios_of_a_claim_that_compares_without_a_per_cent_sign(run):
    words = ("--arm", "KETAMINE", "--reference", "CONVENTIONAL", "--randomised")
    more = ("--treatment", "ketamine", "--comparator", "conventional treatment")
    code, printed, _ = run("judge", "ketamine-works-faster", *SYNTHETIC, *words, *more)
    assert code == 0
    rows = [line for line in printed.splitlines() if line.startswith("  ")]
    assert len(rows) >= 3
    assert not any(" %  " in row for row in rows)
    assert "hazard ratio" in rows[0]
    assert "assigned at random" not in printed.split("Needed:")[0]


def test_judge_without_the_words_for_a_comparison_says_what_is_not_known(run):
    words = ("--arm", "KETAMINE", "--reference", "CONVENTIONAL")
    code, printed, _ = run("judge", "ketamine-works-faster", *SYNTHETIC, *words)
    assert code == 0
    assert "not said to have been assigned at random" in printed
    code, _, said = run("judge", "ketamine-works-faster", *SYNTHETIC)
    assert code == 2
    assert "name arm= and reference=" in said


def test_judge_prints_a_verdict_that_has_no_readings(run):
    code, printed, said = run("judge", "onset-hours-to-days")
    assert (code, said) == (0, "")
    assert "Not testable: Claims of this kind are judged on the patients of a cohort" in printed
    assert "Needed: A cohort of patients who had ketamine" in printed


def test_an_option_of_another_kind_of_claim_ends_with_2_and_names_it(run):
    code, _, said = run("judge", "onset-hours-to-days", *SYNTHETIC, "--randomised")
    assert code == 2
    assert said.startswith("randomised= can mean nothing")


def test_a_notebook_that_fails_ends_with_4_and_names_its_cell(run, tmp_path, write_small_notebook):
    path = write_small_notebook("1 / 0")
    code, printed, said = run("report", path, "--out", tmp_path / "out")
    assert code == 4
    assert "Cell 3 stopped with ZeroDivisionError: its message is not repeated" in said
    assert "last good report is untouched" in said
    assert "Traceback" not in said
    assert printed == ""


def test_a_private_cohort_ends_with_5_and_says_what_to_use_instead(
    run, tmp_path, write_cohort, write_small_notebook
):
    path = write_small_notebook("1", parameters='COHORT: str = ""')
    code, _, said = run("report", path, "--out", tmp_path / "out", "--data", write_cohort())
    assert code == 5
    assert "private" in said
    assert is_one_message(said)


def test_a_report_of_an_own_notebook_is_published_each_time_and_told_as_json(
    run, tmp_path, write_small_notebook
):
    words = ["report", write_small_notebook("ARM"), "--out", tmp_path / "out", "--set", "ARM=A=B"]
    code, printed, said = run(*words)
    assert code == 0
    assert "Published: " in printed
    assert "running 3 cells" in said
    # What a notebook of one's own reads is not known beforehand, so it runs again.
    assert "Published: " in run(*words)[1]
    code, printed, said = run(*words, "--json")
    (content,) = json.loads(printed)
    assert (code, said) == (0, "")
    assert content["changed"] is True
    assert content["parameters"] == {"ARM": "A=B"}


def test_a_defect_is_not_disguised_as_a_mistake_of_the_user(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ketastats", "judge"])

    def broken():
        raise RuntimeError("a defect")

    monkeypatch.setattr(ks, "load_claims", broken, raising=False)
    from ketastats.cli import main

    with pytest.raises(RuntimeError, match="a defect"):
        main()


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_the_help_of_each_command_shows_an_example_on_a_line_of_its_own(run, command):
    code, printed, _ = run(command, "--help")
    assert code == 0
    lines = [line.strip() for line in printed.splitlines()]
    assert "Example:" in lines
    assert lines[lines.index("Example:") + 1].startswith(f"ketastats {command}")
    assert "\\b" not in printed


def test_the_help_lists_the_exit_codes(run):
    code, printed, _ = run("--help")
    assert code == 0
    for number in ("2 usage", "3 data refused", "4 notebook", "75 another run", "130 interrupted"):
        assert number in " ".join(printed.split())
