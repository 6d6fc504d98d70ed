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
from abgnn.planning import LoneOutcomes, TwoStageBeliefs
from abgnn.planning.questions import Questions
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
    assert "LinearByTask(channels=30, tasks=2, outputs=4)" in str(router())


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


# beliefs


def warm(**kwargs: object) -> tuple[Router, Batch, tuple[Tensor, Tensor, Tensor]]:
    policy, graphs, outcomes = (
        Router(NAMES, TASKS, in_channels=tiny.H, **kwargs),
        batch(40),
        observed(40),
    )  # type: ignore[arg-type]
    policy.attach(tiny.table())
    error = policy.warm_start(graphs, *outcomes)
    assert 0.5 < error < 1.5
    return policy, graphs, outcomes


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_a_router_says_what_the_beliefs_say(missing: float) -> None:
    policy, graphs, outcomes = warm()
    if missing:
        outcomes = (outcomes[0].clone(), *outcomes[1:])
        outcomes[0][torch.rand(40, 4, generator=torch.Generator().manual_seed(2)) < missing] = (
            torch.nan
        )
        policy.warm_start(graphs, *outcomes)
    asked = Questions.of(graphs.query, graphs.query_embed.double().numpy(), by="subject")
    seen = LoneOutcomes(*(x.numpy() for x in outcomes))
    belief = TwoStageBeliefs.fit(asked, seen, ("lead",), NAMES)(asked)
    for mine, theirs in zip(
        policy.predict(graphs), (belief.accuracy, belief.usd, belief.seconds), strict=True
    ):
        torch.testing.assert_close(mine.double(), torch.tensor(theirs[:, 0]), rtol=1e-4, atol=1e-5)


def test_a_task_that_a_router_does_not_know_is_a_kind_that_beliefs_do_not_know() -> None:
    policy, graphs, _ = warm()
    before = policy.predict(graphs)[0]
    other = [replace(q, meta={"subject": "chess"}) for q in graphs.query]
    policy.predict(graphs)
    graphs.query = other
    after = policy.predict(graphs)[0]
    assert not torch.allclose(before, after)
    graphs.query = [replace(q, meta={}) for q in other]
    assert torch.equal(policy.predict(graphs)[0], after)


def test_gradient_steps_move_the_residual_alone() -> None:
    policy, graphs, _ = warm()
    names = {name.split(".")[0] for name, _ in policy.named_parameters()}
    assert names == {"residual"}
    before = policy.predict(graphs)[0]
    policy(graphs, sample=True).log_prob.sum().backward()
    torch.optim.SGD(policy.parameters(), lr=0.1).step()
    assert not torch.allclose(policy.predict(graphs)[0], before)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.zero_()
    assert torch.equal(policy.predict(graphs)[0], before)


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
        policy.residual.shared[-N_COUNTS:] += 1.0
    assert not torch.allclose(policy.predict(graphs)[0], before)
