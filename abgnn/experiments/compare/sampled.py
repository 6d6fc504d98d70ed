"""Rows that ask one LLM more than once: self-checks and adaptive consistency.

A calibration with one answer of each LLM does not say how an LLM's own answers agree. With as many
calls as a complete one they have fewer questions, on which every LLM answers once, and the four of
least regret four times more; what to do is chosen there by replay, for each budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from abgnn.data.arrays import Array
from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.experiments.compare.budgets import budgets_of_rows
from abgnn.experiments.compare.controls import SELF_CHECK
from abgnn.experiments.experiment import Experiment
from abgnn.models.fixed import FixedGraph
from abgnn.models.lone_programs import LoneProgram
from abgnn.models.policy import Policy
from abgnn.models.programs import AdaptiveConsistencyProgram, SelfCheckProgram
from abgnn.models.programs.adaptive_consistency import settled
from abgnn.models.programs.self_consistency import majority
from abgnn.planning.closed_loop.candidates import candidates
from abgnn.planning.closed_loop.ways import Ways

AGAIN, REPEATED = 4, 4  # further answers, of so many LLMs
THRESHOLDS = (0.8, 0.9, 0.95)
Made = list[tuple[Policy, Array]]
"""Ways to answer, each with the score, USD and seconds of every question, `[3, n]`."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Answers to n questions, of every LLM once, and of some again.

    Args:
        llms: M names; again: indices of those that were asked again.
        keys: by LLM, question and sample; "" is no key.
        bills: score, USD and seconds, nan where an LLM was not asked, `[3, M, n, 1 + AGAIN]`.
        calls: that were made.
    """

    llms: tuple[str, ...]
    again: tuple[int, ...]
    keys: list[list[list[str]]]
    bills: Array
    calls: int

    def alone(self, llm: int) -> Array:
        """Of its first answers, `[3, n]`."""
        first: Array = self.bills[:, llm, :, 0]
        return first


def sampled_policies(
    kind: str, experiment: Experiment, costs: Sequence[float], waits: Sequence[float]
) -> tuple[int, list[tuple[str, Policy]]]:
    """Number of calibration calls, and a policy for each budget; single LLMs where none fits."""
    samples, template = sample(experiment), experiment.model.mas.template
    lead = template.roles[template.lead].name
    ways = _ways(self_checks(samples) if kind == SELF_CHECK else adaptive(samples))
    alone = _ways([(FixedGraph(m, [lead]), samples.alone(i)) for i, m in enumerate(samples.llms)])
    rows = budgets_of_rows(costs, waits)
    return samples.calls, [(name, ways.best(budget, alone)) for name, budget in rows]


def _ways(made: Made) -> Ways[Policy]:
    means = np.array([bills.mean(1) for _, bills in made]).reshape(len(made), 3)
    return Ways([policy for policy, _ in made], means)


def sample(experiment: Experiment) -> Samples:
    """As many calls as there are training questions × LLMs, at most."""
    data, names = experiment.data, experiment.model.mas.catalogue.names
    data.setup("fit")
    queries, few = data.queries("train"), min(REPEATED, len(names))
    some = queries[: max(len(queries) * len(names) // (len(names) + few * AGAIN), 1)]
    keys = [[[""] * (1 + AGAIN) for _ in some] for _ in names]
    bills = np.full((3, len(names), len(some), 1 + AGAIN), np.nan)
    cells = list(product(range(len(names)), range(len(some)), [0]))
    _fill(experiment, some, cells, keys, bills)
    right, usd, _ = bills[:, :, :, 0].mean(2)  # [M] each
    again = candidates(right, usd, few).tolist()
    further = list(product(again, range(len(some)), range(1, 1 + AGAIN)))
    _fill(experiment, some, further, keys, bills)
    return Samples(names, tuple(again), keys, bills, len(cells) + len(further))


def _fill(
    experiment: Experiment,
    queries: Sequence[Query],
    cells: Iterable[tuple[int, int, int]],
    keys: list[list[list[str]]],
    bills: Array,
) -> None:
    """Ask: (LLM, question, sample) of each call."""
    mas, data = experiment.model.mas, experiment.data
    role, names = mas.template.roles[mas.template.lead], mas.catalogue.names
    cells = list(cells)
    plans = [Plan(queries[q], (Agent(role, names[m]),), (), 0) for m, q, _ in cells]
    with experiment.model.new_executor(data) as executor:
        executor.check(plans)
        outcomes = executor.run(plans, samples=[s for _, _, s in cells], phase="calibrate")
    for (m, q, s), outcome in zip(cells, outcomes, strict=True):
        bills[:, m, q, s] = outcome.score, outcome.cost, outcome.latency
        keys[m][q][s] = "" if outcome.error else data.key(outcome.plan.query, outcome.answer)


def self_checks(samples: Samples) -> Made:
    """Every cheap LLM that was asked again, before every other, with 1 to 4 checks."""
    made: Made = []
    for cheap, checks in product(samples.again, range(1, 1 + AGAIN)):
        sure = np.array([_agreement(keys[: 1 + checks]) for keys in samples.keys[cheap]])
        score, usd, seconds = samples.bills[:, cheap, :, : 1 + checks]  # [n, 1 + checks] each
        bill = np.stack([score[:, 0], usd.sum(1), seconds[:, 0] + seconds[:, 1:].max(1)])
        for dear, agree in product(range(len(samples.llms)), range(1, 1 + checks)):
            if dear != cheap:
                program = SelfCheckProgram(checks, agree / checks)
                after = samples.alone(dear)
                on = sure < program.threshold
                bills = np.where(on, np.concatenate([after[:1], bill[1:] + after[1:]]), bill)
                made.append(
                    (LoneProgram([samples.llms[cheap], samples.llms[dear]], program), bills)
                )
    return made


def _agreement(keys: Sequence[str]) -> float:
    """Share of the others that say what the first says."""
    return sum(key == keys[0] for key in keys[1:]) / (len(keys) - 1) if keys[0] else 0.0


def adaptive(samples: Samples) -> Made:
    """Every LLM that was asked again, at every threshold."""
    made: Made = []
    for llm, threshold in product(samples.again, THRESHOLDS):
        bills = []
        for q, keys in enumerate(samples.keys[llm]):
            n = next((n for n in range(1, AGAIN + 1) if settled(keys[:n], threshold)), 1 + AGAIN)
            stands = majority([(key, str(i)) for i, key in enumerate(keys[:n])])
            score, usd, seconds = samples.bills[:, llm, q, :n]
            bills.append((score[int(stands or 0)], usd.sum(), seconds.sum()))
        program = AdaptiveConsistencyProgram(threshold, 1 + AGAIN)
        made.append((LoneProgram([samples.llms[llm]], program), np.array(bills).T))
    return made
