"""`Certificate`: whether stated budgets are met on held-out queries, with confidence bounds.

Of an error probability α = 1 − confidence, a look at the data spends a part, so that one may look
again (`alpha_of_look`); that part is shared evenly by the budgets, so that their bounds hold
together. Every bound is one-sided. Shares and 0/1 scores have exact bounds (Clopper-Pearson),
other scores such that assume nothing but their range, mean cost and latency, which are skewed,
`mean_bounds`; where the queries' plans were drawn from a mixture, part by part (`Strata`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from abgnn.data.outcome import Outcome
from abgnn.errors import ConfigError
from abgnn.evaluation.bounds import clopper_pearson, mean_bounds, score_bounds
from abgnn.evaluation.strata import Strata

__all__ = [
    "Certificate",
    "Finding",
    "alpha_of_look",
    "certify",
    "check_request",
    "clopper_pearson",
    "mean_bounds",
]

Verdict = Literal["met", "not met", "not certified"]
_SPENT, _LOOKS = 0.8, 6  # of the α that is left, by every look; what is left then is too little


@dataclass(frozen=True, slots=True)
class Finding:
    """One budget.

    Args:
        name: `mean cost`, `mean latency` or `share within latency`.
        budget: USD, seconds, or the share asked for.
        value: observed; of a mixture, with its parts weighted by their known shares.
        low, high: one-sided bounds, each at the certificate's `each`.
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
        accuracy: mean score, with its one-sided bounds (at 1 − `alpha`, on their own).
        confidence: that the bounds of all budgets hold together, over all looks.
        n: queries.
        label: `simulated`, `recorded` or `live`.
        seed: of data and bootstrap.
        priced: what the catalogue says about its prices and their date.
        subject: what is judged, such that looks at the same thing can be told; may be empty.
        look: the how-manyth look at it this is.
        alpha: the error probability that this look spends.
        each: confidence of each budget's bounds, 1 − `alpha` / number of budgets.
        parts: of a mixture: part, its known share of the queries, and how many queries got it.
    """

    findings: tuple[Finding, ...]
    accuracy: tuple[float, float, float]
    confidence: float
    n: int
    label: str
    seed: int
    priced: str = ""
    subject: str = ""
    look: int = 1
    alpha: float = 0.0
    each: float = 0.0
    parts: tuple[tuple[str, float, int], ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Of all budgets: `met` if each is, `not met` if one is not."""
        verdicts = {f.verdict for f in self.findings}
        if "not met" in verdicts:
            return "not met"
        return "met" if verdicts <= {"met"} else "not certified"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; a bound that is not known is None."""
        made = {"verdict": self.verdict, **asdict(self)}
        for finding in made["findings"]:
            finding["high"] = finding["high"] if math.isfinite(finding["high"]) else None
        return made

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
        if len(self.parts) > 1:
            drawn = ", ".join(f"{n} for {share:.1%}" for _, share, n in self.parts)
            lines.append(f"  queries for each part of the mixture: {drawn} of the use")
        lines.append(
            f"  the budgets hold together at {self.confidence:.0%}; look {self.look}, "
            f"each bound one-sided at {self.each:.2%}"
        )
        return "\n".join(lines)


def alpha_of_look(confidence: float, look: int) -> float:
    """The error probability that a look spends: four fifths of what earlier looks left.

    The looks' parts (0.8, 0.16, 0.032, … of 1 − confidence) sum to less than 1 − confidence,
    however often one looks.
    """
    return float((1 - confidence) * _SPENT * (1 - _SPENT) ** (look - 1))


def certify(
    outcomes: Sequence[Outcome],
    *,
    cost_usd: float | None = None,
    latency_s: float | None = None,
    share: float | None = None,
    confidence: float = 0.95,
    look: int = 1,
    strata: Strata | None = None,
    most_usd: float | None = None,
    label: str = "live",
    seed: int = 0,
    priced: str = "",
    subject: str = "",
) -> Certificate:
    """Judge budgets by executed held-out queries; rollouts of one query count as one observation.

    Args:
        outcomes: of queries that nothing was learned from.
        cost_usd: budget of the mean cost per query; latency_s: of the mean latency.
        share: of queries that must be within `latency_s` each (a quantile budget).
        confidence: that the bounds of all budgets hold together.
        look: the how-manyth time that the same thing is judged (see `alpha_of_look`).
        strata: which part of a mixture each query got; None: all queries are alike. The cost of a
            rare and dear part that no query got is then nowhere in the bounds.
        most_usd: what a query cannot cost more than (a hard cap); None: not known.
        label, seed, priced, subject: what the certificate says of its origin.

    Raises:
        ConfigError: see `check_request`.
    """
    table = _per_query(outcomes)
    check_request(
        len(table),
        cost_usd=cost_usd,
        latency_s=latency_s,
        share=share,
        confidence=confidence,
        look=look,
    )
    ids, figures = list(table), np.array(list(table.values()))  # [n, 3]
    known = strata or Strata.none(ids)
    budgets = (cost_usd is not None) + (latency_s is not None)
    alpha = alpha_of_look(confidence, look)
    most = math.inf if most_usd is None else most_usd
    judge = _Judge(known, ids, 1 - alpha / budgets, seed)
    findings = []
    if cost_usd is not None:
        findings.append(judge.mean("mean cost", cost_usd, figures[:, 1], most))
    if latency_s is not None and share is None:
        findings.append(judge.mean("mean latency", latency_s, figures[:, 2], math.inf))
    if latency_s is not None and share is not None:
        within = _within(outcomes, latency_s)
        findings.append(judge.share("share within latency", share, within))
    accuracy = replace(judge, confidence=1 - alpha).scores(figures[:, 0])
    parts = () if strata is None else tuple(strata.counts())
    return Certificate(
        tuple(findings), accuracy, confidence, len(ids), label, seed, priced, subject,
        look, alpha, judge.confidence, parts,
    )  # fmt: skip


def check_request(
    queries: int,
    *,
    cost_usd: float | None = None,
    latency_s: float | None = None,
    share: float | None = None,
    confidence: float = 0.95,
    look: int = 1,
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
    if not 1 <= look <= _LOOKS:
        raise ConfigError("look", look, f"from 1, for the first, to {_LOOKS}")
    if queries < 2:
        raise ConfigError("queries", queries, "at least two queries")


@dataclass(frozen=True, slots=True)
class _Judge:
    """Bounds of figures by query, and verdicts by them.

    Args:
        strata: which part of a mixture each query got.
        ids: of the queries, in the figures' order.
        confidence: of each one-sided bound.
        seed: of the bootstrap.
    """

    strata: Strata
    ids: Sequence[str]
    confidence: float
    seed: int

    def scores(self, values: NDArray[np.float64]) -> tuple[float, float, float]:
        """Mean of values in [0, 1], with its bounds."""
        exact = partial(score_bounds, confidence=self.confidence)
        return self.strata.mean(self.ids, values, exact, self.confidence, (0.0, 1.0))

    def mean(self, name: str, budget: float, used: NDArray[np.float64], most: float) -> Finding:
        """Whether the mean of what queries use, each at most so much, is within its budget."""
        skewed = partial(mean_bounds, confidence=self.confidence, seed=self.seed)
        mean = self.strata.mean(self.ids, used, skewed, self.confidence, (0.0, most))
        return _finding(name, budget, *mean)

    def share(self, name: str, budget: float, within: NDArray[np.float64]) -> Finding:
        """Whether at least so large a share of the queries is within."""
        return _finding(name, budget, *self.scores(within), least=True)


def _finding(
    name: str, budget: float, value: float, low: float, high: float, *, least: bool = False
) -> Finding:
    """With its verdict; `least`: the budget is the least that there should be."""
    safe, unsafe = (low >= budget, high < budget) if least else (high <= budget, low > budget)
    verdict: Verdict = "met" if safe else "not met" if unsafe else "not certified"
    return Finding(name, budget, value, low, high, verdict)


def _within(outcomes: Sequence[Outcome], latency_s: float) -> NDArray[np.float64]:
    """1 for a query whose every rollout is within, else 0; a failed one is not."""
    able: dict[str, bool] = {}
    for o in outcomes:
        fine = o.error is None and o.latency <= latency_s
        able[o.plan.query.id] = able.get(o.plan.query.id, True) and fine
    return np.array(list(able.values()), dtype=float)


def _per_query(outcomes: Sequence[Outcome]) -> dict[str, NDArray[np.float64]]:
    """Mean score, USD and seconds of every query, `[3]`."""
    figures: dict[str, list[tuple[float, float, float]]] = {}
    for o in outcomes:
        figures.setdefault(o.plan.query.id, []).append((o.score, o.cost, o.latency))
    return {query: np.mean(rows, axis=0) for query, rows in figures.items()}
