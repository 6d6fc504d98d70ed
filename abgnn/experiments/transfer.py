"""Observations of some backbones, for a catalogue of others (paper section 4.4)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from abgnn.data.catalogue import Catalogue
from abgnn.graph.base_mas import BaseMAS
from abgnn.planning.calibration import Calibration, pools_of
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior


def for_profile(observed: Observations, names: tuple[str, ...], profile: Prior) -> Observations:
    """The calls of backbones that `profile` has, under its numbers.

    Args:
        observed: calls of the backbones `names`.
        names: of the backbones, indexed by `observed.backbone`.
        profile: other backbones, any of the same among them, in any order.
    """
    place = {name: m for m, name in enumerate(profile.names)}
    number = np.array([place.get(name, -1) for name in names], dtype=np.int64)  # [M]
    kept = observed.rows(number[observed.backbone] >= 0)
    return replace(kept, backbone=number[kept.backbone])


def for_catalogue(calibration: Calibration, mas: BaseMAS) -> Calibration:
    """The calibration for another catalogue, without a call: backbones are matched by name.

    New ones enter by their profiles, with the trust in profiles that the calibrated ones support;
    roles, messages and questions stay as they were learned. Calls of backbones that are not in the
    catalogue are left out. Plans do not depend on the catalogue's order.

    Args:
        calibration: of another catalogue, with the same roles.
        mas: the catalogue that is planned for.
    """
    mas = mas.with_catalogue(_ordered(mas.catalogue, calibration.profile.names))
    profile = Prior.of(mas.catalogue, mas.domain)
    return replace(
        calibration,
        profile=profile,
        pools=pools_of(mas.pools.members),
        observed=for_profile(calibration.observed, calibration.profile.names, profile),
        priced=mas.catalogue.priced,
    )


def _ordered(catalogue: Catalogue, first: tuple[str, ...]) -> Catalogue:
    """The backbones in a fixed order: those of `first` as there, then the rest by name."""
    place = {name: i for i, name in enumerate(first)}
    new = len(place)
    backbones = sorted(catalogue, key=lambda b: (place.get(b.name, new), b.name))
    return Catalogue(tuple(backbones), catalogue.priced)
