"""Rows that ask one LLM more than once: self-checks and adaptive consistency.

A calibration with one answer of each LLM does not say how an LLM's own answers agree. With as many
calls as a complete one they have fewer questions, on which every LLM answers once, and the four of
least regret four times more; what to do is chosen there by replay, for each budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from abgnn.data.arrays import Array
from abgnn.data.outcome import Outcome
from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.experiments.compare.complete import budgets_of_rows
from abgnn.experiments.compare.controls import SELF_CHECK
from abgnn.experiments.experiment import Experiment
from abgnn.models.lone_programs import LoneProgram
from abgnn.models.policy import Policy
from abgnn.models.programs import AdaptiveConsistencyProgram, SelfCheckProgram
from abgnn.models.programs.adaptive_consistency import settled
from abgnn.models.programs.self_consistency import majority
from abgnn.planning.best_within import best_within
from abgnn.planning.budgets import Budget
from abgnn.planning.closed_loop.candidates import candidates

AGAIN, REPEATED = 4, 4  # further answers, of so many LLMs
THRESHOLDS = (0.8, 0.9, 0.95)


@dataclass(frozen=True, eq=False)
class Samples:
    """Answers to n questions, of every LLM once, and of some again.

    Args:
        llms: M names; again: indices of those that were asked again.
        keys: by LLM, question and sample; "" is no key.
        right, usd, seconds: likewise, `[M, n, 1 + AGAIN]`; nan where an LLM was asked once.
    """

    llms: tuple[str, ...]
    again: tuple[int, ...]
    keys: list[list[list[str]]]
    right: Array
    usd: Array
    seconds: Array

    def alone(self, llm: int) -> Array:
        """Score, USD and seconds of its first answer, `[3, n]`."""
        return np.stack([values[llm, :, 0] for values in (self.right, self.usd, self.seconds)])


@dataclass(frozen=True)
class Way:
    """A way to answer, and mean score, USD and seconds of its replay."""

    policy: Policy
    means: tuple[float, float, float]


def sampled_policies(
    kind: str, experiment: Experiment, costs: Sequence[float], waits: Sequence[float]
) -> tuple[int, list[tuple[str, Policy]]]:
    """Number of calibration calls, and a policy for each budget; single LLMs where none fits.

    Raises:
        ConfigError: a world in which an LLM always says the same.
    """
    calls, samples = sample(experiment)
    ways = _self_checks(samples) if kind == SELF_CHECK else _adaptive(samples)
    alone = [_way(LoneProgram([m]), samples.alone(i)) for i, m in enumerate(samples.llms)]
    rows = budgets_of_rows(costs, waits)
    return calls, [(name, _best(ways, alone, budget)) for name, budget in rows]


def sample(experiment: Experiment) -> tuple[int, Samples]:
    """As many calls as there are training questions × LLMs, at most."""
    model, data = experiment.model, experiment.data
    if model.label == "recorded":
        allowed = "a world that can ask an LLM again: simulated, or live"
        raise ConfigError("plain", f"{SELF_CHECK}, or another row of repeated answers", allowed)
    data.setup("fit")
    queries, names = data.queries("train"), model.mas.catalogue.names
    few = min(REPEATED, len(names))
    some = queries[: max(len(queries) * len(names) // (len(names) + few * AGAIN), 1)]
    shape = (len(names), len(some), 1 + AGAIN)
    made = Samples(
        names,
        (),
        [[[""] * (1 + AGAIN) for _ in some] for _ in names],
        *(np.full(shape, np.nan) for _ in range(3)),
    )
    calls = _fill(experiment, made, some, range(len(names)), range(1))
    means = made.right[:, :, 0].mean(1), made.usd[:, :, 0].mean(1)
    again = tuple(candidates(*means, few).tolist())
    calls += _fill(experiment, made, some, again, range(1, 1 + AGAIN))
    return calls, Samples(names, again, made.keys, made.right, made.usd, made.seconds)


def _fill(
    experiment: Experiment,
    made: Samples,
    queries: Sequence[Query],
    llms: Sequence[int],
    samples: Sequence[int],
) -> int:
    """Ask; the number of calls."""
    model, data = experiment.model, experiment.data
    role = model.mas.template.roles[model.mas.template.lead]
    cells = list(product(llms, range(len(queries)), samples))
    plans = [Plan(queries[q], (Agent(role, made.llms[m]),), (), 0) for m, q, _ in cells]
    with model.new_executor(data) as executor:
        executor.check(plans)
        outcomes = executor.run(plans, samples=[s for _, _, s in cells], phase="calibrate")
    for (m, q, s), outcome in zip(cells, outcomes, strict=True):
        made.right[m, q, s], made.usd[m, q, s] = outcome.score, outcome.cost
        made.seconds[m, q, s] = outcome.latency
        made.keys[m][q][s] = _key(data, outcome)
    return len(cells)


def _key(data: object, outcome: Outcome) -> str:
    key = getattr(data, "key", None)
    text = outcome.calls[-1].text if outcome.calls and not outcome.error else ""
    return str(key(outcome.plan.query, text)) if key is not None and text else ""


def _self_checks(samples: Samples) -> list[Way]:
    """Every cheap LLM that was asked again, before every other, with 1 to 4 checks."""
    ways = []
    for cheap, checks in product(samples.again, range(1, 1 + AGAIN)):
        sure = np.array([_agreement(keys[: 1 + checks]) for keys in samples.keys[cheap]])
        bill = samples.alone(cheap)
        bill[1] = samples.usd[cheap, :, : 1 + checks].sum(1)
        bill[2] += samples.seconds[cheap, :, 1 : 1 + checks].max(1)
        for dear, agree in product(range(len(samples.llms)), range(1, 1 + checks)):
            if dear == cheap:
                continue
            after = samples.alone(dear)
            on = sure < agree / checks - 1e-9
            means = np.where(on, np.stack([after[0], *(bill[1:] + after[1:])]), bill)
            names = [samples.llms[cheap], samples.llms[dear]]
            program = SelfCheckProgram(checks, agree / checks - 1e-9)
            ways.append(_way(LoneProgram(names, program), means))
    return ways


def _agreement(keys: Sequence[str]) -> float:
    """Share of the others that say what the first says."""
    return float(np.mean([key == keys[0] for key in keys[1:]])) if keys[0] else 0.0


def _adaptive(samples: Samples) -> list[Way]:
    """Every LLM that was asked again, at every threshold."""
    ways = []
    for llm, threshold in product(samples.again, THRESHOLDS):
        bills = []
        for q, keys in enumerate(samples.keys[llm]):
            n = next((n for n in range(1, AGAIN + 1) if settled(keys[:n], threshold)), 1 + AGAIN)
            stands = majority([(key, str(i)) for i, key in enumerate(keys[:n])])
            of = llm, q, slice(n)
            right = samples.right[llm, q, int(stands or 0)]
            bills.append((right, samples.usd[of].sum(), samples.seconds[of].sum()))
        program = AdaptiveConsistencyProgram(threshold, 1 + AGAIN)
        ways.append(_way(LoneProgram([samples.llms[llm]], program), np.array(bills).T))
    return ways


def _way(policy: Policy, bills: Array) -> Way:
    right, usd, seconds = bills.mean(1).tolist()
    return Way(policy, (right, usd, seconds))


def _best(ways: Sequence[Way], alone: Sequence[Way], budget: Budget) -> Policy:
    """Of its own kind where one keeps the budget, else a single LLM."""
    limits = budget.cost_usd or np.inf, budget.latency_s or np.inf
    fits = any(way.means[1] <= limits[0] and way.means[2] <= limits[1] for way in ways)
    able = ways if fits else alone
    means = np.array([way.means for way in able]).T
    return able[best_within(*means, budget)].policy
