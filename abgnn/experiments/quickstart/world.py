"""One world of the main job: calibrate, teach, and evaluate everything on other questions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.cases import Case, first_line, in_words, three_of
from abgnn.experiments.compare.planner import budget_policy
from abgnn.experiments.experiment import Experiment, build
from abgnn.experiments.quickstart.config import Quickstart
from abgnn.experiments.quickstart.measured import (
    BLIND,
    CHOSEN,
    OURS,
    PAPER,
    PLANNER,
    SINGLE,
    TEAMS,
    Measured,
    World,
    best_within,
)
from abgnn.experiments.taught import taught
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.fixed import FixedGraph
from abgnn.models.policy import Policy
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.training.evaluate import Known, evaluate

_MODE, _PAPER = "modes/plan_net.yaml", "modes/paper.yaml"


def run_world(config: Quickstart, seed: int, show: bool = False) -> World:
    """Everything in a world; the calibration and, of a world that is shown, a checkpoint of the
    graph network are written into the config's folder."""
    folder = Path(config.out) / f"world-{seed}"
    flags = config.overrides(seed)
    experiment = build(config.fit, flags)
    calibration = calibrate_experiment(experiment, config.rollouts, seed)
    calibration.save(folder / "calibration.json")
    net = taught([*config.fit, _MODE], flags, calibration, config.texts, seed)
    if show:
        net.trainer.save_checkpoint(Path(config.out) / "plan_net.ckpt", weights_only=False)
    model, data = experiment.model, experiment.data
    queries, known = data.queries("test"), Known()
    with model.new_executor(data) as executor:
        executor.check()

        def measured(
            method: str, name: str, policy: Policy, asked: list[Query], n: int
        ) -> Measured:
            trials = n if method in CHOSEN else 0
            made = evaluate(policy, model.mas, executor, asked, samples=n + trials, known=known)
            return Measured.of(method, name, made, n, trials)

        points = [
            measured(method, name, policy, queries, _rollouts(config, method))
            for method, name, policy in _policies(config, seed, experiment, calibration, net)
        ]
        points += _teams(config, model.mas, queries, measured)
        shown: list[Case] = []
        if show:
            for place in config.shown_budgets:
                budget = Budget(config.cost_budgets[place])
                chosen = shown_questions(config, experiment, queries)
                outcomes = evaluate(_at(net, budget), model.mas, executor, list(chosen.values()))
                shown += [
                    Case("PlanNet", in_words(budget), f"{words}: {first_line(query)}", outcome)
                    for (words, query), outcome in zip(chosen.items(), outcomes, strict=True)
                ]
    return World(seed, model.label, tuple(points), tuple(shown))


def _policies(
    config: Quickstart, seed: int, experiment: Experiment, calibration: Calibration, net: Experiment
) -> Iterator[tuple[str, str, Policy]]:
    """Method, operating point, policy."""
    mas, budgets = experiment.model.mas, config.cost_budgets
    for usd in budgets:
        yield OURS, f"{1e3 * usd:g} mUSD", _at(net, Budget(usd))
    for method, blind in ((PLANNER, False), (BLIND, True)):
        for usd in budgets:
            policy = budget_policy(calibration, Budget(usd), seed, blind=blind)
            yield method, f"{1e3 * usd:g} mUSD", policy
    lead = mas.template.roles[mas.template.lead].name
    for llm in mas.catalogue.names:
        yield SINGLE, llm, FixedGraph(llm, [lead])
    for k, point in enumerate(config.points, 1):
        epochs = f"--trainer.max_epochs={config.epochs}"
        flags = [*config.overrides(seed), *point.overrides(), epochs]
        paper = replace(build([*config.fit, _PAPER], flags), data=experiment.data)
        paper.fit()  # on the same questions: what was judged once is not judged again
        yield PAPER, f"point {k}", paper.model.policy


def _teams(
    config: Quickstart, mas: BaseMAS, queries: list[Query], measured: Callable[..., Measured]
) -> list[Measured]:
    """Fixed teams of every single LLM: all on every fourth question, and those that are best there
    for the money on all."""
    made: dict[str, Policy] = {
        f"{edges} {llm}": FixedGraph(llm, edges=edges)
        for edges in config.topologies
        for llm in mas.catalogue.names
    }
    tried = [measured(TEAMS, name, policy, queries[::4], 1) for name, policy in made.items()]
    best = [best_within(tried, usd) for usd in config.cost_budgets]
    names = dict.fromkeys(point.name for point in best if point is not None)
    n = _rollouts(config, TEAMS)
    return [measured(TEAMS, name, made[name], queries, n) for name in names]


def _rollouts(config: Quickstart, method: str) -> int:
    """Rollouts of every test question."""
    return config.team_samples if method in (PAPER, TEAMS) else config.samples


def _at(net: Experiment, budget: Budget) -> Policy:
    policy: Policy = net.model.policy
    policy.set_budget(budget.cost_usd, budget.latency_s, budget.aim)
    return policy


def shown_questions(
    config: Quickstart, experiment: Experiment, queries: list[Query]
) -> dict[str, Query]:
    """The questions to draw, by what they are in words.

    Raises:
        ConfigError: no test question is as the config asks.
    """
    if not config.shown:
        return three_of(experiment, queries, None)
    return {_words(wanted): _first(queries, wanted) for wanted in config.shown}


def _first(queries: list[Query], wanted: Mapping[str, Any]) -> Query:
    for query in queries:
        if all(query.meta.get(key) == value for key, value in wanted.items()):
            return query
    raise ConfigError("shown", dict(wanted), "entries that a test question's meta has")


def _words(wanted: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}".replace("_", " ") for key, value in wanted.items())
