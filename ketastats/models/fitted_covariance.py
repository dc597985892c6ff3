"""The fitted covariance between visits, as numbers, table and figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ketastats.errors import UsageError
from ketastats.models.linear_result import shared_frame
from ketastats.models.repeated_fit import COVARIANCES, RepeatedModel
from ketastats.results import TabularResult, count, number
from ketastats.stats.covariance_structures import SPATIAL, SPATIAL_NAMES, structure
from ketastats.stats.intervals import two_sided_quantile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FittedCovariance(TabularResult):
    """Covariance parameters, one row each; `correlation` holds the correlations between visits."""

    correlation: pd.DataFrame = field(kw_only=True, repr=False)
    sd: pd.Series = field(kw_only=True, repr=False)
    structure: str = field(kw_only=True)

    def display(self) -> pd.DataFrame:
        """Return standard deviations and correlations between visits."""
        shown = self.correlation.map(number)
        shown.insert(0, "SD", [number(value) for value in self.sd])
        shown.insert(0, "", [_label(index) for index in shown.index])
        shown.columns = [str(name) for name in shown.columns]
        return shown.reset_index(drop=True)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the correlations as a heat map with their values."""
        from ketastats.plots.heat_map import draw_heat_map

        return draw_heat_map(self.correlation, ax, label="Correlation")

    def figure_text(self) -> str:
        """Return correlations of neighbouring visits in words."""
        visits = list(self.correlation.columns)
        values = self.correlation.to_numpy(dtype=float)
        parts = []
        for start in range(0, len(values), len(visits)):
            group = self.correlation.index[start]
            where = f" ({group[0]})" if isinstance(group, tuple) else ""
            for k in range(len(visits) - 1):
                value = number(values[start + k, k + 1])
                parts.append(f"{visits[k]} and {visits[k + 1]}{where} {value}")
        return f"Correlations of neighbouring visits: {'; '.join(parts)}."

    def __str__(self) -> str:
        low, high = number(self.sd.min()), number(self.sd.max())
        return (
            f"{self.structure.capitalize()} covariance between visits: {count(len(self.frame))} parameters, "
            f"standard deviations {low} to {high}"
        )


def sigma_frame(model: RepeatedModel) -> pd.DataFrame:
    """Covariance between visits; under groups, one block each, indexed by group and visit."""
    if model.code in SPATIAL:
        raise UsageError(
            "Under a spatial covariance the matrix depends on each subject's coordinates; `parameters` holds "
            "its variance and reach"
        )
    visits = pd.Index(model.rows.visits, name=model.rows.visit_name)
    blocks = [pd.DataFrame(matrix, index=visits, columns=visits) for matrix in _by_group(model)]
    if not model.rows.groups:
        return blocks[0]
    return pd.concat(blocks, keys=list(model.rows.groups))


def correlation_frame(model: RepeatedModel) -> pd.DataFrame:
    """Correlation between visits, laid out as `sigma_frame`."""
    sigma = sigma_frame(model)
    t = sigma.shape[1]
    blocks = sigma.to_numpy().reshape(-1, t, t)
    sd = np.sqrt(np.diagonal(blocks, axis1=1, axis2=2))
    correlation = blocks / (sd[:, :, None] * sd[:, None])
    return pd.DataFrame(correlation.reshape(-1, t), index=sigma.index, columns=sigma.columns)


def parameter_frame(model: RepeatedModel, conf_level: float) -> pd.DataFrame:
    """Covariance parameters with standard errors from the observed information, and normal limits."""
    if model.code in SPATIAL:
        names = list(SPATIAL_NAMES)
    else:
        names = list(structure(model.code, len(model.rows.visits)).names)
    groups = [str(group) for group in model.rows.groups] or [""]
    se = np.sqrt(np.diag(model.theta_covariance))
    half = two_sided_quantile(conf_level) * se
    columns = {
        "group": [group for group in groups for _ in names],
        "term": [f"{name}, {group}" if group else name for group in groups for name in names],
        "n": model.rows.subjects,
        "estimate": model.theta,
        "std_error": se,
        "conf_low": model.theta - half,
        "conf_high": model.theta + half,
        "conf_level": conf_level,
        "method": "observed_information",
    }
    return shared_frame(columns, ("group",))


def fitted_covariance(
    model: RepeatedModel, conf_level: float, *, sources: tuple[Any, ...]
) -> FittedCovariance:
    """The covariance between visits as a result."""
    sigma = sigma_frame(model)
    t = sigma.shape[1]
    blocks = sigma.to_numpy().reshape(-1, t, t)
    sd = np.sqrt(np.diagonal(blocks, axis1=1, axis2=2)).ravel()
    return FittedCovariance(
        parameter_frame(model, conf_level),
        correlation=correlation_frame(model),
        sd=pd.Series(sd, index=sigma.index),
        structure=COVARIANCES[model.code],
        sources=sources,
        notes=("Limits of the parameters are normal limits from the observed information.",),
    )


def _by_group(model: RepeatedModel) -> Floats:
    """The full matrix of each group."""
    groups = max(len(model.rows.groups), 1)
    first = [int(np.flatnonzero(model.products.group == g)[0]) for g in range(groups)]
    return model.matrices[first]


def _label(index: Any) -> str:
    return ", ".join(map(str, index)) if isinstance(index, tuple) else str(index)
