"""What an experiment config, or a catalogue for live calls, needs beside the installation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.experiments.certify_plan import read_questions
from abgnn.experiments.deployment import Deployment, read_config, read_deployment
from abgnn.experiments.doctor.endpoints import endpoints, keys, prices
from abgnn.experiments.doctor.finding import Finding
from abgnn.experiments.doctor.installation import extras
from abgnn.experiments.doctor.machine import encoder, gpu, sandbox
from abgnn.experiments.doctor.recordings import recording
from abgnn.rollout.clients.base import Client
from abgnn.rollout.clients.local import LocalClient
from abgnn.rollout.clients.openai import OpenAIClient
from abgnn.rollout.ledger.postgres_url import is_url


def experiment(
    config: str, recorded: str | None, plain: Mapping[str, str], today: date
) -> Iterator[Finding]:
    """Findings about all that a config asks for; `recorded` goes over its own recording."""
    try:
        settings, deployment = read_config(config), read_deployment(config)
    except ConfigError as error:
        yield from extras()
        yield Finding("config", "problem", str(error), f"mend {config}")
        return
    path = recorded or deployment.rollout.recording.path
    yield from extras(_needed(settings, deployment, path))
    yield encoder(deployment.mas.encoder)
    yield sandbox(deployment.rollout.tools.require)
    yield gpu()
    yield Finding("config", "ok", f"{config}: {deployment.label}, {deployment.mas.domain}")
    yield _questions(config, plain)
    yield from _llms(deployment.mas.catalogue_file, deployment.client, today)
    yield recording(path)


def _needed(settings: dict[str, Any], deployment: Deployment, path: str | None) -> set[str]:
    """Extras without which the config cannot run."""
    data = settings.get("data") or {}
    hub = data.get("class_path", "").rpartition(".")[2] in ("GSM8K", "MATH", "MBPP", "MMLU")
    needed = {
        "offline": deployment.mas.encoder == "offline",
        "postgres": is_url(path),
        "local": isinstance(deployment.client, LocalClient),
        "otel": deployment.rollout.telemetry.otel,
        "hub": hub and not (data.get("init_args") or {}).get("path"),
    }
    return {extra for extra, asked in needed.items() if asked}


def _questions(config: str, plain: Mapping[str, str]) -> Finding:
    """How many questions there are; those of the hub are not fetched for it."""
    data = read_config(config).get("data") or {}
    if str(data.get("class_path")) not in plain:
        return Finding("questions", "note", f"{data.get('class_path')}: not looked at")
    try:
        asked: Any = read_questions(config, plain)
        if getattr(asked, "path", "") is None and not getattr(asked, "packaged", False):
            return Finding("questions", "note", "of the hub; the first run fetches them")
        sizes = ", ".join(f"{len(asked.queries(s))} {s}" for s in ("train", "val", "test"))
    except ConfigError as error:
        return Finding("questions", "problem", str(error), "mend the line or the setting")
    return Finding("questions", "ok", f"{type(asked).__name__}: {sizes}")


def live_catalogue(catalogue: str, today: date) -> Iterator[Finding]:
    """Findings about LLMs that are to be called by `OpenAIClient`."""
    yield from _llms(catalogue, OpenAIClient(), today)


def _llms(catalogue: str, client: Client, today: date) -> Iterator[Finding]:
    """Keys and endpoints where calls are live, and prices."""
    try:
        backbones = list(Catalogue.from_yaml(catalogue))
    except ConfigError as error:
        yield Finding("catalogue", "problem", str(error), f"mend {catalogue}")
        return
    if isinstance(client, OpenAIClient):
        yield from keys(backbones)
    yield from endpoints(client, backbones)
    yield prices(catalogue, today)
