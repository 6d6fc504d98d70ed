"""Catalogue, template, pools and settings as JSON, exact to the last digit, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import numpy as np

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.data.catalogue_yaml import SECRET, check_keys
from abgnn.data.template import Role, Template
from abgnn.errors import ConfigError
from abgnn.planning.template_dict import template_to_dict
from abgnn.pools.build import Pools
from abgnn.pools.estimates import Triples
from abgnn.rollout.settings import Breaker, Caps, Deadline, Retry, RolloutSettings, Tools

if TYPE_CHECKING:
    from abgnn.graph.base_mas import BaseMAS

T = TypeVar("T")
_SETTINGS: Mapping[str, Callable[..., Any]] = {
    "caps": Caps,
    "deadline": Deadline,
    "retry": Retry,
    "breaker": Breaker,
    "tools": Tools,
}
"""What is kept of rollouts: no recording, trace or telemetry, which are the saver's machine's."""


def catalogue_to_dict(catalogue: Catalogue) -> dict[str, Any]:
    """
    Raises:
        ConfigError: an address or a request field that holds a key.
    """
    for b in catalogue:
        url = urlsplit(b.base_url or "")
        if "@" in url.netloc or url.query:
            allowed = "an address without user, password and query, which others would see"
            raise ConfigError(f"Backbone({b.name}).base_url", "a URL with one of them", allowed)
        for name in b.extra_body:
            if SECRET.search(name):
                allowed = "a field that is no key, which others would see"
                raise ConfigError(f"Backbone({b.name}).extra_body", name, allowed)
    return {"priced": catalogue.priced, "backbones": [asdict(b) for b in catalogue]}


def catalogue_from_dict(data: Any) -> Catalogue:
    """What `catalogue_to_dict` made."""
    known = [f.name for f in fields(Backbone)]
    entries = [check_keys(entry, "backbone", known) for entry in data["backbones"]]
    return Catalogue(tuple(Backbone(**entry) for entry in entries), str(data["priced"]))


def whole_template_to_dict(template: Template) -> dict[str, Any]:
    """Of any number of rounds."""
    temporal = [list(edge) for edge in template.temporal_edges]
    return template_to_dict(template) | {"temporal_edges": temporal, "rounds": template.rounds}


def whole_template_from_dict(data: Any) -> Template:
    """What `whole_template_to_dict` made."""
    roles = tuple(Role(**role) for role in data["roles"])
    edges, temporal = (
        tuple((int(u), int(v)) for u, v in data[key]) for key in ("edges", "temporal_edges")
    )
    name, rounds, decision = str(data["name"]), int(data["rounds"]), int(data["decision"])
    return Template(name, roles, edges, temporal, rounds, decision)


def pools_to_dict(mas: BaseMAS) -> dict[str, Any]:
    """The tiers as they were made, with the figures that they were made from."""
    pools = mas.pools
    figures = {name: getattr(pools, name).tolist() for name in ("perf", "cost", "latency")}
    guessed = None if pools.guessed is None else pools.guessed.tolist()
    return {"members": [list(pool) for pool in pools.members], **figures, "guessed": guessed}


def set_pools(mas: BaseMAS, data: Any) -> None:
    """Give a definition the tiers that `pools_to_dict` wrote."""
    perf, cost, latency = (np.array(data[k], dtype=float) for k in ("perf", "cost", "latency"))
    guessed = None if data["guessed"] is None else np.array(data["guessed"], dtype=bool)
    members = tuple(tuple(int(m) for m in pool) for pool in data["members"])
    names = mas.catalogue.names
    mas.backbones.pools = Pools(names, members, perf, cost, latency, guessed)
    unscored = tuple(n for n, guess in zip(names, data["guessed"] or (), strict=False) if guess)
    mas.backbones.triples = Triples(names, perf, cost, latency, unscored)


def settings_to_dict(settings: RolloutSettings) -> dict[str, Any]:
    """Caps, deadline, retries, circuit breaker, tools."""
    return {name: asdict(getattr(settings, name)) for name in _SETTINGS}


def settings_from_dict(data: Any) -> RolloutSettings:
    """What `settings_to_dict` made."""
    stated = check_keys(data, "rollout", _SETTINGS)
    return RolloutSettings(**{name: _SETTINGS[name](**values) for name, values in stated.items()})
