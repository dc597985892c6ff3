"""Change from baseline, and whether response, remission and the other endpoints were met.

Each `derive_` function returns the table in the same order with columns added, and never decides
what a missing score means: a missing score, or a missing or zero baseline where the rule needs one,
leaves the endpoint missing.
"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
import pandas as pd

from ketastats.checks.columns import require_columns
from ketastats.endpoints.expressions import by_instrument, change, met, percent_change
from ketastats.errors import UsageError
from ketastats.instruments.registry import instrument, rule
from ketastats.instruments.rules import ENDPOINTS, Rule

POINT_ENDPOINTS = tuple(name for name in ENDPOINTS if name != "relapse")
"""Endpoints that one score decides, given its baseline."""


def derive_change(scores: pd.DataFrame) -> pd.DataFrame:
    """Add `chg` (points) and `pchg` (per cent of baseline) from `aval` and `base`.

    A negative change is better on scales where high is bad. `pchg` is missing where the baseline is
    missing or zero; the scale's minimum is not subtracted.
    """
    require_columns(scores, ["aval", "base"], table="scores")
    return _with(scores, chg=change(), pchg=percent_change())


def derive_response(scores: pd.DataFrame, *, rule: str | None = None) -> pd.DataFrame:
    """Add `response` and `response_rule` (see `derive_endpoint`)."""
    return derive_endpoint(scores, "response", rule=rule)


def derive_partial_response(scores: pd.DataFrame, *, rule: str | None = None) -> pd.DataFrame:
    """Add `partial_response`, at least its lower bound and not response, and its rule."""
    return derive_endpoint(scores, "partial_response", rule=rule)


def derive_remission(scores: pd.DataFrame, *, rule: str | None = None) -> pd.DataFrame:
    """Add `remission` and `remission_rule` (see `derive_endpoint`)."""
    return derive_endpoint(scores, "remission", rule=rule)


def derive_reliable_change(scores: pd.DataFrame, *, rule: str | None = None) -> pd.DataFrame:
    """Add `reliable_change` (for the better) and its rule (see `derive_endpoint`)."""
    return derive_endpoint(scores, "reliable_change", rule=rule)


def derive_minimal_important_difference(
    scores: pd.DataFrame, *, rule: str | None = None
) -> pd.DataFrame:
    """Add `minimal_important_difference` (reached or not) and its rule (see `derive_endpoint`)."""
    return derive_endpoint(scores, "minimal_important_difference", rule=rule)


def derive_endpoint(
    scores: pd.DataFrame, endpoint: str, *, rule: str | None = None
) -> pd.DataFrame:
    """Add one endpoint by the registry's rule.

    Parameters
    ----------
    scores : DataFrame, one row per subject, instrument and assessment
        Needs `paramcd` and `aval`, and `base` where the rule compares with a baseline
        (`derive_baseline`). Not modified.
    endpoint : str
        One of `POINT_ENDPOINTS`.
    rule : str, optional
        Rule id such as ``"madrs:remission_12"``; rows of other instruments are then left missing.
        By default every instrument's own default rule is used; instruments without one, or without
        the items it asks for, are left missing.

    Returns
    -------
    DataFrame
        `scores` plus `<endpoint>` (nullable boolean) and `<endpoint>_rule` (the rule's id, marked
        if it rests on a grade C source or is a project default).

    Raises
    ------
    UsageError
        If the rule does not exist, is of another endpoint, or no instrument in the table has one.
    DataError
        If a column is absent.
    """
    require_columns(scores, ["paramcd", "aval"], table="scores")
    chosen = _chosen_rules(scores, endpoint, rule)
    return _apply(scores, endpoint, chosen)


def derive_rules(scores: pd.DataFrame, rules: Sequence[Rule]) -> pd.DataFrame:
    """Add one column per rule, named by the rule's id, in one pass over the rows.

    Parameters
    ----------
    scores : DataFrame, one row per subject and assessment
        As for `derive_endpoint`.
    rules : sequence of Rule
        All of one instrument.

    Returns
    -------
    DataFrame
        `scores` plus a nullable boolean per rule, as `derive_endpoint` gives it.
    """
    for one in rules:
        _require_columns_of(one, scores)
    ids = [one.id for one in rules]
    done = _with(scores, **{one.id: _expression(one) for one in rules})
    done = done.astype(dict.fromkeys(ids, "boolean"))
    mine = scores["paramcd"].isin([one.instrument for one in rules]).to_numpy()
    if not mine.all():
        done.loc[~mine, ids] = pd.NA
    return done


def derive_endpoints(
    scores: pd.DataFrame, endpoints: Sequence[str] = ("response", "remission")
) -> pd.DataFrame:
    """Apply every rule variant of the named endpoints at once.

    Parameters
    ----------
    scores : DataFrame
        As for `derive_endpoint`.
    endpoints : sequence of str

    Returns
    -------
    DataFrame
        The rows of `scores` once per variant of their instrument, in long form, plus `endpoint`,
        `rule` (its name, marked as in `derive_endpoint`) and `met` (nullable boolean). Instruments
        without a rule for an endpoint have no rows for it.
    """
    require_columns(scores, ["paramcd", "aval"], table="scores")
    parts = []
    for endpoint in endpoints:
        for paramcd in scores["paramcd"].dropna().unique():
            rows = scores[scores["paramcd"] == paramcd]
            for variant in _point_rules(paramcd, endpoint):
                if not set(_items_of(variant)) <= set(scores.columns):
                    continue
                done = _apply(rows, endpoint, {paramcd: variant})
                parts.append(
                    done.rename(columns={endpoint: "met", f"{endpoint}_rule": "rule"}).assign(
                        endpoint=endpoint
                    )
                )
    if not parts:
        raise UsageError(f"No instrument in this table has a rule for {' or '.join(endpoints)}")
    stacked = pd.concat(parts, ignore_index=True)
    stacked.attrs = dict(scores.attrs)
    return stacked


def _point_rules(paramcd: str, endpoint: str) -> tuple[Rule, ...]:
    if endpoint not in POINT_ENDPOINTS:
        raise UsageError(
            f"{endpoint!r} is not decided by one score; choose from {', '.join(POINT_ENDPOINTS)}"
        )
    return instrument(paramcd).rules_for(endpoint)


def _chosen_rules(scores: pd.DataFrame, endpoint: str, name: str | None) -> dict[str, Rule]:
    if name is not None:
        one = rule(name)
        if one.endpoint != endpoint:
            raise UsageError(f"Rule {one.id} is a rule of {one.endpoint}, not of {endpoint}")
        return {one.instrument: one}
    found = {}
    for paramcd in scores["paramcd"].dropna().unique():
        rules = _point_rules(paramcd, endpoint)
        if rules and set(_items_of(rules[0])) <= set(scores.columns):
            found[paramcd] = rules[0]
    if not found:
        held = ", ".join(sorted(scores["paramcd"].dropna().unique())) or "no instrument"
        raise UsageError(f"The registry has no {endpoint} rule for {held}")
    return found


def _apply(scores: pd.DataFrame, endpoint: str, chosen: dict[str, Rule]) -> pd.DataFrame:
    for one in chosen.values():
        _require_columns_of(one, scores)
    expressions = {paramcd: _expression(one) for paramcd, one in chosen.items()}
    labels = {paramcd: nw.lit(one.label) for paramcd, one in chosen.items()}
    table = scores if "base" in scores.columns else scores.assign(base=float("nan"))
    done = _with(
        table, **{endpoint: by_instrument(expressions), f"{endpoint}_rule": by_instrument(labels)}
    )
    done = done.astype({endpoint: "boolean", f"{endpoint}_rule": "string"})
    return done if "base" in scores.columns else done.drop(columns="base")


def _expression(one: Rule) -> nw.Expr:
    """Whether a rule is met, for rows of its instrument; no partial response is a response."""
    if one.endpoint != "partial_response":
        return met(one)
    return met(one, unless=instrument(one.instrument).rules_for("response")[0])


def _require_columns_of(one: Rule, scores: pd.DataFrame) -> None:
    needed = ["aval", *(["base"] if one.needs_baseline else []), *_items_of(one)]
    require_columns(scores, needed, table="scores")


def _items_of(one: Rule) -> list[str]:
    return [f"item{number}" for part in (one, *one.parts) for number in part.items]


def _with(scores: pd.DataFrame, **expressions: nw.Expr) -> pd.DataFrame:
    table = nw.from_native(scores, eager_only=True)
    result: pd.DataFrame = table.with_columns(**expressions).to_native()
    result.attrs = dict(scores.attrs)
    return result
