"""Made-up patients: what can be seen of them at the start, and what is true of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ketastats.instruments.registry import instrument as find_instrument
from ketastats.synthetic.chances import first_dose_chance, shifted
from ketastats.synthetic.scenario import Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

_YOUNGEST, _OLDEST = 18, 85
_LIGHTEST, _HEAVIEST = 40.0, 180.0
_MOST_GAIN, _LEAST_GAIN = 1.0, -0.5
_WIDEST = 50.0  # a beta law of steps is no narrower than with this many earlier trials


@dataclass(frozen=True, slots=True, eq=False)
class Patients:
    """n patients; every array has n rows.

    `arm` indexes `arms`. `true` and `first` hold, per instrument, the true score and the baseline that was
    seen. `works` says in whom the treatment works, `gain` what share of the score it takes away at full
    effect, `onset` (hours) and `step` belong to one dose, `expects` is the share expectancy takes away and
    `own` what each instrument improves by beyond the general improvement, as a factor. `prone` moves the
    patient's log odds of every side effect, and `reacts` says who has the mediating one with the first dose.
    """

    arms: tuple[str, ...]
    arm: Ints
    site: Ints
    age: Floats
    female: Bools
    weight: Floats
    failed: Ints
    diagnosis: Ints
    true: dict[str, Floats]
    first: dict[str, Floats]
    works: Bools
    gain: Floats
    onset: Floats
    step: Floats
    expects: Floats
    own: dict[str, Floats]
    prone: Floats
    reacts: Bools

    def __len__(self) -> int:
        return len(self.arm)

    def per_arm(self, scenario: Scenario, parameter: str) -> Floats:
        """A parameter of each patient's arm."""
        found: Floats = np.take(arm_values(scenario, self.arms, parameter), self.arm)
        return found


@dataclass(frozen=True, slots=True)
class Reactions:
    """The arm whose chance decides who has the mediating side effect with the first dose; None is their own.

    `gain` is for what it does to the score directly, `guess` for what those who have it then believe.
    """

    gain: str | None = None
    guess: str | None = None


AS_THEY_ARE = Reactions()


def arm_values(scenario: Scenario, arms: Sequence[str], parameter: str) -> Floats:
    """A parameter of each arm, in order of `arms`."""
    return np.array([scenario.value(parameter, name) for name in arms])


def entry_instrument(scenario: Scenario) -> str | None:
    """The instrument on which patients were let in, if there was one."""
    name = scenario.values.get(("entry.instrument", ""))
    return None if name is None else str(name)


def make_patients(
    scenario: Scenario, n: int, rng: np.random.Generator, *, as_if: Reactions = AS_THEY_ARE
) -> Patients:
    """Draw n patients of a scenario; arms are as large as their shares say, in random order.

    `as_if` asks for the same patients, had their side effect with the first dose been that of another arm.
    """
    arms = scenario.in_order("arm")
    arm = rng.permutation(_allocated(arm_values(scenario, arms, "arm.share"), n))
    sites = max(int(scenario.value("site.count")), 1)
    site = rng.integers(0, sites, n)
    age = rng.normal(scenario.value("age.mean"), scenario.value("age.sd"), n)
    weight = rng.normal(scenario.value("weight.mean"), scenario.value("weight.sd"), n)
    diagnoses = [scenario.value("diagnosis.share", name) for name in scenario.in_order("diagnosis")]
    failed = rng.poisson(scenario.value("failed.further"), n) + int(scenario.value("failed.least"))
    true, first = _severity(scenario, n, rng)
    works = rng.random(n) < arm_values(scenario, arms, "arm.responders")[arm]

    def of_arm(parameter: str) -> Floats:
        found: Floats = arm_values(scenario, arms, parameter)[arm]
        return found

    gain = _gain(of_arm, works, rng)
    gain += (scenario.value("site.sd") * rng.standard_normal(sites))[site]
    prone, react = _reactions(scenario, arms, arm, rng)
    guesses = rng.random(n) < _guessing(scenario, of_arm("arm.guess"), react(as_if.guess))
    expects = of_arm("arm.expectancy") + scenario.value("expectancy.guess") * guesses
    own = {
        name: scenario.value("score.share", name)
        + scenario.value("score.own_sd", name) * rng.standard_normal(n)
        for name in scenario.in_order("instrument")
    }
    female = rng.random(n) < scenario.value("female.share")
    diagnosis = rng.choice(len(diagnoses), n, p=np.array(diagnoses) / sum(diagnoses))
    gain += _modified(scenario, arms, arm, failed, diagnosis)
    gain += scenario.value("mediator.gain") * react(as_if.gain)
    return Patients(
        arms=arms,
        arm=arm,
        site=site,
        age=np.clip(np.round(age), _YOUNGEST, _OLDEST),
        female=female,
        weight=np.clip(weight, _LIGHTEST, _HEAVIEST).round(1),
        failed=failed.astype(np.intp),
        diagnosis=diagnosis,
        true=true,
        first=first,
        works=works,
        gain=np.clip(gain, _LEAST_GAIN, _MOST_GAIN),
        onset=of_arm("arm.onset") * np.exp(of_arm("arm.onset_spread") * rng.standard_normal(n)),
        step=_steps(of_arm("arm.step"), rng),
        expects=np.clip(
            expects + scenario.value("expectancy.sd") * rng.standard_normal(n),
            _LEAST_GAIN,
            _MOST_GAIN,
        ),
        own=own,
        prone=prone,
        reacts=react(None),
    )


def _modified(
    scenario: Scenario, arms: Sequence[str], arm: Ints, failed: Ints, diagnosis: Ints
) -> Floats:
    """What failed treatments and the diagnosis add to the share that the treatment takes away."""
    mean = int(scenario.value("failed.least")) + scenario.value("failed.further")
    per_failed = arm_values(scenario, arms, "arm.gain_per_failed")[arm]
    names = scenario.in_order("diagnosis")
    by_diagnosis = np.array(
        [[scenario.given("diagnosis.gain", f"{one}/{name}") for name in names] for one in arms]
    )
    found: Floats = per_failed * (failed - mean) + by_diagnosis[arm, diagnosis]
    return found


def _reactions(
    scenario: Scenario, arms: Sequence[str], arm: Ints, rng: np.random.Generator
) -> tuple[Floats, Callable[[str | None], Bools]]:
    """How prone each patient is, and who has the mediating side effect under an arm (None: their own).

    They come from streams of their own, so that whether there is a mediator changes no other draw.
    """
    for_prone, for_mediator = rng.spawn(2)
    n = len(arm)
    prone = scenario.value("event.proneness_sd") * for_prone.standard_normal(n)
    name = scenario.values.get(("mediator.event", ""))
    if name is None:
        return prone, lambda _: np.zeros(n, dtype=bool)
    chances = first_dose_chance(scenario, arms, str(name))
    uniform = for_mediator.random(n)

    def react(under: str | None) -> Bools:
        chance = chances[arm] if under is None else np.full(n, chances[arms.index(under)])
        return np.asarray(uniform < shifted(chance, prone))

    return prone, react


def _guessing(scenario: Scenario, of_arm: Floats, reacts: Bools) -> Floats:
    """Chance of thinking that one has the real drug: with the mediating side effect no less than it says."""
    return np.where(reacts, np.maximum(of_arm, scenario.value("mediator.guess")), of_arm)


def _gain(of_arm: Callable[[str], Floats], works: Bools, rng: np.random.Generator) -> Floats:
    """Share of the score that goes at full effect, before it is bounded."""
    noise = rng.standard_normal(len(works))
    found: Floats = np.where(
        works,
        of_arm("arm.gain") + of_arm("arm.gain_sd") * noise,
        of_arm("arm.gain_other") + of_arm("arm.gain_other_sd") * noise,
    )
    return found


def _allocated(shares: Floats, n: int) -> Ints:
    """Arm of each of n patients, arm by arm, as near to the shares as whole numbers can be."""
    wanted = n * shares / shares.sum()
    sizes = np.floor(wanted).astype(int)
    order = np.argsort(sizes - wanted, kind="stable")
    sizes[order[: n - sizes.sum()]] += 1
    return np.repeat(np.arange(len(shares)), sizes)


def _steps(mean: Floats, rng: np.random.Generator) -> Floats:
    """Share of the full effect that one dose brings: beta, or exactly 0 or 1 where the mean is."""
    inside = (mean > 0) & (mean < 1)
    safe = np.where(inside, mean, 0.5)
    strength = np.minimum(4.0 / np.minimum(safe, 1 - safe), _WIDEST)
    drawn = rng.beta(strength * safe, strength * (1 - safe))
    return np.where(inside, drawn, mean)


def _severity(
    scenario: Scenario, n: int, rng: np.random.Generator
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """True scores and baselines, correlated through general severity, of those let in."""
    instruments = scenario.in_order("instrument")
    deviates = {name: rng.standard_normal((2, n)) for name in instruments}
    uniform, general = rng.random(n), rng.standard_normal(n)
    true, first = {}, {}
    entry = entry_instrument(scenario)
    if entry is not None:
        seen = _let_in(scenario, entry, uniform)
        reliable = scenario.value("score.reliability", entry)
        z_true = reliable * seen + sqrt(reliable * (1 - reliable)) * deviates[entry][0]
        loading = scenario.value("score.loading", entry)
        t = z_true / sqrt(reliable) if reliable > 0 else np.zeros(n)
        general = loading * t + sqrt(1 - loading**2) * general
        true[entry], first[entry] = _in_points(scenario, entry, z_true, seen)
    for name in instruments:
        if name == entry:
            continue
        reliable = scenario.value("score.reliability", name)
        loading = scenario.value("score.loading", name)
        t = loading * general + sqrt(1 - loading**2) * deviates[name][0]
        z_true = sqrt(reliable) * t
        seen = z_true + sqrt(1 - reliable) * deviates[name][1]
        true[name], first[name] = _in_points(scenario, name, z_true, seen)
    return true, first


def _let_in(scenario: Scenario, entry: str, uniform: Floats) -> Floats:
    """Baselines in standard deviations, of a normal law cut at the entry score."""
    bad = find_instrument(entry).higher_is_worse
    half = -0.5 if bad else 0.5  # scores are whole: one just short of the entry rounds to it
    at = scenario.value("entry.score") + half - scenario.value("score.mean", entry)
    z = at / scenario.value("score.sd", entry)
    # the tail beyond the entry, taken from its own end, so that far entries keep their digits
    tail = ndtr(-z) if bad else ndtr(z)
    found: Floats = -ndtri(uniform * tail) if bad else ndtri(uniform * tail)
    return found


def _in_points(
    scenario: Scenario, name: str, z_true: Floats, z_seen: Floats
) -> tuple[Floats, Floats]:
    scale = find_instrument(name)
    mean, sd = scenario.value("score.mean", name), scenario.value("score.sd", name)
    low = -np.inf if scale.total_min is None else scale.total_min
    high = np.inf if scale.total_max is None else scale.total_max
    seen = np.clip(np.round(mean + sd * z_seen), low, high)
    return np.clip(mean + sd * z_true, low, high), seen
