import json
import os
import signal
import subprocess
import sys
import time
import tomllib

import pytest

import ketastats as ks
from ketastats.synthetic.cohort import synthetic_cohort
from ketastats.synthetic.scenario import OVERLAYS, load_scenario, shipped_scenarios
from ketastats.synthetic.writing import write_cohort


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def synth(*words):
    return ("synth", "conventional_anxiety", "--n", 20, "--no-truth", *words)


def test_synth_writes_the_cohort_of_the_library_and_says_that_it_is_made_up(run, tmp_path):
    code, printed, said = run(*synth("--seed", 3, "--out", tmp_path / "out"))
    assert code == 0
    assert "Made up, and no evidence of anything" in printed
    assert f"Written: {tmp_path / 'out'}" in printed
    assert said.count("\n") == 1
    assert "drawing 20 patients" in said
    made = synthetic_cohort("conventional_anxiety", 20, 3)
    library = write_cohort(made, tmp_path / "library", seed=3, truth=False)
    assert contents(tmp_path / "out") == contents(library)


def test_synth_writes_truths_unless_told_not_to(run, tmp_path):
    words = ("synth", "conventional_anxiety", "--n", 20, "--out", tmp_path / "out")
    assert run(*words)[0] == 0
    header = (tmp_path / "out" / "truth.csv").read_text("utf-8").partition("\n")[0]
    assert header.startswith("estimand,arm,reference,")
    assert run(*words, "--no-truth")[0] == 0
    assert not (tmp_path / "out" / "truth.csv").exists()


def test_a_value_is_changed_and_a_member_taken_away_by_set(run, tmp_path):
    words = ("--set", "arm.leave[KETAMINE]=0", "--set", "arm.share[CONVENTIONAL]=")
    out = tmp_path / "out"
    code, _, _ = run("synth", "ketamine_trd", "--n", 20, "--no-truth", "--out", out, *words)
    assert code == 0
    assert ks.load_cohort(out).arms == ("KETAMINE", "MIDAZOLAM")
    changes = {"arm.leave[KETAMINE]": 0, "arm.share[CONVENTIONAL]": None}
    about = tomllib.loads((out / "cohort.toml").read_text("utf-8"))
    assert about["scenario_key"] == load_scenario("ketamine_trd").changed(changes).key


def test_synth_takes_a_file_of_ones_own(run, tmp_path):
    table = (
        "parameter,of,value,unit,source,note\nextends,,conventional_anxiety,,,\nsite.count,,2,,,\n"
    )
    (tmp_path / "mine.csv").write_text(table)
    words = ("--n", 5, "--no-truth", "--out", tmp_path / "out")
    assert run("synth", tmp_path / "mine.csv", *words)[0] == 0
    assert ks.load_cohort(tmp_path / "out").name == "mine"


def test_list_prints_each_scenario_and_overlay_in_a_line(run):
    code, printed, said = run("synth", "--list")
    assert (code, said) == (0, "")
    names = [line.partition(":")[0] for line in printed.splitlines()]
    assert names == [*shipped_scenarios(), *OVERLAYS]
    assert "MIDAZOLAM" in printed
    content = json.loads(run("synth", "--list", "--json")[1])
    assert list(content["scenarios"]) == list(shipped_scenarios())
    assert content["overlays"] == list(OVERLAYS)


def test_json_says_what_was_written_and_nothing_else_is_said(run, tmp_path):
    code, printed, said = run(*synth("--seed", 3, "--out", tmp_path / "out", "--json"))
    assert (code, said) == (0, "")
    content = json.loads(printed)
    assert (content["n"], content["seed"], content["provenance"]) == (20, 3, "synthetic")
    assert content["scenario_key"] == load_scenario("conventional_anxiety").key
    sizes = {name: len(data) for name, data in contents(tmp_path / "out").items()}
    assert content["files"] == sizes


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["ketamine_trt"], 2, "did you mean 'ketamine_trd'"),
        (["no_effect"], 2, "only changes another scenario"),
        (["conventional_anxiety", "--n", "0"], 2, "n must be a whole number of at least 1"),
        (["conventional_anxiety", "--n", "2.5"], 2, "--n"),
        (["conventional_anxiety", "--seed", "-1"], 2, "seed must be a whole number"),
        (["conventional_anxiety", "--set", "arm.share"], 2, "NAME=VALUE"),
        (["conventional_anxiety", "--set", "arm.leaves[CONVENTIONAL]=0"], 3, "arm.leave"),
        (["conventional_anxiety", "--set", "arm.leave[CONVENTIONAL]=2"], 3, "outside 0 to 1"),
        (["no_such_file.csv"], 3, "no_such_file.csv"),
        ([], 2, "--list"),
    ],
)
def test_what_cannot_be_made_ends_with_2_or_3_in_a_sentence_and_writes_nothing(
    run, tmp_path, words, code, named
):
    found, printed, said = run("synth", *words, "--no-truth", "--out", tmp_path / "out")
    assert found == code
    assert named in said
    assert "Traceback" not in said
    assert printed == ""
    assert list(tmp_path.iterdir()) == []


def test_a_cohort_without_a_place_is_refused(run):
    code, _, said = run("synth", "conventional_anxiety")
    assert code == 2
    assert "--out" in said


def test_a_folder_with_other_things_is_refused_at_once_and_set_aside_by_force(run, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    code, _, said = run(*synth("--out", out))
    assert code == 2
    assert "force" in said
    assert "drawing" not in said
    code, printed, _ = run(*synth("--out", out, "--force"))
    assert code == 0
    assert f"What was there is now {tmp_path / 'out.before'}" in printed
    assert (tmp_path / "out.before" / "notes.txt").read_text() == "mine"


def test_a_place_that_cannot_be_written_ends_with_3_in_a_sentence(run, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    code, _, said = run(*synth("--out", tmp_path / "file" / "out"))
    assert code == 3
    assert "Traceback" not in said


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as on POSIX systems")
def test_a_command_that_is_stopped_leaves_nothing_behind_and_ends_with_130(tmp_path):
    words = ["synth", "ketamine_trd", "--n", "8000", "--no-truth", "--out", str(tmp_path / "out")]
    code = "from ketastats.cli import main; main()"
    with subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE) as process:
        while not any(tmp_path.iterdir()) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 130
    assert "Interrupted" in said
    assert list(tmp_path.iterdir()) == []
