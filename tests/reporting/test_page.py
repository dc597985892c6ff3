import base64
from html.parser import HTMLParser

import pytest

from ketastats.reporting.document import Answer, Document, Drawing, PlainOutput, Prose, ResultTable
from ketastats.reporting.page import render_page

HOSTILE = '<script>alert("1")</script>'
ABOUT = {
    "version": "0",
    "date": "2024-05-06",
    "disclaimer": "No advice.",
    "sources": [{"name": HOSTILE, "sha256": "ab" * 32}],
}
VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Elements in order with their attributes, the text, and whether every element is closed."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self.open, self.balanced = [], [], [], True
        self.feed(html)
        self.close()
        self.balanced = self.balanced and not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        self.balanced = self.balanced and bool(self.open) and self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def shipped_html(shipped_report):
    return (shipped_report.folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile():
    table = {
        "sentence": HOSTILE,
        "display": {"columns": [HOSTILE, "b"], "rows": [[HOSTILE, HOSTILE]]},
        "notes": [HOSTILE],
    }
    blocks = (
        Prose(f"{HOSTILE} *kept* [x](javascript:alert(1))\n\n<div onclick=x>raw</div>"),
        Answer(HOSTILE, HOSTILE),
        ResultTable(table, f"<table>{HOSTILE}</table>"),
        Drawing("<svg/>", f'"{HOSTILE}', HOSTILE),
        PlainOutput(HOSTILE),
    )
    return render_page(Document(HOSTILE, blocks), about=ABOUT, banner=HOSTILE)


def test_the_page_is_whole_and_every_element_is_closed(shipped_html, hostile):
    for html in (shipped_html, hostile):
        assert html.startswith("<!doctype html>")
        assert Page(html).balanced


def test_the_page_has_no_script_no_handler_and_no_address(shipped_html):
    page = Page(shipped_html)
    assert page.all("script") == []
    assert [a for _, attrs in page.elements for a in attrs if a.startswith("on")] == []
    assert "http://" not in shipped_html
    assert "https://" not in shipped_html


def test_the_page_forbids_everything_from_outside(shipped_html):
    first = Page(shipped_html).all("meta")[1]
    assert first["http-equiv"] == "Content-Security-Policy"
    assert first["content"].startswith("default-src 'none'; img-src data:")


def test_every_figure_is_inside_the_page_and_has_words(shipped_html):
    images = Page(shipped_html).all("img")
    assert len(images) == 3
    for image in images:
        assert len(image["alt"]) > 40
        head, _, data = image["src"].partition(",")
        assert head == "data:image/svg+xml;base64"
        assert b"<svg" in base64.b64decode(data)


def test_the_title_comes_first_and_the_answer_next(shipped_html):
    tags = [tag for tag, _ in Page(shipped_html).elements]
    after = tags[tags.index("main") + 1 :]
    assert after[:2] == ["h1", "p"]
    assert shipped_html.index("<h1>") < shipped_html.index('class="answer"')
    assert shipped_html.count("<h1>") == 1


def test_headings_of_tables_say_what_they_head(shipped_html):
    page = Page(shipped_html)
    assert len(page.all("table")) > 4
    assert {attrs.get("scope") for attrs in page.all("th")} == {"col", "row"}


def test_hostile_text_is_shown_and_not_obeyed(hostile):
    page = Page(hostile)
    assert page.all("script") == []
    assert page.all("div") == [{"class": "scroll"}]
    assert [a for a in page.all("a") if a["href"].startswith("javascript")] == []
    assert page.all("img")[0]["alt"] == f'"{HOSTILE}'
    assert hostile.count("&lt;script&gt;") >= 10


def test_a_banner_stands_between_the_title_and_the_rest():
    html = render_page(Document("T", (Prose("Text."),)), about=ABOUT, banner="Synthetic data.")
    assert html.index("<h1>") < html.index("Synthetic data.") < html.index("Text.")
    assert 'class="banner"' not in render_page(Document("T", ()), about=ABOUT)
