"""The policy: batch against single, permutation, exact probabilities and gradients."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch

from abgnn.errors import ConfigError
from abgnn.models import Action, AgentBalance, Decision
from abgnn.nn import AgentEncoder
from abgnn.training import LeaveOneOut, NoBaseline, reinforce_loss
from tests import tiny


def same(a: Decision, b: Decision) -> None:
    for name in ("log_probs", "entropies", "penalty", "hop_limit"):
        torch.testing.assert_close(getattr(a, name), getattr(b, name), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("attend", ["profile", "agents"])
@pytest.mark.parametrize("init", ["paper", "profile"])
def test_batch_equals_loop(attend: str, init: str) -> None:
    torch.manual_seed(2)
    encoder = AgentEncoder(tiny.H, 6, attend)  # type: ignore[arg-type]
    policy = tiny.policy(init=init, encoder=encoder)
    batch = tiny.batch(16)
    torch.manual_seed(3)
    whole = policy(batch, sample=True)
    greedy = policy(batch, sample=False).plans()
    plans = whole.plans()
    a = whole.action
    ptr = batch.ptr.tolist()
    edge_owner = batch.batch[batch.edge_index[0]]
    for i, graph in enumerate(batch.to_data_list()):
        one = Batch.from_data_list([graph])
        nodes = slice(ptr[i], ptr[i + 1])
        given = Action(a.pool[i : i + 1], a.backbone[nodes], a.gate[nodes], a.edge[edge_owner == i])
        single = policy(one, sample=True, action=given)
        torch.testing.assert_close(single.log_probs[0], whole.log_probs[i], atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(single.entropies[0], whole.entropies[i], atol=1e-6, rtol=1e-6)
        torch.testing.assert_close(single.penalty[0], whole.penalty[i], atol=1e-6, rtol=1e-6)
        assert single.plans() == [plans[i]]
        assert policy(one, sample=False).plans() == [greedy[i]]


def permuted(batch: Batch, order: torch.Tensor) -> Batch:
    """One graph with its nodes renumbered: new node k is old node order[k]."""
    new = Batch.from_data_list(batch.to_data_list())
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    for key in ("role_embed", "rank", "is_decision", "is_lead"):
        new[key] = new[key][order]
    new.edge_index = place[new.edge_index]
    return new


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 50), st.sampled_from(["paper", "profile"]))
def test_permuting_agents_permutes_the_outcome(order: list[int], seed: int, init: str) -> None:
    """Renumbered nodes: the same choices, whatever order edges and nodes are stored in."""
    policy = tiny.policy(seed, init=init)
    batch = tiny.batch(1, n_roles=5, seed=seed)
    index = torch.tensor(order)
    torch.manual_seed(seed)
    before = policy(batch, sample=True)
    given = Action(
        before.pool, before.backbone[index], before.action.gate[index], before.action.edge
    )
    after = policy(permuted(batch, index), sample=True, action=given)
    same(before, after)
    assert torch.equal(after.keep, before.keep[index])
    assert torch.equal(after.edge_mask, before.edge_mask)
    greedy = policy(batch, sample=False)
    moved = policy(permuted(batch, index), sample=False)
    assert torch.equal(moved.keep, greedy.keep[index])
    assert torch.equal(moved.backbone, greedy.backbone[index])


def all_actions(batch: Batch, members: tuple[tuple[int, ...], ...], min_agents: int) -> Action:
    """Every action of one 3-agent graph, as one batch of actions."""
    rows = []
    edges = batch.edge_index.t().tolist()
    for pool, ms in enumerate(members):
        for backbone in itertools.product(ms, repeat=4):
            for gate in itertools.product([False, True], repeat=3):
                kept = sum(gate)
                if kept >= min_agents:
                    choices = [[False, True] if gate[u] and gate[v] else [False] for u, v in edges]
                else:  # forced agents depend on probabilities: allow all, the policy masks
                    choices = [[False, True]] * len(edges)
                rows += [
                    (pool, backbone, (*gate, False), edge) for edge in itertools.product(*choices)
                ]
    pools, backbones, gates, kept_edges = zip(*rows, strict=True)
    return Action(
        torch.tensor(pools),
        torch.tensor(backbones).flatten(),
        torch.tensor(gates).flatten(),
        torch.tensor(kept_edges).flatten(),
    )


def enumerate_policy(policy: AgentBalance) -> tuple[Decision, torch.Tensor]:
    """The decision over all actions of one query, and which of them are distinct."""
    one = tiny.batch(1)
    actions = all_actions(one, ((0, 1), (2, 3)), policy.min_agents)
    n = len(actions.pool)
    many = Batch.from_data_list(one.to_data_list() * n)
    decision = policy(many, sample=True, action=actions)
    keys = zip(
        decision.pool.tolist(),
        decision.backbone.view(n, -1).tolist(),
        decision.action.gate.view(n, -1).tolist(),
        decision.action.edge.view(n, -1).tolist(),
        strict=True,
    )
    seen: set[str] = set()
    fresh = []
    for key in keys:  # edges that the policy masked make duplicates
        fresh.append(str(key) not in seen)
        seen.add(str(key))
    return decision, torch.tensor(fresh)


@pytest.mark.parametrize("min_agents", [1, 2])
def test_log_probability_is_exact(min_agents: int) -> None:
    """Sums to one over all actions of three agents, and equals the product written out by hand."""
    policy = tiny.policy(min_agents=min_agents)
    decision, fresh = enumerate_policy(policy)
    total = decision.log_prob[fresh].exp().sum()
    assert float(total) == pytest.approx(1, abs=1e-5)
    by_pool = [float(decision.log_prob[fresh & (decision.pool == p)].exp().sum()) for p in (0, 1)]
    first = {p: int((decision.pool == p).nonzero()[0]) for p in (0, 1)}
    for p in (0, 1):
        assert by_pool[p] == pytest.approx(float(decision.log_probs[first[p], 0].exp()), abs=1e-5)


def test_samples_follow_the_probabilities() -> None:
    policy = tiny.policy()
    n = 20_000
    many = Batch.from_data_list(tiny.batch(1).to_data_list() * n)
    torch.manual_seed(0)
    decision = policy(many, sample=True)
    rows = torch.cat(
        [
            decision.pool.view(n, 1),
            decision.backbone.view(n, -1),
            decision.action.gate.view(n, -1).long(),
            decision.action.edge.view(n, -1).long(),
        ],
        1,
    )
    counts = Counter(map(tuple, rows.tolist()))
    prob = {
        tuple(r): math.exp(float(lp))
        for r, lp in zip(rows.tolist(), decision.log_prob, strict=True)
    }
    for key, count in counts.most_common(20):
        sd = math.sqrt(n * prob[key] * (1 - prob[key]))
        assert abs(count - n * prob[key]) < 5 * sd


def toy_reward(decision: Decision, n: int) -> torch.Tensor:
    """Depends on every kind of choice."""
    backbone = decision.backbone.view(n, -1).float()
    gate = decision.action.gate.view(n, -1).float()
    edge = decision.action.edge.view(n, -1).float()
    return backbone.sum(1) * 0.1 - gate.sum(1) * 0.3 + edge.sum(1) * 0.2 + decision.pool * 0.5


@pytest.mark.parametrize("baseline", [NoBaseline(), LeaveOneOut()])
def test_gradient_equals_the_analytic_one(baseline: torch.nn.Module) -> None:
    policy = tiny.policy()
    decision, fresh = enumerate_policy(policy)
    expected = (decision.log_prob.exp() * toy_reward(decision, len(fresh)))[fresh].sum()
    names = [
        "gate.lin.bias",
        "edges.lin.weight",
        "matching.lin_role.weight",
        "pool_selection.raw_alpha",
    ]
    parameters = [dict(policy.named_parameters())[n] for n in names]
    exact = torch.autograd.grad(expected, parameters)

    n, repeats = 4096, 24
    many = Batch.from_data_list(tiny.batch(1).to_data_list() * n)
    torch.manual_seed(1)
    draws: list[list[torch.Tensor]] = []
    for _ in range(repeats):
        sampled = policy(many, sample=True)
        loss = reinforce_loss(sampled, toy_reward(sampled, n), baseline, samples=8)
        draws.append(list(torch.autograd.grad(-loss, parameters)))
    for i, target in enumerate(exact):
        estimates = torch.stack([d[i] for d in draws])
        error = (estimates.mean(0) - target).abs()
        se = estimates.std(0) / math.sqrt(repeats)
        assert bool((error <= 5 * se + 1e-5).all()), names[i]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_every_plan_is_a_dag_with_enough_agents(seed: int, min_agents: int) -> None:
    policy = tiny.policy(seed, min_agents=min_agents)
    torch.manual_seed(seed)
    decision = policy(tiny.batch(8, n_roles=5), sample=True)
    for i, plan in enumerate(decision.plans()):
        graph = nx.DiGraph(plan.edges)
        assert nx.is_directed_acyclic_graph(graph)
        workers = [a for a in plan.agents if a.role.name != "Decision Maker"]
        assert len(workers) >= min_agents
        if len(workers) == 1:
            assert len(plan.agents) == 1
            assert plan.decision == 0
            continue
        assert plan.agents[plan.decision].role.name == "Decision Maker"
        assert {u for u, v in plan.edges if v == plan.decision} == set(range(len(workers)))
        inner = nx.DiGraph((u, v) for u, v in plan.edges if v != plan.decision)
        assert nx.dag_longest_path_length(inner) <= float(decision.hop_limit[i]) + 1e-6
        assert float(decision.hop_limit[i]) >= 1 - 1e-6


def test_decision_agent_reads_the_sinks_on_request() -> None:
    policy = tiny.policy(min_agents=3, decision_reads="sinks")
    torch.manual_seed(0)
    decision = policy(tiny.batch(32), sample=True)
    for plan in decision.plans():
        inner = [(u, v) for u, v in plan.edges if v != plan.decision]
        sinks = {0, 1, 2} - {u for u, _ in inner}
        assert {u for u, v in plan.edges if v == plan.decision} == sinks


def test_one_backbone_from_one_pool_each() -> None:
    policy = tiny.policy()
    torch.manual_seed(0)
    decision = policy(tiny.batch(64), sample=True)
    members = policy.table.member[decision.pool[decision.batch.batch]]
    assert bool(members.gather(1, decision.backbone.unsqueeze(1)).all())


def test_upper_bound_is_a_number_of_pools() -> None:
    policy = tiny.policy(upper_bound=1, delta=1.0)
    assert policy(tiny.batch(32), sample=True).pool.tolist() == [0] * 32


def test_the_warm_start_follows_the_tradeoff() -> None:
    policy = AgentBalance(in_channels=tiny.H, channels=6)
    policy.attach(tiny.table())
    batch = tiny.batch(8)
    policy.set_tradeoff(0.0, 0.0)
    rich = policy(batch, sample=False).plans()
    policy.set_tradeoff(1e4, 1.0)
    poor = policy(batch, sample=False).plans()
    assert {a.backbone for p in rich for a in p.agents} == {"b3"}
    assert {a.backbone for p in poor for a in p.agents} == {"b0"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("upper_bound", 0), ("delta", 1.5), ("min_agents", 0), ("init", "warm")],
)
def test_bad_arguments_are_named(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"policy.{field}: got {value!r}"):
        AgentBalance(in_channels=8, **{field: value})  # type: ignore[arg-type]


def test_encoder_width_is_checked() -> None:
    with pytest.raises(ConfigError, match="in_channels: got 16"):
        AgentBalance(in_channels=16).attach(tiny.table())
