"""Policies in batches beside the per-question shape of their peers' releases; CPU in one run.

The other shape is re-implemented by us (`peers_shape`); their repositories were not run. Both sides
have the same weights, decide alike (`tests/scripts/test_peers.py`), make plans, and take turns.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import networkx as nx
import numpy as np
import torch
from peers_agent_balance import agent_balance
from peers_agent_prune import agent_prune
from peers_g_designer import g_designer
from peers_mas_router import mas_router
from peers_shape import Question, Rendered, Rendering
from policy import H, team
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.models import AgentPrune, GDesigner, MasRouter
from abgnn.models.policy import Policy
from abgnn.training.advantage import NoBaseline
from abgnn.training.loss import reinforce_loss
from abgnn.transforms.hop_limit import hop_limit_mask
from tests.transforms.networkx_rendering import critical_path, prune

ROLES, LLMS, STEP, LAMBDA_LEN = 6, 14, 16, 0.2
BATCHES = (1, 64, 512)
HOPS = 3.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A policy with its rendering."""

    name: str
    policy: Policy
    rendering: Rendering


def peers() -> tuple[list[Peer], Callable[[int], Batch]]:
    """AgentBalance as printed and its peers as released, and a maker of batches for all."""
    balance, make = team(ROLES, LLMS)
    table = balance.table
    router = MasRouter(H, count="released")
    designer = GDesigner(table.names[0], n_agents=ROLES)
    pruned = AgentPrune(table.names[0], n_agents=ROLES)
    for policy in (router, designer, pruned):
        policy.attach(table)
    found = [
        Peer("AgentBalance", balance, agent_balance),
        Peer("MasRouter", router, mas_router),
        Peer("G-Designer", designer, g_designer),
        Peer("AgentPrune", pruned, agent_prune),
    ]
    return found, make  # type: ignore[return-value]


def one_by_one(batch: Batch) -> list[Question]:
    """The graphs of a batch."""
    roles = batch.role_embed.view(batch.num_graphs, -1, batch.role_embed.size(-1))
    rows = zip(batch.query, batch.query_embed, roles, batch.template, strict=True)
    return [Question(*row) for row in rows]


def in_turn(runs: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median CPU seconds of each, called one after the other in every round."""
    spent: list[list[float]] = [[] for _ in runs]
    for r in range(rounds + 1):
        for run, times in zip(runs, spent, strict=True):
            begin = time.process_time()
            run()
            if r:  # the first is to warm up
                times.append(time.process_time() - begin)
    return [float(np.median(times)) for times in spent]


def decide(peer: Peer, batch: Batch) -> None:
    with torch.no_grad():
        peer.policy(batch, sample=True).plans()


def decide_alone(peer: Peer, questions: Sequence[Question]) -> None:
    with torch.no_grad():
        for question in questions:
            peer.rendering(peer.policy, question)


def forward_ms(peer: Peer, make: Callable[[int], Batch], size: int) -> tuple[float, float]:
    """Per question: in a batch, and one by one."""
    batch = make(size)
    questions = one_by_one(batch)
    runs = (partial(decide, peer, batch), partial(decide_alone, peer, questions))
    ours, theirs = in_turn(runs, {1: 60, 64: 9}.get(size, 3))
    return 1e3 * ours / size, 1e3 * theirs / size


def step_ms(peer: Peer, make: Callable[[int], Batch], rounds: int = 40) -> tuple[float, float]:
    """Forward with log-probabilities, loss, backward and Adam, in a batch and one by one.

    AgentBalance makes no plans here: in a batch it makes them when they are asked for.
    """
    batch, reward = make(STEP), torch.randn(STEP)
    questions = one_by_one(batch)
    baseline = NoBaseline()
    weights = [p for p in peer.policy.parameters() if p.requires_grad]
    optimisers = [torch.optim.Adam(weights, lr=1e-6, fused=True) for _ in range(2)]

    def ours() -> None:
        choice = peer.policy(batch, sample=True)
        loss = reinforce_loss(choice, reward, baseline, 1, lambda_len=LAMBDA_LEN)
        _learn(optimisers[0], loss)

    def theirs() -> None:
        alone = [peer.rendering(peer.policy, question) for question in questions]
        _learn(optimisers[1], loss_of(alone, reward))

    mine, other = in_turn((ours, theirs), rounds)
    return 1e3 * mine, 1e3 * other


def loss_of(alone: Sequence[Rendered], reward: Tensor) -> Tensor:
    """The same loss, a term per question."""
    terms = []
    for one, gain in zip(alone, reward, strict=True):
        loss = -one.log_prob * gain + LAMBDA_LEN * one.penalty
        terms.append(loss if one.loss is None else loss + one.loss)
    return torch.stack(terms).mean()


def _learn(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


@dataclass(frozen=True, slots=True)
class Pruning:
    """One graph pruned: CPU seconds of ours and of networkx, which may be a bound from below."""

    edges: int
    removed: int
    ours: float
    theirs: float
    whole: bool


def pruning(n: int, p_edge: float, whole: bool) -> Pruning:
    """Prune a random graph; networkx carried through and held against ours, or foretold.

    Foretold: removals times the longest path of the *pruned* graph, the cheapest of all.
    """
    generator = torch.Generator().manual_seed(n)
    pairs = torch.combinations(torch.arange(n)).t()
    edge_index = pairs[:, torch.rand(pairs.size(1), generator=generator) < p_edge]
    prob = torch.rand(edge_index.size(1), generator=generator)
    mask, rank = torch.ones_like(prob, dtype=torch.bool), torch.arange(n)
    begin = time.process_time()
    kept, _ = hop_limit_mask(
        edge_index, prob, mask, torch.tensor([HOPS]), rank, torch.zeros_like(rank), 1
    )
    ours = time.process_time() - begin
    edges, removed = edge_index.t().tolist(), int((~kept).sum())
    begin = time.process_time()
    if whole:
        same = prune(n, edges, prob.tolist(), HOPS, rank.tolist())
        theirs = time.process_time() - begin
        assert same == kept.tolist(), "the two prune differently"
    else:
        graph = nx.DiGraph()
        graph.add_nodes_from(range(n))
        graph.add_edges_from(edge_index[:, kept].t().tolist())
        begin = time.process_time()
        critical_path(graph, rank.tolist())
        theirs = removed * (time.process_time() - begin)
    return Pruning(len(edges), removed, ours, theirs, whole)


def policies(found: Sequence[Peer], make: Callable[[int], Batch]) -> Table:
    """Milliseconds of CPU per question and per step."""
    table = Table(title=f"CPU ms, one thread; {ROLES} roles, {LLMS} LLMs, texts embedded")
    for column in ("policy", "what", "batched", "per question", "ratio"):
        table.add_column(column, justify="left" if column in ("policy", "what") else "right")
    for peer in found:
        for size in BATCHES:
            ours, theirs = forward_ms(peer, make, size)
            what = f"plan, a question of {size}"
            table.add_row(peer.name, what, f"{ours:.3f}", f"{theirs:.2f}", f"{theirs / ours:.1f}×")
        ours, theirs = step_ms(peer, make)
        what = f"step of {STEP} questions"
        ratio = f"{theirs / ours:.1f}×"
        table.add_row(peer.name, what, f"{ours:.2f}", f"{theirs:.1f}", ratio, end_section=True)
    return table


def hop_limits(n: int = 1000) -> Table:
    """Seconds of CPU for one graph."""
    table = Table(title=f"hop limit {HOPS:g} on {n:,} agents, one random graph")
    for column in ("edge probability", "edges", "removed", "ours s", "networkx s", "ratio"):
        table.add_column(column, justify="right")
    pruning(50, 0.1, whole=True)  # to warm up
    for p_edge in (0.01, 0.1, 0.5):
        one = pruning(n, p_edge, whole=p_edge < 0.1)
        theirs = f"{one.theirs:.1f}" if one.whole else f"> {one.theirs:,.0f} (foretold)"
        ratio = f"{'' if one.whole else '> '}{one.theirs / one.ours:,.0f}×"
        row = (f"{p_edge}", f"{one.edges:,}", f"{one.removed:,}", f"{one.ours:.2f}", theirs, ratio)
        table.add_row(*row)
    return table


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    console = Console()
    console.print(
        "Peers per question: in their released shape, re-implemented by us; their repositories were"
        " not run. AgentBalance per question is the same shape, of Eq 3 to 8."
    )
    console.print(policies(*peers()))
    console.print(hop_limits())


if __name__ == "__main__":
    main()
