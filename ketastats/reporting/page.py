"""A document as one HTML file that needs no network: no script, no address, figures inside."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

import mistune

from ketastats.reporting.document import Answer, Block, Document, Drawing, Prose, ResultTable

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 1.02rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  color: #1b1b1b; background: #fff; margin: 0 auto; padding: 1.2rem 1rem 3rem;
  max-width: 46rem; overflow-wrap: break-word; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: .4rem 0 .8rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; }
.answer { font-size: 1.13rem; border-left: .3rem solid #0072b2; margin: 0 0 1.2rem;
  padding: .1rem 0 .1rem .9rem; }
.beside { font-size: .95rem; border-left: .15rem solid #767676; padding-left: 1.05rem; }
.beside .word { font-weight: 400; border-width: 1px; }
.word { display: inline-block; font-weight: 700; font-size: .85em; letter-spacing: .03em;
  text-transform: uppercase; border: 2px solid #1b1b1b; border-radius: .3rem;
  padding: 0 .45rem; margin-right: .2rem; }
.banner { background: #fff4d6; border: 1px solid #c9a227; border-radius: .3rem;
  padding: .5rem .8rem; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .92rem; width: 100%; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: top; font-weight: 400;
  padding: .32rem .6rem .32rem 0; border-bottom: 1px solid #dcdcdc; }
td { font-variant-numeric: tabular-nums; }
tbody th { min-width: 9rem; }
thead th { font-weight: 600; border-bottom: 2px solid #767676; vertical-align: bottom; }
figure { margin: 1.2rem 0; }
figure img { width: 100%; max-width: 40rem; height: auto; display: block; }
figcaption, .note, footer { color: #4d4d4d; font-size: .9rem; }
.note { margin: .25rem 0; }
pre { overflow-x: auto; background: #f5f5f5; padding: .6rem; font-size: .85rem; }
footer { margin-top: 2.5rem; border-top: 1px solid #dcdcdc; padding-top: .8rem; }
code { font-size: .85em; }
@media (max-width: 34rem) {
  table.stack, table.stack tbody, table.stack tr, table.stack th, table.stack td {
    display: block; width: 100%; border: 0; }
  table.stack thead { position: absolute; left: -200vw; }
  table.stack caption { display: block; }
  table.stack tr { border-bottom: 1px solid #dcdcdc; padding: .45rem 0; }
  table.stack th[scope=row] { font-weight: 600; padding: 0 0 .1rem; }
  table.stack td { padding: .05rem 0; display: flex; gap: .6rem;
    justify-content: space-between; }
  table.stack td::before { content: attr(data-label); color: #4d4d4d; }
}
@media print { body { max-width: none; } }
"""

_markdown = mistune.create_markdown(escape=True, plugins=["table"])


def render_page(document: Document, *, about: dict[str, Any], banner: str = "") -> str:
    """Return the page as HTML text."""
    body = "\n".join(_render(block) for block in document.blocks)
    warning = f'<p class="banner">{escape(banner)}</p>' if banner else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(document.title)}</h1>\n{warning}\n{body}\n</main>\n{_footer(about)}\n</body>\n</html>\n"
    )


def _render(block: Block) -> str:
    if isinstance(block, Prose):
        return str(_markdown(block.markdown))
    if isinstance(block, Answer):
        badge = f'<span class="word">{escape(block.word)}</span> ' if block.word else ""
        kind = "answer beside" if block.beside else "answer"
        return f'<p class="{kind}">{badge}{escape(block.text)}</p>'
    if isinstance(block, ResultTable):
        return _table(block.data)
    if isinstance(block, Drawing):
        image = base64.b64encode(block.svg.encode()).decode()
        return (
            f'<figure><img alt="{escape(block.alt, quote=True)}" src="data:image/svg+xml;base64,{image}">'
            f"<figcaption>{escape(block.caption)}</figcaption></figure>"
        )
    return f"<pre>{escape(block.text)}</pre>"


def _table(data: dict[str, Any]) -> str:
    """A table that turns into a stack of labelled lines on a narrow screen."""
    columns = [str(name) for name in data["display"]["columns"]]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = []
    for first, *rest in data["display"]["rows"]:
        cells = "".join(
            f'<td data-label="{escape(name, quote=True)}">{escape(str(value))}</td>'
            for name, value in zip(columns[1:], rest, strict=True)
        )
        body.append(f'<tr><th scope="row">{escape(str(first))}</th>{cells}</tr>')
    caption = "" if "verdict" in data else f"<caption>{escape(data['sentence'])}</caption>"
    notes = "".join(
        f'<p class="note">{escape(note)}</p>' for note in [*data["notes"], *data.get("limits", [])]
    )
    return (
        f'<div class="scroll"><table class="stack">{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>{notes}"
    )


def _footer(about: dict[str, Any]) -> str:
    files = "".join(
        f"<li><code>{escape(source['name'])}</code>, "
        f"SHA-256 <code>{escape(source['sha256'][:16])}…</code></li>"
        for source in about["sources"]
    )
    made = f"Made on {escape(about['date'])} by ketastats {escape(about['version'])}"
    made += f" from:</p><ul>{files}</ul>" if files else ".</p>"
    return (
        f"<footer><p>{escape(about['disclaimer'])}</p><p>{made}"
        "<p>Every number, unrounded, with its method and the file behind it, is in results.csv "
        "beside this page.</p></footer>"
    )
