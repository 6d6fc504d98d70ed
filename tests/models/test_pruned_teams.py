"""AgentPrune and AgentDropout: phases, counts, exact gradients, execution, the real trainer."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentDropout, AgentPrune, Policy
from abgnn.nn.edge_distribution import EdgeSample
from abgnn.rollout import Executor, SimulatedClient
from abgnn.training import HeldOutTable
from datamodules import QuickQA
from tests import tiny


def attached(policy: Policy) -> Policy:
    policy.attach(tiny.table())
    return policy


def edges_of(plan: object) -> set[tuple[int, int]]:
    return {e for e in plan.edges if e[1] != plan.decision}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("n", "spatial", "temporal"), [(4, [9, 7], [12, 9]), (5, [15, 11], [19, 14])]
)
def test_two_shot_pruning_counts(n: int, spatial: list[int], temporal: list[int]) -> None:
    policy = AgentPrune("b0", n_agents=n, rounds=2)
    found = []
    for step in range(1, 13):
        policy.after_step(step)
        if step in (5, 10):
            found.append((int(policy.spatial_mask.sum()), int(policy.temporal_mask.sum())))
    assert found == list(zip(spatial, temporal, strict=True))
    assert policy.fixed
    one_shot = AgentPrune("b0", n_agents=n, prune_at=(7,), rate=0.5)
    one_shot.after_step(7)
    assert int(one_shot.spatial_mask.sum()) == n * (n - 1) // 2


def test_log_probability_is_that_of_the_drawn_edges() -> None:
    policy = attached(AgentPrune("b0", n_agents=3, rounds=2))
    assert isinstance(policy, AgentPrune)
    with torch.no_grad():
        policy.logits.normal_(generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    choice = policy(tiny.batch(6), sample=True)
    spatial, temporal = policy.logits.detach()
    for plan, said in zip(choice.plans(), choice.log_probs.detach(), strict=True):
        assert plan.rounds == 2
        rounds = plan.by_round or (None, None)
        total = torch.zeros(2)
        for r in range(2):
            mine = rounds[r].edges if rounds[r] else tuple(edges_of(plan))
            graph = torch.zeros(1, 3, 3, dtype=torch.bool)
            for u, v in mine:
                graph[0, u, v] = True
            judged = policy.edges(
                spatial.unsqueeze(0), policy.spatial_mask, sample=True, value=graph
            )
            assert torch.equal(judged.edges, graph)
            total[0] += judged.log_prob.detach()[0]
        between = rounds[1].temporal_edges if rounds[1] else plan.temporal_edges
        p = torch.sigmoid(temporal)
        for u, v in itertools.product(range(3), repeat=2):
            total[1] += torch.log(p[u, v] if (u, v) in between else 1 - p[u, v])
        torch.testing.assert_close(said, total)


def test_gradient_agrees_with_enumeration_on_three_agents() -> None:
    """E[f] over all reachable graphs of one round, differentiated both ways."""
    policy = AgentPrune("b0", n_agents=3)
    with torch.no_grad():
        policy.logits.normal_(generator=torch.Generator().manual_seed(1))
    pairs = policy.spatial_mask.nonzero().tolist()
    found: dict[bytes, torch.Tensor] = {}
    for kept in itertools.product((False, True), repeat=len(pairs)):
        graph = torch.zeros(3, 3, dtype=torch.bool)
        for (u, v), keep in zip(pairs, kept, strict=True):
            graph[u, v] = keep
        judged = policy.edges(
            policy.logits[:1], policy.spatial_mask, sample=True, value=graph.unsqueeze(0)
        )
        found[judged.edges.numpy().tobytes()] = judged.edges[0]
    graphs = torch.stack(list(found.values()))
    many = policy.logits[0].expand(len(graphs), 3, 3)
    judged = policy.edges(many, policy.spatial_mask, sample=True, value=graphs)
    p, worth = (
        judged.log_prob.exp(),
        (graphs.float() * torch.arange(9.0).view(3, 3)).sum((1, 2)).cos(),
    )
    assert float(p.sum()) == pytest.approx(1, abs=1e-5)
    exact = torch.autograd.grad((p * worth).sum(), policy.logits, retain_graph=True)[0]
    score = torch.autograd.grad((p.detach() * worth * judged.log_prob).sum(), policy.logits)[0]
    torch.testing.assert_close(score, exact)


def test_exact_node_dropout_is_reinforce_and_the_released_one_is_not() -> None:
    gradients = {}
    for kind in ("exact", "released"):
        policy = AgentDropout("b0", n_agents=3, rounds=1, node_policy=kind)  # type: ignore[arg-type]
        with torch.no_grad():
            policy.node_logits.normal_(generator=torch.Generator().manual_seed(2))
        chance, surrogate = policy.node_log_probs()
        p, worth = chance.exp()[0], torch.tensor([1.0, 0.0, 0.5])
        assert float(p.sum()) == pytest.approx(1)
        score = torch.autograd.grad(
            (p.detach() * worth * surrogate[0]).sum(), policy.node_logits, retain_graph=True
        )[0]
        gradients[kind] = score
        if kind == "exact":
            exact = torch.autograd.grad((p * worth).sum(), policy.node_logits)[0]
            torch.testing.assert_close(score, exact)
        else:
            by_hand = torch.zeros(3)
            theta = policy.node_logits[0].detach()
            for d in range(3):
                for i in range(3):
                    for u, v in ((0, 1), (0, 2), (1, 2)):
                        if i in (u, v):
                            sign = torch.sigmoid(-theta[u, v] if i == d else theta[u, v])
                            by_hand[d] += (4 if i == d else 1) * torch.log(sign)
            torch.testing.assert_close(surrogate[0].detach(), by_hand)
    assert not torch.allclose(gradients["exact"], gradients["released"], atol=1e-3)


@pytest.mark.parametrize(("n", "rounds"), [(2, 1), (3, 3), (7, 2)])
def test_dropout_drops_one_agent_per_round_then_prunes(n: int, rounds: int) -> None:
    policy = attached(
        AgentDropout("b0", n_agents=n, rounds=rounds, node_steps=2, prune_at=(1,), rate=0.5)
    )
    assert isinstance(policy, AgentDropout)
    with torch.no_grad():
        policy.node_logits.normal_(generator=torch.Generator().manual_seed(n))
    torch.manual_seed(0)
    batch = tiny.batch(4, n_roles=3)
    first = policy(batch, sample=True)
    for plan in first.plans():
        silent = [len(g.absent) for g in plan.by_round]
        assert silent == [1] * rounds
    assert first.log_probs[:, 0].abs().min() > 0
    policy.after_step(1)
    assert policy.phase == "nodes"
    lowest = []
    whole = policy.spatial_mask.float()
    mean = (policy.node_logits * whole).sum(1) + (policy.node_logits * whole).sum(2)
    lowest = (mean / (whole.sum(1) + whole.sum(2))).argmin(1)
    policy.after_step(2)
    assert policy.phase == "edges"
    assert policy.dropped.sum(1).tolist() == [1] * rounds
    assert torch.equal(policy.dropped.float().argmax(1), lowest)
    before = policy.spatial_mask.sum((1, 2))
    assert before.tolist() == [(n - 1) * (n - 2)] * rounds
    policy.after_step(3)
    pruned = [int(b) - max(1, round(int(b) / 2)) if b else 0 for b in before]
    assert policy.spatial_mask.sum((1, 2)).tolist() == pruned
    (plan, *_) = policy(batch, sample=False).plans()
    assert plan == policy(batch, sample=False).plans()[0]
    for r, graph in enumerate(plan.by_round):
        assert graph.absent == (int(lowest[r]),)


def test_state_survives_a_checkpoint() -> None:
    for made, fresh in (
        (AgentPrune("b0", rounds=2), AgentPrune("b0", rounds=2)),
        (AgentDropout("b0"), AgentDropout("b0")),
    ):
        attached(made)
        attached(fresh)
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.normal_(generator=torch.Generator().manual_seed(0))
        for step in range(1, 11):
            made.after_step(step)
        fresh.load_state_dict(made.state_dict())
        batch = tiny.batch(3)
        assert fresh(batch, sample=False).plans() == made(batch, sample=False).plans()


def test_everything_pruned_still_answers() -> None:
    policy = AgentPrune("Qwen3-8B", n_agents=3, prune_at=(1,), rate=1.0)
    mas = BaseMAS("general", encoder="offline")
    policy.attach(mas.table)
    policy.after_step(1)
    data = QuickQA()
    queries = data.load()[:4]
    plans = policy(mas.batch(queries), sample=False).plans()
    assert {p.edges for p in plans} == {((0, 3), (1, 3), (2, 3))}
    with Executor(SimulatedClient(0), mas.catalogue, data) as executor:
        assert all(o.error is None for o in executor.run(plans))


def test_low_rank_goes_into_the_loss_and_has_a_gradient() -> None:
    policy = attached(AgentPrune("b0", n_agents=3, low_rank=True))
    assert isinstance(policy, AgentPrune)
    with torch.no_grad():
        policy.logits.normal_()
    loss = policy(tiny.batch(2), sample=True).extra_loss
    assert loss is not None
    loss.backward()
    assert policy.logits.grad is not None
    assert policy.logits.grad.abs().sum() > 0
    assert AgentPrune("b0").low_rank is False  # as at the release's HEAD


@pytest.mark.parametrize("inference", ["deterministic", "sampled"])
@pytest.mark.parametrize("kind", [AgentPrune, AgentDropout])
def test_use_is_repeatable(kind: type[AgentPrune] | type[AgentDropout], inference: str) -> None:
    policy = attached(kind("b0", inference=inference))  # type: ignore[arg-type]
    batch = tiny.batch(5)
    first = policy(batch, sample=False).plans()
    torch.manual_seed(9)
    assert policy(batch, sample=False).plans() == first
    if inference == "sampled":
        assert len({p.edges for p in first}) > 1


@pytest.mark.parametrize("name", ["agent_prune", "agent_dropout"])
def test_config_trains_and_prunes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = build(
        ["simulated/general.yaml", f"baselines/{name}.yaml"],
        ["--trainer.logger=false", "--trainer.callbacks=[]", "--trainer.enable_progress_bar=false",
         "--trainer.enable_checkpointing=false"],
    )  # fmt: skip
    held_out = HeldOutTable(singles=False, show=False)
    experiment.trainer.callbacks.append(held_out)  # type: ignore[attr-defined]
    policy = experiment.model.policy
    experiment.fit()
    assert isinstance(policy, (AgentPrune, AgentDropout))
    assert policy.fixed
    if isinstance(policy, AgentPrune):
        assert int(policy.spatial_mask.sum()) == 11
    else:
        assert policy.dropped.sum(1).tolist() == [1, 1]
    before, after = held_out.rows
    assert after.failed == 0
    assert after.calls <= before.calls
    assert after.performance > 0.5


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        (AgentPrune, {"n_agents": 0}, "n_agents"),
        (AgentPrune, {"init_prob": 1.0}, "init_prob"),
        (AgentPrune, {"rate": 2.0}, "rate"),
        (AgentPrune, {"mode": "Ring"}, "mode"),
        (AgentPrune, {"inference": "hot"}, "inference"),
        (AgentDropout, {"node_policy": "best"}, "node_policy"),
        (AgentDropout, {"node_steps": -1}, "node_steps"),
        (AgentDropout, {"rounds": 0}, "rounds"),
    ],
)
def test_wrong_settings(kind: type[Policy], wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        kind("b0", **wrong)
    with pytest.raises(ConfigError, match="backbone"):
        attached(kind("nobody"))


def test_given_samples_are_judged_alike() -> None:
    policy = AgentPrune("b0", n_agents=4)
    drawn = policy.edges(policy.logits[0].expand(5, 4, 4), policy.spatial_mask, sample=True)
    assert isinstance(drawn, EdgeSample)
    again = policy.edges(
        policy.logits[0].expand(5, 4, 4), policy.spatial_mask, sample=True, value=drawn
    )
    assert torch.equal(again.log_prob, drawn.log_prob)


@pytest.mark.parametrize("kind", [AgentPrune, AgentDropout])
def test_sampled_inference_is_a_question_s_own(kind: type[AgentPrune] | type[AgentDropout]) -> None:
    policy = attached(kind("b0", inference="sampled"))  # type: ignore[arg-type]
    whole = policy(tiny.batch(6), sample=False).plans()
    half = policy(tiny.batch(3), sample=False).plans()
    assert whole[:3] == half
    assert len({p.edges for p in whole}) > 2


def test_survivors_keep_their_order_whatever_their_sign() -> None:
    policy = attached(AgentPrune("b0", n_agents=2, prune_at=(1,), rate=0.0, order="random"))
    assert isinstance(policy, AgentPrune)
    with torch.no_grad():
        policy.logits[0] = torch.tensor([[0.0, 0.5], [-3.0, 0.0]])
    policy.after_step(1)
    (plan, *_) = policy(tiny.batch(1), sample=False).plans()
    assert edges_of(plan) == {(0, 1)}


def test_idle_temporal_logits_are_not_regularised() -> None:
    for rounds in (1, 2):
        policy = attached(AgentDropout("b0", n_agents=3, rounds=rounds, node_steps=0))
        assert isinstance(policy, AgentDropout)
        with torch.no_grad():
            for parameter in policy.parameters():
                parameter.normal_(generator=torch.Generator().manual_seed(0))
        loss = policy(tiny.batch(2), sample=True).extra_loss
        assert loss is not None
        loss.backward()
        touched = policy.temporal_logits.grad
        idle = torch.zeros(3, 3) if touched is None else touched[0]
        assert not idle.any()
        assert rounds == 1 or bool(touched[1].any())  # type: ignore[index]
