"""Mixtures of a few designs that meet budgets, in the mean or for a quantile; linear programmes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linprog

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.planning.least import quantile_least, refusal
from abgnn.planning.search import Candidate, Searcher

_DUAL_STEPS, _START = 8, 0.05
_WEIGHTINGS = ((1, 1), (4, 0.25), (0.25, 4), (4, 4), (0.25, 0.25), (16, 16), (0.05, 0.05))


@dataclass(frozen=True, slots=True)
class Weighted:
    """A design, the share of all queries that it is drawn for, and which kind of them."""

    share: float
    candidate: Candidate
    group: str = ""


@dataclass(frozen=True)
class Stratum:
    """Questions of one kind: their name, their share of all, and a search among them."""

    name: str
    share: float
    searcher: Searcher


@dataclass(frozen=True)
class Budget:
    """Dollars and seconds that a query may take; None: any.

    Args:
        cost_usd: mean USD per query.
        latency_s: seconds per query: their mean, or with `quantile` what so large a share of the
            queries may take at most.
        quantile: None: the mean.
        strict: aim lower, so that the next 100 queries keep the budgets with 95 % probability
            (`abgnn.planning.planner.kept_mix`; where that is not done, at 0.93).
        margin: share of the budgets that is aimed at: expectations of chosen designs are a little
            optimistic. None: 0.99, or 0.93 if strict.

    Raises:
        ConfigError: a figure out of its range.
    """

    cost_usd: float | None = None
    latency_s: float | None = None
    quantile: float | None = None
    strict: bool = False
    margin: float | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("cost", self.cost_usd),
            ("latency", self.latency_s),
            ("margin", self.margin),
        ):
            if value is not None and not value > 0:
                raise ConfigError(name, value, "a number above 0")
        if self.quantile is not None and not 0.5 <= self.quantile < 1:
            raise ConfigError("quantile", self.quantile, "from 0.5 to below 1, for example 0.95")
        if self.quantile is not None and self.latency_s is None:
            raise ConfigError("quantile", self.quantile, "only with a latency budget")

    @property
    def aim(self) -> float:
        """Share of the budgets that is aimed at."""
        return self.margin if self.margin is not None else 0.93 if self.strict else 0.99

    def uses(self, searcher: Searcher, candidate: Candidate) -> list[float]:
        """What a design uses of each budget that there is, 1 being all of it."""
        used = []
        if self.cost_usd is not None:
            used.append(candidate.forecast.usd / self.cost_usd)
        if self.latency_s is not None and self.quantile is None:
            used.append(candidate.forecast.seconds / self.latency_s)
        elif self.latency_s is not None and self.quantile is not None:
            used.append(searcher.slow(candidate.design, self.latency_s) / (1 - self.quantile))
        return used


@dataclass(frozen=True)
class Mixture:
    """Designs drawn at random per query, and what the model expects of that.

    Args:
        parts: at most three, and one more for every further kind of questions; shares sum to 1.
        budget: that it was planned for.
        feasible: whether the model expects the budgets to be met; if not, the parts are the
            designs that come nearest.
        prices: λ_tok (per USD) and λ_lat (per second), the dual values of the budgets: no design
            has a higher utility at them.
        refusal: what `required` raises where the budgets are not expected to be met.
    """

    parts: tuple[Weighted, ...]
    budget: Budget
    feasible: bool
    prices: tuple[float, float] = (0.0, 0.0)
    refusal: ConfigError | None = field(default=None, compare=False, repr=False)

    def required(self) -> Mixture:
        """Itself.

        Raises:
            ConfigError: the budgets are not expected to be met; it names the least that would do.
        """
        if self.refusal is not None:
            raise self.refusal
        return self

    @property
    def cost_usd(self) -> float | None:
        return self.budget.cost_usd

    @property
    def latency_s(self) -> float | None:
        return self.budget.latency_s

    @property
    def accuracy(self) -> float:
        return sum(p.share * p.candidate.forecast.accuracy for p in self.parts)

    @property
    def usd(self) -> float:
        return sum(p.share * p.candidate.forecast.usd for p in self.parts)

    @property
    def seconds(self) -> float:
        return sum(p.share * p.candidate.forecast.seconds for p in self.parts)

    @property
    def accuracy_sd(self) -> float:
        """An upper bound: as if all parts were wrong together."""
        return sum(p.share * p.candidate.forecast.accuracy_sd for p in self.parts)


def budgeted_mix(searcher: Searcher | Sequence[Stratum], budget: Budget) -> Mixture:
    """The mixture of the highest expected accuracy within the aim of both budgets.

    Candidates come from dual steps inside the model (λ grows where a budget is exceeded) and from
    the library's best under seven weightings of the two budgets. Kinds of questions share the
    budgets, so that dollars saved on an easy kind are spent on another.

    Args:
        searcher: among designs for all questions, or one for every kind of them.
        budget: what may be used.
    """
    strata = [Stratum("", 1.0, searcher)] if isinstance(searcher, Searcher) else list(searcher)
    by_kind = _candidates(strata, budget)
    candidates = [(g, c) for g, of_kind in enumerate(by_kind) for c in of_kind]
    accuracy = np.array([c.forecast.accuracy for _, c in candidates])
    uses = np.array([budget.uses(strata[g].searcher, c) for g, c in candidates]).T  # [budgets, n]
    of = np.array([g for g, _ in candidates])
    kinds = (of == np.arange(len(strata))[:, None]).astype(float)  # [G, n]
    shares = np.array([s.share for s in strata])
    limits = np.full(len(uses), budget.aim)
    above = (uses, limits) if len(uses) else (None, None)
    solved = linprog(-accuracy, *above, kinds, shares, bounds=(0, 1))
    if solved.status == 0:
        parts = _parts(strata, candidates, solved.x)
        return Mixture(parts, budget, True, _prices(budget, -solved.ineqlin.marginals))
    nearest = np.zeros(len(candidates))  # the least excess, kind by kind
    for g, share in enumerate(shares):
        worst = np.where(of == g, uses.max(0), np.inf)
        nearest[int(worst.argmin())] = share
    dear = np.full(len(uses), 20 * _START)
    parts = _parts(strata, candidates, nearest)
    refused = _refusal(strata, candidates, budget)
    return Mixture(parts, budget, False, _prices(budget, dear), refused)


def _refusal(
    strata: Sequence[Stratum], candidates: Sequence[tuple[int, Candidate]], budget: Budget
) -> ConfigError:
    groups, shares = np.array([g for g, _ in candidates]), [s.share for s in strata]
    usd = np.array([c.forecast.usd for _, c in candidates]) / budget.aim
    seconds = np.array([c.forecast.seconds for _, c in candidates]) / budget.aim
    mean = budget.quantile is None
    if budget.quantile is not None:
        slow = (1 - budget.quantile) * budget.aim
        runs = [strata[g].searcher.seconds(c.design) for g, c in candidates]
        seconds = np.full(len(usd), quantile_least(runs, groups, shares, slow))
    cost, wait = budget.cost_usd, budget.latency_s
    return refusal(cost, wait, usd, seconds, groups, shares, means=mean)


def _prices(budget: Budget, duals: Array) -> tuple[float, float]:
    """Accuracy per budget as accuracy per USD and per second."""
    left = iter(duals.tolist())
    tok, lat = (0.0 if b is None else next(left) / b for b in (budget.cost_usd, budget.latency_s))
    return tok, lat


def _candidates(strata: Sequence[Stratum], budget: Budget) -> list[list[Candidate]]:
    """Designs for each kind."""
    scale = [0.0 if b is None else 1 / b for b in (budget.cost_usd, budget.latency_s)]
    candidates: list[dict[object, Candidate]] = [{} for _ in strata]

    def add(g: int, candidate: Candidate) -> Candidate:
        candidates[g][candidate.design] = candidate
        return candidate

    lambdas = [_START * s for s in scale]
    for _ in range(_DUAL_STEPS):
        best = [add(g, s.searcher.best(*lambdas)) for g, s in enumerate(strata)]
        used = np.array([
            s.share * np.array(budget.uses(s.searcher, candidate))
            for s, candidate in zip(strata, best, strict=True)
        ]).sum(0)  # fmt: skip
        steps = iter(np.clip(np.log(np.maximum(used, 1e-9)), -1, 1))
        lambdas = [x * float(np.exp(next(steps))) if x else 0.0 for x in lambdas]
    for g, stratum in enumerate(strata):
        for candidate in _screened(stratum.searcher, scale):
            add(g, candidate)
    return [list(by_design.values()) for by_design in candidates]


def _screened(searcher: Searcher, scale: Sequence[float]) -> list[Candidate]:
    """The library's best by several weightings, and its cheapest and fastest."""
    library = searcher.library
    weights = [(_START * a * scale[0], _START * b * scale[1]) for a, b in _WEIGHTINGS]
    best = [max(library, key=lambda f: f.forecast.utility(*w)) for w in weights]
    best.append(min(library, key=lambda f: f.forecast.usd))  # so that what can be met is met
    best.append(min(library, key=lambda f: f.forecast.seconds))
    return [searcher.judged(candidate.design) for candidate in best]


def _parts(
    strata: Sequence[Stratum], candidates: Sequence[tuple[int, Candidate]], shares: Array
) -> tuple[Weighted, ...]:
    used = [i for i in np.argsort(-shares, kind="stable") if shares[i] > 1e-6]
    total = float(shares[used].sum())
    return tuple(
        Weighted(float(shares[i]) / total, candidates[i][1], strata[candidates[i][0]].name)
        for i in used
    )
