import tomllib

import pytest

import ketastats as ks
from ketastats.claims.published import _TABLES
from ketastats.claims.registry import load_claims
from ketastats.resources import shipped


def test_all_claims_of_the_file_load_in_its_order():
    raw = tomllib.loads(shipped("data", "claims", "claims.toml").read_text(encoding="utf-8"))
    ids = [entry["id"] for entry in raw["claims"]]
    assert len(ids) == 36
    assert list(ks.load_claims()) == ids


def test_every_reading_takes_its_rows_from_columns_that_exist():
    tables = {name: load() for name, load in _TABLES.items()}
    wanted = [
        (reading.id, column, set(tables[reading.source].columns))
        for claim in ks.load_claims().values()
        for reading in claim.readings
        for column in (*reading.where, *reading.between, *_counted(reading))
    ]
    assert len(wanted) > 30
    assert [(reading, column) for reading, column, held in wanted if column not in held] == []


def _counted(reading):
    untaken = reading.method == "unweighted" or reading.complement_of
    return () if untaken else (reading.events, reading.out_of)


def test_every_value_a_reading_keeps_occurs_in_its_table_or_is_a_spare_word_for_an_arm():
    spare = {"arm", "condition"}  # lists of what the words may be called, some not used yet
    tables = {name: load() for name, load in _TABLES.items()}
    absent = [
        (reading.id, column, value)
        for claim in ks.load_claims().values()
        for reading in claim.readings
        for column, values in reading.where.items()
        for value in values
        if column not in spare and value not in set(tables[reading.source][column].dropna())
    ]
    assert absent == []


def test_the_primary_reading_of_a_claim_is_one_of_its_readings():
    claims = ks.load_claims().values()
    declared = [claim for claim in claims if "primary_reading_id" in claim.facts]
    assert declared
    assert [claim.id for claim in declared if claim.primary is None] == []


def test_the_claimed_range_is_a_pair_of_shares_in_order():
    low, high = ks.find_claim("conventional-relief-30-40").range
    assert (low, high) == (0.30, 0.40)


def test_a_claim_without_a_range_says_so():
    with pytest.raises(ks.UsageError, match="inflammation-and-bdnf"):
        _ = ks.find_claim("inflammation-and-bdnf").range


def test_an_unknown_claim_names_the_nearest_one():
    with pytest.raises(ks.UsageError, match="did you mean 'conventional-relief-30-40'"):
        ks.find_claim("conventional-relief-30")


def test_a_reading_of_an_unknown_source_names_the_nearest_one(tmp_path):
    path = tmp_path / "claims.toml"
    path.write_text(
        '[[claims]]\nid = "x"\nparaphrase = "X."\nkind = "rate_within"\nrange = [0.1, 0.2]\n'
        '[[claims.readings]]\nid = "r"\nrole = "reading"\ntitle = "R"\nsource = "evidnce"\n'
        'method = "glmm"\nwhere = {}\n',
        encoding="utf-8",
    )
    with pytest.raises(ks.UsageError, match="did you mean 'evidence'"):
        load_claims(path)
