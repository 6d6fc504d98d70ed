"""Policy and pruning benchmark; embeddings are random, for their values do not matter to time."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from planning_speed import speed_of_plans
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.data.template_yaml import build_template
from abgnn.graph.query_graph import batch_of
from abgnn.models import AgentBalance
from abgnn.nn import BackboneTable
from abgnn.pools.build import build_pools
from abgnn.training.advantage import LeaveOneOut, NoBaseline
from abgnn.training.loss import reinforce_loss
from abgnn.transforms.hop_limit import hop_limit_mask
from tests.transforms.networkx_rendering import prune

H = 384


def seconds(run: Callable[[], object], budget: float = 1.5) -> float:
    """Median seconds of a call, over as many calls as fit the budget (at least 3)."""
    run()
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < budget:
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return float(np.median(times))


def team(n_roles: int, n_backbones: int) -> tuple[AgentBalance, Callable[[int], object]]:
    """A policy and a maker of batches."""
    rng = np.random.default_rng(0)
    names = [f"b{i}" for i in range(n_backbones)]
    perf = np.sort(rng.uniform(0.5, 0.95, n_backbones))
    cost = np.sort(np.exp(rng.uniform(-9, -5, n_backbones)))
    wait = np.sort(np.exp(rng.uniform(0, 5, n_backbones)))
    pools = build_pools(names, perf, cost, wait)
    roles = [Role(f"r{i}", f"role {i}") for i in range(n_roles)]
    template = build_template("complete", [*roles, Role("Decision Maker", "decide")])
    embed = torch.nn.functional.normalize(torch.randn(n_backbones, 3, H), dim=-1)
    policy = AgentBalance(H, init="paper", min_agents=2)
    policy.attach(BackboneTable(embed, pools))
    role_embed = torch.nn.functional.normalize(torch.randn(n_roles + 1, H), dim=-1)

    def batch(size: int) -> object:
        queries = [Query(str(i), "", "general") for i in range(size)]
        query = torch.nn.functional.normalize(torch.randn(size, H), dim=-1)
        return batch_of(template, role_embed, queries, query)

    return policy, batch


def forward_ms(n_roles: int, n_backbones: int, size: int) -> float:
    policy, make = team(n_roles, n_backbones)
    batch = make(size)
    with torch.no_grad():
        return 1e3 * seconds(lambda: policy(batch, sample=True)) / size  # type: ignore[arg-type]


def step_ms(n_roles: int, n_backbones: int, queries: int, samples: int) -> float:
    """Forward, loss, backward and Adam; rollouts not counted."""
    policy, make = team(n_roles, n_backbones)
    batch = make(queries * samples)
    optimiser = torch.optim.Adam(policy.parameters(), lr=1e-4, fused=True)
    reward = torch.randn(queries * samples)
    baseline = LeaveOneOut() if samples > 1 else NoBaseline()

    def step() -> None:
        decision = policy(batch, sample=True)  # type: ignore[arg-type]
        loss = reinforce_loss(decision, reward, baseline, samples, lambda_len=0.2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return 1e3 * seconds(step)


def pruning_ms(n: int, p_edge: float, limit: float = 3.0) -> tuple[float, float, bool]:
    """Ours, networkx, and whether both keep the same edges."""
    generator = torch.Generator().manual_seed(n)
    pairs = torch.combinations(torch.arange(n)).t()
    edge_index = pairs[:, torch.rand(pairs.size(1), generator=generator) < p_edge]
    prob = torch.rand(edge_index.size(1), generator=generator)
    rank, batch = torch.arange(n), torch.zeros(n, dtype=torch.long)
    mask, hops = torch.ones_like(prob, dtype=torch.bool), torch.tensor([limit])

    def ours() -> torch.Tensor:
        return hop_limit_mask(edge_index, prob, mask, hops, rank, batch, 1)[0]

    edges = [(u, v) for u, v in edge_index.t().tolist()]
    begin = time.perf_counter()
    kept = prune(n, edges, prob.tolist(), limit, rank.tolist())
    theirs = time.perf_counter() - begin
    same = kept == ours().tolist()
    return 1e3 * seconds(ours, 0.5), 1e3 * theirs, same


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    console = Console()
    table = Table(title=f"policy, {torch.get_num_threads()} thread(s), cached embeddings")
    for column in ("what", "roles", "backbones", "ms", "unit"):
        table.add_column(column, justify="left" if column in ("what", "unit") else "right")
    for size in (1, 64, 512):
        table.add_row(
            f"forward, batch {size}", "6", "14", f"{forward_ms(6, 14, size):.4f}", "query"
        )
    for queries, samples in ((16, 1), (16, 8)):
        value = step_ms(6, 14, queries, samples)
        name = f"training step, {queries} queries × {samples} samples"
        table.add_row(name, "6", "14", f"{value:.2f}", "step")
    for roles, backbones in ((6, 14), (20, 14), (50, 50), (100, 100), (200, 100)):
        value = forward_ms(roles, backbones, 16)
        table.add_row("forward, batch 16", str(roles), str(backbones), f"{value:.3f}", "query")
    console.print(table)
    table = Table(title="hop-limit pruning to 3 hops, one random graph")
    for column in ("agents", "edge probability", "ours ms", "networkx ms", "ratio", "same edges"):
        table.add_column(column, justify="right")
    for n in (6, 20, 50, 100, 200):
        for p_edge in (0.1, 0.5) if n < 200 else (0.1,):
            ours, theirs, same = pruning_ms(n, p_edge)
            ratio = theirs / ours
            table.add_row(
                str(n), str(p_edge), f"{ours:.3f}", f"{theirs:.1f}", f"{ratio:.0f}×", str(same)
            )
            assert math.isfinite(ratio)
    console.print(table)
    speed_of_plans(console)


if __name__ == "__main__":
    main()
