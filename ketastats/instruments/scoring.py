"""From answered items to totals, by the published rule of each scale."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.errors import DataError, Problem, UsageError, problem
from ketastats.instruments.registry import Instrument, instrument

Floats = NDArray[np.float64]

_SCORED = (
    "sum",
    "ordinal",
    "sum_of_domain_maxima",
    "sum_with_either_or_pairs",
    "weighted_domain_sum",
)


def item_names(name: str) -> tuple[str, ...]:
    """Column names `score_items` expects for an instrument: item1, item2, ... as printed on the form."""
    return tuple(f"item{number}" for number in _item_numbers(instrument(name)))


def score_items(items: pd.DataFrame, name: str) -> pd.DataFrame:
    """Score a table of items.

    Parameters
    ----------
    items : DataFrame, one row per completed form
        Columns item1, item2, ... (`item_names`), empty where not answered; other columns are kept.
    name : str
        Instrument id.

    Returns
    -------
    DataFrame
        The other columns in their order, then `paramcd`, `aval` (the total, missing where the
        published rule gives none), `items_answered` and `scoring` ("complete", "prorated" or
        "missing"). A missing item makes the total missing unless the registry holds a published
        rule for prorating.

    Raises
    ------
    UsageError
        If the registry holds no way to score this instrument from items.
    DataError
        If an item column is absent or holds text, fractions or values outside its range.

    References
    ----------
    The sources named in the instrument's entry of the registry.
    """
    scale = instrument(name)
    if scale.total_method not in _SCORED:
        raise UsageError(
            f"{scale.name} has no total that can be made from items (method: {scale.total_method})"
        )
    answers = _checked_answers(items, scale)
    _reverse(answers, scale)
    totals, prorated = _totals(answers, scale)
    others = items.drop(columns=list(item_names(name)))
    answered = (~np.isnan(answers)).sum(axis=1)
    how = np.where(np.isnan(totals), "missing", np.where(prorated, "prorated", "complete"))
    return others.assign(paramcd=name, aval=totals, items_answered=answered, scoring=how)


def score_subscales(items: pd.DataFrame, name: str) -> pd.DataFrame:
    """Sum the subscales whose item numbers the registry verifies; missing if any item is.

    Arguments and errors are those of `score_items`; the result has one column per subscale. For the
    Brief Pain Inventory the scales are means, interference from at least four of its seven items.
    """
    scale = instrument(name)
    if "scales" in scale.facts:
        return _mean_scales(items, scale)
    subscales: Mapping[str, Sequence[int]] = scale.facts.get("subscales", {})
    if not subscales or "situations" in scale.facts:
        raise UsageError(f"The registry verifies no subscale items for {scale.name}")
    answers = _checked_answers(items, scale)
    _reverse(answers, scale)
    place = {number: index for index, number in enumerate(_item_numbers(scale))}
    columns = {
        title: answers[:, [place[number] for number in numbers]].sum(axis=1)
        for title, numbers in subscales.items()
    }
    return items.drop(columns=list(item_names(name))).assign(**columns)


def _item_numbers(scale: Instrument) -> range:
    n_items = int(scale.facts.get("items", 0))
    printed = re.match(r"printed numbers (\d+)-(\d+)", str(scale.facts.get("item_numbering", "")))
    first = int(printed.group(1)) if printed else 1
    return range(first, first + n_items)


def _item_ranges(scale: Instrument) -> list[tuple[float, float]]:
    facts = scale.facts
    if "item_ranges" in facts:
        return [(low, high) for low, high in facts["item_ranges"]]
    return [(facts["item_min"], facts["item_max"])] * len(_item_numbers(scale))


def _checked_answers(items: pd.DataFrame, scale: Instrument) -> Floats:
    names = [f"item{number}" for number in _item_numbers(scale)]
    absent = [name for name in names if name not in items.columns]
    if absent:
        raise DataError(
            f"The {scale.title} items",
            [
                problem(
                    "missing_column",
                    "items",
                    ", ".join(absent),
                    [],
                    "not in the table",
                    f"{scale.title} needs {names[0]} to {names[-1]}; leave an unanswered item empty",
                )
            ],
        )
    columns, problems = [], list[Problem]()
    for name, (low, high) in zip(names, _item_ranges(scale), strict=True):
        values = pd.to_numeric(items[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        text = np.isnan(values) & items[name].notna().to_numpy()
        outside = (
            (values < low) | (values > high) | (values != np.round(values)) & ~np.isnan(values)
        )
        if text.any():
            problems.append(
                problem(
                    "not_a_number",
                    "items",
                    name,
                    np.flatnonzero(text),
                    "holds text",
                    "Enter the number of the answer, or leave it empty",
                )
            )
        if outside.any():
            problems.append(
                problem(
                    "out_of_range",
                    "items",
                    name,
                    np.flatnonzero(outside),
                    f"not a whole number from {low:g} to {high:g}",
                    "Correct the answers, or map them to this scale's coding",
                )
            )
        columns.append(values)
    if problems:
        raise DataError(f"The {scale.title} items", problems)
    return np.column_stack(columns)


def _reverse(answers: Floats, scale: Instrument) -> None:
    numbers = list(_item_numbers(scale))
    ranges = _item_ranges(scale)
    for number in scale.facts.get("reverse_items", ()):
        at = numbers.index(number)
        answers[:, at] = ranges[at][0] + ranges[at][1] - answers[:, at]


def _totals(answers: Floats, scale: Instrument) -> tuple[Floats, NDArray[np.bool_]]:
    facts = scale.facts
    missing = np.isnan(answers)
    prorated = np.zeros(len(answers), dtype=bool)
    if scale.total_method == "sum_of_domain_maxima":
        domains = [
            answers[:, [number - 1 for number in group]] for group in facts["domains"].values()
        ]
        return np.sum([domain.max(axis=1) for domain in domains], axis=0), prorated
    if scale.total_method == "sum_with_either_or_pairs":
        return _sum_with_pairs(answers, facts["either_or_pairs"]), prorated
    if scale.total_method == "weighted_domain_sum":
        return _weighted_domains(answers, facts)
    totals = answers.sum(axis=1)
    rule = facts.get("missing_rule", {})
    if rule.get("method") == "mean_of_remaining":
        n_missing = missing.sum(axis=1)
        prorated = (n_missing > 0) & (n_missing <= rule["max_missing"])
        counted = np.where(missing, 0.0, answers).sum(axis=1)
        scaled = counted / np.maximum(answers.shape[1] - n_missing, 1) * answers.shape[1]
        totals = np.where(prorated, scaled, totals)
    return totals, prorated


def _sum_with_pairs(answers: Floats, pairs: Sequence[Sequence[int]]) -> Floats:
    """Only one of each pair is scored; if both were answered, the higher."""
    paired = {number for pair in pairs for number in pair}
    single = [index for index in range(answers.shape[1]) if index + 1 not in paired]
    total = answers[:, single].sum(axis=1)
    for first, second in pairs:
        total = total + np.fmax(answers[:, first - 1], answers[:, second - 1])
    return np.asarray(total)


def _weighted_domains(
    answers: Floats, facts: Mapping[str, Any]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Each domain is a scaled sum; missing answers take the mean of those answered in the domain."""
    prorates = facts.get("missing_rule", {}).get("method") == "prorate_within_domain"
    total = np.zeros(len(answers))
    for title, group in facts["domains"].items():
        part = answers[:, [number - 1 for number in group]]
        answered = (~np.isnan(part)).sum(axis=1)
        counted = np.where(np.isnan(part), 0.0, part).sum(axis=1)
        scaled = counted * len(group) / np.maximum(answered, 1)
        complete = answered > 0 if prorates else answered == len(group)
        total = total + np.where(complete, scaled, np.nan) / facts["domain_divisors"][title]
    partly = np.isnan(answers).any(axis=1)
    return total, partly & ~np.isnan(total)


def _mean_scales(items: pd.DataFrame, scale: Instrument) -> pd.DataFrame:
    answers = _checked_answers(items, scale)
    columns: dict[str, Floats] = {}
    start = 0
    for title, shape in scale.facts["scales"].items():
        part = answers[:, start : start + shape["items"]]
        start += shape["items"]
        answered = (~np.isnan(part)).sum(axis=1)
        enough = answered >= shape.get("min_answered", shape["items"])
        counted = np.where(np.isnan(part), 0.0, part).sum(axis=1)
        columns[title] = np.where(enough, counted / np.maximum(answered, 1), np.nan)
    return items.drop(columns=list(item_names(scale.id))).assign(**columns)
