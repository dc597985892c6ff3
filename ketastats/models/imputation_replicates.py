"""Estimates of the analysis model in filled-in data sets, as linear functions of the arms' shifts."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ketastats.errors import UsageError
from ketastats.models.imputation_data import ImputationData
from ketastats.models.repeated_fit import RepeatedModel
from ketastats.stats.augmented_draws import Draw, fill_pattern, posterior_draws
from ketastats.stats.leave_one_out import without_each
from ketastats.stats.pattern_covariance import Covariance
from ketastats.stats.reference_means import completed, mean_course
from ketastats.stats.repeated_measures_fit import (
    NotConvergedError,
    RepeatedFit,
    fit_repeated,
    moment_matrices,
)
from ketastats.summaries.cross_products import CrossProducts, cross_products, layout_of

Floats = NDArray[np.float64]

METHODS = ("conditional_mean", "bayesian", "bootstrap_mi")
INFERENCES = ("jackknife", "bootstrap")
BURN_IN, THIN = 200, 20


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """Differences of arms in m filled-in data sets.

    `coefficients` (m, T, arms - 1, 1 + arms): the difference without shifts, then what a shift of one
    point in each arm adds. With resampling, `whole` is that of the whole data and `spread_factor` turns the
    sum of squared deviations into a variance. With multiple imputations `residuals` (m, T, 1 + arms,
    1 + arms) are residual products and `variance_factor` (arms - 1,) the analysis design's.
    """

    method: str
    coefficients: Floats
    whole: Floats
    spread_factor: float
    residuals: Floats
    variance_factor: Floats | None
    complete_df: float


@dataclass(frozen=True, slots=True, eq=False)
class _Analysis:
    """Least squares of completed outcomes on the analysis design."""

    design: Floats
    arms: int

    def coefficients(self, parts: Floats, weights: Floats | None = None) -> Floats:
        """Arm coefficients (arms - 1, ...) of columns (n, ...), subjects counted `weights` times."""
        x = self.design if weights is None else self.design * weights[:, None]
        flat = parts.reshape(len(parts), -1)
        solved = np.linalg.solve(self.design.T @ x, x.T @ flat)
        return np.asarray(solved[1 : self.arms].reshape(self.arms - 1, *parts.shape[1:]))


def _parts(trial: ImputationData, whole: Floats) -> Floats:
    """Completed outcomes, and the places of each arm's shift: (n, T, 1 + arms)."""
    shifts = [
        (trial.after_event & (trial.arm == k)[:, None]).astype(float)
        for k in range(len(trial.arms))
    ]
    return np.stack([whole, *shifts], axis=2)


def course_of(trial: ImputationData, beta: Floats, strategy: str) -> Floats:
    """Mean courses (n, T) of the subjects under an assumption."""
    return mean_course(trial.own @ beta, trial.reference @ beta, trial.affected, strategy)


def parameters_of(model: RepeatedModel, fit: RepeatedFit) -> Draw:
    """Coefficients and matrix of a fit in the outcome's own units."""
    design = model.design
    beta = design.back @ (design.least_squares + fit.here.beta)
    return Draw(beta, design.scale**2 * fit.here.covariance.matrices[0])


def conditional_means(
    model: RepeatedModel,
    trial: ImputationData,
    strategy: str,
    inference: str,
    replicates: int,
    seed: int,
    *,
    progress: Callable[[int, int], None] | None,
) -> Replicates:
    """Expected outcomes of the fitted model, and of refits to resampled subjects."""
    analysis = _Analysis(trial.analysis, len(trial.arms))
    whole = _one(trial, analysis, parameters_of(model, model.fit), strategy, None)
    n = len(trial.subjects)
    refits = (
        left_out(model, trial)
        if inference == "jackknife"
        else resampled(model, trial, replicates, seed)
    )
    wanted = n if inference == "jackknife" else replicates
    found = []
    for done, (parameters, weights) in enumerate(refits, start=1):
        found.append(_one(trial, analysis, parameters, strategy, weights))
        if progress is not None:
            progress(done, wanted)
    factor = (n - 1) / n if inference == "jackknife" else 1 / (len(found) - 1)
    return Replicates(
        method=f"conditional_mean, {inference}",
        coefficients=np.array(found),
        whole=whole,
        spread_factor=factor,
        residuals=np.empty(0),
        variance_factor=None,
        complete_df=np.nan,
    )


def _one(
    trial: ImputationData,
    analysis: _Analysis,
    parameters: Draw,
    strategy: str,
    weights: Floats | None,
) -> Floats:
    """Differences in one completed data set, (T, arms - 1, 1 + arms)."""
    course = course_of(trial, parameters.beta, strategy)
    whole = completed(trial.outcome, course, parameters.sigma)
    return analysis.coefficients(_parts(trial, whole), weights).swapaxes(0, 1)


def _refit(model: RepeatedModel, products: CrossProducts) -> RepeatedFit:
    covariance = _rebased(model.covariance, products)
    try:
        return fit_repeated(
            products,
            covariance,
            moment_matrices(products, 1),
            reml=True,
            start=model.fit.here.theta,
        )
    except NotConvergedError:
        raise UsageError(
            "The imputation model has no maximum when subjects are resampled: take a simpler formula or "
            "covariance"
        ) from None


def _rebased(covariance: Covariance, products: CrossProducts) -> Covariance:
    from dataclasses import replace

    return replace(covariance, products=products)  # type: ignore[type-var]


def left_out(model: RepeatedModel, trial: ImputationData) -> Iterator[tuple[Draw, Floats]]:
    """Fits without each subject, and who is left."""
    place = trial.subjects.get_indexer(model.rows.subject_ids)
    left = set(range(len(trial.subjects)))
    for code, parameters in _without_each(model):
        out = int(place[code])
        left.discard(out)
        yield parameters, _all_but(len(trial.subjects), out)
    for out in sorted(left):  # without an outcome: the fit is the same
        yield parameters_of(model, model.fit), _all_but(len(trial.subjects), out)


_LATEST: OrderedDict[bytes, list[tuple[int, Draw]]] = OrderedDict()
_KEPT_MODELS = 2


def _without_each(model: RepeatedModel) -> Iterator[tuple[int, Draw]]:
    """Parameters fitted without each subject, which every assumption about the missed visits shares.

    Those of the latest models are kept, by the data they were fitted to.
    """
    design, layout = model.design, model.layout
    key = _content(model)
    if key in _LATEST:
        _LATEST.move_to_end(key)
        yield from _LATEST[key]
        return
    found = []
    each = without_each(model.products, layout, design.columns, design.outcome)
    for code, products in zip(layout.subject, each, strict=True):
        found.append((int(code), parameters_of(model, _refit(model, products))))
        yield found[-1]
    _LATEST[key] = found
    while len(_LATEST) > _KEPT_MODELS:
        _LATEST.popitem(last=False)


def _content(model: RepeatedModel) -> bytes:
    """What refits depend on: the structure, the outcomes and designs, and where each belongs."""
    told = hashlib.sha256(f"{type(model.covariance).__name__} {model.code}".encode())
    rows, design = model.rows, model.design
    for part in (rows.subject, rows.visit, design.columns, design.outcome, design.back):
        told.update(str(part.shape).encode() + np.ascontiguousarray(part).tobytes())
    told.update(repr((design.scale, model.fit.here.theta.tolist())).encode())
    return told.digest()


def _all_but(n: int, out: int) -> Floats:
    weights = np.ones(n)
    weights[out] = 0.0
    return weights


def resampled(
    model: RepeatedModel, trial: ImputationData, replicates: int, seed: int
) -> Iterator[tuple[Draw, Floats]]:
    """Fits to subjects drawn with replacement within arms, and how often each was drawn."""
    rng = np.random.default_rng(seed)
    n = len(trial.subjects)
    place = trial.subjects.get_indexer(model.rows.subject_ids)
    rows_of = [np.flatnonzero(model.rows.subject == code) for code in range(model.rows.subjects)]
    code_of = {int(at): code for code, at in enumerate(place)}
    members = [np.flatnonzero(trial.arm == k) for k in range(len(trial.arms))]
    for _ in range(replicates):
        drawn = np.concatenate([rng.choice(held, len(held)) for held in members])
        codes = [code_of[int(at)] for at in drawn if int(at) in code_of]
        rows = np.concatenate([rows_of[code] for code in codes])
        subject = np.repeat(np.arange(len(codes)), [len(rows_of[code]) for code in codes])
        layout = layout_of(subject, model.rows.visit[rows], len(model.rows.visits))
        products = cross_products(layout, model.design.columns[rows], model.design.outcome[rows])
        weights = np.bincount(drawn, minlength=n).astype(float)
        yield parameters_of(model, _refit(model, products)), weights


def multiple_imputations(
    model: RepeatedModel,
    trial: ImputationData,
    strategy: str,
    method: str,
    imputations: int,
    seed: int,
    *,
    progress: Callable[[int, int], None] | None,
) -> Replicates:
    """Random imputations, each with parameters of its own."""
    if imputations < 2:
        raise UsageError("Pooling needs two imputations or more")
    rng = np.random.default_rng(seed)
    analysis = _Analysis(trial.analysis, len(trial.arms))
    projected = np.linalg.inv(trial.analysis.T @ trial.analysis)
    coefficients, residuals = [], []
    for done, parameters in enumerate(
        parameter_draws(model, trial, method, imputations, rng), start=1
    ):
        course = course_of(trial, parameters.beta, strategy)
        whole = trial.outcome.copy()
        missing = np.isnan(whole)
        for held in np.unique(missing, axis=0):
            if held.any():
                rows = np.flatnonzero((missing == held).all(axis=1))
                fill_pattern(whole, course, parameters.sigma, rows, held, rng)
        parts = _parts(trial, whole)
        coefficients.append(analysis.coefficients(parts).swapaxes(0, 1))
        flat = parts.reshape(len(parts), -1)
        rest = flat - trial.analysis @ (projected @ (trial.analysis.T @ flat))
        shaped = rest.reshape(parts.shape)
        residuals.append(np.einsum("nta,ntb->tab", shaped, shaped))
        if progress is not None:
            progress(done, imputations)
    return Replicates(
        method=method,
        coefficients=np.array(coefficients),
        whole=np.empty(0),
        spread_factor=np.nan,
        residuals=np.array(residuals),
        variance_factor=np.diag(projected)[1 : len(trial.arms)],
        complete_df=float(trial.analysis.shape[0] - trial.analysis.shape[1]),
    )


def parameter_draws(
    model: RepeatedModel,
    trial: ImputationData,
    method: str,
    imputations: int,
    rng: np.random.Generator,
) -> Iterator[Draw]:
    """Parameters of each imputation: fits to resampled subjects, or draws from the posterior."""
    if method == "bootstrap_mi":
        seed = int(rng.integers(2**31))
        yield from (drawn for drawn, _ in resampled(model, trial, imputations, seed))
        return
    fitted = trial.subjects.get_indexer(model.rows.subject_ids)
    outcome = np.full((len(fitted), len(trial.visits)), np.nan)
    outcome[model.rows.subject, model.rows.visit] = model.rows.outcome
    yield from posterior_draws(
        trial.own[fitted],
        outcome,
        parameters_of(model, model.fit),
        draws=imputations,
        burn_in=BURN_IN,
        thin=THIN,
        rng=rng,
    )
