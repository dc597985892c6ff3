import subprocess
import sys

import pytest

import ketastats as ks

PROMISED = (
    "Cohort",
    "build_report",
    "derive_baseline",
    "derive_change",
    "derive_relapse",
    "derive_relief",
    "derive_remission",
    "derive_response",
    "instrument",
    "judge",
    "load_claims",
    "load_cohort",
    "load_evidence",
    "mmrm",
    "pool_rates",
    "rate_difference",
    "reference_based",
    "relief_regression",
    "relief_test",
    "response_rate",
    "score_items",
    "select_visit",
    "time_to_relief",
    "tipping_point",
)
HEAVY = ("duckdb", "matplotlib", "nbclient", "pandas", "scipy", "statsmodels")


def modules_after(code: str) -> set[str]:
    """Names of the heavy modules that are loaded once `code` has run in a fresh interpreter."""
    ending = f"; import sys; print('loaded:', *(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code + ending], capture_output=True, text=True, check=True
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_every_public_name_leads_to_an_object_of_that_name():
    found = {name: getattr(ks, name) for name in ks.__all__}
    assert [n for n, thing in found.items() if getattr(thing, "__name__", n) != n] == []


def test_the_names_that_outside_scripts_rely_on_are_public():
    assert set(PROMISED) <= set(ks.__all__)


def test_importing_the_package_loads_nothing_heavy():
    assert modules_after("import ketastats") == set()


def test_the_check_for_heavy_modules_sees_them_when_they_are_loaded():
    assert "pandas" in modules_after("import ketastats; ketastats.response_rate")


def test_the_help_of_the_command_line_loads_nothing_heavy():
    code = "from click.testing import CliRunner; from ketastats.cli import cli; "
    code += "assert CliRunner().invoke(cli, ['--help']).exit_code == 0"
    assert modules_after(code) == set()


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="respons_rate"):
        _ = ks.respons_rate


def test_dir_lists_every_public_name():
    assert set(ks.__all__) <= set(dir(ks))
