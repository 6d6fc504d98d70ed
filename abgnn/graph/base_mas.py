"""`BaseMAS`: the base framework M = (G*, 𝓑) of Eq 1: a template graph and candidate backbones."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property

from torch import Tensor
from torch_geometric.data import Batch, HeteroData

from abgnn.data.catalogue import Catalogue
from abgnn.data.mas import MasDefinition
from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.graph.backbone_set import BackboneSet
from abgnn.graph.encoders import TextEncoder
from abgnn.graph.hetero import hetero_graphs
from abgnn.graph.plan_graph import plan_graph
from abgnn.graph.query_graph import batch_of
from abgnn.nn.backbone_table import BackboneTable
from abgnn.planning.beliefs import Belief
from abgnn.pools.build import Pools
from abgnn.pools.estimates import Triples


class BaseMAS(MasDefinition):
    """Everything a policy chooses from, encoded once: roles, admissible edges, backbones, pools.

    Arguments and errors: see `MasDefinition`.
    """

    @cached_property
    def encode(self) -> TextEncoder:
        """Embeds questions, roles and profiles; its model is loaded with the first new text."""
        return TextEncoder(self.encoder)

    @cached_property
    def backbones(self) -> BackboneSet:
        """The candidate backbones with what is computed from them."""
        return BackboneSet(
            self.catalogue,
            self.domain,
            self.encode,
            self.n_pools,
            self.pools_file,
            self.measured_file,
            self.pools_seed,
        )

    @property
    def triples(self) -> Triples:
        """Performance, USD and seconds per call of every backbone."""
        return self.backbones.triples

    @property
    def pools(self) -> Pools:
        """Resource tiers, weak to strong (section 3.1.1)."""
        return self.backbones.pools

    @property
    def table(self) -> BackboneTable:
        """Catalogue and pools as tensors."""
        return self.backbones.table

    def with_catalogue(self, catalogue: Catalogue) -> BaseMAS:
        """A copy that chooses from other backbones, in pools of their own (section 4.4)."""
        other = copy(self)
        other.catalogue, other.backbones = catalogue, self.backbones.replaced(catalogue)
        return other

    @cached_property
    def role_embed(self) -> Tensor:
        """Encoded roles, `[T, H]`."""
        return self.encode([f"{r.name}: {r.prompt}" for r in self.template.roles])

    def for_users(self) -> BaseMAS:
        """A copy that keeps few embeddings of questions, and none on disk: users' are private."""
        role_embed, _ = self.role_embed, self.table  # encoded first, since these are kept
        other = copy(self)
        other.role_embed, other.encode = role_embed, self.encode.transient()
        return other

    def batch(self, queries: Sequence[Query], samples: int = 1, *, encode: bool = True) -> Batch:
        """Query graphs, each query `samples` times in a row: B·K graphs.

        Args:
            queries: B questions.
            samples: K.
            encode: put embeddings of the questions in; else zeros, for policies that read none.
        """
        if encode:
            embed = self.encode([q.text for q in queries])  # [B, H]
        else:
            embed = self.role_embed.new_zeros(len(queries), self.role_embed.size(1))
        repeated = [q for q in queries for _ in range(samples)]
        return batch_of(
            self.template, self.role_embed, repeated, embed.repeat_interleave(samples, 0)
        )

    def hetero(self, queries: Sequence[Query], belief: Belief | None = None) -> list[HeteroData]:
        """Roles, LLMs and each question as nodes (`abgnn.graph.hetero`), one graph a question."""
        embed = self.encode([q.text for q in queries])  # [B, H]
        return hetero_graphs(self.template, self.role_embed, queries, embed, self.table, belief)

    def plan_graphs(self, plans: Sequence[Plan]) -> Batch:
        """The agents of plans with their features `x` and messages, as one batch."""
        embed = self.encode([plan.query.text for plan in plans])  # [B, H]
        graphs = []
        for plan, query in zip(plans, embed, strict=True):
            roles = self.encode([f"{a.role.name}: {a.role.prompt}" for a in plan.agents])
            graphs.append(plan_graph(plan, roles, query, self.table))
        return Batch.from_data_list(graphs)
