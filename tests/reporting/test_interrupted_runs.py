"""Runs of the command line that are stopped half-way, or meet another one."""

import os
import signal
import subprocess
import sys
import time

import pytest

COMMAND = [sys.executable, "-c", "from ketastats.cli import main; main()", "report"]
SLOW = "import os, time\nopen({mark!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition, *, within=20.0):
    end = time.monotonic() + within
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def running(write_notebook, tmp_path):
    """A published report, and a run of its changed notebook that is in the middle of a cell."""
    path, mark = tmp_path / "night.ipynb", tmp_path / "mark"
    write_notebook(path, "'the good report'")
    call = [*COMMAND, str(path), "--out", str(tmp_path / "out")]
    subprocess.run(call, check=True, capture_output=True, timeout=60)
    write_notebook(path, SLOW.format(mark=str(mark)))
    run = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert until(lambda: mark.exists() and mark.read_text())
    kernel = int(mark.read_text())
    yield run, kernel, tmp_path / "out" / "night", call
    if run.poll() is None:
        run.kill()
    run.communicate()
    if alive(kernel):
        os.kill(kernel, signal.SIGKILL)


def assert_the_good_report_stands(place):
    assert "the good report" in (place / "latest" / "report.html").read_text(encoding="utf-8")
    assert len(list((place / "runs").iterdir())) == 1
    assert list(place.rglob(".tmp-*")) == []


def test_a_run_that_meets_another_is_told_to_come_back_later(running):
    _, _, place, call = running
    second = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 75
    assert "Another run is publishing" in second.stderr
    assert "Traceback" not in second.stderr
    assert_the_good_report_stands(place)


def test_a_killed_run_leaves_the_last_good_report_and_no_kernel(running, write_notebook):
    run, kernel, place, call = running
    run.kill()
    run.communicate(timeout=20)
    assert_the_good_report_stands(place)
    assert until(lambda: not alive(kernel))
    write_notebook(place.parents[1] / "night.ipynb", "'the next report'")
    subprocess.run(call, check=True, capture_output=True, timeout=60)
    assert "the next report" in (place / "latest" / "report.html").read_text(encoding="utf-8")


def test_an_interrupted_run_ends_with_130_and_one_sentence(running):
    run, kernel, place, _ = running
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=20)
    assert_the_good_report_stands(place)
    assert until(lambda: not alive(kernel))
    assert "Traceback" not in said
    assert run.returncode == 130
