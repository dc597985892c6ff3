"""The conjugate posterior of one rate: Beta(prior a + events, prior b + non-events).

References
----------
Gelman A, Carlin JB, Stern HS, et al (2013). Bayesian Data Analysis, 3rd ed, section 2.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import betainc, betaincinv

from ketastats.stats.intervals import Interval, check_counts, check_level


@dataclass(frozen=True, slots=True)
class BetaPosterior:
    """A Beta(a, b) distribution of a rate."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return self.a / (self.a + self.b)

    def interval(self, *, conf_level: float = 0.95) -> Interval:
        """Equal-tailed credible interval."""
        check_level(conf_level)
        tail = (1 - conf_level) / 2
        low, high = betaincinv(self.a, self.b, tail), betaincinv(self.a, self.b, 1 - tail)
        return Interval(float(low), float(high))

    def probability_between(self, low: float, high: float) -> float:
        """Probability that the rate lies in [low, high]."""
        if not 0 <= low <= high <= 1:
            raise ValueError(f"need 0 <= low <= high <= 1, got {low} and {high}")
        return float(betainc(self.a, self.b, high) - betainc(self.a, self.b, low))


def beta_posterior(
    successes: int, n: int, *, prior: tuple[float, float] = (0.5, 0.5)
) -> BetaPosterior:
    """Update a Beta prior, Jeffreys' (1/2, 1/2) unless another is given, with `successes` of `n`."""
    check_counts(successes, n)
    if min(prior) <= 0:
        raise ValueError(f"both prior parameters must be positive, not {prior}")
    return BetaPosterior(prior[0] + successes, prior[1] + n - successes)
