"""A small team for tests: random embeddings, four backbones in two pools, three roles."""

from __future__ import annotations

import numpy as np
import torch
from torch_geometric.data import Batch

from abgnn.data.query import Query
from abgnn.data.template import Role, Template
from abgnn.data.template_yaml import build_template
from abgnn.graph.query_graph import batch_of
from abgnn.models import AgentBalance
from abgnn.nn import BackboneTable
from abgnn.pools.build import Pools

H = 8


def table(
    members: tuple[tuple[int, ...], ...] = ((0, 1), (2, 3)), seed: int = 0, width: int = H
) -> BackboneTable:
    size = max(max(m) for m in members) + 1
    grow = np.linspace(0, 1, size)
    pools = Pools(
        names=tuple(f"b{i}" for i in range(size)),
        members=members,
        perf=0.5 + 0.4 * grow,
        cost=1e-4 * 10**grow,
        latency=1 + 9 * grow,
    )
    generator = torch.Generator().manual_seed(seed)
    return BackboneTable(torch.randn(size, 3, width, generator=generator), pools)


def template(n_roles: int = 3) -> Template:
    roles = [Role(f"r{i}", f"You are role {i}.") for i in range(n_roles)]
    return build_template("complete", [*roles, Role("Decision Maker", "Decide.")])


def queries(n: int) -> list[Query]:
    return [Query(f"q{i}", f"question {i}", "general", "A") for i in range(n)]


def batch(n: int = 4, n_roles: int = 3, seed: int = 1) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    team = template(n_roles)
    roles = torch.randn(n_roles + 1, H, generator=generator)
    return batch_of(team, roles, queries(n), torch.randn(n, H, generator=generator))


def policy(seed: int = 0, **kwargs: object) -> AgentBalance:
    """Weights large enough that every factor is far from uniform."""
    torch.manual_seed(seed)
    made = AgentBalance(in_channels=H, channels=6, **{"init": "paper", **kwargs})  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    made.attach(table())
    return made
