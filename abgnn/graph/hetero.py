"""The choice before a policy as a `HeteroData`: roles, LLMs and the question as nodes.

| node type  | key           | shape        | meaning                                              |
|------------|---------------|--------------|------------------------------------------------------|
| `role`     | `x`           | `[T, H]`     | encoded role prompts, the decision agent's included  |
|            | `rank`        | `[T]`        | topological rank within the template                 |
|            | `is_decision` | `[T]`        | marks the decision agent                             |
|            | `is_lead`     | `[T]`        | marks the role that would answer alone               |
| `backbone` | `x`           | `[M, 3H]`    | performance ‖ price ‖ type profile                   |
| `query`    | `x`           | `[1, H]`     | the encoded question                                 |

| edge type                            | key          | shape      | meaning                  |
|--------------------------------------|--------------|------------|--------------------------|
| `(role, may_be_played_by, backbone)` | `edge_index` | `[2, T·M]` | candidates, role by role |
|                                      | `edge_attr`  | `[T·M, 4]` | what is believed: logit, |
|                                      |              |            | sd, log USD, log seconds |
| `(role, may_send_to, role)`          | `edge_index` | `[2, E]`   | admissible edges         |
| `(query, asks, role)`                | `edge_index` | `[2, T]`   | the question to all      |

The graph holds the `Query` as `question` (a list in a batch). Embeddings have a variance of about
1 per entry; candidates have `edge_attr` where a `Belief` is passed. PyG's `DataLoader` and
`Batch.from_data_list` batch such graphs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.graph.features import by_role, unit_variance
from abgnn.graph.query_graph import template_tensors
from abgnn.nn.backbone_table import BackboneTable
from abgnn.planning.beliefs import Belief

CANDIDATE = ("role", "may_be_played_by", "backbone")
MESSAGE = ("role", "may_send_to", "role")
QUESTION = ("query", "asks", "role")


def hetero_graphs(
    template: Template,
    role_embed: Tensor,
    queries: Sequence[Query],
    query_embed: Tensor,
    table: BackboneTable,
    belief: Belief | None = None,
) -> list[HeteroData]:
    """One graph per question; see the tables above.

    Args:
        template: T roles and their admissible edges.
        role_embed: `[T, H]`.
        queries: B questions.
        query_embed: `[B, H]`.
        table: M LLMs.
        belief: of these questions, in this order; None: candidates have no features.
    """
    known = None if belief is None else belief_features(belief, template)  # [B, T, M, 4]
    edges, rank, is_decision, is_lead = template_tensors(template)
    roles, profiles = unit_variance(role_embed), unit_variance(table.embed).flatten(1)
    index = torch.cartesian_prod(torch.arange(len(roles)), torch.arange(len(profiles))).T
    graphs = []
    for b, query in enumerate(queries):
        graph = HeteroData(question=query)
        graph["role"].x, graph["role"].rank = roles, rank
        graph["role"].is_decision, graph["role"].is_lead = is_decision, is_lead
        graph["backbone"].x = profiles
        graph["query"].x = unit_variance(query_embed[b : b + 1])
        graph[CANDIDATE].edge_index = index  # [2, T*M]
        if known is not None:
            graph[CANDIDATE].edge_attr = known[b].flatten(0, 1)  # [T*M, 4]
        graph[MESSAGE].edge_index = edges
        graph[QUESTION].edge_index = torch.stack(
            [torch.zeros(len(roles), dtype=torch.long), torch.arange(len(roles))]
        )
        graphs.append(graph)
    return graphs


def belief_features(belief: Belief, template: Template) -> Tensor:
    """Logit mean, its standard deviation, log USD and log seconds, `[Q, T, M, 4]`."""
    parts = (
        belief.logit,
        belief.logit_sd,
        np.log(np.maximum(belief.usd, 1e-12)),
        np.log(np.maximum(belief.seconds, 1e-6)),
    )
    stacked = np.stack([by_role(part, template) for part in parts], -1)
    return torch.as_tensor(stacked, dtype=torch.float32)
