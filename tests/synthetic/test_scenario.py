import csv
import pickle
import time

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ketastats.errors import DataError, UsageError
from ketastats.provenance import sources_of
from ketastats.synthetic.parameters import CATALOGUE, MAY_BE_LEFT_OUT
from ketastats.synthetic.scenario import (
    COLUMNS,
    OVERLAYS,
    Scenario,
    load_scenario,
    shipped_scenarios,
)

# parameter, of, value
WHOLE = [
    ("age.mean", "", "45"),
    ("age.sd", "", "12"),
    ("female.share", "", "0.5"),
    ("weight.mean", "", "80"),
    ("weight.sd", "", "15"),
    ("failed.least", "", "2"),
    ("failed.further", "", "1"),
    ("site.count", "", "3"),
    ("entry.instrument", "", "madrs"),
    ("entry.score", "", "20"),
    ("expectancy.onset", "", "12"),
    ("expectancy.sd", "", "0.1"),
    ("gap.share", "", "0.05"),
    ("arm.share", "A", "1"),
    ("arm.treatment", "A", "ketamine"),
    ("arm.route", "A", "INTRAVENOUS"),
    ("arm.dose", "A", "0.5"),
    ("arm.doses", "A", "6"),
    ("arm.responders", "A", "0.6"),
    ("arm.gain", "A", "0.8"),
    ("arm.gain_sd", "A", "0.1"),
    ("arm.gain_other", "A", "0.1"),
    ("arm.gain_other_sd", "A", "0.1"),
    ("arm.onset", "A", "2"),
    ("arm.onset_spread", "A", "0.5"),
    ("arm.step", "A", "0.8"),
    ("arm.expectancy", "A", "0.1"),
    ("arm.leave", "A", "0.2"),
    ("score.mean", "madrs", "30"),
    ("score.sd", "madrs", "6"),
    ("score.reliability", "madrs", "0.9"),
    ("score.loading", "madrs", "0.8"),
    ("visit.hours", "Week 1", "168"),
    ("visit.hours", "24 h", "24"),
    ("diagnosis.share", "trd", "0.6"),
    ("diagnosis.share", "gad", "0.4"),
    ("event.hours", "Nausea", "2"),
    ("event.share", "A/Nausea", "0.1"),
]


def write(path, rows, header=COLUMNS):
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows([*row, *[""] * (len(header) - len(row))] for row in rows)
    return path


def with_row(*row):
    """The whole table with one row replaced, or added where it has none like it."""
    others = [old for old in WHOLE if old[:2] != row[:2]]
    return [*others, row]


def problems(source):
    with pytest.raises(DataError) as refused:
        load_scenario(source)
    return refused.value.problems


@pytest.fixture
def own(tmp_path):
    return load_scenario(write(tmp_path / "own.csv", WHOLE))


# What is loaded


@pytest.mark.parametrize("name", shipped_scenarios())
def test_a_shipped_scenario_says_something_about_every_parameter_that_applies(name):
    scenario = load_scenario(name)
    given_scopes = {CATALOGUE[parameter].scope for parameter, _ in scenario.values}
    for one in CATALOGUE.values():
        optional = "/" in one.scope or one.name in MAY_BE_LEFT_OUT
        if one.scope in given_scopes and not optional:
            for of in scenario.members(one.scope) if one.scope else [""]:
                assert (one.name, of) in scenario.values
    assert set(scenario.table.columns) == set(COLUMNS)
    assert len(scenario.table) == len(scenario.values)


def test_the_scenarios_that_are_promised_are_shipped():
    promised = {
        "ketamine_trd",
        "ketamine_clinic",
        "ketamine_anxiety",
        "ketamine_ptsd",
        "ketamine_routes",
        "chronic_pain",
        "conventional_anxiety",
        "antidepressant_trial",
    }
    assert set(shipped_scenarios()) == promised
    assert len({load_scenario(name).key for name in promised}) == len(promised)


def test_the_main_scenario_has_the_schedule_and_arms_of_the_brief():
    scenario = load_scenario("ketamine_trd")
    assert scenario.members("arm") == ("KETAMINE", "MIDAZOLAM", "CONVENTIONAL")
    assert scenario.members("instrument") == ("madrs", "ham_a", "sds", "who5")
    hours = [scenario.value("visit.hours", visit) for visit in scenario.members("visit")]
    assert hours == [4, 24, 72, 96, 168, 240, 336, 504, 672, 1008, 1344, 2016, 2688, 4032]
    assert scenario.members("visit")[5] == "Day 10"


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_no_scenario_by_itself_and_says_what_to_do(name):
    with pytest.raises(UsageError, match=f"'ketamine_trd {name}'"):
        load_scenario(name)
    assert load_scenario(f"ketamine_trd {name}").key != load_scenario("ketamine_trd").key


@pytest.mark.parametrize("name", ["ketamine_trd", "ketamine_anxiety", "ketamine_ptsd"])
def test_without_effect_both_infusion_arms_have_one_course_and_midazolam_in_trd_keeps_its_own(name):
    scenario = load_scenario(f"{name} no_effect")
    alike = [one.name for one in CATALOGUE.values() if one.scope == "arm"]
    for parameter in set(alike) - {"arm.treatment", "arm.dose"}:
        pair = [scenario.values[parameter, arm] for arm in ("KETAMINE", "MIDAZOLAM")]
        assert pair[0] == pair[1], parameter
    assert scenario.value("expectancy.guess") == 0
    plain = load_scenario("ketamine_trd")
    for parameter in set(alike) - {"arm.guess"}:
        if name == "ketamine_trd":
            kept = plain.values[parameter, "MIDAZOLAM"]
            assert scenario.values[parameter, "MIDAZOLAM"] == kept


def test_unseen_dropout_changes_nothing_but_leaving_and_gaps():
    plain, overlaid = load_scenario("ketamine_trd"), load_scenario("ketamine_trd unseen_dropout")
    assert overlaid.word("leave.depends_on") == "unseen"
    changed = {key for key, value in overlaid.values.items() if plain.values[key] != value}
    assert changed == {("leave.depends_on", ""), ("leave.log_odds", "")}


def test_a_scenario_is_returned_as_it_is(own):
    assert load_scenario(own) is own


def test_the_table_names_its_files(own):
    assert [source.name for source in sources_of(own.table)] == ["own.csv"]


def test_members_have_an_order_that_is_not_that_of_the_table(own):
    assert own.members("diagnosis") == ("trd", "gad")
    assert own.in_order("diagnosis") == ("gad", "trd")
    assert own.in_order("visit") == own.members("visit") == ("24 h", "Week 1")


def test_values_words_and_members_come_as_given(own):
    assert own.value("arm.responders", "A") == 0.6
    assert own.word("arm.route", "A") == "INTRAVENOUS"
    assert own.value("arm.fade", "A") == 1e6
    assert own.word("arm.daily", "A") == "no"
    assert own.members("visit") == ("24 h", "Week 1")
    assert own.members("diagnosis") == ("trd", "gad")
    assert own.members("arm/event") == ("A/Nausea",)
    assert own.members("medicine") == ()


def test_defaults_are_marked_as_such_and_only_given_where_they_apply(own):
    table = own.table
    defaults = table[table["source"] == "default"]
    assert set(defaults["parameter"]).isdisjoint({row[0] for row in WHOLE})
    assert not defaults["parameter"].str.startswith(("vital", "medicine")).any()


def test_asking_for_what_is_not_there_names_what_is(own):
    with pytest.raises(UsageError, match=r"did you mean 'arm\.responders'"):
        own.value("arm.responder", "A")
    with pytest.raises(UsageError, match=r"says nothing about arm\.responders of 'B'"):
        own.value("arm.responders", "B")
    with pytest.raises(UsageError, match=r"is no number; ask \.word"):
        own.value("arm.route", "A")
    with pytest.raises(UsageError, match=r"is no word; ask \.value"):
        own.word("arm.responders", "A")
    with pytest.raises(UsageError, match="did you mean 'arm'"):
        own.members("arms")
    with pytest.raises(UsageError, match="did you mean 'ketamine_trd'"):
        load_scenario("ketamine_tdr")
    with pytest.raises(UsageError, match="a name or a CSV file"):
        load_scenario(3)
    with pytest.raises(UsageError, match="no scenario called"):
        load_scenario("  ")


def test_it_cannot_be_changed_by_what_it_hands_out(own):
    table = own.table
    table["value"] = "0"
    assert set(own.table["value"]) != {"0"}
    with pytest.raises(TypeError):
        own.values["age.mean", ""] = 1
    with pytest.raises(AttributeError):
        own.name = "other"


def test_it_survives_pickling(own):
    again = pickle.loads(pickle.dumps(own))
    assert again == own
    assert again.values == own.values
    pd.testing.assert_frame_equal(again.table, own.table)


def test_the_sentence_says_how_much_there_is(own):
    assert str(own).startswith("Scenario 'own': 1 arm, 1 instrument, 2 visits, ")


# The key


def test_the_key_is_of_the_values_and_not_of_order_name_spelling_or_said_defaults(tmp_path, own):
    spelt = [(*row[:2], "0.60" if row[2] == "0.6" else row[2]) for row in reversed(WHOLE)]
    said = [*spelt, ("site.sd", "", "-0.0"), ("arm.daily", "A", "no")]
    other = load_scenario(write(tmp_path / "other.csv", said))
    assert other.key == own.key
    assert other == own
    assert hash(other) == hash(own)
    assert other.name != own.name
    assert len(own.key) == 16
    assert int(own.key, 16) >= 0


def test_every_changed_value_changes_the_key(own):
    keys = {own.key}
    # they change together with others only
    bound = {"diagnosis.share", "arm.dose_mg", "mediator.gain", "mediator.guess"}
    numbers = [
        key for key, value in own.values.items() if isinstance(value, float) and key[0] not in bound
    ]
    for name, of in numbers:
        kind = CATALOGUE[name].kind
        value = own.values[name, of]
        other = value / 2 if kind == "probability" and value else value + 1
        keys.add(own.changed({(name, of): 0.7 if kind == "probability" else other}).key)
    assert len(keys) == 1 + len(numbers)


# Changes


def test_a_change_has_two_spellings_and_leaves_the_scenario_alone(own):
    one = own.changed({"arm.responders[A]": 0.3, "site.count": 9})
    two = own.changed({("arm.responders", "A"): 0.3, ("site.count", ""): 9}, name="two")
    assert one == two
    assert one.value("arm.responders", "A") == 0.3
    assert own.value("arm.responders", "A") == 0.6
    assert (one.name, two.name) == ("own changed", "two")
    assert one.changed({"site.count": 3, "arm.responders[A]": 0.6}) == own


def test_none_brings_back_a_default(own):
    assert own.changed({"arm.fade[A]": 7}).changed({"arm.fade[A]": None}) == own


def test_emptying_what_makes_a_member_takes_all_of_it_away():
    scenario = load_scenario("ketamine_trd").changed({"arm.share[MIDAZOLAM]": None})
    assert scenario.members("arm") == ("KETAMINE", "CONVENTIONAL")
    assert not any("MIDAZOLAM" in of for _, of in scenario.values)
    without = scenario.changed({"event.hours[Nausea]": None, "score.mean[who5]": None})
    assert "Nausea" not in without.members("event")
    assert not any("Nausea" in pair for pair in without.members("arm/event"))
    assert "who5" not in without.members("instrument")


def test_members_can_be_added(own):
    more = own.changed({"visit.hours[Week 2]": 336, ("event.hours", "Headache"): 4})
    assert more.members("visit")[-1] == "Week 2"
    assert more.value("event.moderate", "Headache") == CATALOGUE["event.moderate"].default


def test_entry_may_be_left_out(own):
    free = own.changed({"entry.instrument": None, "entry.score": None})
    assert ("entry.score", "") not in free.values


def test_changes_are_refused_with_everything_wrong_in_them(own):
    changes = {"arm.responders[A]": 1.5, "arm.gain[B]": 0.1, "sites": 2, "age.sd": float("nan")}
    with pytest.raises(DataError) as refused:
        own.changed(changes)
    text = str(refused.value)
    for part in ("outside 0 to 1", "'B'", "'sites'", "not finite", "changes, value, row 1"):
        assert part in text
    with pytest.raises(DataError, match="a second row"):
        own.changed({"arm.gain[A]": 1, ("arm.gain", "A"): 2})
    with pytest.raises(DataError, match="text where a number is meant"):
        own.changed({"arm.gain[A]": True})
    with pytest.raises(UsageError, match="A change names"):
        own.changed({5: 1})


# Composition


def test_a_file_extends_tables_and_later_ones_win(tmp_path, own):
    write(tmp_path / "base.csv", WHOLE)
    write(tmp_path / "more.csv", [("site.count", "", "7"), ("age.mean", "", "50")])
    rows = [("extends", "", "base.csv more.csv"), ("age.mean", "", "60")]
    scenario = load_scenario(write(tmp_path / "mine.csv", rows))
    assert scenario == own.changed({"site.count": 7, "age.mean": 60})


def test_a_file_extends_shipped_tables(tmp_path):
    rows = [("extends", "", "ketamine_trd unseen_dropout"), ("site.count", "", "2")]
    scenario = load_scenario(str(write(tmp_path / "mine.csv", rows)))
    assert scenario == load_scenario("ketamine_trd unseen_dropout").changed({"site.count": 2})


def test_an_empty_value_takes_away_what_a_table_said(tmp_path, own):
    write(tmp_path / "base.csv", [*WHOLE, ("arm.fade", "A", "9"), ("visit.hours", "Day 5", "120")])
    rows = [("extends", "", "base.csv"), ("arm.fade", "A", ""), ("visit.hours", "Day 5", "")]
    assert load_scenario(write(tmp_path / "mine.csv", rows)) == own
    wrong = write(tmp_path / "mine.csv", [*rows, ("arm.fade", "B", "")])
    assert "nothing to take away" in str(problems(wrong)[0])


def test_a_loop_of_extends_is_refused(tmp_path):
    write(tmp_path / "one.csv", [("extends", "", "two.csv"), *WHOLE])
    write(tmp_path / "two.csv", [("extends", "", "one.csv")])
    assert "extends itself" in str(problems(tmp_path / "one.csv")[0])
    write(tmp_path / "self.csv", [("extends", "", "self.csv")])
    assert "extends itself" in str(problems(tmp_path / "self.csv")[0])


def test_what_is_extended_must_be_there(tmp_path):
    rows = [("extends", "", "ketamine_tdr gone.csv /etc/passwd.csv"), ("age.mean", "", "x")]
    text = "\n".join(map(str, problems(write(tmp_path / "mine.csv", rows))))
    assert "did you mean 'ketamine_trd'" in text
    assert "gone.csv: there is no such file" in text
    assert "no scenario called '/etc/passwd.csv'" in text
    assert "text where a number is meant" in text
    assert "not given" not in text  # which would only follow from what could not be read


def test_extends_stands_in_the_first_row_only(tmp_path):
    late = write(tmp_path / "late.csv", [*WHOLE, ("extends", "", "ketamine_trd")])
    assert "not in the first row" in str(problems(late)[0])
    empty = write(tmp_path / "empty.csv", [("extends", "", ""), *WHOLE])
    assert "extends names tables" in str(problems(empty)[0])


def test_doubling_by_extends_ends_at_the_limit(tmp_path):
    write(tmp_path / "t0.csv", WHOLE)
    for level in range(1, 30):
        below = f"t{level - 1}.csv"
        write(tmp_path / f"t{level}.csv", [("extends", "", f"{below} {below}")])
    started = time.process_time()
    assert any("rows in all" in str(one) for one in problems(tmp_path / "t29.csv"))
    assert time.process_time() - started < 10


# What is refused

BAD = [
    (("arm.responder", "A", "0.5"), "there is no parameter called 'arm.responder'; did you mean"),
    (("", "", "0.5"), "there is no parameter called ''"),
    (("arm.responders", "A", "1.2"), "arm.responders is outside 0 to 1"),
    (("arm.responders", "A", "-0.1"), "arm.responders is outside 0 to 1"),
    (("arm.gain_sd", "A", "-0.1"), "arm.gain_sd is below 0"),
    (("age.sd", "", "0"), "age.sd is not above 0"),
    (("age.sd", "", "-3"), "age.sd is not above 0"),
    (("age.mean", "", "old"), "age.mean is text where a number is meant"),
    (("age.mean", "", "4,5"), "age.mean is text where a number is meant"),
    (("age.mean", "", "1_0"), "age.mean is text where a number is meant"),
    (("age.mean", "", "45%"), "age.mean is text where a number is meant"),
    (("age.mean", "", "inf"), "age.mean is not finite"),
    (("age.mean", "", "NaN"), "age.mean is not finite"),
    (("age.mean", "", "1e999"), "age.mean is not finite"),
    (("arm.doses", "A", "2.5"), "arm.doses is not whole"),
    (("arm.share", "", "1"), "arm.share needs the name of an arm"),
    (("age.mean", "A", "1"), "age.mean belongs to the whole cohort, not to 'A'"),
    (("event.share", "A", "0.1"), "event.share needs the name of an arm and an event, with a /"),
    (("arm.share", "A/B", "1"), "arm.share needs the name of an arm"),
    (("event.share", "B/Nausea", "0.1"), "'B' is no arm of the scenario. Give its arm.share"),
    (("event.share", "A/Cough", "0.1"), "'Cough' is no event of the scenario"),
    (("event.severe", "Cough", "0.1"), "event.hours of 'Cough' is not given"),
    (("diagnosis.share", "gad", "0.3"), "the shares of the diagnoses sum to 0.9, not to 1"),
    (("score.mean", "madr", "3"), "no instrument with a total; did you mean 'madrs'?"),
    (("score.mean", "sysbp", "3"), "no instrument with a total"),
    (("score.mean", "cssrs", "3"), "no instrument with a total"),
    (("entry.instrument", "", "ham_a"), "'ham_a' is no instrument of the scenario"),
    (("visit.hours", "Day 1", "24.0"), "two visits at one hour"),
    (("visit.hours", "Day 1", "24.15"), "two visits at one hour"),
    (("visit.hours", "Late", "200000"), "visit.hours is above 175320"),
    (("drift.per_week", "", "1.1"), "drift.per_week is above 1"),
    (("entry.score", "", "61"), "entry.score is outside the scale, 0 to 60"),
    (("entry.score", "", "-1"), "entry.score is outside the scale, 0 to 60"),
    (("vital.mean", "spo2", "97"), "vital signs are sysbp, diabp, pulse"),
    (("leave.depends_on", "", "both"), "leave.depends_on is seen or unseen, not 'both'"),
    (("arm.daily", "A", "maybe"), "arm.daily is yes or no, not 'maybe'"),
    (("arm.daily", "A", "yes"), "arm.doses is 1 for a daily medicine"),
    (("arm.dose_mg", "A", "50"), "a dose by weight and a fixed one for one arm"),
    (("checks.hours", "", "2 1 4"), "checks.hours needs hours above 0 that rise"),
    (("checks.hours", "", "0 1"), "checks.hours needs hours above 0 that rise"),
    (("checks.hours", "", "1 two"), "checks.hours needs hours above 0 that rise"),
    (("checks.hours", "", "1 1"), "checks.hours needs hours above 0 that rise"),
    (("age.mean", "", "45", "months"), "age.mean is given in years"),
    (("arm.gain", "A", "0.5", "%"), "arm.gain is given without a unit"),
    (("site.sd", "", "0.1", "", "default"), "though its source says default"),
    (("arm.treatment", "A", "=1+1"), "arm.treatment is no word"),
    (("visit.hours", "=1+1", "30"), "visit.hours belongs to '=1+1', which is no name"),
    (("visit.hours", "x" * 81, "30"), "which is no name"),
]


@pytest.mark.parametrize(("row", "sentence"), BAD, ids=[f"{row[0]} {row[2]}" for row, _ in BAD])
def test_a_bad_row_is_refused_with_its_number(tmp_path, row, sentence):
    rows = with_row(*row)
    found = [one for one in problems(write(tmp_path / "bad.csv", rows)) if sentence in str(one)]
    assert len(found) == 1
    between_rows = sentence.startswith(("the shares", "event.hours", "arm.doses is 1"))
    assert between_rows or found[0].rows == (len(rows),)


def test_all_bad_rows_are_refused_at_once(tmp_path):
    new = [(row, sentence) for row, sentence in BAD if row[:2] not in {old[:2] for old in WHOLE}]
    rows = [*WHOLE, *{row[:2]: row for row, _ in new}.values()]
    text = "\n".join(map(str, problems(write(tmp_path / "bad.csv", rows))))
    kept = [sentence for row, sentence in new if row in rows and "no event" not in sentence]
    assert len(kept) > 15
    assert [sentence for sentence in kept if sentence not in text] == []


@pytest.mark.parametrize(
    "row", [row for row in WHOLE if row[0] not in ("event.share", "visit.hours", "arm.dose")]
)
def test_what_is_needed_and_not_given_is_named(tmp_path, row):
    rows = [old for old in WHOLE if old != row]
    text = "\n".join(map(str, problems(write(tmp_path / "less.csv", rows))))
    others = {
        "entry": "stands alone",
        "diagnosis": "shares of the diagnoses",
        "event": "is no event",
    }
    scope = row[0].partition(".")[0]
    assert others.get(scope, f"{row[0]}{f' of {row[1]!r}' if row[1] else ''} is not given") in text


@pytest.mark.parametrize("scope", ["arm", "score", "visit", "diagnosis"])
def test_a_scenario_without_arms_scales_visits_or_diagnoses_is_refused(tmp_path, scope):
    rows = [row for row in WHOLE if not row[0].startswith(scope)]
    word = {"score": "instrument"}.get(scope, scope)
    found = problems(write(tmp_path / "less.csv", rows))
    assert any(f"there is no {word}" in str(one) for one in found)


def test_a_second_row_for_one_parameter_and_member_is_refused(tmp_path):
    found = problems(write(tmp_path / "twice.csv", [*WHOLE, ("age.mean", "", "45")]))
    assert str(found[0]).startswith(f"twice.csv, parameter, row {len(WHOLE) + 1}: a second row")


def test_a_source_may_be_left_out_of_ones_own_file_and_not_of_a_shipped_one(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "synthetic" / "scenarios"
    folder.mkdir(parents=True)
    own_file = write(folder / "own.csv", WHOLE)
    assert load_scenario(own_file)
    monkeypatch.setattr(
        "ketastats.synthetic.scenario.shipped", lambda *parts: tmp_path.joinpath(*parts)
    )
    found = problems(own_file)
    assert [(one.column, one.n_bad) for one in found] == [("source", len(WHOLE))]


def test_files_that_are_no_table_are_refused(tmp_path):
    (tmp_path / "latin.csv").write_bytes(
        "parameter,of,value\nvisit.hours,Wöche,1".encode("latin-1")
    )
    (tmp_path / "nothing.csv").write_bytes(b"")
    (tmp_path / "header.csv").write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    (tmp_path / "ragged.csv").write_text("parameter,of,value\na,b,c,d\n", encoding="utf-8")
    (tmp_path / "zero.csv").write_bytes(b"\x00" * 500)
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    write(tmp_path / "columns.csv", [("age.mean", "45")], header=("parameter", "value"))
    for name, sentence in {
        "latin.csv": "not UTF-8 text",
        "nothing.csv": "empty",
        "header.csv": "there is no arm",
        "ragged.csv": "has 4 cells and the header 3",
        "zero.csv": "zero.csv",
        "columns.csv": "columns.csv, of, unit, source, note: not in the table",
        "gone.csv": "there is no such file",
    }.items():
        assert sentence in "\n".join(map(str, problems(tmp_path / name))), name
    assert "not a CSV file" in str(problems(tmp_path / "table.xlsx")[0])


def test_a_huge_file_is_refused_before_it_is_judged(tmp_path):
    rows = [("visit.hours", f"Hour {at}", str(at + 1)) for at in range(100_001)]
    assert "more than 100,000 rows" in str(problems(write(tmp_path / "huge.csv", rows))[0])
    with (tmp_path / "vast.csv").open("wb") as stream:
        stream.truncate(60_000_000)
    assert "larger than 50,000,000 bytes" in str(problems(tmp_path / "vast.csv")[0])


def test_a_large_file_full_of_faults_is_judged_in_seconds_and_a_few_sentences(tmp_path):
    rows = [(f"arm.gian{at}", "A", "1") for at in range(40_000)]
    rows += [("visit.hours", f"Hour {at}", "24") for at in range(50_000)]
    started = time.process_time()
    found = problems(write(tmp_path / "faults.csv", rows))
    assert time.process_time() - started < 8
    assert len(found) < 60
    assert max(len(one.rows) for one in found) <= 5
    assert max(one.n_bad for one in found) > 39_000


HOSTILE = [
    "\x1b[31mred",
    "a\nb",
    "<script>alert(1)</script>",
    "__import__('os').system('true')",
    "{self.__class__}",
    "%s%s%n",
    "\u202egnp.exe",
    "'; DROP TABLE arms; --",
    "../../etc/passwd",
    "=HYPERLINK(1)",
    "x" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_quoted_escaped_and_short(tmp_path, text):
    rows = [*WHOLE, (text, "", "1"), ("age.mean", text, "1"), ("score.mean", text, "1")]
    rows += [("leave.depends_on", "", text), ("visit.hours", text, text), ("extends", "", text)]
    message = str(DataError("", problems(write(tmp_path / "hostile.csv", rows))))
    assert all(line.isprintable() for line in message.split("\n"))
    assert repr(text[:40])[1:-1] in message
    assert len(message) < 3_000


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.dictionaries(
        st.tuples(
            st.sampled_from(sorted(CATALOGUE)) | st.text(), st.sampled_from(["", "A"]) | st.text()
        ),
        st.none() | st.floats() | st.text(),
        max_size=4,
    )
)
def test_any_change_gives_a_scenario_or_problems(own, changes):
    try:
        other = own.changed(changes)
    except DataError:  # what it says is tested above
        return
    assert isinstance(other, Scenario)
    assert other.changed({}) == other
    assert other.members("arm")
    assert sum(
        other.value("diagnosis.share", one) for one in other.members("diagnosis")
    ) == pytest.approx(1)
