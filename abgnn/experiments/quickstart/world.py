"""One world of the main job: calibrate, teach, train, and evaluate everything on other questions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.cases import Case, first_line, in_words, three_of
from abgnn.experiments.compare.planner import budget_policies
from abgnn.experiments.experiment import Experiment, build
from abgnn.experiments.quickstart.config import Quickstart
from abgnn.experiments.quickstart.measured import (
    BLIND,
    OURS,
    PAPER,
    PLANNER,
    SINGLE,
    TEAMS,
    Measured,
    World,
)
from abgnn.models.fixed import FixedGraph
from abgnn.models.policy import Policy
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.training.evaluate import evaluate

_MODE, _PAPER = "modes/plan_net.yaml", "modes/paper.yaml"


def run_world(config: Quickstart, seed: int, show: bool = False) -> World:
    """Everything in a world; the calibration and, of a world that is shown, a checkpoint of the
    graph network are written into the config's folder."""
    folder = Path(config.out) / f"world-{seed}"
    experiment = build(config.fit, config.overrides(seed))
    calibration = calibrate_experiment(experiment, config.rollouts, seed)
    calibration.save(folder / "calibration.json")
    net = taught(config, seed, folder / "calibration.json")
    if show:
        net.trainer.save_checkpoint(Path(config.out) / "plan_net.ckpt")
    model, data = experiment.model, experiment.data
    queries = data.queries("test")
    with model.new_executor(data) as executor:
        executor.check()
        points = [
            Measured.of(method, name, evaluate(policy, model.mas, executor, queries, samples=n), n)
            for method, name, policy, n in _policies(config, seed, experiment, calibration, net)
        ]
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


def taught(config: Quickstart, seed: int, calibration: Path) -> Experiment:
    """The graph network, taught by the planner on training questions and further texts."""
    teacher = {
        "class_path": "abgnn.training.Teacher",
        "init_args": {"calibration": str(calibration), "texts": config.texts, "seed": seed},
    }
    lessons = (f"--trainer.callbacks+={json.dumps(teacher)}", "--trainer.max_epochs=0")
    experiment = build([*config.fit, _MODE], [*config.overrides(seed), *lessons])
    experiment.fit()
    return experiment


def _policies(
    config: Quickstart, seed: int, experiment: Experiment, calibration: Calibration, net: Experiment
) -> Iterator[tuple[str, str, Policy, int]]:
    """Method, operating point, policy, rollouts of a question."""
    mas, budgets, n = experiment.model.mas, config.cost_budgets, config.samples
    for usd in budgets:
        yield OURS, f"{1e3 * usd:g} mUSD", _at(net, Budget(usd)), n
    for method, blind in ((PLANNER, False), (BLIND, True)):
        planned = budget_policies(calibration, budgets, (), seed, blind=blind)
        yield from ((method, name, policy, n) for name, policy in planned[: len(budgets)])
    lead = mas.template.roles[mas.template.lead].name
    for llm in mas.catalogue.names:
        yield SINGLE, llm, FixedGraph(llm, [lead]), n
    for k, point in enumerate(config.points, 1):
        epochs = f"--trainer.max_epochs={config.epochs}"
        flags = [*config.overrides(seed), *point.overrides(), epochs]
        paper = build([*config.fit, _PAPER], flags)
        paper.fit()
        yield PAPER, f"point {k}", paper.model.policy, n
    for edges in config.topologies:
        for llm in mas.catalogue.names:
            yield TEAMS, f"{edges} {llm}", FixedGraph(llm, edges=edges), config.topology_samples


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
