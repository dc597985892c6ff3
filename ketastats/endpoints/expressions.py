"""A registry rule as a Narwhals expression on the columns `paramcd`, `aval` and `base`.

The same expression runs on pandas frames, on DuckDB relations and on Spark. Its value is missing
where the score is missing, where the rule needs a baseline and there is none, and where a relative
rule meets a baseline of zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import narwhals as nw

from ketastats.errors import UsageError
from ketastats.instruments.registry import instrument
from ketastats.instruments.rules import Rule

ROUNDING = 1e-11
"""Slack in comparisons: 9 points from 20 is a fall of 55%, whatever binary fractions make of it."""


def change() -> nw.Expr:
    """Change from baseline, in points."""
    return nw.col("aval") - nw.col("base")


def percent_change() -> nw.Expr:
    """Change in per cent of baseline; missing where the baseline is missing or not positive."""
    return nw.when(nw.col("base") > 0).then(100 * change() / nw.col("base"))


def met(rule: Rule) -> nw.Expr:
    """Whether a rule is met, for rows of its own instrument."""
    if rule.type == "all":
        return nw.all_horizontal(*(met(part) for part in rule.parts), ignore_nulls=False)
    if rule.type == "item":
        compared = [_compare(nw.col(f"item{number}"), rule) for number in rule.items]
        return nw.all_horizontal(*compared, ignore_nulls=False)
    score, base = nw.col("aval"), nw.col("base")
    if rule.type == "category":
        return nw.when(~score.is_null()).then(score.is_in(list(rule.values)))
    if rule.type == "total":
        return nw.when(~score.is_null()).then(_compare(score, rule))
    better = change() if not instrument(rule.instrument).higher_is_worse else -change()
    known = ~score.is_null() & ~base.is_null()
    if rule.type == "relative_reduction":
        return nw.when(known & (base > 0)).then(_compare(better / base, rule))
    if rule.type == "absolute_reduction":
        return nw.when(known).then(_compare(better, rule))
    if rule.type == "absolute_increase":
        return nw.when(known).then(_compare(-better, rule))
    raise UsageError(f"Rule {rule.id} has the unknown type {rule.type!r}")


def by_instrument(chosen: Mapping[str, nw.Expr]) -> nw.Expr:
    """One expression per `paramcd`; missing for instruments that are not named."""
    combined: nw.Expr | None = None
    for paramcd, expression in chosen.items():
        here = nw.when(nw.col("paramcd") == paramcd).then(expression)
        combined = here if combined is None else here.otherwise(combined)
    if combined is None:
        raise UsageError("None of the instruments in this table has such a rule")
    return combined


def _compare(value: nw.Expr, rule: Rule) -> nw.Expr:
    if rule.op == ">=":
        return value >= rule.value - ROUNDING
    if rule.op == ">":
        return value > rule.value + ROUNDING
    if rule.op == "<=":
        return value <= rule.value + ROUNDING
    return value < rule.value - ROUNDING
