"""The page: what falls short first, then everything by family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from math import isfinite

from audit.runner import CONFIRMED
from audit.scoring import COVERAGE_FLOOR, SIZE_CEILING, WIDE, Score

COLUMNS = (
    "estimator",
    "of what",
    "design",
    "n",
    "replicates",
    "truth",
    "bias (Monte Carlo error)",
    "bias in standard errors",
    "limits cover, or test rejects, %",
    "no answer, %",
    "ms a call",
)


def page(found: Sequence[Score], *, version: str, missing: Sequence[str] = ()) -> str:
    """The whole page in Markdown."""
    short = sorted((one for one in found if one.faults), key=_severity, reverse=True)
    parts = [
        "# Audit of the estimators",
        _first_sentence(found, short),
        _how_to_read(max((one.replicates for one in found), default=0), version),
        "## What falls short",
        _table(short, ("falls short in", "known reason"), _fault_cells)
        if short
        else "Nothing falls short.",
        *_without_answer(found),
        "## All results by family",
    ]
    for family, rows in groupby(found, key=lambda one: one.family):
        parts += [f"### {family}", _table(list(rows), ("note",), _note_cells)]
    if missing:
        parts += ["## Not covered", "\n".join(f"- {line}" for line in missing)]
    parts += ["## How to remake this page", _REMAKE]
    return "\n\n".join(parts) + "\n"


_REMAKE = """    .venv/bin/python benchmarks/estimator_audit.py --replicates 400

`--only NAME` runs the entries whose name holds NAME and prints the page; `--resume` keeps what the
last run had done and adds what is wanting (after a change to the code, start anew);
`--plant wrong_variance` halves the standard error of one estimator, which must then be listed above.
Seeds are fixed: the same code gives the same numbers, times aside."""


def _first_sentence(found: Sequence[Score], short: Sequence[Score]) -> str:
    run, fell = _estimators(found), _estimators(short)
    verb = "falls" if fell == 1 else "fall"
    return (
        f"{run} estimators (a public function with its method) were run on data whose truth is known, and "
        f"{fell} of them {verb} short at one design and size at least ({len(short)} of {len(found)} results)."
    )


def _estimators(found: Iterable[Score]) -> int:
    return len({(one.family, one.estimator) for one in found})


def _how_to_read(wanted: int, version: str) -> str:
    return (
        f"Version {version}, at most {wanted} replicates each (fewer for slow estimators; the count is in "
        "the table), nominal level 95% for limits and 5% for tests. *n* counts patients, of pooled rates "
        "study arms. *Falls short* means: the 95% Monte Carlo "
        f"limits of a coverage lie below {COVERAGE_FLOOR:.0%}; or those of a test's error rate lie above "
        f"{SIZE_CEILING:.0%}; or the bias is more than three of its Monte Carlo errors and more than a tenth "
        "of the estimate's standard error; or there never is an answer. Coverage whose limits lie above "
        f"{WIDE:.0%} is noted as wide, not counted. Standard errors are the spread of the estimates over "
        "replicates. Ratios are on the log scale, bounds and quantiles seen at visits have no bias to speak "
        "of and show a dash. Estimators on one design see the same data, so their errors move together. With "
        "few replicates only gross faults can show; of sound estimates three in a thousand have a bias "
        "beyond three errors by chance. An estimator that falls short is run "
        f"on to twice its replicates, {CONFIRMED} at the least, before it is listed. *No answer* counts "
        "refusals and missing limits; infinite estimates are left out of the bias, and the note counts them. "
        "A reason is given where documentation or theory says why; an empty cell means that none is known."
    )


def _severity(one: Score) -> float:
    """How far beyond nominal, in units that let coverage, size and bias stand in one order."""
    worst = 0.0
    if one.rate is not None and one.too_narrow:
        worst = (0.95 - one.rate) / 0.05
    if one.rate is not None and one.too_often:
        worst = (one.rate - 0.05) / 0.05
    if one.bias is not None and one.biased:
        worst = max(worst, abs(one.bias) / one.spread if one.spread else 99.0)
    return max(worst, 99.0 if one.refused == 1 else 0.0)


def _table(
    rows: Sequence[Score], more: tuple[str, ...], cells: Callable[[Score], tuple[str, ...]]
) -> str:
    head = [*COLUMNS, *more]
    lines = [_line(head), _line(["---"] * len(head))]
    lines += [_line([*_cells(one), *cells(one)]) for one in rows]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(one: Score) -> list[str]:
    bias = float("nan") if one.bias is None else one.bias
    told = isfinite(bias)
    return [
        one.estimator,
        one.quantity,
        one.design,
        str(one.size),
        str(one.replicates),
        _number(one.truth),
        f"{_number(bias)} ({_number(one.bias_error)})" if told else "–",
        _number(bias / one.spread, 2) if told and one.spread else "–",
        "–"
        if one.rate is None
        else f"{100 * one.rate:.1f} ({100 * one.rate_low:.1f} to {100 * one.rate_high:.1f})",
        f"{100 * one.refused:.0f}" if one.refused else "0",
        f"{1000 * one.seconds:.0f}",
    ]


def _number(value: float | None, digits: int = 3) -> str:
    if value is None or not isfinite(value):
        return "–"
    text = f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:.0f}"
    return "0" if float(text) == 0 else text.replace("-", "−", 1) if value < 0 else text


def _fault_cells(one: Score) -> tuple[str, str]:
    return ", ".join(one.faults), one.reason


def _note_cells(one: Score) -> tuple[str]:
    notes = [f"**{fault}**" for fault in one.faults]
    if one.wide:
        notes.append("wide: anchored to the information" if one.anchored else "wide")
    if one.refused and one.reason_refused:
        notes.append(f"no answer: {one.reason_refused}")
    if one.unbounded:
        notes.append(f"infinite in {100 * one.unbounded:.0f}%")
    return ("; ".join(notes),)


def _without_answer(found: Sequence[Score]) -> list[str]:
    """Entries that gave no answer in more than a twentieth of the replicates, if any."""
    often = [one for one in found if one.refused > 0.05]
    if not often:
        return []
    lines = [
        f"- {one.estimator} ({one.quantity}; {one.design}, n {one.size}): {100 * one.refused:.0f}%, "
        f"mostly “{one.reason_refused}”"
        for one in sorted(often, key=lambda one: -one.refused)
    ]
    return ["Without an answer in more than 5% of the replicates:", "\n".join(lines)]
