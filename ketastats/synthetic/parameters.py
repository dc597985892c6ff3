"""What a scenario may say: every parameter, what it belongs to, and which values it can have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

KINDS = {
    "probability": (0.0, 1.0),
    "positive": (1e-9, inf),
    "at_least_0": (0.0, inf),
    "number": (-inf, inf),
    "count": (0.0, inf),
}
"""Kinds of number with their least and greatest value; the further kinds are word and yes_or_no."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One line of the catalogue.

    `scope` is what a value belongs to: nothing (""), "arm", "instrument", "diagnosis", "visit", "event",
    "medicine", "vital", or two of them joined by "/". `optional` ones may be left out, all of a scope
    together; `default` is used where a value is not given.
    """

    name: str
    scope: str
    kind: str
    unit: str
    meaning: str
    default: float | str | None = None


def _of(scope: str, *lines: tuple[object, ...]) -> Iterable[Parameter]:
    return (Parameter(line[0], scope, *line[1:]) for line in lines)  # type: ignore[arg-type]


_PATIENTS = _of(
    "",
    ("age.mean", "number", "years", "mean age"),
    ("age.sd", "positive", "years", "spread of age; ages stay between 18 and 85"),
    ("female.share", "probability", "", "share of women"),
    ("weight.mean", "positive", "kg", "mean body weight"),
    ("weight.sd", "at_least_0", "kg", "spread of body weight"),
    ("failed.least", "count", "treatments", "fewest treatments that failed before"),
    ("failed.further", "at_least_0", "treatments", "mean number of further ones (Poisson)"),
    ("site.count", "count", "sites", "number of sites"),
    ("site.sd", "at_least_0", "", "spread of sites' improvement, as share of the score", 0.0),
    ("entry.instrument", "word", "", "instrument on which patients were let in"),
    (
        "entry.score",
        "number",
        "points",
        "least score (greatest where high is good) at which they were let in",
    ),
)
_COURSE = _of(
    "",
    (
        "drift.per_week",
        "number",
        "",
        "share of the score that goes (or comes) in a week without anything",
        0.0,
    ),
    ("expectancy.onset", "positive", "hours", "half of what is expected is felt by then"),
    ("expectancy.sd", "at_least_0", "", "spread of expectancy between patients"),
    (
        "expectancy.guess",
        "number",
        "",
        "further share of the score for those who think they have the real drug",
        0.0,
    ),
    ("lapse.days", "positive", "days", "mean length of a spell in which benefit is lost", 25.0),
    ("lapse.left", "probability", "", "share of the benefit that stays in such a spell", 0.4),
    (
        "mediator.event",
        "word",
        "",
        "side effect through which a treatment also works; none where left out",
    ),
    (
        "mediator.gain",
        "number",
        "",
        "further share of the score gone for those who have it with their first dose",
        0.0,
    ),
    (
        "mediator.guess",
        "probability",
        "",
        "share of them who think they have the real drug, where it is above their arm's",
        0.0,
    ),
    (
        "event.proneness_sd",
        "at_least_0",
        "",
        "spread between patients of the log odds of side effects, one number for all events",
        0.0,
    ),
    (
        "leave.depends_on",
        "word",
        "",
        "seen: leaving depends on scores seen; unseen: on the present one",
        "seen",
    ),
    (
        "leave.log_odds",
        "number",
        "",
        "log odds of leaving before the next visit, per share of the score gone",
        0.0,
    ),
    ("gap.share", "probability", "", "chance that a visit is missed by those who stay"),
    (
        "gap.log_odds",
        "number",
        "",
        "log odds of that, per share of the score gone when last seen",
        0.0,
    ),
    (
        "rescue.share",
        "probability",
        "",
        "share of those without benefit who get rescue medicine",
        0.0,
    ),
    (
        "checks.hours",
        "word",
        "",
        "hours after a dose at which side effects are asked for",
        "0.67 2 4 24",
    ),
)
_ARMS = _of(
    "arm",
    ("arm.share", "positive", "", "size of the arm, in shares of the sum over arms"),
    ("arm.treatment", "word", "", "what is given, as a dose record names it"),
    ("arm.route", "word", "", "route, as a dose record names it"),
    ("arm.dose", "at_least_0", "mg/kg", "dose by weight; 0 where the dose is fixed", 0.0),
    ("arm.dose_mg", "at_least_0", "mg", "fixed dose", 0.0),
    ("arm.minutes", "at_least_0", "minutes", "length of an infusion", 0.0),
    ("arm.minutes_sd", "at_least_0", "minutes", "spread of the lengths of infusions", 0.0),
    (
        "arm.doses",
        "count",
        "doses",
        "doses of the series; 1 for a daily medicine, which then goes on",
    ),
    ("arm.daily", "yes_or_no", "", "whether it is a daily medicine", "no"),
    ("arm.every", "positive", "days", "days from dose to dose", 3.5),
    ("arm.slip", "at_least_0", "hours", "spread of the times of doses", 0.0),
    ("arm.responders", "probability", "", "share in whom the treatment works"),
    ("arm.gain", "number", "", "share of the score it takes away in them, at full effect"),
    ("arm.gain_sd", "at_least_0", "", "spread of that"),
    ("arm.gain_other", "number", "", "the same in the others"),
    ("arm.gain_other_sd", "at_least_0", "", "spread of that"),
    (
        "arm.gain_per_failed",
        "number",
        "",
        "further share it takes away per failed treatment above the mean number",
        0.0,
    ),
    ("arm.onset", "positive", "hours", "median of the time to half of a dose's effect"),
    ("arm.onset_spread", "at_least_0", "", "spread of its logarithm"),
    ("arm.step", "probability", "", "share of the full effect that one dose brings, on average"),
    ("arm.fade", "positive", "days", "half-life of a dose's effect", 1e6),
    ("arm.expectancy", "number", "", "share of the score that expectancy takes away, on average"),
    ("arm.guess", "probability", "", "share who think they have the real drug", 0.0),
    ("arm.leave", "probability", "", "share who leave before the last visit"),
    ("arm.broken", "probability", "", "share of series without benefit that are broken off", 0.0),
    (
        "arm.maintained",
        "probability",
        "",
        "share of those with benefit who get single doses later",
        0.0,
    ),
    ("arm.maintained_every", "positive", "days", "mean days from one later dose to the next", 40.0),
    (
        "arm.lapses",
        "at_least_0",
        "per 90 days",
        "spells in which benefit is lost, from day 21 on",
        0.0,
    ),
)
_INSTRUMENTS = _of(
    "instrument",
    ("score.mean", "number", "points", "mean before selection"),
    ("score.sd", "positive", "points", "spread before selection"),
    ("score.reliability", "probability", "", "correlation of two assessments of a stable patient"),
    ("score.loading", "probability", "", "correlation of the true score with general severity"),
    ("score.share", "number", "", "share of the general improvement that this scale shows", 1.0),
    ("score.own_sd", "at_least_0", "", "spread of improvement of this scale alone", 0.0),
    ("score.items", "yes_or_no", "", "whether items are given too", "no"),
)
_VISITS = _of(
    "visit",
    ("visit.hours", "positive", "hours", "planned time after the first dose"),
    ("visit.spread", "at_least_0", "hours", "spread of the time it takes place", 0.0),
)
_OTHERS = (
    *_of("diagnosis", ("diagnosis.share", "probability", "", "share of patients; sums to 1")),
    *_of(
        "arm/diagnosis",
        (
            "diagnosis.gain",
            "number",
            "",
            "further share the treatment takes away in that diagnosis; 0 where left out",
        ),
    ),
    *_of(
        "arm/event",
        ("event.share", "probability", "", "chance per dose; per course for a daily medicine"),
    ),
    *_of(
        "event",
        ("event.moderate", "probability", "", "share of episodes that are moderate", 0.2),
        ("event.severe", "probability", "", "share of episodes that are severe", 0.03),
        ("event.hours", "positive", "hours", "median length of an episode"),
        ("event.spread", "at_least_0", "", "spread of its logarithm", 0.6),
        ("event.per_tenth", "number", "", "log odds per further 0.1 mg/kg above 0.5", 0.0),
    ),
    *_of(
        "vital",
        ("vital.mean", "positive", "", "mean at rest, in the unit of the scale"),
        ("vital.sd", "positive", "", "spread between patients"),
        ("vital.error", "at_least_0", "", "spread from one reading to the next"),
    ),
    *_of("arm/vital", ("vital.rise", "number", "", "mean rise at the end of the infusion", 0.0)),
    *_of(
        "medicine",
        ("medicine.share", "probability", "", "share of patients who take it at the start"),
        ("medicine.dose", "positive", "mg", "usual dose"),
        (
            "medicine.equivalent",
            "positive",
            "mg",
            "the same in the reference medicine of its class",
        ),
        ("medicine.tapered", "probability", "", "share of those with benefit who come off it"),
    ),
)

CATALOGUE: dict[str, Parameter] = {
    one.name: one for one in (*_PATIENTS, *_COURSE, *_ARMS, *_INSTRUMENTS, *_VISITS, *_OTHERS)
}
"""Every parameter by name."""

MAY_BE_LEFT_OUT = ("entry.instrument", "entry.score", "mediator.event")
"""Parameters of the whole cohort that have neither a default nor to be given."""

NEEDED_SCOPES = ("", "arm", "instrument", "visit", "diagnosis")
"""Scopes of which a scenario has at least one member; the others may be empty."""

WORDS = {"leave.depends_on": ("seen", "unseen")}
"""Words that some parameters are restricted to."""

DEFINES = {
    "arm": "arm.share",
    "instrument": "score.mean",
    "visit": "visit.hours",
    "diagnosis": "diagnosis.share",
    "event": "event.hours",
    "vital": "vital.mean",
    "medicine": "medicine.share",
}
"""The parameter that makes a member of a scope; without it the member is gone."""

_TOLD_OF_ARMS = (
    "arm.share",
    "arm.treatment",
    "arm.route",
    "arm.dose",
    "arm.dose_mg",
    "arm.minutes",
    "arm.minutes_sd",
)

ARM_LAW = tuple(
    one.name for one in CATALOGUE.values() if one.scope == "arm" and one.name not in _TOLD_OF_ARMS
)
"""Parameters of an arm that scores, leaving and doses follow; the others only say what it is given."""
