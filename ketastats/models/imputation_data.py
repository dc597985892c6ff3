"""A trial laid out for imputation: every subject at every visit, seen or not, and events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.checks.columns import missing_columns, refuse
from ketastats.checks.options import matched
from ketastats.errors import UsageError, problem
from ketastats.models.covariate_design import covariate_design
from ketastats.models.repeated_fit import RepeatedModel

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

_SOURCE = "The table of visits"


@dataclass(frozen=True, slots=True, eq=False)
class ImputationData:
    """Subjects (n) at visits (T).

    `outcome` is NaN where missed; `own` and `reference` are the imputation model's design rows (n, T, p)
    in the subject's own arm and in the reference arm; `affected` is the first visit affected by an event,
    T where there is none; `arm` codes `arms`, of which the first is the reference. `analysis` holds the
    design of the analysis model (n, c), its columns 1 to (number of arms - 1) being the arms.
    """

    subjects: pd.Index
    visits: tuple[object, ...]
    outcome: Floats
    own: Floats
    reference: Floats
    affected: Ints
    arm: Ints
    arms: tuple[str, ...]
    analysis: Floats

    @property
    def imputed(self) -> Bools:
        """Outcomes that are missing, (n, T)."""
        return np.isnan(self.outcome)

    @property
    def after_event(self) -> Bools:
        """Missing outcomes from the first visit affected on, (n, T)."""
        return self.imputed & (np.arange(len(self.visits)) >= self.affected[:, None])


def imputation_data(
    model: RepeatedModel,
    data: pd.DataFrame,
    *,
    arm: str,
    reference: str,
    analysis: str,
    events: pd.DataFrame | None,
) -> ImputationData:
    """Lay out the subjects of a table as the model sees them.

    Raises
    ------
    UsageError, DataError
        If a covariate changes within subjects, a subject changes arm, an event is of nobody or after the
        last visit, or the analysis formula does not fit.
    """
    rows = model.rows
    subject, visit = str(rows.subject_ids.name), rows.visit_name
    held = [v for v in model.design.covariates.variables if v != visit]
    first = _one_row_each(data, subject, [*dict.fromkeys([arm, *held])])
    arms = [str(level) for level in model.design.covariates.levels[arm]]
    base = str(matched("arm", reference, arms))
    ordered = (base, *(level for level in arms if level != base))
    outcome = _wide(data, first.index, rows.outcome_name, subject, visit, rows.visits)
    chosen = covariate_design(
        first.reset_index(),
        arm if not analysis.strip() else f"{arm} + {analysis}",
        intercept=True,
        reference={arm: base},
        name="the subjects",
    )
    return ImputationData(
        subjects=first.index,
        visits=rows.visits,
        outcome=outcome,
        own=_design(model, first),
        reference=_design(model, first.assign(**{arm: base})),
        affected=_first_affected(outcome, first.index, rows.visits, events, subject, visit),
        arm=np.array([ordered.index(str(name)) for name in first[arm]], dtype=np.intp),
        arms=ordered,
        analysis=chosen.matrix,
    )


def _one_row_each(data: pd.DataFrame, subject: str, names: list[str]) -> pd.DataFrame:
    grouped = data.groupby(subject, sort=False)
    changing = [name for name in names if (grouped[name].nunique() > 1).any()]
    if changing:
        raise UsageError(
            f"{', '.join(changing)} changes within subjects: an imputation of visits that were missed needs "
            "covariates that are known at all visits"
        )
    first = grouped[names].first()
    found = [
        problem(
            "missing_value",
            "data",
            name,
            [],
            f"empty in every row of {int(first[name].isna().sum())} subjects",
            "Fill the cells, or leave the subjects out and say so",
        )
        for name in names
        if first[name].isna().any()
    ]
    refuse(found, source=_SOURCE)
    return first


def _wide(
    data: pd.DataFrame,
    subjects: pd.Index,
    outcome: str,
    subject: str,
    visit: str,
    visits: tuple[object, ...],
) -> Floats:
    wide = np.full((len(subjects), len(visits)), np.nan)
    seen = data[data[outcome].notna()]
    at = pd.Categorical(seen[visit], categories=pd.Index(list(visits))).codes
    wide[subjects.get_indexer(pd.Index(seen[subject])), at] = seen[outcome].to_numpy(dtype=float)
    return wide


def _design(model: RepeatedModel, first: pd.DataFrame) -> Floats:
    """The imputation model's kept columns for every subject at every visit, (n, T, p)."""
    visits = list(model.rows.visits)
    n, t = len(first), len(visits)
    whole = first.iloc[np.repeat(np.arange(n), t)].reset_index(drop=True)
    whole[model.rows.visit_name] = pd.Categorical(np.tile(np.arange(t), n), categories=range(t))
    whole[model.rows.visit_name] = whole[model.rows.visit_name].cat.rename_categories(visits)
    rows = model.design.rows_of(whole, name="the subjects")[:, model.design.kept]
    return rows.reshape(n, t, -1)


def _first_affected(
    outcome: Floats,
    subjects: pd.Index,
    visits: tuple[object, ...],
    events: pd.DataFrame | None,
    subject: str,
    visit: str,
) -> Ints:
    """First visit affected by each subject's first event; drop-out, if no events are given."""
    t = len(visits)
    if events is None:
        seen = ~np.isnan(outcome)
        last = np.where(seen.any(axis=1), t - 1 - seen[:, ::-1].argmax(axis=1), -1)
        return np.asarray(last + 1, dtype=np.intp)
    who, at = placed_events(events, subjects, visits, subject=subject, visit=visit)
    affected = np.full(len(subjects), t, dtype=np.intp)
    np.minimum.at(affected, who, at)
    return affected


def placed_events(
    events: pd.DataFrame,
    subjects: pd.Index,
    visits: Sequence[object],
    *,
    subject: str,
    visit: str,
) -> tuple[Ints, Ints]:
    """Position of each event's subject, and of the first visit it affects.

    Raises
    ------
    DataError
        If a column is missing, or an event is of nobody or at no visit.
    """
    refuse(missing_columns(events, [subject, visit], table="events"), source="The table of events")
    place = {str(name): k for k, name in enumerate(visits)}
    at = events[visit].astype(str).map(place).to_numpy(dtype=float)
    who = subjects.get_indexer(pd.Index(events[subject]))
    found = []
    if (who < 0).any():
        what, remedy = "a subject who is not in the table of visits", "Leave these events out"
        found.append(
            problem("unknown_subject", "events", subject, np.flatnonzero(who < 0), what, remedy)
        )
    if np.isnan(at).any():
        found.append(
            problem(
                "unknown_visit",
                "events",
                visit,
                np.flatnonzero(np.isnan(at)),
                "not one of the visits",
                "Give the first visit that the event affects; leave out events after the last visit",
            )
        )
    refuse(found, source="The table of events")
    return who.astype(np.intp), at.astype(np.intp)
