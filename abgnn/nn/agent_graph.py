"""`AgentGraph`: many plans as one graph of agents, in the order in which they answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data


@dataclass(frozen=True, slots=True)
class Team:
    """One plan in numbers.

    Args:
        cells: (role, LLM) of every agent.
        edges: messages (u, v) between agents, by their places; acyclic.
        answer: place of the agent whose answer is the plan's.
    """

    cells: tuple[tuple[int, int], ...]
    edges: tuple[tuple[int, int], ...]
    answer: int


class AgentGraph(Data):  # type: ignore[misc]
    """D plans of S roles × M LLMs: C = S·M agents that read nothing, then R that read messages.

    An agent that reads nothing is the same in every plan, so it is one node for all of them: node
    `role · M + llm`. Readers follow by rising depth, and the edges by their readers, so that one
    level after another can be computed.

    | key          | shape        | meaning                                              |
    |--------------|--------------|------------------------------------------------------|
    | `cell`       | `[C + R]`    | role · M + LLM of every node                         |
    | `depth`      | `[C + R]`    | messages on the longest path to it                   |
    | `edge_index` | `[2, E]`     | sender → reader                                      |
    | `answer`     | `[D]`        | node whose answer is the plan's                      |
    | `member`     | `[2, K]`     | plan and cell of every agent of every plan           |
    | `shape`      | `[2]`        | S, M                                                 |
    """

    @classmethod
    def of(cls, teams: Sequence[Team], roles: int, backbones: int) -> AgentGraph:
        """The graph of D plans."""
        readers = [
            (depth, plan, place)
            for plan, team in enumerate(teams)
            for place, depth in enumerate(depths(team))
            if depth
        ]
        readers.sort()
        size = roles * backbones
        node = {(plan, place): size + r for r, (_, plan, place) in enumerate(readers)}

        def at(plan: int, place: int) -> int:
            role, backbone = teams[plan].cells[place]
            return node.get((plan, place), role * backbones + backbone)

        edges = [
            (at(plan, u), node[plan, place])
            for _, plan, place in readers
            for u, v in sorted(set(teams[plan].edges))
            if v == place
        ]
        cells = [role * backbones + m for team in teams for role, m in team.cells]
        owner = [plan for plan, team in enumerate(teams) for _ in team.cells]
        own = [teams[plan].cells[place] for _, plan, place in readers]
        return cls(
            cell=torch.tensor([*range(size), *(r * backbones + m for r, m in own)]),
            depth=torch.tensor([0] * size + [depth for depth, _, _ in readers]),
            edge_index=torch.tensor(edges, dtype=torch.long).reshape(-1, 2).t().contiguous(),
            answer=torch.tensor([at(plan, team.answer) for plan, team in enumerate(teams)]),
            member=torch.tensor([owner, cells]),
            shape=torch.tensor([roles, backbones]),
            num_nodes=size + len(readers),
        )

    @property
    def n_cells(self) -> int:
        """C."""
        roles, backbones = self.shape.tolist()
        return int(roles * backbones)

    @property
    def lone(self) -> Tensor:
        """Plans whose answering agent reads nothing, bool `[D]`."""
        lone: Tensor = self.answer < self.n_cells
        return lone

    def levels(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Level by level: cells of its readers `[n]`, edges `[2, e]` with readers from 0."""
        counts = torch.bincount(self.depth)[1:].tolist()
        start = self.n_cells
        for count in counts:
            stop = start + count
            inside = (self.edge_index[1] >= start) & (self.edge_index[1] < stop)
            edges = self.edge_index[:, inside]
            yield self.cell[start:stop], torch.stack([edges[0], edges[1] - start])
            start = stop

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        return self.num_nodes if key in ("edge_index", "answer") else 0


def depths(team: Team) -> list[int]:
    """Messages on the longest path to each agent."""
    depth = [0] * len(team.cells)
    for _ in team.cells:
        for u, v in team.edges:
            depth[v] = max(depth[v], depth[u] + 1)
    return depth
