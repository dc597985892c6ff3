import json

import pytest

from ketastats.errors import LockedError
from ketastats.reporting import publication
from ketastats.reporting.publication import (
    KEPT_RUNS,
    keep_failure,
    latest_folder,
    latest_manifest,
    locked,
    publish,
)


def put(place, text, *, key="abcdef0123456789"):
    return publish(place, {"report.html": text.encode(), "report.pdf": b"%PDF-"}, {"key": key})


def hidden(place):
    return [path.name for path in place.rglob(".tmp-*")]


def test_a_published_run_is_whole_and_both_latest_and_its_file_lead_to_it(tmp_path):
    folder = put(tmp_path, "one")
    assert (tmp_path / "latest" / "report.html").read_text() == "one"
    assert latest_folder(tmp_path) == folder
    assert latest_manifest(tmp_path)["key"] == "abcdef0123456789"
    assert hidden(tmp_path) == []


def test_a_second_run_replaces_the_latest_and_keeps_the_first(tmp_path):
    first = put(tmp_path, "one")
    second = put(tmp_path, "two")
    assert (tmp_path / "latest").resolve() == second.resolve()
    assert (first / "report.html").read_text() == "one"


@pytest.mark.parametrize("moment", ["_write_folder", "_replace_file", "_replace_link"])
def test_a_crash_at_any_step_leaves_a_whole_report_as_the_latest(tmp_path, monkeypatch, moment):
    put(tmp_path, "one")

    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(publication, moment, crash)
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path, "two")
    assert latest_manifest(tmp_path) is not None
    assert (tmp_path / "latest" / "report.html").read_text() == "one"


def test_a_crash_while_files_are_written_is_swept_by_the_next_run(tmp_path, monkeypatch):
    put(tmp_path, "one")

    def crash(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publication.os, "fsync", crash)
        with pytest.raises(KeyboardInterrupt):
            put(tmp_path, "two")
    assert len(list((tmp_path / "runs").iterdir())) == 1
    assert hidden(tmp_path)
    (tmp_path / ".tmp-file").write_text("a file that a killed run left behind")
    with locked(tmp_path):
        assert hidden(tmp_path) == []


@pytest.mark.parametrize("damage", ["delete", "change", "no manifest", "no run", "not json"])
def test_a_latest_report_that_is_no_longer_whole_does_not_count(tmp_path, damage):
    folder = put(tmp_path, "one")
    if damage == "delete":
        (folder / "report.pdf").unlink()
    elif damage == "change":
        (folder / "report.html").write_text("tampered")
    elif damage == "no manifest":
        (folder / "manifest.json").unlink()
    elif damage == "no run":
        (tmp_path / "latest.json").write_text('{"run": "runs/none"}')
    else:
        (tmp_path / "latest.json").write_text("{")
    assert latest_manifest(tmp_path) is None


def test_a_place_that_is_held_is_refused_with_its_name_and_free_afterwards(tmp_path):
    with locked(tmp_path), pytest.raises(LockedError, match=tmp_path.name), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_only_the_newest_runs_are_kept_and_the_latest_is_among_them(tmp_path):
    folders = [put(tmp_path, str(i)) for i in range(KEPT_RUNS + 3)]
    kept = sorted((tmp_path / "runs").iterdir())
    assert kept == folders[3:]
    assert (tmp_path / "latest" / "report.html").read_text() == str(KEPT_RUNS + 2)


def test_a_failure_is_kept_beside_the_runs_and_never_the_latest(tmp_path):
    put(tmp_path, "one")
    kept = keep_failure(tmp_path, {"error.json": json.dumps({"cell": 3}).encode()})
    assert kept.parent == tmp_path / "failed"
    assert (tmp_path / "latest" / "report.html").read_text() == "one"
