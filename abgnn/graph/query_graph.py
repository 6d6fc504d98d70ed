"""`QueryGraph`: the template graph of one query as a PyG `Data`, and how such graphs are batched.

| key           | shape      | in a Batch | meaning                                              |
|---------------|------------|------------|------------------------------------------------------|
| `query_embed` | `[1, H]`   | `[B, H]`   | the encoded query                                    |
| `role_embed`  | `[T, H]`   | `[N, H]`   | the encoded role prompts, decision agent included    |
| `x`           | `[T, 5H]`  | `[N, 5H]`  | role ‖ query ‖ performance ‖ price ‖ type            |
| `edge_index`  | `[2, E]`   | offset     | admissible edges among role agents, rank increasing  |
| `rank`        | `[T]`      | `[N]`      | topological rank within the graph, all distinct      |
| `is_decision` | `[T]`      | `[N]`      | marks the decision agent                             |
| `is_lead`     | `[T]`      | `[N]`      | marks the role that would answer alone               |
| `query`       | object     | list       | the `Query`                                          |
| `template`    | object     | list       | the `Template`                                       |

`x` is there once LLMs are matched: in `Decision.batch`, as the policy's encoder reads it, and in
the graphs of plans (`plan_graph`); its embeddings have a variance of about 1 per entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from abgnn.data.query import Query
from abgnn.data.template import Template

_NODE_KEYS = ("role_embed", "rank", "is_decision", "is_lead")


class QueryGraph(Data):  # type: ignore[misc]
    """The template graph G* with one query's embedding (paper section 2).

    Use `from_template`; see the table in this module's docstring for keys and shapes.
    """

    @classmethod
    def from_template(
        cls, template: Template, role_embed: Tensor, query: Query, query_embed: Tensor
    ) -> QueryGraph:
        """One graph.

        Args:
            template: roles and admissible edges.
            role_embed: encoded roles `[T, H]`.
            query: the question.
            query_embed: its embedding `[H]` or `[1, H]`.
        """
        edge_index, rank, is_decision, is_lead = template_tensors(template)
        return cls(
            role_embed=role_embed,
            query_embed=query_embed.view(1, -1),  # [1, H]
            edge_index=edge_index,
            rank=rank,
            is_decision=is_decision,
            is_lead=is_lead,
            num_nodes=len(template.roles),
            query=query,
            template=template,
        )

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        return self.num_nodes if key == "edge_index" else 0

    def __cat_dim__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        return 1 if key == "edge_index" else 0


def template_tensors(template: Template) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`edge_index [2, E]`, `rank [T]`, `is_decision [T]` and `is_lead [T]` of a template."""
    edges = torch.tensor(template.edges, dtype=torch.long).reshape(-1, 2).t().contiguous()  # [2, E]
    rank = torch.tensor(template.rank, dtype=torch.long)  # [T]
    role = torch.arange(len(template.roles))  # [T]
    return edges, rank, role == template.decision, role == template.lead


def batch_of(
    template: Template, role_embed: Tensor, queries: Sequence[Query], query_embed: Tensor
) -> Batch:
    """Many queries on one template at once: equal to `Batch.from_data_list`, without its loop.

    Args:
        template: shared by all graphs.
        role_embed: `[T, H]`.
        queries: B questions.
        query_embed: `[B, H]`.
    """
    n_graphs, n_roles = len(queries), len(template.roles)
    edge_index, rank, is_decision, is_lead = template_tensors(template)
    n_edges = edge_index.size(1)
    graph = torch.arange(n_graphs)
    offset = graph.repeat_interleave(n_edges) * n_roles  # [B*E]
    batch = Batch(
        _base_cls=QueryGraph,
        role_embed=role_embed.repeat(n_graphs, 1),  # [N, H]
        query_embed=query_embed,  # [B, H]
        edge_index=edge_index.repeat(1, n_graphs) + offset,  # [2, B*E]
        rank=rank.repeat(n_graphs),  # [N]
        is_decision=is_decision.repeat(n_graphs),  # [N]
        is_lead=is_lead.repeat(n_graphs),  # [N]
        batch=graph.repeat_interleave(n_roles),  # [N]
        ptr=torch.arange(n_graphs + 1) * n_roles,  # [B+1]
    )
    batch.query, batch.template = list(queries), [template] * n_graphs
    batch.num_nodes, batch._num_nodes = n_graphs * n_roles, [n_roles] * n_graphs
    _set_slices(batch, n_graphs, n_roles, n_edges)
    batch._roles = _Roles.of(batch.role_embed, role_embed, n_graphs)
    return batch


def distinct_roles(batch: Batch) -> tuple[Tensor, Tensor | None]:
    """Roles `[R, H]` and which of them each agent plays `[N]`, where `batch_of` made the batch and
    nobody has touched its `role_embed` since; else `role_embed` `[N, H]`, and None."""
    known: _Roles | None = getattr(batch, "_roles", None)
    if known is None or not known.hold(batch.role_embed):
        return batch.role_embed, None
    return known.roles, known.which


class _Roles(NamedTuple):
    """A batch's `role_embed` with the distinct roles `[R, H]` that its rows repeat, in their order
    `[N]`, and how often each of the two had been written to."""

    every: Tensor
    roles: Tensor
    which: Tensor
    writes: tuple[int, int]

    @classmethod
    def of(cls, every: Tensor, roles: Tensor, n_graphs: int) -> _Roles:
        which = torch.arange(len(roles), device=roles.device).repeat(n_graphs)
        return cls(every, roles, which, (_writes(every), _writes(roles)))

    def hold(self, role_embed: Tensor) -> bool:
        """Whether these still are the roles of a batch, and no gradient of its rows is wanted."""
        if role_embed is not self.every or self.every.requires_grad:
            return False
        return self.writes == (_writes(self.every), _writes(self.roles))


def _writes(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


def _set_slices(batch: Batch, n_graphs: int, n_roles: int, n_edges: int) -> None:
    """What `Batch.to_data_list` needs to take the batch apart again."""
    step = torch.arange(n_graphs + 1)
    zeros = torch.zeros(n_graphs, dtype=torch.long)
    objects = ("query_embed", "query", "template")
    slices = dict.fromkeys(_NODE_KEYS, step * n_roles) | dict.fromkeys(objects, step)
    batch._slice_dict = slices | {"edge_index": step * n_edges}
    batch._inc_dict = dict.fromkeys(slices, zeros) | {"edge_index": step[:-1] * n_roles}
    batch._num_graphs = n_graphs
