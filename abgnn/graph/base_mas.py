"""`BaseMAS`: the base framework M = (G*, 𝓑) of Eq 1: a template graph and candidate backbones."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Literal

from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.catalogue import Catalogue
from abgnn.data.framework import AnyFramework, template_of
from abgnn.data.query import Query
from abgnn.data.resources import config_path
from abgnn.data.template_yaml import build_template, load_roles, read_template
from abgnn.errors import ConfigError
from abgnn.graph.backbone_set import BackboneSet
from abgnn.graph.encoders import MPNET, TextEncoder
from abgnn.graph.query_graph import batch_of
from abgnn.nn.backbone_table import BackboneTable
from abgnn.pools.build import Pools
from abgnn.pools.estimates import Triples


class BaseMAS:
    """What a policy chooses from: roles, admissible edges, backbones and their pools.

    Args:
        domain: `general`, `math` or `code`: picks role set, published scores and estimates.
        catalogue: YAML file of backbones; packaged ones are found by name.
        exclude: backbones of the catalogue to leave out.
        topology: admissible edges: `complete`, `chain`, `star` or `layered`.
        roles: role names to use, in this order; None: all of the set.
        role_set: YAML file of roles; None: the domain's six.
        template: YAML file of a template of your own (`read_template`), instead of topology,
            roles and role set.
        encoder: a sentence-transformers model, or `offline` (all-MiniLM-L6-v2 from a package).
        n_pools: resource tiers to build (four in the paper).
        pools: YAML file that states the tiers instead, one list of names per domain and tier; or
            `random`: tiers of the same sizes with backbones dealt to them at random.
        measured: YAML file of USD and seconds per call from a few real calls (`abgnn pools
            --config … --calls 3` writes it), instead of estimates.
        pools_seed: of random pools.
        framework: a system of another kind that carries the plans out (`abgnn.frameworks`); its
            roles and edges are the template.

    Raises:
        ConfigError: a file, role, backbone or framework that cannot be, or one of another domain.
    """

    def __init__(
        self,
        domain: str = "general",
        catalogue: str = "catalogues/paper.yaml",
        exclude: list[str] | None = None,
        topology: Literal["complete", "chain", "star", "layered"] = "complete",
        roles: list[str] | None = None,
        role_set: str | None = None,
        template: str | None = None,
        encoder: str = MPNET,
        n_pools: int = 4,
        pools: str | None = None,
        measured: str | None = None,
        pools_seed: int = 0,
        framework: AnyFramework | None = None,
    ) -> None:
        self.domain, self.framework, self.catalogue_file = domain, framework, catalogue
        self.encode = TextEncoder(encoder)
        self.backbones = BackboneSet(
            Catalogue.from_yaml(Path(catalogue)).without(exclude or []),
            domain,
            self.encode,
            n_pools,
            pools,
            measured,
            pools_seed,
        )
        if framework is not None:
            self.template = template_of(framework)
            _check_domain(framework, domain)
        elif template is not None:
            self.template = read_template(config_path(template))
        else:
            chosen = load_roles(config_path(role_set) if role_set else domain, roles)
            self.template = build_template(topology, chosen)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.domain!r}, backbones={len(self.catalogue)}, "
            f"template={self.template.name!r}, roles={len(self.template.roles) - 1})"
        )

    @property
    def catalogue(self) -> Catalogue:
        """The candidate backbones."""
        return self.backbones.catalogue

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
        other.backbones = self.backbones.replaced(catalogue)
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


def _check_domain(framework: AnyFramework, domain: str) -> None:
    """Roles of one packaged domain are of little use for questions of another one."""
    theirs = getattr(framework, "domain", None)
    if theirs in ("general", "math", "code") and theirs != domain:
        raise ConfigError("mas.framework.domain", theirs, f"{domain}, as mas.domain says")
