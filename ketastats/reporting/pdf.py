"""A document as a PDF, typeset from the same results, not from the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import mistune

from ketastats.errors import NotebookError
from ketastats.reporting.document import Answer, Block, Document, Drawing, Prose, ResultTable

_PREAMBLE = """
#let doc = json("document.json")
#set document(title: doc.title, author: "ketastats", date: none)
#set page(paper: "a4", margin: (x: 2.1cm, y: 2.2cm), footer: context [
  #set text(size: 8pt, fill: luma(90))
  #doc.short #h(1fr) #counter(page).display("1 / 1", both: true)])
#set text(font: "Libertinus Serif", size: 10.5pt, lang: "en")
#set par(justify: false, leading: 0.62em)
#show heading.where(level: 1): set text(size: 19pt)
#show heading.where(level: 2): it => block(
  above: 1.5em, below: 0.7em, text(size: 13pt, it.body))
#set table(stroke: none, inset: (x: 0pt, y: 3.2pt))
#let badge(word) = box(
  stroke: 1pt, inset: (x: 4pt, y: 2pt), radius: 2pt, baseline: 2pt,
  text(weight: "bold", size: 9pt, upper(word)))
#let answer(word, body, beside) = block(
  inset: (left: 10pt, y: 2pt), below: 1.2em,
  stroke: (left: if beside { 1pt + luma(110) } else { 3pt + rgb("#0072b2") }))[
  #if word != "" [#badge(word) #h(3pt)]
  #text(size: if beside { 9.5pt } else { 11.5pt }, body)]
#let results(data) = block(above: 1em, below: 1em)[
  #set text(size: 9pt)
  #if data.caption != "" [#text(weight: "bold", data.caption) #v(2pt)]
  #table(
    columns: data.widths.map(w => w * 1fr), column-gutter: 8pt,
    table.header(..data.columns.map(c => text(weight: "bold", c))),
    table.hline(stroke: 0.8pt),
    ..data.rows.map(
      r => r.map(c => [#c]) + (table.hline(stroke: 0.3pt + luma(180)),)).flatten())
  #for note in data.notes [#text(size: 8pt, fill: luma(70), note) \\ ]]
"""


_WIDEST, _TALLEST = 12.4, 13.5  # centimetres
_CONTROL = re.compile(r"\\u00(?:0[0-8bcefBCEF]|1[0-9a-fA-F]|7f|9[0-9a-fA-F]|8[0-9a-fA-F])")
"""Control characters as JSON escapes: a terminal's colours have no place on paper."""


def render_pdf(
    document: Document, *, about: dict[str, Any], workspace: Path, banner: str = ""
) -> bytes:
    """Typeset the document and return the bytes of a PDF/UA-1 file: figures without words fail.

    Parameters
    ----------
    workspace : Path
        An empty folder for the source and its figures; the caller removes it.
    """
    source, data = [_PREAMBLE, "= #doc.title\n"], _front_matter(document, about, banner)
    markdown = _Markdown(data["blocks"])
    if banner:
        source.append('#block(fill: rgb("#fff4d6"), inset: 6pt, radius: 2pt, doc.banner)\n')
    for index, block in enumerate(document.blocks):
        source.append(_render(block, index, data, workspace, markdown))
    source.append(
        "#v(1.2em)\n#line(length: 100%, stroke: 0.4pt)\n#text(size: 8.5pt, fill: luma(70))[#doc.disclaimer "
        "Made on #doc.date by ketastats #doc.version#doc.from. Every number, unrounded, with its "
        "method and the file behind it, is in results.csv.]\n"
    )
    content = _CONTROL.sub("", json.dumps(data))
    (workspace / "document.json").write_text(content, encoding="utf-8")
    (workspace / "document.typ").write_text("\n".join(source), encoding="utf-8")
    try:
        return _compile(workspace, accessible=True)
    except NotebookError as error:
        # Text that the font cannot show makes no accessible PDF; it is still better than none.
        if "could not be displayed" not in str(error):
            raise
    return _compile(workspace, accessible=False)


def _compile(workspace: Path, *, accessible: bool) -> bytes:
    import typst

    try:
        compiled: bytes = typst.compile(
            str(workspace / "document.typ"),
            root=str(workspace),
            ignore_system_fonts=True,
            pdf_standards="ua-1" if accessible else None,
        )
    except typst.TypstError as error:
        reason = str(error).splitlines()[0]
        raise NotebookError(f"The PDF could not be typeset: {reason}") from None
    return compiled


def _front_matter(document: Document, about: dict[str, Any], banner: str) -> dict[str, Any]:
    named = [f"{s['name']} (SHA-256 {s['sha256'][:16]}…)" for s in about["sources"]]
    return {
        "title": document.title,
        "short": document.title[:80],
        "banner": banner,
        "disclaimer": about["disclaimer"],
        "date": about["date"],
        "version": about["version"],
        "from": f" from {'; '.join(named)}" if named else "",
        "blocks": {},
    }


def _render(
    block: Block, index: int, data: dict[str, Any], workspace: Path, markdown: _Markdown
) -> str:
    """Source of one block; every text goes through document.json, so that none of it is read as markup."""
    key = f"b{index}"
    if isinstance(block, Prose):
        return markdown.render(block.markdown, key)
    if isinstance(block, Answer):
        data["blocks"][key] = {"word": block.word, "text": block.text, "beside": block.beside}
        return f"#answer(doc.blocks.{key}.word, doc.blocks.{key}.text, doc.blocks.{key}.beside)\n"
    if isinstance(block, ResultTable):
        data["blocks"][key] = _table(block.data)
        return f"#results(doc.blocks.{key})\n"
    if isinstance(block, Drawing):
        (workspace / f"{key}.svg").write_text(block.svg, encoding="utf-8")
        data["blocks"][key] = {"alt": block.alt, "caption": block.caption}
        return (
            f'#figure(image("{key}.svg", width: {_figure_width(block.svg):.1f}cm, '
            f"alt: doc.blocks.{key}.alt), "
            f"caption: doc.blocks.{key}.caption, numbering: none, outlined: false)\n"
        )
    data["blocks"][key] = {"text": block.text}
    return f"#raw(doc.blocks.{key}.text, block: true)\n"


def _figure_width(svg: str) -> float:
    """Centimetres: as wide as reads well, but so that a tall figure shares its page with text."""
    size = re.search(r'<svg[^>]*viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if size is None:
        return _WIDEST
    return min(_WIDEST, _TALLEST * float(size.group(1)) / float(size.group(2)))


def _table(data: dict[str, Any]) -> dict[str, Any]:
    columns = [str(name) for name in data["display"]["columns"]]
    rows = [[str(value) for value in row] for row in data["display"]["rows"]]
    longest = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    widths = [min(max(length, 6), 46) ** 0.75 for length in longest]
    return {
        "caption": "" if "verdict" in data else data["sentence"],
        "columns": columns,
        "rows": rows,
        "widths": [round(width, 3) for width in widths],
        "notes": [*data["notes"], *data.get("limits", [])],
    }


class _Markdown:
    """Markdown to Typst: paragraphs, headings, emphasis, lists, code and links; text stays in the data."""

    def __init__(self, texts: dict[str, Any]) -> None:
        self._all_texts = texts
        self._key = ""
        self._level = 1
        self._parse = mistune.create_markdown(renderer="ast")

    def render(self, markdown: str, key: str) -> str:
        """Source of one block of Markdown; its texts are put under `key`."""
        self._key = key
        self._all_texts[key] = []
        tokens: Any = self._parse(markdown)
        return "\n".join(self._block(token) for token in tokens) + "\n"

    def _block(self, token: dict[str, Any]) -> str:
        kind = token["type"]
        if kind == "heading":
            # An accessible PDF skips no level of headings.
            self._level = min(max(token["attrs"]["level"], 2), self._level + 1)
            return f"#heading(level: {self._level})[{self._inline(token)}]\n"
        if kind in ("paragraph", "block_text"):
            return f"{self._inline(token)}\n"
        if kind == "list":
            function = "enum" if token["attrs"]["ordered"] else "list"
            items = ", ".join(
                "[" + " ".join(self._block(child) for child in item["children"]) + "]"
                for item in token["children"]
            )
            return f"#{function}({items})\n"
        if kind == "block_code":
            return f"#raw({self._text(token['raw'])}, block: true)\n"
        if kind == "block_quote":
            return (
                "#quote(block: true)["
                + " ".join(self._block(child) for child in token["children"])
                + "]\n"
            )
        if kind == "thematic_break":
            return "#line(length: 100%, stroke: 0.4pt)\n"
        return "" if kind == "blank_line" else f"#{self._text(token.get('raw', ''))}\n"

    def _inline(self, token: dict[str, Any]) -> str:
        return "".join(self._span(child) for child in token.get("children", ()))

    def _span(self, token: dict[str, Any]) -> str:
        kind = token["type"]
        if kind == "strong":
            return f"#strong[{self._inline(token)}]"
        if kind == "emphasis":
            return f"#emph[{self._inline(token)}]"
        if kind == "codespan":
            return f"#raw({self._text(token['raw'])})"
        if kind == "link" and token["attrs"]["url"].strip() and token.get("children"):
            return f"#link({self._text(token['attrs']['url'])})[{self._inline(token)}]"
        if kind in ("softbreak", "linebreak"):
            return " " if kind == "softbreak" else "#linebreak()"
        return f"#{self._text(token.get('raw', ''))}"

    def _text(self, text: str) -> str:
        texts = self._all_texts[self._key]
        texts.append(text)
        return f"doc.blocks.{self._key}.at({len(texts) - 1})"
