"""`Certificate`: whether stated budgets are met on held-out queries, with confidence bounds.

One-sided bounds at a stated level: Clopper-Pearson (exact) for the share of queries within the
latency budget; for mean cost and mean latency, whose distributions are skewed, `mean_bounds`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, stdtrit  # scipy.stats takes half a second to import

from abgnn.data.outcome import Outcome
from abgnn.errors import ConfigError

Verdict = Literal["met", "not met", "not certified"]
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Finding:
    """One budget.

    Args:
        name: `mean cost`, `mean latency` or `share within latency`.
        budget: USD, seconds, or the share asked for.
        value: observed.
        low, high: one-sided bounds, each at the certificate's confidence.
        verdict: `met` if the bound on the safe side is within the budget, `not met` if the other
            one is beyond it, else `not certified`: more queries may tell.
    """

    name: str
    budget: float
    value: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True)
class Certificate:
    """The verdicts on the budgets from held-out queries.

    Args:
        findings: one per budget.
        accuracy: mean score, with its one-sided bounds.
        confidence: of every bound, one by one (not of all together).
        n: queries.
        label: `simulated`, `recorded` or `live`.
        seed: of data and bootstrap.
        priced: what the catalogue says about its prices and their date.
    """

    findings: tuple[Finding, ...]
    accuracy: tuple[float, float, float]
    confidence: float
    n: int
    label: str
    seed: int
    priced: str = ""

    @property
    def verdict(self) -> Verdict:
        """Of all budgets: `met` if each is, `not met` if one is not."""
        verdicts = {f.verdict for f in self.findings}
        if "not met" in verdicts:
            return "not met"
        return "met" if verdicts <= {"met"} else "not certified"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {"verdict": self.verdict, **asdict(self)}

    def text(self) -> str:
        """For people."""
        lines = [f"{self.label}, {self.n} held-out queries, seed {self.seed}: {self.verdict}"]
        if self.priced:
            lines.append(f"prices: {self.priced}")
        mean, low, high = self.accuracy
        lines.append(f"  accuracy              {mean:.3f}  [{low:.3f}, {high:.3f}]")
        lines += [
            f"  {f.name:<21} {f.value:.4g}  [{f.low:.4g}, {f.high:.4g}]"
            f"  budget {f.budget:.4g}: {f.verdict}"
            for f in self.findings
        ]
        lines.append(f"  each bound one-sided at {self.confidence:.0%}")
        return "\n".join(lines)


def certify(
    outcomes: Sequence[Outcome],
    *,
    cost_usd: float | None = None,
    latency_s: float | None = None,
    share: float | None = None,
    confidence: float = 0.95,
    label: str = "live",
    seed: int = 0,
    priced: str = "",
) -> Certificate:
    """Judge budgets by executed held-out queries; rollouts of one query count as one observation.

    Args:
        outcomes: of queries that nothing was learned from.
        cost_usd: budget of the mean cost per query; latency_s: of the mean latency.
        share: of queries that must be within `latency_s` each (a quantile budget).
        confidence: of each one-sided bound.
        label, seed, priced: what the certificate says of its origin.

    Raises:
        ConfigError: see `check_request`.
    """
    table = _per_query(outcomes)
    check_request(
        len(table), cost_usd=cost_usd, latency_s=latency_s, share=share, confidence=confidence
    )
    findings = []
    if cost_usd is not None:
        findings.append(_mean("mean cost", table[:, 1], cost_usd, confidence, seed))
    if latency_s is not None and share is None:
        findings.append(_mean("mean latency", table[:, 2], latency_s, confidence, seed))
    if latency_s is not None and share is not None:
        within = _within(outcomes, latency_s)
        findings.append(_share(within, len(table), share, confidence))
    low, high = mean_bounds(table[:, 0], confidence, seed)
    accuracy = (float(table[:, 0].mean()), max(low, 0.0), min(high, 1.0))
    return Certificate(tuple(findings), accuracy, confidence, len(table), label, seed, priced)


def check_request(
    queries: int,
    *,
    cost_usd: float | None = None,
    latency_s: float | None = None,
    share: float | None = None,
    confidence: float = 0.95,
) -> None:
    """Whether `certify` can judge this, which is known before a query is executed.

    Raises:
        ConfigError: no budget, fewer than two queries, a share without a latency budget, or
            values out of range.
    """
    if cost_usd is None and latency_s is None:
        raise ConfigError("budget", None, "cost_usd or latency_s")
    for name, budget in (("cost_usd", cost_usd), ("latency_s", latency_s)):
        if budget is not None and not 0 < budget < math.inf:
            raise ConfigError(name, budget, "a number above 0")
    if not 0.5 <= confidence < 1:
        raise ConfigError("confidence", confidence, "from 0.5 to below 1")
    if share is not None and (latency_s is None or not 0 < share < 1):
        raise ConfigError("share", share, "between 0 and 1, with a latency budget")
    if queries < 2:
        raise ConfigError("queries", queries, "at least two queries")


def clopper_pearson(successes: int, n: int, confidence: float) -> tuple[float, float]:
    """Exact one-sided lower and upper bounds of a share."""
    low = float(betaincinv(successes, n - successes + 1, 1 - confidence)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, confidence)) if successes < n else 1.0
    return low, high


def mean_bounds(values: ArrayLike, confidence: float, seed: int = 0) -> tuple[float, float]:
    """One-sided lower and upper bounds of a mean.

    The bootstrap of the studentised mean; of positive values the wider of it and of the bound for
    log-normal ones (Cox), for the bootstrap is short where few values are very skewed. A constant
    sample is its own bound: nothing says how far others may be.
    """
    x = np.asarray(values, dtype=float)
    n, mean, spread = len(x), float(x.mean()), float(x.std(ddof=1))
    if spread <= 1e-12 * abs(mean):
        return mean, mean
    rng = np.random.default_rng(seed)
    drawn = x[rng.integers(n, size=(_DRAWS, n))]
    sd = drawn.std(1, ddof=1)
    t = (drawn.mean(1) - mean)[sd > 0] / (sd[sd > 0] / n**0.5)
    low_t, high_t = np.quantile(t, (1 - confidence, confidence))
    low, high = mean - float(high_t) * spread / n**0.5, mean - float(low_t) * spread / n**0.5
    if (x > 0).all():
        log_low, log_high = _log_normal_bounds(np.log(x), confidence)
        low, high = min(low, log_low), max(high, log_high)
    return low, high


def _log_normal_bounds(logs: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    n, variance = len(logs), float(logs.var(ddof=1))
    half = float(stdtrit(n - 1, confidence))
    half *= (variance / n + variance**2 / (2 * (n - 1))) ** 0.5
    centre = float(logs.mean()) + variance / 2
    return float(np.exp(centre - half)), float(np.exp(centre + half))


def _mean(
    name: str, values: NDArray[np.float64], budget: float, confidence: float, seed: int
) -> Finding:
    low, high = mean_bounds(values, confidence, seed)
    verdict: Verdict = "met" if high <= budget else "not met" if low > budget else "not certified"
    return Finding(name, budget, float(values.mean()), low, high, verdict)


def _share(within: int, n: int, share: float, confidence: float) -> Finding:
    low, high = clopper_pearson(within, n, confidence)
    verdict: Verdict = "met" if low >= share else "not met" if high < share else "not certified"
    return Finding("share within latency", share, within / n, low, high, verdict)


def _within(outcomes: Sequence[Outcome], latency_s: float) -> int:
    """Queries whose every rollout is within; a failed one is not."""
    able: dict[str, bool] = {}
    for o in outcomes:
        fine = o.error is None and o.latency <= latency_s
        able[o.plan.query.id] = able.get(o.plan.query.id, True) and fine
    return sum(able.values())


def _per_query(outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
    """Mean score, USD and seconds of every query, `[n, 3]`."""
    figures: dict[str, list[tuple[float, float, float]]] = {}
    for o in outcomes:
        figures.setdefault(o.plan.query.id, []).append((o.score, o.cost, o.latency))
    return np.array([np.mean(v, axis=0) for v in figures.values()]).reshape(len(figures), 3)
