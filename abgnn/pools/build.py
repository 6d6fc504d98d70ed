"""Resource tiers: Pareto front, k-medoids, balancing (paper section 3.1.1, Appendix B).

Works on arrays with one entry per backbone; no catalogue, no torch. The only file read is one of
stated pools (`read_pools`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from abgnn.data.arrays import Array, Mask
from abgnn.data.catalogue_yaml import QUOTES, check_keys, load_yaml, suggest
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.pools.clustering import (
    Backend,
    grow,
    k_medoids,
    shrink,
)
from abgnn.pools.pareto import checked_triple, pareto_mask

__all__ = ["Pools", "build_pools", "deal", "pareto_mask", "read_pools"]


@dataclass(frozen=True, slots=True, eq=False)
class Pools:
    """Resource tiers, ordered weak to strong; a backbone may be in several of them or in none.

    Args:
        names: the backbones, in catalogue order, [M].
        members: per pool, ascending indices into `names`, [P].
        perf, cost, latency: performance in [0, 1], USD and seconds per call, [M] each.
        guessed: whose performance is guessed, bool [M]; None: nobody's.

    Shapes: `mask` bool [P, M]; `front` bool [M], who is on the Pareto front; `cost_curve` [P].

    Raises:
        ConfigError: arrays that do not fit, an empty pool, an unknown or doubled member.
    """

    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]
    perf: Array
    cost: Array
    latency: Array
    guessed: Mask | None = None

    def __post_init__(self) -> None:
        perf, cost, latency = checked_triple(self.perf, self.cost, self.latency, positive=True)
        for field, value in (("perf", perf), ("cost", cost), ("latency", latency)):
            object.__setattr__(self, field, value)
        if len(self.names) != len(perf) or len(set(self.names)) < len(self.names):
            raise ConfigError("names", self.names, f"{len(perf)} different names")
        if not self.members:
            raise ConfigError("pools", self.members, "at least one pool")
        for p, pool in enumerate(self.members):
            if not pool or len(set(pool)) < len(pool) or not set(pool) <= set(range(len(perf))):
                raise ConfigError(f"pools[{p}]", pool, "at least one backbone, each once")

    def __len__(self) -> int:
        return len(self.members)

    @property
    def mask(self) -> Mask:
        """Who is in which pool, [P, M]."""
        mask = np.zeros((len(self.members), len(self.names)), dtype=np.bool_)
        for p, pool in enumerate(self.members):
            mask[p, list(pool)] = True
        return mask

    @property
    def front(self) -> Mask:
        """Who is on the Pareto front of the whole catalogue, [M]."""
        return pareto_mask(self.perf, self.cost, self.latency, self.guessed)

    @property
    def cost_curve(self) -> Array:
        """c of Eq. 3, [P]: strictly increasing from 0 to 1 (a single pool: 0).

        The log of the pool's mean cost, made monotone by its running maximum; pool indices
        break ties with a hundredth of the range.
        """
        logs = np.log([self.cost[list(pool)].mean() for pool in self.members])
        rising = np.maximum.accumulate(logs)  # [P]
        step = 0.01 * (float(rising[-1] - rising[0]) or 1.0)
        rising = rising - rising[0] + step * np.arange(len(rising))
        return rising / rising[-1] if len(rising) > 1 else np.zeros(1)

    def named(self) -> tuple[tuple[str, ...], ...]:
        """The names of every pool's members, in catalogue order."""
        return tuple(tuple(self.names[i] for i in pool) for pool in self.members)

    def mean(self, values: ArrayLike) -> Array:
        """Mean over each pool's members of a value per backbone, [M] to [P]."""
        array = np.asarray(values, dtype=np.float64)
        return np.array([array[list(pool)].mean() for pool in self.members])

    @classmethod
    def from_names(
        cls,
        names: Sequence[str],
        pools: Sequence[Sequence[str]],
        perf: ArrayLike,
        cost: ArrayLike,
        latency: ArrayLike,
    ) -> Pools:
        """Pools that the user states, weak to strong, in the order given."""
        if isinstance(pools, str) or any(isinstance(pool, str) for pool in pools):
            raise ConfigError("pools", pools, "a list of lists of backbone names")
        for p, pool in enumerate(pools):
            for name in pool:
                if name not in names:
                    raise ConfigError(f"pools[{p}]", name, ", ".join(names))
        members = tuple(tuple(sorted(list(names).index(n) for n in pool)) for pool in pools)
        return cls(tuple(names), members, *checked_triple(perf, cost, latency, positive=True))


def build_pools(
    names: Sequence[str],
    perf: ArrayLike,
    cost: ArrayLike,
    latency: ArrayLike,
    *,
    n_pools: int = 4,
    min_size: int = 3,
    max_size: int = 3,
    overflow: Literal["move", "drop"] = "move",
    max_ratio: float = 5.0,
    backend: Backend = "kmedoids",
    seed: int = 0,
    guessed: Mask | None = None,
) -> Pools:
    """Pools of backbones with like performance, cost and latency (Appendix B).

    1. Only the Pareto front survives, and who has a guessed performance. 2. k-medoids on [perf,
    log cost, log latency], each standardised. 3. Clusters above `max_size` shrink. The paper drops
    the members farthest from the medoid (`overflow="drop"`), which may lose the strongest backbone;
    by default a member moves to another cluster, the one that it is least farther from, which must
    have room and keep costs and latencies within `max_ratio`; only when nobody can move the
    farthest is dropped.
    4. Clusters below `min_size` gain the medoid's nearest neighbours, so a backbone may be in
    several pools; the last one gained is chosen such that no two pools are equal. 5. Weak to
    strong by mean performance, ties by mean cost.

    S survivors make at most S - min_size + 1 pools (then no two need be equal), and no more than
    there are different points; fewer than `min_size` survivors make one pool. The result does not
    depend on the order of the backbones.

    Args:
        names: [M]; perf: in [0, 1], [M]; cost: USD, [M]; latency: seconds, [M].
        n_pools: pools wanted.
        min_size, max_size: backbones per pool.
        overflow: what becomes of members of clusters that are too large.
        max_ratio: how far costs or latencies may be apart where a member moves in ("within 5x").
        backend: who clusters (see `k_medoids`).
        seed: of the restarts.
        guessed: whose performance is guessed, bool [M] (see `pareto_mask`); None: nobody's.

    Raises:
        ConfigError: arrays that do not fit, sizes that contradict, an unknown backend.
    """
    z = checked_triple(perf, cost, latency, positive=True)
    _check_sizes(n_pools, min_size, max_size)
    _check(names, len(z[0]), max_ratio, overflow)
    survivors = _survivors(z, guessed, names)
    features = _features(*(values[survivors] for values in z))  # [S, 3]
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)  # [S, S]
    distinct = len(np.unique(features, axis=0))
    k = max(1, min(n_pools, distinct, len(survivors) - min_size + 1))
    budgets = np.log(np.stack(z[1:], axis=1))[survivors]  # [S, 2]
    near = _near(budgets, max_ratio) if overflow == "move" else np.zeros_like(distance, dtype=bool)
    clusters, medoids = _clusters(distance, k, backend, seed)
    shrink(clusters, medoids, distance, near, max_size)
    grow(clusters, medoids, distance, min(min_size, len(survivors)))
    members = [tuple(sorted(survivors[i] for i in cluster)) for cluster in clusters]
    members.sort(key=lambda pool: (*(_mean(v, pool) for v in z), sorted(names[i] for i in pool)))
    return Pools(tuple(names), tuple(members), *z, guessed)


def deal(pools: Pools, seed: int = 0) -> Pools:
    """Pools of the same number and sizes with backbones at random (the paper's ablation 1).

    Places are dealt out anew among all backbones of the catalogue, whether on the front or not; who
    shared a backbone still does. They stand weak to strong by their mean performance again.
    """
    order = np.random.default_rng(seed).permutation(len(pools.names)).tolist()
    dealt = [tuple(sorted(order[i] for i in pool)) for pool in pools.members]
    dealt.sort(key=lambda pool: (_mean(pools.perf, pool), _mean(pools.cost, pool), pool))
    return replace(pools, members=tuple(dealt))


def read_pools(path: str | Path, domain: str) -> list[list[str]]:
    """Stated pools of a domain, as names, for `Pools.from_names`.

    The file (one's own, or packaged such as `pools/paper_table5.yaml`) has the keys `pools`
    (domain -> list of pools, weak to strong, each a list of backbone names) and `source`.

    Raises:
        ConfigError: no such file or domain, or not lists of names.
    """
    where = str(path)
    data = check_keys(load_yaml(config_path(path), where), where, ("source", "pools"))
    domains = check_keys(data.get("pools"), f"{where}: pools", data.get("pools") or ("general",))
    if domain not in domains:
        raise ConfigError(f"{where}: domain", domain, suggest(domain, domains))
    pools = domains[domain]
    lists = isinstance(pools, list) and all(isinstance(pool, list) for pool in pools)
    if not lists or not all(isinstance(name, str) for pool in pools for name in pool):
        allowed = f"a list of lists of backbone names; {QUOTES}"
        raise ConfigError(f"{where}: pools.{domain}", pools, allowed)
    return [list(pool) for pool in pools]


def _survivors(
    z: tuple[Array, Array, Array], guessed: Mask | None, names: Sequence[str]
) -> list[int]:
    """Who is on the Pareto front, in an order that is not the backbones'."""
    front = np.flatnonzero(pareto_mask(*z, guessed)).tolist()
    return sorted(front, key=lambda i: (*_row(z, i), names[i]))


def _clusters(
    distance: Array, k: int, backend: Backend, seed: int
) -> tuple[list[set[int]], tuple[int, ...]]:
    """Survivors of each of k clusters, and its medoid."""
    medoids, labels = k_medoids(distance, k, backend=backend, seed=seed)
    return [set(np.flatnonzero(labels == c).tolist()) for c in range(k)], medoids


def _near(logs: Array, max_ratio: float) -> Mask:
    """Which survivors are within the ratio in cost and in latency, [S, S]; `logs` is [S, 2]."""
    near: Mask = np.all(np.abs(logs[:, None] - logs[None]) <= math.log(max_ratio) + 1e-9, axis=-1)
    return near


def _features(perf: Array, cost: Array, latency: Array) -> Array:
    """[perf, log cost, log latency], each standardised, [S, 3]; a constant one counts nothing."""
    raw = np.stack([perf, np.log(cost), np.log(latency)], axis=1)
    spread = raw.std(0)
    features: Array = (raw - raw.mean(0)) / np.where(spread > 1e-12, spread, np.inf)
    return features


def _mean(values: Array, pool: Sequence[int]) -> float:
    """The mean of some entries; exactly the same in any order."""
    return math.fsum(values[list(pool)]) / len(pool)


def _row(z: tuple[Array, Array, Array], i: int) -> tuple[float, float, float]:
    return float(z[0][i]), float(z[1][i]), float(z[2][i])


def _check(names: Sequence[str], backbones: int, max_ratio: float, overflow: str) -> None:
    if len(names) != backbones:
        raise ConfigError("names", tuple(names), f"{backbones} names, one per backbone")
    if not max_ratio > 1:
        raise ConfigError("max_ratio", max_ratio, "a number above 1")
    if overflow not in ("move", "drop"):
        raise ConfigError("overflow", overflow, "move or drop")


def _check_sizes(n_pools: int, min_size: int, max_size: int) -> None:
    if n_pools < 1:
        raise ConfigError("n_pools", n_pools, "an integer from 1")
    if min_size < 1:
        raise ConfigError("min_size", min_size, "an integer from 1")
    if max_size < min_size:
        raise ConfigError("max_size", max_size, f"an integer from min_size = {min_size}")
