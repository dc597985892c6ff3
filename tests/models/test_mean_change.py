"""Standardised mean changes from rows and from printed numbers: metafor, and what must hold on any data."""

import math

import numpy as np
import pandas as pd
import pytest
from references import read_reference

import ketastats as ks


def trial(n: int = 40, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    base = rng.normal(22, 4, n)
    arm = np.where(np.arange(n) % 2, "ketamine", "midazolam")
    chg = -0.4 * (base - 22) - 5 - 3 * (arm == "ketamine") + rng.normal(0, 4, n)
    ids = [f"s{k:03d}" for k in range(n)]
    return pd.DataFrame({"usubjid": ids, "trt01a": arm, "base": base, "chg": chg})


def by_measure(result: ks.StandardizedMeanChange) -> pd.DataFrame:
    return result.to_frame().set_index("measure")


@pytest.mark.parametrize("case", list(read_reference("standardised_change").itertuples()))
def test_printed_numbers_give_what_metafor_gives(case):
    found = by_measure(
        ks.published_mean_change(
            case.change,
            case.sd_start,
            case.n,
            sd_change=case.sd_change,
            correlation=case.correlation,
        )
    )
    raw = found.loc["change_in_sd_at_baseline"]
    assert raw["estimate"] == pytest.approx(case.raw, rel=1e-9)
    half = 1.959963984540054 * math.sqrt(case.raw_variance)
    assert raw["conf_high"] - raw["estimate"] == pytest.approx(half, rel=1e-9)
    assert found.loc["change_in_sd_of_change", "estimate"] == pytest.approx(
        case.of_change, rel=1e-9
    )


def test_rows_and_the_numbers_a_paper_would_print_of_them_agree():
    data = trial()
    end = data["base"] + data["chg"]
    printed = ks.published_mean_change(
        data["chg"].mean(),
        data["base"].std(),
        len(data),
        sd_end=end.std(),
        sd_change=data["chg"].std(),
    ).to_frame()
    ours = ks.standardized_mean_change(data).to_frame()
    numbers = ["estimate", "conf_low", "conf_high", "divisor"]
    pd.testing.assert_frame_equal(ours[numbers], printed[numbers], rtol=1e-9)
    assert printed["correlation"].iloc[0] == pytest.approx(np.corrcoef(data["base"], end)[0, 1])


def test_against_a_control_the_numbers_a_paper_would_print_give_the_same():
    data = trial()
    ours = ks.standardized_mean_change(data, arm="ketamine", reference="midazolam").to_frame()
    summaries = [
        (held["chg"].mean(), held["base"].std(), len(held))
        for held in (data[data["trt01a"] == name] for name in ("ketamine", "midazolam"))
    ]
    printed = ks.published_mean_change(
        *summaries[0], control=summaries[1], correlation=ours["correlation"].iloc[0]
    ).to_frame()
    numbers = ["estimate", "conf_low", "conf_high", "divisor", "n"]
    pd.testing.assert_frame_equal(ours[numbers], printed[numbers])
    assert ours["estimate"].iloc[0] < 0


def test_an_unknown_correlation_gives_a_band_and_no_guess():
    known = [
        by_measure(ks.published_mean_change(-8, 5, 20, sd_end=6, correlation=r))
        for r in (0.0, 0.25, 0.5, 0.75, 0.9)
    ]
    band = ks.published_mean_change(-8, 5, 20, sd_end=6)
    together = by_measure(band)
    for measure in ("change_in_sd_at_baseline", "change_in_sd_of_change"):
        for column in ("estimate", "conf_low", "conf_high"):
            each = [one.loc[measure, column] for one in known]
            assert together.loc[measure, column].tolist() == pytest.approx(each)
    raw = together.loc["change_in_sd_at_baseline"]
    assert f"{raw['conf_low'].min():.2f}".replace("-", "−") in str(band)
    assert "0.00 to 0.90, since it is not known" in str(band)


def test_a_stronger_correlation_narrows_limits_in_sds_at_baseline():
    raw = by_measure(ks.published_mean_change(-8, 5, 20)).loc["change_in_sd_at_baseline"]
    widths = (raw["conf_high"] - raw["conf_low"]).to_numpy()
    assert (np.diff(widths) < 0).all()
    assert raw["estimate"].nunique() == 1


def test_without_a_way_to_the_sd_of_change_there_is_no_row_of_it():
    found = ks.published_mean_change(-8, 5, 20).to_frame()
    assert set(found["measure"]) == {"change_in_sd_at_baseline"}


def test_another_unit_changes_nothing_and_another_sign_mirrors():
    data = trial()
    ours = ks.standardized_mean_change(data).to_frame()
    minutes = data.assign(chg=data["chg"] * 60, base=data["base"] * 60)
    mirrored = data.assign(chg=-data["chg"], base=-data["base"])
    numbers = ["estimate", "conf_low", "conf_high"]
    pd.testing.assert_frame_equal(
        ks.standardized_mean_change(minutes).to_frame()[numbers], ours[numbers]
    )
    flipped = ks.standardized_mean_change(mirrored).to_frame()
    assert flipped["conf_low"].to_numpy() == pytest.approx(-ours["conf_high"].to_numpy())


def test_one_arm_is_said_to_be_no_effect_and_those_left_out_are_counted():
    data = trial()
    data.loc[3, "chg"] = np.nan
    result = ks.standardized_mean_change(data, arm="ketamine", missing="observed")
    assert any("not the effect" in note for note in result.notes)
    assert any(note.startswith("1 without") for note in result.notes)
    assert result.to_frame()["n"].tolist() == [19, 19]


def test_limits_in_sds_of_the_change_cover_as_often_as_they_say():
    rng = np.random.default_rng(3)
    truth, covered, times = -1.2, 0, 1_500
    for _ in range(times):
        changes = rng.normal(truth, 1, 14)
        found = ks.published_mean_change(
            float(changes.mean()), 1.0, 14, sd_change=float(changes.std(ddof=1)), correlation=0.5
        ).to_frame()
        row = found[found["measure"] == "change_in_sd_of_change"].iloc[0]
        # limits carry Hedges' factor; what they cover is the population value times it
        factor = row["estimate"] / (changes.mean() / changes.std(ddof=1))
        covered += row["conf_low"] <= factor * truth <= row["conf_high"]
    assert covered / times == pytest.approx(0.95, abs=0.017)  # three standard errors


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sd_baseline": 0}, "sd_baseline must be a number above 0"),
        ({"n": 1}, "n must be a whole number of at least 2"),
        ({"n": 2.5}, "n must be a whole number"),
        ({"change": math.nan}, "change must be a finite number"),
        ({"correlation": 1.0}, "correlation must lie between"),
        ({"sd_end": 6, "sd_change": 12}, "sd_change must lie between"),
        ({"sd_end": 6, "sd_change": 5, "correlation": 0.2}, "tell the correlation"),
        ({"control": (1, 2)}, "control is"),
        ({"control": (1, -2, 10)}, "control sd_baseline"),
        ({"sd_end": "6"}, "sd_end must be a number"),
    ],
)
def test_impossible_printed_numbers_are_refused(options, said):
    with pytest.raises(ks.UsageError, match=said):
        ks.published_mean_change(**{"change": -8, "sd_baseline": 5, "n": 20, **options})


def test_all_impossible_numbers_are_named_at_once():
    with pytest.raises(ks.UsageError, match=r"sd_baseline.*n must"):
        ks.published_mean_change(-8, -1, 0)


def test_bad_tables_are_refused():
    data = trial()
    with pytest.raises(ks.DataError, match="second row"):
        ks.standardized_mean_change(pd.concat([data, data.head(1)], ignore_index=True))
    with pytest.raises(ks.DataError, match="chg"):
        ks.standardized_mean_change(data.assign(chg="better"))
    with pytest.raises(ks.DataError, match="base"):
        ks.standardized_mean_change(data.assign(base=np.nan))
    for few in (data.head(1), data.head(0), data.assign(chg=np.nan)):
        with pytest.raises(ks.UsageError, match="Fewer than two"):
            ks.standardized_mean_change(few, missing="observed")
    with pytest.raises(ks.UsageError, match="all alike"):
        ks.standardized_mean_change(data.assign(base=20.0))
    with pytest.raises(ks.UsageError, match="cannot be standardised"):
        ks.standardized_mean_change(data.assign(chg=-0.1))
    with pytest.raises(ks.UsageError, match="reference= needs arm="):
        ks.standardized_mean_change(data, reference="midazolam")
    with pytest.raises(ks.UsageError, match="with itself"):
        ks.standardized_mean_change(data, arm="ketamine", reference="ketamine")
    with pytest.raises(ks.UsageError, match="ketamin"):
        ks.standardized_mean_change(data, arm="ketamin")
