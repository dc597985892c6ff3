import hashlib
import json
import shutil

import pytest

import ketastats as ks
from ketastats.errors import LockedError, PrivacyError
from ketastats.reporting.execution import CellError
from ketastats.reporting.publication import locked
from ketastats.reporting.report import SYNTHETIC, build_report

FLOW = "import ketastats as ks\nks.participant_flow(ks.load_cohort(COHORT))"


@pytest.fixture(scope="session")
def published(write_notebook, tmp_path_factory):
    """A small notebook and the place where it was published once."""
    folder = tmp_path_factory.mktemp("small")
    path = write_notebook(folder / "small.ipynb", "LEVEL", parameters="LEVEL: float = 0.9")
    return path, build_report(out=folder / "out", notebook=path)


@pytest.fixture
def copy(published, tmp_path):
    """A copy of that place to change, with a function that builds there again."""
    path, report = published
    place = tmp_path / "out" / "small"
    shutil.copytree(report.folder.parents[1], place, symlinks=True)

    def build(**options):
        return build_report(out=tmp_path / "out", notebook=path, **options)

    return place, build


@pytest.fixture
def write_cohort(tmp_path):
    def write(provenance):
        folder = tmp_path / f"{provenance}_cohort"
        folder.mkdir()
        subjects = "".join(f"s{i},A,gad\n" for i in range(8))
        scores = "".join(f"s{i},ham_a,Week 6,1008,{10 + i}\n" for i in range(8))
        (folder / "subjects.csv").write_text("usubjid,trt01a,diagnosis\n" + subjects)
        (folder / "scores.csv").write_text("usubjid,paramcd,avisit,afrlt,aval\n" + scores)
        (folder / "cohort.toml").write_text(f'provenance = "{provenance}"\n')
        return folder

    return write


def test_the_shipped_notebook_becomes_a_whole_report(shipped_report):
    names = {path.name for path in shipped_report.folder.iterdir()}
    files = {"notebook.ipynb", "report.html", "report.pdf", "results.csv", "results.json"}
    assert names == {*files, "manifest.json"}
    assert shipped_report.changed
    assert (shipped_report.folder / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_the_manifest_says_what_the_report_was_made_from(shipped_report):
    manifest = json.loads((shipped_report.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["answer"] == ks.judge("conventional-relief-30-40").reason
    assert manifest["parameters"]["ARM"] == "DRUG"
    assert manifest["version"] == ks.__version__
    assert "no medical advice" in manifest["disclaimer"]
    for name, digest in manifest["files"].items():
        content = (shipped_report.folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest


def test_an_own_notebook_without_data_runs_each_time(copy):
    """What it reads by itself is not known beforehand, so nothing can be said to be unchanged."""
    place, build = copy
    again = build()
    assert again.changed
    assert len(list((place / "runs").iterdir())) == 2


def test_the_shipped_report_is_not_made_again_while_nothing_changed(shipped_report):
    again = build_report(out=shipped_report.folder.parents[2])
    assert not again.changed
    assert again.folder == shipped_report.folder


def test_force_makes_an_unchanged_report_again_with_the_same_pdf(copy):
    place, build = copy
    before = (place / "latest" / "report.pdf").read_bytes()
    again = build(force=True)
    assert again.changed
    assert len(list((place / "runs").iterdir())) == 2
    assert (again.folder / "report.pdf").read_bytes() == before


def test_another_parameter_makes_another_report(copy):
    place, build = copy
    again = build(parameters={"LEVEL": "0.8"})
    assert again.changed
    assert "0.8" in (place / "latest" / "report.html").read_text(encoding="utf-8")


def test_a_latest_report_without_its_pdf_is_made_again(copy):
    place, build = copy
    (place / "latest" / "report.pdf").unlink()
    assert build().changed
    assert (place / "latest" / "report.pdf").is_file()


def test_a_place_held_by_another_run_is_refused(copy):
    place, build = copy
    with locked(place), pytest.raises(LockedError):
        build()


def test_a_failed_run_leaves_the_latest_and_keeps_what_it_got_to(copy, write_notebook):
    place, _ = copy
    before = {p.name: p.read_bytes() for p in (place / "latest").iterdir()}
    broken = write_notebook(place.parents[1] / "small.ipynb", "print('so far')", "1 / 0")
    with pytest.raises(CellError) as caught:
        build_report(out=place.parent, notebook=broken)
    assert {p.name: p.read_bytes() for p in (place / "latest").iterdir()} == before
    (failure,) = (place / "failed").iterdir()
    error = json.loads((failure / "error.json").read_text(encoding="utf-8"))
    assert (error["cell"], error["error"]) == (3, "ZeroDivisionError")
    assert "so far" in (failure / "notebook.ipynb").read_text(encoding="utf-8")
    assert str(failure) in "".join(caught.value.__notes__)
    assert list(place.rglob(".tmp-*")) == []


def test_a_private_cohort_has_no_report_and_nothing_is_written(
    write_cohort, write_notebook, tmp_path
):
    path = write_notebook(tmp_path / "flow.ipynb", FLOW, parameters='COHORT: str = ""')
    with pytest.raises(PrivacyError, match="private"):
        build_report(write_cohort("private"), tmp_path / "out", notebook=path)
    assert not (tmp_path / "out").exists()


def test_a_private_cohort_has_no_report_when_it_is_named_as_a_parameter(
    write_cohort, write_notebook, tmp_path
):
    path = write_notebook(tmp_path / "flow.ipynb", FLOW, parameters='COHORT: str = ""')
    given = {"COHORT": str(write_cohort("private"))}
    with pytest.raises(PrivacyError, match="private"):
        build_report(out=tmp_path / "out", notebook=path, parameters=given)


@pytest.fixture
def synthetic_report(write_cohort, write_notebook, tmp_path):
    path = write_notebook(tmp_path / "flow.ipynb", FLOW, parameters='COHORT: str = ""')
    return build_report(write_cohort("synthetic"), tmp_path / "out", notebook=path)


def test_a_report_on_a_cohort_says_what_it_is_and_not_where_it_lay(synthetic_report, tmp_path):
    html = (synthetic_report.folder / "report.html").read_text(encoding="utf-8")
    assert f'<p class="banner">{SYNTHETIC}</p>' in html
    assert {s["name"] for s in synthetic_report.manifest["sources"]} == {
        "scores.csv",
        "subjects.csv",
    }
    text = [path.read_bytes() for path in synthetic_report.folder.iterdir()]
    assert [1 for content in text if str(tmp_path).encode() in content] == []


def test_a_changed_cohort_makes_another_report(write_cohort, write_notebook, tmp_path):
    path = write_notebook(tmp_path / "flow.ipynb", "COHORT", parameters='COHORT: str = ""')
    cohort = write_cohort("public")
    build_report(cohort, tmp_path / "out", notebook=path)
    scores = cohort / "scores.csv"
    scores.write_text(scores.read_text().replace("1008,10", "1008,11"))
    assert build_report(cohort, tmp_path / "out", notebook=path).changed


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff\xfe", b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}'],
)
def test_a_file_that_is_no_notebook_is_refused_in_words(tmp_path, content):
    path = tmp_path / "n.ipynb"
    path.write_bytes(content)
    with pytest.raises(ks.UsageError, match="not a Jupyter notebook"):
        build_report(out=tmp_path / "out", notebook=path)


def test_an_unknown_notebook_names_the_nearest_one(tmp_path):
    with pytest.raises(ks.UsageError, match="did you mean 'conventional_relief'"):
        build_report(out=tmp_path, notebook="conventional_relif")
