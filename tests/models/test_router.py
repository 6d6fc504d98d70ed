"""The router: which LLM, how likely, from what was observed, and never a committee."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import Trainer
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.graph.query_graph import batch_of
from abgnn.models import Action, Router
from abgnn.models.router import N_COUNTS
from abgnn.nn import TaskBill, TaskScores
from abgnn.rollout import RecordedClient
from abgnn.training import Reinforce, WarmStart
from datamodules import Outcomes
from tests import tiny

NAMES = ["b0", "b1", "b2", "b3"]
TASKS = ["sums", "verses"]


def queries(n: int) -> list[Query]:
    return [
        Query(f"q{i}", f"question {i} " + "x" * (7 * i), "general", meta={"subject": TASKS[i % 2]})
        for i in range(n)
    ]


def batch(n: int = 6, samples: int = 1) -> Batch:
    generator = torch.Generator().manual_seed(1)
    embed = torch.randn(n, tiny.H, generator=generator)
    asked = [q for q in queries(n) for _ in range(samples)]
    roles = torch.randn(4, tiny.H, generator=generator)
    return batch_of(tiny.template(3), roles, asked, embed.repeat_interleave(samples, 0))


def router(seed: int = 0, **kwargs: object) -> Router:
    made = Router(NAMES, TASKS, in_channels=tiny.H, **kwargs)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    made.attach(tiny.table())
    return made


def observed(n: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    score = torch.rand(n, 4, generator=generator, dtype=torch.float64)
    usd = 1e-4 * torch.tensor([1.0, 2.0, 4.0, 8.0]).double().expand(n, -1)
    return score, usd, 10 * usd


def test_repr() -> None:
    assert "TaskScores(channels=30, tasks=2, backbones=4)" in str(router())


def test_every_plan_is_a_lone_agent_in_the_lead_role() -> None:
    template = tiny.template(3)
    roles = tuple(replace(role, lead=i == 1) for i, role in enumerate(template.roles))
    graphs = batch_of(replace(template, roles=roles), torch.randn(4, tiny.H), queries(40),
                      torch.randn(40, tiny.H))  # fmt: skip
    for sample in (False, True):
        decision = router()(graphs, sample=sample)
        plans = decision.plans()
        assert {tuple(a.role.name for a in p.agents) for p in plans} == {("r1",)}
        assert all(p.edges == () and p.decision == 0 for p in plans)
        chosen = decision.backbone[graphs.is_lead].tolist()
        assert [p.agents[0].backbone for p in plans] == [f"b{m}" for m in chosen]


def test_log_probability_is_that_of_the_stated_softmax() -> None:
    policy, graphs = router(temperature=0.7), batch()
    policy.set_tradeoff(200.0, 0.01)
    score, usd, seconds = policy.predict(graphs)
    wanted = torch.log_softmax((score - 200 * usd - 0.01 * seconds) / 0.7, -1)
    for m in range(4):
        backbone = torch.full((graphs.num_nodes,), m)
        none = torch.zeros(graphs.edge_index.size(1), dtype=torch.bool)
        action = Action(torch.zeros(6, dtype=torch.long), backbone, graphs.is_lead, none)
        decision = policy(graphs, sample=True, action=action)
        torch.testing.assert_close(decision.log_prob.double(), wanted[:, m], rtol=1e-4, atol=1e-5)
        entropy = -(wanted.exp() * wanted).sum(-1)
        torch.testing.assert_close(decision.entropy.double(), entropy, rtol=1e-4, atol=1e-5)


def test_sampling_frequencies_are_the_probabilities() -> None:
    torch.manual_seed(0)
    policy, graphs = router(temperature=1.0), batch(2, samples=4000)
    score, _, _ = policy.predict(graphs)
    chosen = policy(graphs, sample=True).backbone[graphs.is_lead].view(2, 4000)
    share = torch.nn.functional.one_hot(chosen, 4).float().mean(1)  # [2, M]
    wanted = score.detach().softmax(-1)[[0, 4000]]
    torch.testing.assert_close(share, wanted, rtol=0, atol=0.03)


def test_money_matters_as_much_as_lambda_says() -> None:
    policy, graphs = router(), batch()
    policy.warm_start(graphs, *observed(6))
    score, usd, _ = policy.predict(graphs)
    policy.set_tradeoff(0.0, 0.0)
    free = policy(graphs, sample=False).backbone[graphs.is_lead]
    assert free.tolist() == score.argmax(-1).tolist()
    policy.set_tradeoff(1e9, 0.0)
    poor = policy(graphs, sample=False).backbone[graphs.is_lead]
    assert poor.tolist() == usd.argmin(-1).tolist() == [0] * 6


def test_before_a_warm_start_costs_are_the_catalogue_s() -> None:
    policy, graphs = router(), batch()
    _, usd, seconds = policy.predict(graphs)
    torch.testing.assert_close(usd[0], tiny.table().cost.double())
    torch.testing.assert_close(seconds[-1], tiny.table().latency.double())


def test_the_catalogue_s_order_and_subset_do_not_matter() -> None:
    policy, graphs = router(), batch()
    policy.warm_start(graphs, *observed(6))
    whole = policy.predict(graphs)
    few = tiny.table(((2, 0),))
    few.names = ("b2", "b0")
    policy.attach(few)
    for part, full in zip(policy.predict(graphs), whole, strict=True):
        assert torch.equal(part, full[:, [2, 0]])
    assert set(policy(graphs, sample=True).names) == {"b0", "b2"}
    few.names = ("b2", "other")
    with pytest.raises(ConfigError, match="other"):
        policy.attach(few)


@pytest.mark.parametrize(
    ("field", "value"),
    [("backbones", []), ("backbones", ["a", "a"]), ("tasks", ["x", "x"]), ("temperature", 0.0)],
)
def test_faulty_arguments_are_named(field: str, value: object) -> None:
    given = {"backbones": NAMES, "tasks": TASKS, field: value}
    with pytest.raises(ConfigError, match=field):
        Router(**given)  # type: ignore[arg-type]


def test_the_encoder_s_width_is_checked() -> None:
    with pytest.raises(ConfigError, match="in_channels"):
        Router(NAMES, TASKS, in_channels=9).attach(tiny.table())


def test_weights_and_what_was_observed_survive_a_checkpoint() -> None:
    policy, graphs = router(), batch()
    policy.warm_start(graphs, *observed(6))
    again = router(seed=5)
    again.load_state_dict(policy.state_dict())
    for a, b in zip(policy.predict(graphs), again.predict(graphs), strict=True):
        assert torch.equal(a, b)


# the score head


def explicit(phi: Tensor, task: Tensor, tasks: int, a: float, head: TaskScores) -> Tensor:
    """Features whose ridge with unit penalty is the head's prior."""
    one_hot = torch.nn.functional.one_hot(task, tasks).double()  # [n, U]
    own = (one_hot[:, :, None] * phi[:, None]).flatten(1)
    parts = [head.task_var**0.5 * one_hot, (a * head.shared_var) ** 0.5 * phi]
    return torch.cat([*parts, (a * head.own_var) ** 0.5 * own], 1)


def test_fit_is_the_ridge_of_the_stated_prior_and_unknown_tasks_go_without_it() -> None:
    generator = torch.Generator().manual_seed(0)
    n, tasks, width = 40, 3, 5
    features = torch.randn(n, width, generator=generator)
    task = torch.randint(0, tasks, (n,), generator=generator)
    score = torch.rand(n, 4, generator=generator)
    head = TaskScores(width, tasks, 4)
    assert head.fit(features, task, score, scales=(1.0,)) == 1.0
    phi = (features - features.mean(0)).double()
    design = explicit(phi, task, tasks, 1.0, head)
    rest = score.double() - score.double().mean(0)
    gram = design.T @ design + torch.eye(design.size(1)).double()
    weights = torch.linalg.solve(gram, design.T @ rest)
    wanted = score.double().mean(0) + design @ weights
    torch.testing.assert_close(head(features, task).double(), wanted, rtol=0, atol=1e-5)
    shared = weights[tasks : tasks + width] * head.shared_var**0.5
    unknown = head(features, torch.full((n,), tasks)).double()
    wanted = score.double().mean(0) + phi @ shared
    torch.testing.assert_close(unknown, wanted, rtol=0, atol=1e-5)


def test_queries_that_say_nothing_leave_the_task_table() -> None:
    generator = torch.Generator().manual_seed(0)
    task = torch.arange(200) % 2
    score = (torch.rand(200, 3, generator=generator) < 0.5).float()
    head = TaskScores(50, 2, 3, own_var=10.0)
    noise = torch.randn(200, 50, generator=generator)
    assert head.fit(noise, task, score) == 0.0
    rows = score[task == 0]
    wanted = (rows.sum(0) + 5 * score.mean(0)) / (len(rows) + 5)
    torch.testing.assert_close(head(noise, task)[0], wanted, rtol=0, atol=1e-5)


def test_queries_that_say_something_are_heard() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(200, 4, generator=generator)
    score = torch.stack([features[:, 0] > 0, features[:, 0] < 0], 1).float()
    head = TaskScores(4, 1, 2)
    task = torch.zeros(200, dtype=torch.long)
    assert head.fit(features, task, score) == 1.0
    assert (head(features, task).argmax(1) == score.argmax(1)).float().mean() > 0.95


def test_bills_grow_with_length_at_the_slope_within_tasks() -> None:
    task = torch.tensor([0, 0, 0, 1, 1, 1])
    length = torch.tensor([1.0, 2.0, 3.0, 10.0, 20.0, 30.0])
    base = torch.tensor([[5.0, 50.0], [2.0, 20.0]])
    bill = base[task] + length[:, None] * torch.tensor([0.5, 5.0])
    head = TaskBill(2, 2, shrink=0.0)
    head.fit(length, task, bill)
    torch.testing.assert_close(head(length, task), bill.double())
    shrunk = TaskBill(2, 2)
    shrunk.fit(length, task, bill)
    torch.testing.assert_close(shrunk.base[2], torch.tensor([3.5, 35.0]).double())
    assert (shrunk(torch.tensor([0.0]), torch.tensor([1])) >= bill.min(0).values).all()


# learning, in a recorded world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcomes, BaseMAS]:
    """Two LLMs for four times the price of one another; each is good at one task."""
    folder: Path = tmp_path_factory.mktemp("world")
    lines = ["query,task,model,score,cost,prompt_tokens,completion_tokens,latency"]
    rng = np.random.default_rng(0)
    for i, (task, name) in product(range(60), (("sums", "cheap"), ("verses", "dear"))):
        for llm, price in (("cheap", 1), ("dear", 4)):
            right = int(rng.random() < (0.9 if llm == name else 0.2))
            lines.append(f"{task} number {i},{task},{llm},{right},{price * 1e-4},{100},{100},1")
    (folder / "table.csv").write_text("\n".join(lines))
    entries = [
        {"name": n, "model": n, "type": "standard", "price_in": p * 0.5, "price_out": p * 0.5,
         "active_params_b": 8.0, "benchmarks": {"general": {"x": 50.0}}}
        for n, p in (("cheap", 1), ("dear", 4))
    ]  # fmt: skip
    catalogue = folder / "catalogue.yaml"
    catalogue.write_text(yaml.safe_dump({"currency": "USD", "source": "-", "backbones": entries}))
    data = Outcomes(str(folder / "table.csv"), n_train=80, n_val=0, domain="general", batch_size=20)
    mas = BaseMAS(
        catalogue=str(catalogue),
        template="templates/committee.yaml",
        encoder="offline",
        n_pools=1,
    )
    return data, mas


def learn(world: tuple[Outcomes, BaseMAS], warm: WarmStart, epochs: int, lr: float) -> Reinforce:
    data, mas = world
    torch.manual_seed(0)
    module = Reinforce(
        Router(["cheap", "dear"], TASKS),
        mas,
        RecordedClient(),
        lambda_tok=100.0,
        lambda_lat=0.0,
        samples=4,
        lr=lr,
        entropy_weight=0.3,
    )
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        callbacks=[warm],
    )
    trainer.fit(module, datamodule=data)
    return module


def right(module: Reinforce, data: Outcomes) -> float:
    """Share of test questions that go to the LLM that is good at their task."""
    asked = data.queries("test")
    plans = module.plans(asked)
    best = {"sums": "cheap", "verses": "dear"}
    hits = [
        best[q.meta["subject"]] == p.agents[0].backbone for q, p in zip(asked, plans, strict=True)
    ]
    return sum(hits) / len(hits)


def test_a_warm_start_observes_every_llm_once_and_routes_by_task(
    world: tuple[Outcomes, BaseMAS],
) -> None:
    module = learn(world, WarmStart(), epochs=0, lr=1e-3)
    assert int(module.rollouts) == 80 * 2
    assert float(module.spent_usd) == pytest.approx(80 * 5e-4)
    assert bool(module.policy.warm) is True  # type: ignore[arg-type]
    assert right(module, world[0]) == 1.0


def test_reinforce_alone_learns_it_too(world: tuple[Outcomes, BaseMAS]) -> None:
    start = learn(world, WarmStart(scores=False), epochs=0, lr=3e-2)
    assert right(start, world[0]) == 0.5  # all scores equal: the cheap one
    assert right(learn(world, WarmStart(scores=False), epochs=12, lr=3e-2), world[0]) > 0.95


def test_a_warm_start_is_for_routers_of_the_whole_catalogue(
    world: tuple[Outcomes, BaseMAS],
) -> None:
    data, mas = world
    for policy, said in ((tiny.policy(), "Router"), (Router(["cheap", "dear", "x"], TASKS), "x")):
        module = Reinforce(policy, mas, RecordedClient())
        module.setup = lambda stage: None  # type: ignore[method-assign]
        module.policy = policy
        trainer = Trainer(accelerator="cpu", max_epochs=0, logger=False, callbacks=[WarmStart()],
                          enable_checkpointing=False, enable_model_summary=False)  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            trainer.fit(module, datamodule=data)


def test_surface_counts_reach_the_score() -> None:
    policy, graphs = router(), batch()
    before = policy.predict(graphs)[0]
    with torch.no_grad():
        policy.scores.shared[-N_COUNTS:] += 1.0
    assert not torch.allclose(policy.predict(graphs)[0], before)
