"""Items to totals, against published examples and hand-worked sums."""

import numpy as np
import pandas as pd
import pytest

import ketastats as ks
from ketastats.errors import DataError, UsageError
from ketastats.instruments.scoring import item_names

SCORED_FROM_ITEMS = [
    name
    for name, scale in ks.load_instruments().items()
    if "items" in scale.facts and scale.total_method != "none"
]


def known_answers():
    for name, scale in ks.load_instruments().items():
        for answer in scale.facts.get("known_answers", ()):
            items = answer.get("items") or [
                int(value) for value, times in answer["item_counts"].items() for _ in range(times)
            ]
            label = f"{name}-{answer['source']}-{answer['total']}"
            yield pytest.param(name, items, answer["total"], answer.get("band"), id=label)


def form(name, answers):
    """One completed form; `answers` is one value for all items, a list, or a dict of exceptions to 0."""
    names = item_names(name)
    if isinstance(answers, dict):
        answers = [answers.get(item, 0) for item in names]
    elif not isinstance(answers, list):
        answers = [answers] * len(names)
    return pd.DataFrame([answers], columns=list(names), dtype=object)


def total(name, answers):
    return ks.score_items(form(name, answers), name)["aval"].item()


@pytest.mark.parametrize(("name", "items", "expected", "band"), list(known_answers()))
def test_a_form_scored_in_print_gets_the_printed_total_and_band(name, items, expected, band):
    scored = total(name, items)
    assert scored == expected
    if band is not None:
        assert ks.instrument(name).severity(scored) == band


def test_the_lowest_and_highest_answers_give_the_published_range_of_every_total():
    def span(name):
        facts = ks.instrument(name).facts
        n_items = len(item_names(name))
        ranges = facts.get("item_ranges") or [(facts["item_min"], facts["item_max"])] * n_items
        numbers = [int(item.removeprefix("item")) for item in item_names(name)]
        turned = [number in facts.get("reverse_items", ()) for number in numbers]
        low = [r[1] if t else r[0] for r, t in zip(ranges, turned, strict=True)]
        high = [r[0] if t else r[1] for r, t in zip(ranges, turned, strict=True)]
        return total(name, low), total(name, high)

    published = {
        name: (ks.instrument(name).total_min, ks.instrument(name).total_max)
        for name in SCORED_FROM_ITEMS
    }
    assert {name: span(name) for name in SCORED_FROM_ITEMS} == published


def test_the_highest_answers_give_the_published_maximum_of_every_subscale():
    published, found = {}, {}
    for name, scale in ks.load_instruments().items():
        limits = scale.facts.get("subscale_ranges", {})
        if "subscales" not in scale.facts or not limits or "situations" in scale.facts:
            continue
        scored = ks.score_subscales(form(name, scale.facts["item_max"]), name)
        for title in scale.facts["subscales"]:
            published[name, title] = limits[title][1]
            found[name, title] = scored[title].item()
    assert found == published


def test_subscales_numbered_by_situations_that_are_rated_twice_are_refused():
    with pytest.raises(ks.UsageError, match="Liebowitz"):
        ks.score_subscales(form("lsas", 3), "lsas")


@pytest.mark.parametrize(
    ("name", "all_ones"),
    [
        ("stai_s", 50),  # 10 direct at 1, 10 reversed at 4; the published constant is 50
        ("stai_t", 47),  # 11 direct at 1, 9 reversed at 4
        ("pswq", 36),  # 11 direct at 1, 5 reversed at 5
    ],
)
def test_reversed_items_are_turned_before_they_are_summed(name, all_ones):
    assert total(name, 1) == all_ones


def test_the_trait_scale_is_answered_under_its_printed_numbers_21_to_40():
    assert item_names("stai_t")[0] == "item21"
    assert item_names("stai_t")[-1] == "item40"
    nothing_but_ones = dict.fromkeys(item_names("stai_t"), 1)
    assert total("stai_t", nothing_but_ones | {"item21": 4}) == 44  # 21 is reversed: 4 to 1
    assert total("stai_t", nothing_but_ones | {"item22": 4}) == 50  # 22 is direct: 1 to 4


def test_qids_counts_the_highest_item_of_each_domain():
    answers = [
        3,
        1,
        2,
        0,
        1,
        0,
        2,
        1,
        0,
        1,
        1,
        1,
        1,
        1,
        0,
        2,
    ]  # sleep 3, appetite 2, motor 2, six 1s
    assert total("qids_sr16", answers) == 13


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ({"item11": 1, "item12": 3}, 3),  # both answered: the higher
        ({"item11": 2, "item12": None}, 2),  # as the form asks
        ({"item13": None, "item14": 1}, 1),
        ({"item13": None, "item14": None}, np.nan),
    ],
)
def test_one_of_each_either_or_pair_of_the_ids_is_scored(pair, expected):
    assert total("ids_c30", pair) == pytest.approx(expected, nan_ok=True)
    assert total("ids_sr30", pair) == pytest.approx(expected, nan_ok=True)


FIQR = [6] * 9 + [5] * 2 + [4] * 10  # 54/3 + 10/1 + 40/2 = 48


@pytest.mark.parametrize(
    ("empty", "expected", "how"),
    [
        ([], 48, "complete"),
        ([1, 2], 48, "prorated"),  # the mean of the seven others stands in
        ([10, 12], 48, "prorated"),
        ([10, 11], np.nan, "missing"),  # a domain without any answer
    ],
)
def test_fiqr_divides_its_domains_by_3_1_and_2_and_prorates_within_them(empty, expected, how):
    answers = [None if n in empty else value for n, value in enumerate(FIQR, start=1)]
    scored = ks.score_items(form("fiqr", answers), "fiqr")
    assert scored["aval"].item() == pytest.approx(expected, nan_ok=True)
    assert scored["scoring"].item() == how


@pytest.mark.parametrize(
    ("answers", "expected", "how"),
    [
        ([2, 1, 2, 1, 2, 1, 2, 1, None], 13.5, "prorated"),  # 12 / 8 x 9
        ([2, 2, 2, 2, 2, 2, 2, None, None], 18, "prorated"),
        ([2, 2, 2, 2, 2, 2, None, None, None], np.nan, "missing"),
    ],
)
def test_phq9_replaces_up_to_two_missing_answers_by_the_mean_of_the_others(answers, expected, how):
    scored = ks.score_items(form("phq9", answers), "phq9")
    assert scored["aval"].item() == pytest.approx(expected, nan_ok=True)
    assert scored["scoring"].item() == how
    assert scored["items_answered"].item() == 9 - answers.count(None)


def test_a_missing_answer_makes_the_total_missing_where_no_rule_is_published():
    for name in ("gad7", "stai_s", "qids_sr16", "wsas", "sds"):
        lowest = ks.instrument(name).facts["item_min"]
        answers = [lowest] * (len(item_names(name)) - 1) + [None]
        scored = ks.score_items(form(name, answers), name)
        assert np.isnan(scored["aval"].item()), name
        assert scored["scoring"].item() == "missing", name


@pytest.mark.parametrize(
    ("answered", "expected"),
    [(7, 3.0), (4, 3.0), (3, np.nan)],  # at least 4 of 7 (national pain collaboration)
)
def test_the_interference_scale_of_the_bpi_is_a_mean_of_at_least_four_answers(answered, expected):
    answers = [2, 4, 6, 8] + [3] * answered + [None] * (7 - answered)
    scored = ks.score_subscales(form("bpi", answers), "bpi")
    assert scored["severity"].item() == 5
    assert scored["interference"].item() == pytest.approx(expected, nan_ok=True)


def test_scoring_keeps_the_other_columns_and_leaves_the_input_as_it_was():
    forms = form("sds", [7, 8, 9]).assign(usubjid="1", afrlt=24.0)
    before = forms.copy()
    scored = ks.score_items(forms, "sds")
    assert scored.to_dict("records") == [
        {
            "usubjid": "1",
            "afrlt": 24.0,
            "paramcd": "sds",
            "aval": 24.0,
            "items_answered": 3,
            "scoring": "complete",
        }
    ]
    pd.testing.assert_frame_equal(forms, before)


def test_answers_that_cannot_be_are_refused_all_at_once_without_their_values():
    forms = pd.DataFrame({item: [1, 1, 1, 1] for item in item_names("gad7")}).astype(object)
    forms["item2"] = [1, "zebra", 87, 1]
    forms["item5"] = [0.5, 1, 1, -61]
    with pytest.raises(DataError) as caught:
        ks.score_items(forms, "gad7")
    found = {(p.column, p.code): p.rows for p in caught.value.problems}
    assert found == {
        ("item2", "not_a_number"): (2,),
        ("item2", "out_of_range"): (3,),
        ("item5", "out_of_range"): (1, 4),
    }
    assert "0 to 3" in str(caught.value)
    assert not [value for value in ("zebra", "87", "0.5", "61") if value in str(caught.value)]


def test_absent_item_columns_are_named_together():
    with pytest.raises(DataError, match=r"item6, item7: not in the table. GAD-7 needs item1"):
        ks.score_items(form("gad7", 1).drop(columns=["item6", "item7"]), "gad7")


@pytest.mark.parametrize("name", ["cssrs", "promis_anxiety", "bpi"])
def test_an_instrument_without_a_total_made_from_items_is_not_scored(name):
    with pytest.raises(UsageError, match="no total that can be made from items"):
        ks.score_items(pd.DataFrame({"item1": [1]}), name)


def test_a_scale_without_verified_subscale_items_has_no_subscale_scores():
    with pytest.raises(UsageError, match="verifies no subscale items"):
        ks.score_subscales(form("spin", 1), "spin")
