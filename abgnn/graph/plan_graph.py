"""The graph of a plan: its agents with their LLMs as nodes, the messages that will be sent."""

from __future__ import annotations

import torch
from torch import Tensor

from abgnn.data.plan import Plan
from abgnn.graph.features import node_features, unit_variance
from abgnn.graph.query_graph import QueryGraph
from abgnn.nn.backbone_table import BackboneTable


def plan_graph(
    plan: Plan, role_embed: Tensor, query_embed: Tensor, table: BackboneTable
) -> QueryGraph:
    """A `QueryGraph` of n agents with `x [n, 5H]` and the plan's edges, those into the decision
    agent included; it holds the `plan` in place of a template.

    Args:
        plan: of n agents.
        role_embed: of the agents' roles, in the plan's order, `[n, H]`.
        query_embed: of the question, `[H]` or `[1, H]`.
        table: the LLMs.
    """
    n, names = len(plan.agents), list(table.names)
    query = query_embed.view(1, -1)
    backbone = torch.tensor([names.index(agent.backbone) for agent in plan.agents])
    role, asked = unit_variance(role_embed), unit_variance(query).expand(n, -1)
    x = node_features(role, asked, unit_variance(table.embed[backbone]))
    edges = torch.tensor(plan.edges, dtype=torch.long).reshape(-1, 2).T.contiguous()
    agent = torch.arange(n)
    return QueryGraph(
        x=x,  # [n, 5H]
        role_embed=role_embed,
        query_embed=query,
        edge_index=edges,  # [2, E]
        rank=_rank(edges, n),
        is_decision=agent == plan.decision,
        is_lead=torch.tensor([a.role.lead for a in plan.agents], dtype=torch.bool),
        num_nodes=n,
        query=plan.query,
        plan=plan,
    )


def _rank(edges: Tensor, n: int) -> Tensor:
    """A topological order of the agents of a DAG, `[n]`, all distinct."""
    depth = torch.zeros(n, dtype=torch.long)
    for _ in range(n):
        if edges.size(1):
            depth = depth.scatter_reduce(0, edges[1], depth[edges[0]] + 1, "amax")
    rank = torch.empty(n, dtype=torch.long)
    rank[torch.argsort(depth, stable=True)] = torch.arange(n)
    return rank
