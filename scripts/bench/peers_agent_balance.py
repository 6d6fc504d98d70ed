"""AgentBalance (arXiv 2512.11426, Eq 3 to 8 as printed) in the shape of its peers: per question.

Re-implemented by us: loops over LLMs, agents and edges, and longest paths by networkx.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from peers_shape import Pair, Question, Rendered, draw, flip
from torch import Tensor

from abgnn.data.plan import Agent, Plan
from abgnn.models import AgentBalance
from tests.transforms.networkx_rendering import prune


@dataclass(frozen=True, slots=True)
class Tuple:
    """What is judged: pool, LLM of every agent, gates of role agents, flips of edges."""

    pool: int
    backbone: Sequence[int]
    gate: Sequence[bool]
    edge: Mapping[Pair, bool]


def agent_balance(
    policy: AgentBalance, asked: Question, value: Tuple | None = None, *, sample: bool = True
) -> Rendered:
    """Pool, an LLM per agent, who stays, who speaks to whom, and paths within the limit."""
    template = asked.template
    agents = [i for i in range(len(template.roles)) if i != template.decision]
    pool_logp = torch.stack(_pool_log_prob(policy, asked.embed))
    pool, log_prob = draw(pool_logp, value and value.pool, sample=sample)

    backbone, matched = _match(policy, asked, pool, value, sample=sample)
    log_prob = log_prob + matched
    h = [_represent(policy, asked, i, backbone[i]) for i in range(len(template.roles))]

    mean = sum(h[i] for i in agents) / len(agents)
    logits = {i: policy.gate.lin(torch.cat([h[i], mean])).squeeze() for i in agents}
    gates, weight = {}, {}
    for i in agents:
        gates[i], weight[i], term = _gate(logits[i], value and value.gate[i], sample=sample)
        log_prob = log_prob + term
    kept = {i for i in agents if gates[i]}
    for i in sorted(agents, key=lambda i: (-logits[i].item(), template.rank[i])):
        if len(kept) < policy.min_agents and i not in kept:
            kept.add(i)
            weight[i] = h[i].new_ones(())

    edges, chances = [], []
    for u, v in template.edges:
        if u not in kept or v not in kept:
            continue
        logit = policy.edges.lin(h[u]) @ policy.edges.lin(h[v])
        taken, term = flip(logit, None if value is None else value.edge[u, v], sample=sample)
        log_prob = log_prob + term
        if taken:
            edges.append((u, v))
            chances.append(logit.item())

    limit = _hop_limit(policy, h, weight, len(kept))
    rank = list(template.rank)
    survived = prune(len(rank), edges, chances, limit.item(), rank)
    penalty = F.relu(_longest(edges, rank) - limit)
    left = [edge for edge, stays in zip(edges, survived, strict=True) if stays]
    names = [policy.table.names[m] for m in backbone]
    return Rendered(_plan(asked, sorted(kept), names, left), log_prob, penalty=penalty)


def _pool_log_prob(policy: AgentBalance, query: Tensor) -> list[Tensor]:
    """Eq 3: ln p of each pool by the difficulty's place among thresholds."""
    head, part, table = policy.difficulty, policy.pool_selection, policy.table
    ease = torch.sigmoid(head.lin2(F.gelu(head.lin1(query)))).squeeze()
    difficulty = torch.clamp(1 - ease + policy.delta, 0, 1)
    pools = len(table.cost_curve)
    cost = [F.softplus(part.raw_alpha) * table.cost_curve[p] for p in range(pools)]
    logits = [part.lin(table.pool_embed[p]).squeeze() - cost[p] for p in range(pools)]
    weight = torch.softmax(torch.stack(logits), -1)
    inner = [(difficulty - weight[: p + 1].sum()) / part.tau for p in range(pools - 1)]
    above = [weight.new_ones(()), *map(torch.sigmoid, inner), weight.new_zeros(())]
    return [torch.log(above[p] - above[p + 1]) for p in range(pools)]


def _match(
    policy: AgentBalance, asked: Question, pool: int, value: Tuple | None, *, sample: bool
) -> tuple[list[int], Tensor]:
    """Eq 4: an LLM of the pool for every role, and their log-probability."""
    part, table = policy.matching, policy.table
    real = table.slot_mask[pool].tolist()
    members = [m for m, is_real in zip(table.slots[pool].tolist(), real, strict=True) if is_real]
    llms = []
    for m in members:
        perf, price, kind = table.embed[m]
        llms.append(part.lin_u(torch.cat([perf, part.lin_ct(torch.cat([price, kind]))])))
    context = part.lin_query(asked.embed) + part.lin_pool(part.lin_g(table.pool_embed[pool]))
    chosen, log_prob = [], context.new_zeros(())
    for i in range(len(asked.roles)):
        v = part.lin_role(asked.roles[i]) + context
        logp = torch.log_softmax(torch.stack([v @ u for u in llms]), -1)
        known = None if value is None else members.index(value.backbone[i])
        place, term = draw(logp, known, sample=sample)
        chosen.append(members[place])
        log_prob = log_prob + term
    return chosen, log_prob


def _represent(policy: AgentBalance, asked: Question, agent: int, backbone: int) -> Tensor:
    """Eq 5: role and question attend to the three profiles of the agent's LLM, `[D]`."""
    part = policy.encoder
    role = part.lin_role(asked.roles[agent])
    query = part.lin_q(torch.cat([role, part.lin_query(asked.embed)]))
    tokens = [part.lin_profile(e) for e in policy.table.embed[backbone]]
    scores = [query @ part.lin_k(token) / math.sqrt(part.channels) for token in tokens]
    weight = torch.softmax(torch.stack(scores), -1)
    seen = sum(weight[k] * part.lin_v(token) for k, token in enumerate(tokens))
    h: Tensor = role + part.gamma * part.lin_ctx(seen)
    return h


def _gate(logit: Tensor, value: bool | None, *, sample: bool) -> tuple[bool, Tensor, Tensor]:
    """Eq 6: whether an agent stays, the same with a relaxed gradient, and ln p."""
    if value is not None or not sample:
        stays, term = flip(logit, value, sample=False)
        return stays, logit.new_tensor(float(stays)), term
    noisy = logit + torch.logit(torch.rand(()).clamp(1e-6, 1 - 1e-6))
    stays, relaxed = bool(noisy > 0), torch.sigmoid(noisy)
    return stays, float(stays) + relaxed - relaxed.detach(), flip(logit, stays, sample=False)[1]


def _hop_limit(
    policy: AgentBalance, h: list[Tensor], weight: dict[int, Tensor], kept: int
) -> Tensor:
    """Eq 8: the expected limit in hops of N agents, at most N − 1."""
    if kept < 2:
        return h[0].new_zeros(())
    mean = sum(weight[i] * h[i] for i in weight) / kept
    logits = policy.hops.lin(mean)
    chances = torch.softmax(logits[: kept - 1], -1)
    return sum((k + 1) * chances[k] for k in range(len(chances)))  # type: ignore[return-value]


def _longest(edges: Sequence[Pair], rank: Sequence[int]) -> int:
    """Hops of the longest path."""
    hops = [0] * len(rank)
    for u, v in sorted(edges, key=lambda edge: rank[edge[0]]):
        hops[v] = max(hops[v], hops[u] + 1)
    return max(hops)


def _plan(asked: Question, kept: list[int], names: list[str], edges: list[Pair]) -> Plan:
    """Role agents in the template's order; the decision agent reads more than one."""
    template = asked.template
    place = {role: i for i, role in enumerate(kept)}
    agents = [Agent(template.roles[i], names[i]) for i in kept]
    links = [(place[u], place[v]) for u, v in edges]
    if len(kept) == 1:
        return Plan.team(asked.query, agents, links)
    decision = Agent(template.roles[template.decision], names[template.decision])
    return Plan.team(asked.query, agents, links, decision, range(len(kept)))
