"""CPU milliseconds of plans by question and of `PlanNet`, after a simulated calibration."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from lightning.pytorch import Trainer
from rich.console import Console
from rich.table import Table

from abgnn.data.query import Query
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import Experiment, quiet
from abgnn.graph.base_mas import BaseMAS
from abgnn.graph.query_graph import batch_of
from abgnn.models import FixedGraph, PlannedQuestions, PlanNet
from abgnn.models.plan_knowledge import knowledge
from abgnn.models.portfolio import Portfolio
from abgnn.planning import Budget, Design, QuestionPlan
from abgnn.planning.question_features import QuestionFeatures
from abgnn.rollout import SimulatedClient
from abgnn.training import Reinforce
from abgnn.training.course import PLAN_NET
from abgnn.training.lessons import teach
from datamodules import QuickQA
from tests import tiny
from tests.stand_in import LinearBeliefs, prior, questions_of

H, BATCH = 384, 512


def cpu_ms(run: Callable[[], object], times: int = 3) -> float:
    """The fastest of a few runs, in milliseconds of this process's CPU."""
    run()
    spent = []
    for _ in range(times):
        begin = time.process_time()
        run()
        spent.append(time.process_time() - begin)
    return 1e3 * min(spent)


def known_world() -> tuple[BaseMAS, QuestionPlan, PlanNet]:
    """A calibration of 320 rollouts, its plan by question, and a `PlanNet` that it taught."""
    quiet()
    data = QuickQA(n_train=80, n_val=4)
    data.setup("fit")
    mas = BaseMAS("general", encoder="offline")
    module = Reinforce(FixedGraph(mas.catalogue.names[0]), mas, SimulatedClient(1))
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, max_epochs=0)
    known = calibrate_experiment(Experiment(module, data, trainer), 320, 0)
    net, planner = PlanNet(), known.by_question()
    net.attach(mas.table)
    teach(net, mas, known, planner, data.queries("train"), ((10.0, 1e-3),), PLAN_NET)
    return mas, QuestionPlan.of(known, Budget(1e-3)), net


def asked(n: int) -> tuple[list[Query], torch.Tensor]:
    """Questions of about the length of real ones, with random unit embeddings."""
    known = QuickQA().load()
    queries = [Query(f"q{i}", f"{known[i % len(known)].text} ({i})", "general") for i in range(n)]
    embed = torch.randn(n, H, generator=torch.Generator().manual_seed(n))
    return queries, torch.nn.functional.normalize(embed, dim=-1)


def large_net(roles: int, backbones: int) -> tuple[PlanNet, Callable[[int], object]]:
    """A `PlanNet` of so many roles and LLMs, whose beliefs are made up: their values do not matter
    to time; and a maker of batches."""
    questions = questions_of([Query(f"t{i}", f"text {i}", "general") for i in range(60)], H)
    template, rng = tiny.template(roles), np.random.default_rng(0)
    embed = rng.standard_normal((roles + 1, H)) / H**0.5
    features = QuestionFeatures.fit(questions, embed)
    shape = (roles + 1, backbones)
    names = tuple(role.name for role in template.roles), tuple(f"b{i}" for i in range(backbones))
    level, weight = rng.standard_normal(shape), rng.standard_normal((features.size, *shape))
    beliefs = LinearBeliefs(*names, features, level, weight, *np.full((2, *shape), 1e-3))
    lone = [Design(((s, m),), (), None) for s in range(roles) for m in range(backbones)]
    drawn = [
        (rng.choice(roles, 2, replace=False), rng.integers(backbones, size=3)) for _ in range(80)
    ]
    teams = [
        Design(((int(s), int(a)), (int(t), int(b))), ((int(s), int(t)),), int(c))
        for (s, t), (a, b, c) in ((np.sort(slots), llms) for slots, llms in drawn)
    ]
    net = PlanNet()
    portfolio = Portfolio(*names, tuple(dict.fromkeys([*lone, *teams])))
    net.know(knowledge(portfolio, beliefs, features, prior(backbones), questions))

    def batch(size: int) -> object:
        return batch_of(template, torch.from_numpy(embed).float(), *asked(size))

    return net, batch


def speed_of_plans(console: Console) -> None:
    """Print the table."""
    mas, plan, net = known_world()
    policy = PlannedQuestions(plan)
    policy.attach(mas.table)
    table = Table(
        title="plans by question, from text and embedding to plan (simulated calibration)"
    )
    for column in ("what", "roles", "backbones", "designs", "CPU ms per question"):
        table.add_column(column, justify="left" if column == "what" else "right")
    shape = (str(len(mas.template.roles)), str(len(mas.catalogue)))

    def row(what: str, sizes: tuple[str, str], designs: int, ms: float) -> None:
        table.add_row(what, *sizes, str(designs), f"{ms:.3f}")

    for n in (2_500, 10_000):
        queries, embed = asked(n)
        role = mas.role_embed
        parts = [
            batch_of(mas.template, role, queries[i : i + BATCH], embed[i : i + BATCH])
            for i in range(0, n, BATCH)
        ]
        ms = cpu_ms(lambda parts=parts: [policy(p, sample=False).plans() for p in parts], 1)
        row(f"planner, {n:,} questions", shape, len(plan.planner.designs), ms / n)
    for size in (1, 64, BATCH):
        batch = batch_of(mas.template, mas.role_embed, *asked(size))
        with torch.no_grad():
            ms = cpu_ms(lambda batch=batch: net(batch, sample=False)) / size
        row(f"PlanNet, batch {size}", shape, len(net.taught.portfolio.designs), ms)
    for roles, backbones in ((6, 14), (20, 14), (20, 50), (50, 50)):
        large, make = large_net(roles, backbones)
        batch = make(64)
        with torch.no_grad():
            ms = cpu_ms(lambda large=large, batch=batch: large(batch, sample=False)) / 64
        sizes = (str(roles), str(backbones))
        row("PlanNet, batch 64", sizes, len(large.taught.portfolio.designs), ms)
    console.print(table)
    assert np.isfinite(ms)
