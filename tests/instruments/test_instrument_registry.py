"""The registry of instruments and the rules it names."""

import tomllib
from collections import Counter

import pandas as pd
import pytest

import ketastats as ks
from ketastats.errors import UsageError
from ketastats.instruments import registry
from ketastats.instruments.rules import ENDPOINTS
from ketastats.resources import shipped

# Counts printed in data/instruments/README.md, "Rules per endpoint".
RULES_PER_ENDPOINT = {
    "response": 37,
    "partial_response": 2,
    "remission": 21,
    "reliable_change": 8,
    "minimal_important_difference": 31,
    "early_improvement": 1,
    "clinically_significant": 2,
    "relapse": 2,
}

# The list printed there under "Defaults that rest on grade C alone".
GRADE_C_DEFAULTS = {
    "gad7:remission_below_8",
    "gad7:reliable_4",
    "caps5:response_30",
    "pcl5:response_10pts",
    "madrs:mid_6",
    "hamd17:mid_3",
    "phq9:reliable_6",
    "phq9:mid_3",
    "cgi_s:mid_1",
    "fiqr:remission_23",
    "sds:mid_4",
    "who5:mid_2_5",
    "isi:remission_below_8",
}

NEW_SCALE = """
[instruments.calm3]
name = "Calmness Inventory"
abbreviations = ["CALM-3"]
construct = "anxiety"
items = 3
item_min = 0
item_max = 4
total_min = 0
total_max = 12
total_method = "sum"
direction = "higher_is_better"
reverse_items = [2]
severity_bands = [{ label = "tense", min = 0, max = 5 }, { label = "calm", min = 6, max = 12 }]
rules = [
  { id = "response_50", endpoint = "response", default = true, sources = ["paper"], \
type = "relative_reduction", op = ">=", value = 0.5 },
  { id = "response_3pts", endpoint = "response", sources = ["page"], \
type = "absolute_reduction", op = ">=", value = 3 },
]
sources = [{ key = "paper", grade = "A" }, { key = "page", grade = "C" }]
"""


def every_rule():
    return [rule for scale in ks.load_instruments().values() for rule in scale.rules]


def test_every_table_of_the_registry_file_is_an_instrument_found_by_its_id():
    tables = tomllib.loads(shipped("data", "instruments", "instruments.toml").read_text("utf-8"))
    assert len(tables["instruments"]) == 46
    ids = [*tables["instruments"], *tables["vital_signs"]["parameters"]]
    assert list(ks.load_instruments()) == ids
    assert [ks.instrument(name).id for name in ids] == ids


def test_the_registry_holds_as_many_rules_per_endpoint_as_its_readme_says():
    rules = every_rule()
    assert Counter(rule.endpoint for rule in rules) == RULES_PER_ENDPOINT
    assert len(rules) == 104
    assert len({rule.instrument for rule in rules}) == 36
    assert sum(rule.origin == "project default" for rule in rules) == 17


def test_no_two_rules_share_a_name():
    assert [name for name, times in Counter(r.id for r in every_rule()).items() if times > 1] == []


def test_each_endpoint_of_an_instrument_has_exactly_one_default_and_it_comes_first():
    wrong = [
        (scale.id, endpoint)
        for scale in ks.load_instruments().values()
        for endpoint in ENDPOINTS
        if (found := scale.rules_for(endpoint))
        and [rule.default for rule in found] != [True] + [False] * (len(found) - 1)
    ]
    assert wrong == []


def test_the_defaults_that_rest_on_grade_c_alone_are_those_the_readme_lists():
    assert {rule.id for rule in every_rule() if rule.default and rule.grade == "C"} == (
        GRADE_C_DEFAULTS
    )


def test_every_rule_shows_its_grade_c_source_or_project_origin_in_its_label():
    for rule in every_rule():
        assert rule.label.startswith(rule.id)
        assert ("[grade C]" in rule.label) == (rule.grade == "C")
        assert ("[project default]" in rule.label) == (rule.origin == "project default")
        assert rule.grade or rule.origin, rule.id


@pytest.mark.parametrize(
    ("name", "found", "words"),
    [
        ("madrs:remission", "madrs:remission_10", "score at most 10"),
        ("madrs:remission_12", "madrs:remission_12", "score at most 12"),
        (
            "madrs:remission_10_and_50pct",
            "madrs:remission_10_and_50pct",
            "score at most 10 and at least 50% better than baseline",
        ),
        ("lsas:response_above_35pct", "lsas:response_above_35pct", "more than 35% better"),
        ("cgi_i:response", "cgi_i:response_1_or_2", "score is 1 or 2"),
        ("sds:remission", "sds:remission_all_items_below_4", "items 1, 2, 3 each less than 4"),
        ("isi:response", "isi:response_8_4pts", "at least 8.4 points better"),
    ],
)
def test_a_rule_is_found_by_name_or_by_endpoint_and_says_itself_in_words(name, found, words):
    rule = ks.rule(name)
    assert rule.id == found
    assert words in rule.describe()


@pytest.mark.parametrize(
    ("ask", "near"),
    [
        (lambda: ks.instrument("mdrs"), "'madrs'"),
        (lambda: ks.rule("phq_9:response"), "'phq9'"),
        (lambda: ks.rule("madrs:remision_10"), "'madrs:remission_10'"),
        (lambda: ks.instrument("madrs").rules_for("respons"), "'response'"),
        (lambda: ks.rule("madrs"), "<instrument>:<rule>"),
        (lambda: ks.rule("ham_a:reliable_change"), "ham_a:remission_7"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_one(ask, near):
    with pytest.raises(UsageError, match=near):
        ask()


def test_a_total_falls_into_its_published_severity_band():
    published = {
        ("phq9", 9): "mild",  # NHS data dictionary: 5 to 9 mild, 10 to 14 moderate
        ("phq9", 10): "moderate",
        ("ham_a", 7): "none_minimal",  # Matza 2010
        ("ham_a", 24): "severe",
        ("hamd17", 16): "mild",  # Zimmerman 2013: from 17 moderate, from 24 severe
        ("hamd17", 17): "moderate",
        ("promis_depression", 54.9): "none",  # Kroenke 2020, continuous
        ("promis_depression", 55): "mild",
        ("who5", 12): "",  # no bands are known
    }
    assert {(name, x): ks.instrument(name).severity(x) for name, x in published} == published


def test_another_registry_file_adds_an_instrument_and_a_variant(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(NEW_SCALE, encoding="utf-8")
    scales = ks.load_instruments(path)
    assert list(scales) == ["calm3"]
    scale = scales["calm3"]
    assert (scale.title, scale.higher_is_worse, scale.total_max) == ("CALM-3", False, 12)
    assert [rule.label for rule in scale.rules_for("response")] == [
        "calm3:response_50",
        "calm3:response_3pts [grade C]",
    ]


@pytest.fixture
def with_new_scale(tmp_path, monkeypatch):
    path = tmp_path / "instruments.toml"
    path.write_text(
        shipped("data", "instruments", "instruments.toml").read_text("utf-8") + NEW_SCALE,
        encoding="utf-8",
    )
    monkeypatch.setattr(registry, "shipped", lambda *parts: path)
    registry.load_instruments.cache_clear()
    yield
    monkeypatch.undo()
    registry.load_instruments.cache_clear()


@pytest.mark.usefixtures("with_new_scale")
def test_a_table_is_all_that_a_new_instrument_needs_from_items_to_response():
    forms = pd.DataFrame(
        {
            "usubjid": ["1", "1"],
            "afrlt": [0.0, 168.0],
            "item1": [1, 4],
            "item2": [4, 0],  # reversed: 0, then 4
            "item3": [2, 1],
        }
    )
    scored = ks.score_items(forms, "calm3")
    assert scored["aval"].tolist() == [3, 9]
    cohort = ks.Cohort(pd.DataFrame({"usubjid": ["1"]}), scores=scored, provenance="synthetic")
    done = ks.derive_response(ks.derive_baseline(cohort.scores))
    assert done["response"].tolist() == [False, True]
    assert set(done["response_rule"]) == {"calm3:response_50"}
