"""`MasDefinition`: the base framework M = (G*, 𝓑) of Eq 1, before anything of it is encoded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from abgnn.data.catalogue import Catalogue
from abgnn.data.framework import AnyFramework, template_of
from abgnn.data.resources import config_path
from abgnn.data.template import Template
from abgnn.data.template_yaml import build_template, load_roles, read_template
from abgnn.errors import ConfigError

MPNET = "sentence-transformers/all-mpnet-base-v2"


M = TypeVar("M", bound="MasDefinition")


class MasDefinition:
    """A template graph and candidate backbones: all that it takes to carry plans out.

    `abgnn.graph.BaseMAS` is the same with embeddings and pools, for policies to choose from.

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
        difficulty: how hard questions are before any call: `packaged` (the head that ships),
            `rated` (their own `meta["level"]`, not in the simulated world), or a file that
            `abgnn difficulty fit` wrote.
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
        difficulty: str = "packaged",
        framework: AnyFramework | None = None,
    ) -> None:
        if n_pools < 1:
            raise ConfigError("mas.n_pools", n_pools, "a number of pools ≥ 1")
        self.domain, self.n_pools = domain, n_pools
        self.pools_file, self.measured_file = pools, measured
        self.pools_seed, self.difficulty = pools_seed, difficulty
        self.catalogue_file = catalogue
        self.catalogue = Catalogue.from_yaml(Path(catalogue)).without(exclude or [])
        self.framework = framework
        if framework is not None:
            self.template = template_of(framework)
            _check_domain(framework, domain)
        elif template is not None:
            self.template = read_template(config_path(template))
        else:
            chosen = load_roles(config_path(role_set) if role_set else domain, roles)
            self.template = build_template(topology, chosen)
        self.encoder = encoder

    @classmethod
    def of(
        cls: type[M],
        catalogue: Catalogue,
        template: Template,
        *,
        domain: str = "general",
        encoder: str = MPNET,
        n_pools: int = 4,
        framework: AnyFramework | None = None,
    ) -> M:
        """The same of a catalogue and a template in memory; no file is read."""
        made = cls.__new__(cls)
        made.domain, made.n_pools, made.encoder = domain, n_pools, encoder
        made.pools_file, made.measured_file, made.pools_seed = None, None, 0
        made.difficulty, made.catalogue_file = "packaged", ""
        made.catalogue, made.template, made.framework = catalogue, template, framework
        return made

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.domain!r}, backbones={len(self.catalogue)}, "
            f"template={self.template.name!r}, roles={len(self.template.roles) - 1})"
        )


def _check_domain(framework: AnyFramework, domain: str) -> None:
    """Roles of one packaged domain are of little use for questions of another one."""
    theirs = getattr(framework, "domain", None)
    if theirs in ("general", "math", "code") and theirs != domain:
        raise ConfigError("mas.framework.domain", theirs, f"{domain}, as mas.domain says")
