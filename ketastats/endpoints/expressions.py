"""A registry rule as a Narwhals expression on the columns `paramcd`, `aval` and `base`.

The same expression runs on pandas frames, on DuckDB relations and on Spark. Its value is missing
where the score is missing, where the rule needs a baseline and there is none, and where a relative
rule meets a baseline of zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_

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


def met(rule: Rule, *, unless: Rule | None = None) -> nw.Expr:
    """Whether a rule is met (and another one is not), for rows of its own instrument."""
    if unless is None:
        return nw.when(_known(rule)).then(_holds(rule))
    return nw.when(_known(rule) & _known(unless)).then(_holds(rule) & ~_holds(unless))


def _known(rule: Rule) -> nw.Expr:
    """Whether every number that the rule compares is there."""
    if rule.type == "all":
        return reduce(and_, (_known(part) for part in rule.parts))
    if rule.type == "item":
        return reduce(and_, (_present(f"item{number}") for number in rule.items))
    known = _present("aval")
    if rule.needs_baseline:
        known = known & _present("base")
    return known & (nw.col("base") > 0) if rule.type == "relative_reduction" else known


def _holds(rule: Rule) -> nw.Expr:
    """The comparison itself, where everything is known."""
    if rule.type == "all":
        return reduce(and_, (_holds(part) for part in rule.parts))
    if rule.type == "item":
        return reduce(and_, (_compare(nw.col(f"item{n}"), rule) for n in rule.items))
    if rule.type == "category":
        return nw.col("aval").is_in(list(rule.values))
    if rule.type == "total":
        return _compare(nw.col("aval"), rule)
    better = change() if not instrument(rule.instrument).higher_is_worse else -change()
    if rule.type == "relative_reduction":
        return _compare(better / nw.col("base"), rule)
    if rule.type == "absolute_reduction":
        return _compare(better, rule)
    if rule.type == "absolute_increase":
        return _compare(-better, rule)
    raise UsageError(f"Rule {rule.id} has the unknown type {rule.type!r}")


def _present(name: str) -> nw.Expr:
    """Neither null nor not-a-number: engines other than pandas tell the two apart."""
    value = nw.col(name).cast(nw.Float64)
    return ~value.is_null() & ~value.is_nan()


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
