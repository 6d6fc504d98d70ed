"""k-medoids on a distance matrix, by a library of the user's choice, and balanced cluster sizes.

Points are indices; nothing here depends on backbones.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from abgnn.data.arrays import Array, Mask
from abgnn.errors import ConfigError

Clusters = list[set[int]]
Backend = Literal["kmedoids", "sklearn-extra"]
RESTARTS = 32


def k_medoids(
    distance: Array, k: int, *, backend: Backend = "kmedoids", seed: int = 0
) -> tuple[tuple[int, ...], NDArray[np.int64]]:
    """The best of several seeded runs.

    Args:
        distance: symmetric, [S, S].
        k: clusters, from 1 to the number of different points.
        backend: `kmedoids` (FasterPAM), or `sklearn-extra` (PAM; the extra of that name).
        seed: of the restarts.

    Returns:
        medoids, ascending; and for every point the position of its medoid among them, [S]. Every
        medoid belongs to its own cluster; ties go to the lower one.

    Raises:
        ConfigError: an unknown backend, or one that is not installed.
    """
    if backend not in ("kmedoids", "sklearn-extra"):
        raise ConfigError("backend", backend, "kmedoids or sklearn-extra")
    run = _fasterpam if backend == "kmedoids" else _sklearn_extra
    seeds = np.random.default_rng(seed).integers(2**31, size=RESTARTS).tolist()
    tried = {tuple(sorted(run(distance, k, s))) for s in seeds}
    medoids = min(tried, key=lambda m: (round(float(distance[:, m].min(1).sum()), 9), m))
    labels = distance[:, medoids].argmin(1)  # [S]
    labels[list(medoids)] = np.arange(k)
    return medoids, labels


def shrink(
    clusters: Clusters, medoids: Sequence[int], distance: Array, near: Mask, cap: int
) -> None:
    """Bring clusters under the cap, in place; medoids stay.

    The member that is least farther from another medoid moves there, if that cluster has room and
    all in it are `near` (bool [S, S]); if nobody can move, the farthest member is dropped.
    """
    for home, cluster in enumerate(clusters):
        while len(cluster) > cap:
            free = cluster - {medoids[home]}
            moves = [
                (distance[i, medoids[c]] - distance[i, medoids[home]], i, c)
                for i in sorted(free)
                for c, other in enumerate(clusters)
                if len(other) < cap and near[i, sorted(other)].all()
            ]
            if moves:
                _, i, c = min(moves)
                clusters[c].add(i)
            else:
                i = max(sorted(free), key=lambda j: distance[j, medoids[home]])
            cluster.discard(i)


def grow(clusters: Clusters, medoids: Sequence[int], distance: Array, floor: int) -> None:
    """Bring clusters up to the floor, in place: each gains its medoid's nearest neighbours.

    A neighbour that would make two clusters equal is passed over; with at most
    S - floor + 1 clusters there always is another one.
    """
    for c in sorted(range(len(clusters)), key=lambda c: medoids[c]):
        by_distance = np.argsort(distance[medoids[c]], kind="stable").tolist()
        while len(clusters[c]) < floor:
            others = [other for other in clusters if other is not clusters[c]]
            i = next(
                i for i in by_distance if i not in clusters[c] and clusters[c] | {i} not in others
            )
            clusters[c].add(i)


def _fasterpam(distance: Array, k: int, seed: int) -> list[int]:
    kmedoids = import_module("kmedoids")
    result = kmedoids.fasterpam(distance, k, random_state=seed, n_cpu=1)
    return [int(i) for i in result.medoids]


def _sklearn_extra(distance: Array, k: int, seed: int) -> list[int]:
    try:
        cluster = import_module("sklearn_extra.cluster")
    except (ImportError, ValueError) as e:  # ValueError: built for another NumPy
        allowed = "kmedoids, or install abgnn[sklearn-extra] (Python below 3.12)"
        raise ConfigError("backend", "sklearn-extra", allowed) from e
    model = cluster.KMedoids(
        k, metric="precomputed", method="pam", init="k-medoids++", random_state=seed
    )
    return [int(i) for i in model.fit(distance).medoid_indices_]
