import csv
import hashlib
import io
import json

import pandas as pd
import pytest

import ketastats as ks
from ketastats.reporting.document import Document, ResultTable
from ketastats.reporting.numbers import COLUMNS, numbers_csv, results_json
from ketastats.resources import shipped


@pytest.fixture(scope="module")
def shipped_rows(shipped_report):
    with (shipped_report.folder / "results.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def document_of(result):
    return Document("T", (ResultTable(result.to_json(), ""),))


def rows_of(document):
    return list(csv.DictReader(io.StringIO(numbers_csv(document))))


def test_every_number_of_a_result_has_its_own_row_and_reads_back_as_the_same_bits():
    arms = ks.select_therapy_arms(ks.load_psychotherapy_trials()).iloc[::9]
    result = ks.pool_rates(arms, by="disorder", method="dersimonian_laird", conf_level=0.9)
    table = result.to_frame()
    numbers = table.select_dtypes("number")
    rows = rows_of(document_of(result))
    assert len(rows) == int(numbers.notna().to_numpy().sum())
    written = {(row["term"], row["quantity"]): float(row["value"]) for row in rows}
    assert len(written) == len(rows)
    for _, row in table.iterrows():
        for name in numbers:
            if row[name] == row[name]:
                assert written[row["term"], name] == row[name]


def test_infinities_are_words_that_read_back_as_infinities():
    result = ks.rate_difference(_two_equal_arms(), arm="a", reference="b")
    assert (result.to_frame()["estimate"] == float("inf")).any()
    rows = rows_of(document_of(result))
    assert float("inf") in [float(row["value"]) for row in rows]


def _two_equal_arms():
    arms = ["a", "a", "b", "b"]
    return pd.DataFrame({"usubjid": list("1234"), "trt01a": arms, "response": [True, False] * 2})


def test_every_number_of_the_shipped_report_names_its_method_and_its_bytes(shipped_rows):
    assert len(shipped_rows) > 400
    assert list(shipped_rows[0]) == list(COLUMNS)
    unnamed = [row for row in shipped_rows if not (row["method"] and row["sha256"])]
    assert unnamed == []


def test_the_fingerprints_of_the_shipped_report_are_those_of_the_files(shipped_rows):
    known = {
        hashlib.sha256(path.read_bytes()).hexdigest(): path.name
        for path in shipped("data").rglob("*")
        if path.is_file()
    }
    for row in shipped_rows:
        digests, names = row["sha256"].split("; "), row["source"].split("; ")
        assert [known.get(digest) for digest in digests] == names


def test_the_numbers_of_the_report_are_those_of_the_library(shipped_rows, shipped_report):
    claim = shipped_report.manifest["parameters"]["CLAIM"]
    table = ks.judge(claim).to_frame().set_index("reading")
    printed = {
        row["reading"]: float(row["value"])
        for row in shipped_rows
        if row["claim"] == claim and row["quantity"] == "estimate" and row["reading"] in table.index
    }
    assert printed == table["estimate"].to_dict()


def test_the_json_of_the_report_holds_every_result_and_no_nan(shipped_report):
    def refuse(word):
        raise AssertionError(word)

    text = (shipped_report.folder / "results.json").read_text(encoding="utf-8")
    content = json.loads(text, parse_constant=refuse)
    kinds = [result["kind"] for result in content["results"]]
    assert kinds.count("Verdict") == 4
    assert {"PoolingComparison", "ParticipantFlow", "RateDifference"} <= set(kinds)
    assert content["answer"] == shipped_report.manifest["answer"]


def test_a_document_without_results_has_a_heading_and_no_row():
    empty = Document("T", ())
    assert numbers_csv(empty) == ",".join(COLUMNS) + "\n"
    assert json.loads(results_json(empty, {}))["results"] == []
