"""`BaseMAS`: the base framework M = (G*, 𝓑) of Eq 1: a template graph and candidate backbones."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property

from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.catalogue import Catalogue
from abgnn.data.mas import MasDefinition
from abgnn.data.query import Query
from abgnn.graph.encoders import TextEncoder
from abgnn.graph.query_graph import batch_of
from abgnn.nn.backbone_table import BackboneTable
from abgnn.pools.build import (
    Pools,
    build_pools,
    deal,
    read_pools,
)
from abgnn.pools.estimates import Triples, expected_accuracy, triples
from abgnn.pools.measured import read_measured


class BaseMAS(MasDefinition):
    """Everything a policy chooses from, encoded once: roles, admissible edges, backbones, pools.

    Arguments and errors: see `MasDefinition`.
    """

    @cached_property
    def encode(self) -> TextEncoder:
        """Embeds questions, roles and profiles; its model is loaded with the first new text."""
        return TextEncoder(self.encoder)

    def with_catalogue(self, catalogue: Catalogue) -> BaseMAS:
        """A copy that chooses from other backbones, in pools of their own (section 4.4)."""
        other = copy(self)
        for derived in ("triples", "pools", "table"):
            other.__dict__.pop(derived, None)
        other.catalogue = catalogue
        return other

    @cached_property
    def triples(self) -> Triples:
        """Performance, USD and seconds per call of every backbone."""
        measured = read_measured(self.measured_file) if self.measured_file else None
        return triples(self.catalogue, self.domain, measured)

    @cached_property
    def pools(self) -> Pools:
        """Resource tiers, weak to strong (section 3.1.1)."""
        t = self.triples
        if self.pools_file is not None and self.pools_file != "random":
            stated = read_pools(self.pools_file, self.domain)
            return Pools.from_names(t.names, stated, t.perf, t.cost, t.latency)
        built = build_pools(t.names, t.perf, t.cost, t.latency, n_pools=self.n_pools)
        return built if self.pools_file is None else deal(built, self.pools_seed)

    @cached_property
    def table(self) -> BackboneTable:
        """Catalogue and pools as tensors."""
        texts = [text for b in self.catalogue for text in b.profiles(self.domain)]
        embed = self.encode(texts).view(len(self.catalogue), 3, -1)  # [M, 3, H]
        accuracy = [expected_accuracy(b, self.domain, self.catalogue) for b in self.catalogue]
        return BackboneTable(embed, self.pools, accuracy)

    @cached_property
    def role_embed(self) -> Tensor:
        """Encoded roles, `[T, H]`."""
        return self.encode([f"{r.name}: {r.prompt}" for r in self.template.roles])

    def for_users(self) -> BaseMAS:
        """A copy whose encoder forgets: questions of users are many, and their own affair."""
        other = copy(self)
        other.__dict__ |= {"role_embed": self.role_embed, "table": self.table}
        other.encode = self.encode.transient()
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
