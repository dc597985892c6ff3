"""Replicates: the same table whatever the workers, the order, or what happened on the way."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from coins import Coin, Logged, broken, threads

import ketastats as ks
from ketastats.calibration.replicates import (
    CHUNK,
    Job,
    code_digest,
    content_key,
    default_cache,
    replicate_seeds,
    run_jobs,
    run_replicates,
)

SEEDS = list(range(5 * CHUNK - 3))  # the last chunk is a short one
here = partial(run_replicates, workers=1, key="k")

RUN = f"""
import sys
from coins import Logged
from ketastats.calibration.replicates import run_replicates
folder, pause, workers = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
if __name__ == "__main__":
    table = run_replicates(
        Logged(folder, pause), range({len(SEEDS)}), key="k", workers=workers, cache=folder + "/cache"
    )
    table.to_csv(sys.argv[4], index=False)
"""


def started(folder: Path, pause: float, workers: int, out: str) -> subprocess.Popen:
    """Another process that runs the logged coin."""
    script = folder / "run.py"
    script.write_text(RUN)
    tests, root = Path(__file__).parent, Path(ks.__file__).parents[1]
    path = os.pathsep.join([str(tests), str(root)])
    command = [
        sys.executable,
        str(script),
        str(folder),
        str(pause),
        str(workers),
        str(folder / out),
    ]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path})


def chunks(folder: Path) -> list[Path]:
    return sorted((folder / "cache" / "k").glob("*.csv"))


def thrown(folder: Path) -> list[int]:
    """Seeds for which the logged coin was thrown, in any process."""
    return [int(line) for log in folder.glob("*.log") for line in log.read_text().split()]


def ended(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def wait_until(happened, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    return here(Coin(0.3), SEEDS)


def test_a_row_says_its_seed_and_what_the_task_returned():
    table = here(Coin(0.3), [7, 3])
    assert list(table.columns) == ["seed", "refused", "refusal", "word", "heads", "first"]
    assert table["seed"].tolist() == [7, 3]
    assert table["first"].tolist() == [np.random.default_rng(seed).random() for seed in (7, 3)]
    assert table["heads"].tolist() == [int(value < 0.3) for value in table["first"]]


def test_two_workers_give_the_table_of_one_and_use_one_thread_each(expected):
    before = dict(os.environ)
    told = []
    jobs = [Job(Coin(0.3), SEEDS, "a"), Job(threads, SEEDS, "b")]
    coins, processes = run_jobs(jobs, workers=2, progress=lambda *now: told.append(now))
    pd.testing.assert_frame_equal(coins, expected)
    assert set(processes["threads"]) == {1}
    assert os.getpid() not in set(processes["process"])
    assert dict(os.environ) == before
    assert told[0] == (0, 2 * len(SEEDS))
    assert told[-1] == (2 * len(SEEDS), 2 * len(SEEDS))


def test_the_order_of_seeds_changes_nothing_but_the_order_of_rows(expected):
    table = here(Coin(0.3), SEEDS[::-1])
    pd.testing.assert_frame_equal(table[::-1].reset_index(drop=True), expected)


def test_progress_counts_every_replicate_once_and_starts_from_what_is_stored(tmp_path):
    told = []
    here(Coin(0.3), SEEDS, cache=tmp_path, progress=lambda *now: told.append(now))
    assert told == [(min(n, len(SEEDS)), len(SEEDS)) for n in range(0, 6 * CHUNK, CHUNK)]
    told.clear()
    here(Coin(0.3), SEEDS, cache=tmp_path, progress=lambda *now: told.append(now))
    assert told == [(len(SEEDS), len(SEEDS))]


def test_what_is_stored_is_not_done_again_and_gives_the_same_table(tmp_path, expected):
    task = Logged(str(tmp_path))
    first = here(task, SEEDS[: 2 * CHUNK], cache=tmp_path / "cache")
    more = here(task, SEEDS, cache=tmp_path / "cache")
    pd.testing.assert_frame_equal(more, expected)
    pd.testing.assert_frame_equal(first, expected[: 2 * CHUNK])
    assert sorted(thrown(tmp_path)) == SEEDS


def test_another_key_shares_nothing(tmp_path):
    task = Logged(str(tmp_path))
    for key in ("a", "b"):
        run_replicates(task, [1], key=key, workers=1, cache=tmp_path / "cache")
    assert thrown(tmp_path) == [1, 1]


@pytest.mark.parametrize("harm", ["half", "empty", "altered", "binary", "other seeds"])
def test_a_broken_chunk_is_done_again_and_mended(tmp_path, expected, harm):
    here(Coin(0.3), SEEDS, cache=tmp_path / "cache")
    whole = chunks(tmp_path)
    contents = [path.read_bytes() for path in whole]
    held = contents[1]
    broken_ones = {
        "half": held[: len(held) // 2],
        "empty": b"",
        "altered": held.replace(b"undecided", b"supported", 1),
        "binary": b"\xff\xfe" + held,
        "other seeds": contents[2],
    }
    whole[1].write_bytes(broken_ones[harm])
    pd.testing.assert_frame_equal(here(Coin(0.3), SEEDS, cache=tmp_path / "cache"), expected)
    assert [path.read_bytes() for path in whole] == contents


def test_a_run_killed_half_way_resumes_to_the_same_table_and_leaves_no_worker(tmp_path, expected):
    process = started(tmp_path, 0.01, 2, "never.csv")
    wait_until(lambda: len(chunks(tmp_path)) >= 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    workers = [int(log.stem) for log in tmp_path.glob("*.log")]
    assert process.pid not in workers
    wait_until(lambda: all(ended(worker) for worker in workers))
    stored = len(chunks(tmp_path))
    assert stored < 5  # else it was not half-way
    for log in tmp_path.glob("*.log"):
        log.unlink()
    table = here(Logged(str(tmp_path)), SEEDS, cache=tmp_path / "cache")
    pd.testing.assert_frame_equal(table, expected)
    assert len(thrown(tmp_path)) == len(SEEDS) - stored * CHUNK


def test_two_runs_at_once_do_not_harm_each_other(tmp_path, expected):
    runs = [started(tmp_path, 0.002, 1, out) for out in ("a.csv", "b.csv")]
    assert [run.wait(30) for run in runs] == [0, 0]
    expected.to_csv(tmp_path / "expected.csv", index=False)
    texts = {(tmp_path / f"{name}.csv").read_text() for name in ("a", "b", "expected")}
    assert len(texts) == 1
    assert len(chunks(tmp_path)) == 5
    assert not list(tmp_path.glob("cache/k/*.part"))


def test_a_refused_replicate_is_kept_with_its_reason():
    table = here(Coin(0.3, refused=0.4), SEEDS)
    refused = table["refused"] == 1
    assert 0 < refused.sum() < len(SEEDS)
    assert set(table.loc[refused, "refusal"]) == {"UsageError: The coin rolled away"}
    assert table.loc[refused, ["word", "heads", "first"]].isna().all(axis=None)
    assert table.loc[~refused, "refusal"].isna().all()


def test_the_reason_of_unusable_data_is_one_line():
    def unusable(seed):
        raise ks.DataError(
            "The file", [ks.Problem("c", "scores", "aval", (3,), 1, "empty", "Fill")]
        )

    assert (
        here(unusable, [1, 2])["refusal"].tolist()
        == ["DataError: The file cannot be used: scores, aval, row 3: empty"] * 2
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_any_other_error_of_a_task_stops_the_run(workers):
    with pytest.raises(ZeroDivisionError, match="a fault"):
        run_replicates(broken, SEEDS, key="k", workers=workers)


def test_numbers_survive_the_cache_to_the_last_bit(tmp_path):
    values = {1: 0.1 + 0.2, 2: 1e-300, 3: float("inf"), 4: float("nan"), 5: -0.0, 6: 1e22}

    def task(seed):
        return {"value": np.float64(values[seed]), "count": np.int64(seed), "flag": seed > 3}

    for _ in range(2):
        table = here(task, list(values), cache=tmp_path)
        assert table["value"].tolist() == pytest.approx(list(values.values()), rel=0, nan_ok=True)
        assert np.signbit(table["value"][4])
        assert table["count"].tolist() == list(values)
        assert table["flag"].tolist() == [0, 0, 0, 1, 1, 1]


def test_columns_that_only_some_replicates_have_are_missing_in_the_others():
    def task(seed):
        return {"word": "not_testable"} if seed == 1 else {"word": "supported", "n": seed}

    table = here(task, [1, 2])
    assert table["n"].isna().tolist() == [True, False]
    assert table["word"].tolist() == ["not_testable", "supported"]


@pytest.mark.parametrize(
    "given", [{"x": "12"}, {"x": "nan"}, {"x": "a\nb"}, {"x": [1]}, {"seed": 1}]
)
def test_what_a_table_cannot_hold_is_refused_outright(given):
    with pytest.raises(ks.UsageError):
        here(lambda seed: given, [1])


def test_wrong_options_are_refused(tmp_path):
    with pytest.raises(ks.UsageError, match="workers"):
        run_replicates(Coin(0.3), SEEDS, key="k", workers=0)
    for key in ("", "../up", "a/b", None):
        with pytest.raises(ks.UsageError, match="key must be"):
            run_replicates(Coin(0.3), SEEDS, key=key, workers=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(ks.UsageError, match="cannot be written"):
        here(Coin(0.3), SEEDS, cache=tmp_path / "file")
    with pytest.raises(ks.UsageError, match="another process"):
        run_replicates(lambda seed: {}, SEEDS, key="k", workers=2)


def test_no_seeds_are_no_rows():
    assert len(here(Coin(0.3), [])) == 0


def test_seeds_are_those_of_the_seed_differ_by_stream_and_the_first_of_many():
    few, many = replicate_seeds(1, 10), replicate_seeds(1, 500)
    assert many[:10] == few
    assert len(set(many)) == 500
    assert min(many) >= 0
    assert not set(many) & set(replicate_seeds(2, 500))
    assert not set(many) & set(replicate_seeds(1, 500, stream="other"))
    for wrong in ({"seed": -1}, {"seed": 1.5}, {"replicates": 1}, {"replicates": True}):
        with pytest.raises(ks.UsageError):
            replicate_seeds(**{"seed": 1, "replicates": 10, **wrong})


def test_a_key_depends_on_every_fact_and_not_on_their_order():
    facts = {
        "n": 200,
        "options": {"arm": "A", "blinded": True},
        "range": (0.3, 0.4),
        "set": {"b", "a"},
    }
    key = content_key(**facts)
    assert content_key(**dict(reversed(facts.items()))) == key
    assert content_key(**{**facts, "set": {"a", "b"}}) == key
    others = [{"n": 201}, {"options": {"arm": "A"}}, {"range": (0.3, 0.41)}, {"set": {"a"}}]
    assert len({content_key(**{**facts, **other}) for other in others} | {key}) == 5
    with pytest.raises(ks.UsageError, match="part of a key"):
        content_key(task=object())


def test_the_code_behind_a_verdict_is_part_of_its_key():
    assert len(code_digest()) == 64
    assert code_digest() == code_digest()


def test_the_default_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "ketastats"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, as the standard says
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache() == tmp_path / "home" / ".cache" / "ketastats"
