"""`BackboneSet`: the candidate backbones 𝓑 with what is computed from them."""

from __future__ import annotations

from functools import cached_property

from abgnn.data.catalogue import Catalogue
from abgnn.graph.encoders import TextEncoder
from abgnn.nn.backbone_table import BackboneTable
from abgnn.pools.build import Pools, build_pools, deal, read_pools
from abgnn.pools.estimates import Triples, expected_accuracy, triples
from abgnn.pools.measured import read_measured


class BackboneSet:
    """A catalogue in one domain: its figures, pools and tensors, each computed once, when read.

    Args:
        catalogue: M backbones.
        domain: picks published scores and estimates.
        encode: of the profiles.
        n_pools, pools, measured, pools_seed: see `BaseMAS`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        domain: str,
        encode: TextEncoder,
        n_pools: int = 4,
        pools: str | None = None,
        measured: str | None = None,
        pools_seed: int = 0,
    ) -> None:
        self.catalogue, self.domain, self.encode = catalogue, domain, encode
        self.n_pools, self.pools_seed = n_pools, pools_seed
        self.pools_file, self.measured_file = pools, measured

    def replaced(self, catalogue: Catalogue) -> BackboneSet:
        """Another catalogue, by the same rules."""
        return BackboneSet(
            catalogue,
            self.domain,
            self.encode,
            self.n_pools,
            self.pools_file,
            self.measured_file,
            self.pools_seed,
        )

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
        built = build_pools(
            t.names, t.perf, t.cost, t.latency, n_pools=self.n_pools, guessed=t.guessed
        )
        return built if self.pools_file is None else deal(built, self.pools_seed)

    @cached_property
    def table(self) -> BackboneTable:
        """Catalogue and pools as tensors."""
        texts = [text for b in self.catalogue for text in b.profiles(self.domain)]
        embed = self.encode(texts).view(len(self.catalogue), 3, -1)  # [M, 3, H]
        accuracy = [expected_accuracy(b, self.domain, self.catalogue) for b in self.catalogue]
        return BackboneTable(embed, self.pools, accuracy)
