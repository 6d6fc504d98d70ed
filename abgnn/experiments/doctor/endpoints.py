"""The LLMs of a catalogue: their keys, endpoints and prices. Nothing here is paid."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue_yaml import price_date
from abgnn.errors import ConfigError, EndpointError
from abgnn.experiments.doctor.finding import Finding, unless
from abgnn.rollout.clients.base import Client
from abgnn.rollout.clients.local import LocalClient
from abgnn.rollout.clients.openai import OpenAIClient

OLD_DAYS = 90
_AT_ONCE = 16  # endpoints asked at the same time


def keys(backbones: Iterable[Backbone]) -> Iterator[Finding]:
    """Whether the variables of keys are set; nothing of what they hold is told."""
    users: dict[str, list[str]] = {}
    for backbone in backbones:
        if backbone.api_key_env is not None:
            users.setdefault(backbone.api_key_env, []).append(backbone.name)
    for name, of in users.items():
        there = is_set(name)
        text = f"{name} is {'set' if there else 'not set'}, for {_some(of)}"
        mend = "" if there else f"export {name}=…  # the key, never in a file of the project"
        yield Finding("key", unless(there), text, mend)


def is_set(variable: str) -> bool:
    """Whether an environment variable holds anything but spaces."""
    return bool(os.environ.get(variable, "").strip())


def endpoints(client: Client, backbones: Iterable[Backbone]) -> Iterator[Finding]:
    """Whether calls can be made, by the check that every run makes before it."""
    chosen = list(backbones)
    if not isinstance(client, OpenAIClient):
        yield _whole(client, chosen, f"{client.label}: no endpoint, no key")
    elif isinstance(client, LocalClient):
        yield _whole(client, chosen, "the local server answers")
    else:
        yield from _each(client, chosen)


def _whole(client: Client, backbones: list[Backbone], fine: str) -> Finding:
    """The client's own check of all; a server that it has started for it is stopped."""
    try:
        client.check(backbones)
        return Finding("client", "ok", fine)
    except (ConfigError, EndpointError) as error:
        mend = error.allowed if isinstance(error, ConfigError) else "see the message"
        return Finding("client", "problem", str(error), mend)
    finally:
        if isinstance(client, LocalClient):
            asyncio.run(client.aclose())


def _each(client: OpenAIClient, backbones: list[Backbone]) -> Iterator[Finding]:
    """One line per address and key; those without their key are not asked."""
    groups: dict[tuple[str, str | None], list[Backbone]] = {}
    for backbone in backbones:
        url = str(client.endpoint(backbone)).partition(" ")[0]
        groups.setdefault((url, backbone.api_key_env), []).append(backbone)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = [
            (url, key, pool.submit(_probe, client, url, of))
            for (url, key), of in groups.items()
            if key is None or is_set(key)
        ]
        yield from (finding.result() for _, _, finding in asked)
    for (url, key), of in groups.items():
        if key is not None and not is_set(key):
            text = f"{url}, for {_some([b.name for b in of])}: not asked without {key}"
            yield Finding("endpoint", "note", text)


def _probe(client: OpenAIClient, url: str, backbones: list[Backbone]) -> Finding:
    began = time.perf_counter()
    try:
        client.check(backbones[:1])
    except EndpointError as error:
        refused = "refused the key" in str(error)
        key, name = backbones[0].api_key_env, backbones[0].name
        mend = (
            f"export {key}=…  # a key of {url}"
            if refused
            else f"start it, or mend base_url of {name}"
        )
        return Finding("endpoint", "problem", str(error), mend)
    took = 1e3 * (time.perf_counter() - began)
    names = _some([backbone.name for backbone in backbones])
    return Finding("endpoint", "ok", f"{url} answers ({took:.0f} ms), for {names}")


def prices(catalogue: str, today: date) -> Finding:
    """How old the prices are; budgets and caps are counted in them."""
    day = price_date(catalogue)
    mend = f"look them up, then `price_date: {today.isoformat()}` in {catalogue}"
    if day is None:
        return Finding("prices", "note", f"{catalogue} does not say of which day", mend)
    age = (today - day).days
    old = age > OLD_DAYS
    text = f"of {day.isoformat()}, {age} days old"
    return Finding("prices", "note" if old else "ok", text, mend if old else "")


def _some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
