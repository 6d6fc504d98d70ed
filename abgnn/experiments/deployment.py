"""`Deployment`: client, backbones and settings of a config, read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace

from abgnn.data.mas import MasDefinition
from abgnn.data.query import Task
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.experiments.old_names import renamed
from abgnn.rollout.clients.base import Client
from abgnn.rollout.executor import Executor
from abgnn.rollout.in_flight import OnOutcome
from abgnn.rollout.settings import UNGUARDED, RolloutSettings

EXECUTES = ("mas", "client", "rollout", "max_in_flight")
LEARNS = (
    "policy",
    "lambda_tok",
    "lambda_lat",
    "lambda_len",
    "samples",
    "advantage",
    "lr",
    "trust_region",
    "entropy_weight",
    "hop_penalty",
    "fit_difficulty",
    "budget",
    "calibration",
    "reward",
)
"""Keys of a config's `model`: those of executing plans, and those of learning."""

T = TypeVar("T")


@dataclass(frozen=True)
class Deployment:
    """Client, backbones and settings by which plans are executed.

    Args:
        client: makes the calls, simulated or live.
        mas: template graph and candidate backbones.
        rollout: recording, caps, deadline, retries.
        max_in_flight: rollouts at once.
    """

    client: Client
    mas: MasDefinition
    rollout: RolloutSettings = UNGUARDED
    max_in_flight: int = 1024

    @property
    def label(self) -> str:
        """How calls are made: `simulated`, `recorded` or `live`."""
        return self.client.label

    def new_executor(
        self,
        task: Task,
        settings: RolloutSettings | None = None,
        on_outcome: OnOutcome | None = None,
        processes: int = 1,
    ) -> Executor:
        """An executor for this client and these backbones; the caller closes it.

        It is one of so many `processes` that share the endpoints' limits.
        """
        return Executor(
            self.client,
            self.mas.catalogue,
            task,
            settings=settings or self.rollout,
            max_in_flight=self.max_in_flight,
            processes=processes,
            on_outcome=on_outcome,
            framework=self.mas.framework,
        )


def read_config(name: str) -> dict[str, Any]:
    """An experiment's config as a mapping, with the seed and the `model` that it states.

    Args:
        name: a file, or a packaged config.

    Raises:
        ConfigError: no such file, no YAML, or an unknown key of `model`.
    """
    try:
        data = yaml.safe_load(config_path(name).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError("config", name, f"a YAML file ({error})") from error
    model = data.get("model") if isinstance(data, dict) else None
    if not isinstance(model, dict):
        raise ConfigError("config", name, "an experiment config, with a section `model`")
    for key in model:
        if key not in EXECUTES + LEARNS:
            raise ConfigError(f"{name}: model.{key}", model[key], ", ".join(EXECUTES + LEARNS))
    config: dict[str, Any] = renamed(data)
    return config


def read_deployment(name: str) -> Deployment:
    """The deployment in a config; its policy and the settings of learning are not read."""
    model = read_config(name)["model"]
    return instantiated(Deployment, {key: model[key] for key in EXECUTES if key in model}, name)


def instantiated(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """An object from plain values, with `class_path` where a class can be chosen.

    Raises:
        ConfigError: an invalid value; it names the file and states the reason.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, "model")
    try:
        made: T = parser.instantiate(_parsed(parser, values)).model
    except ArgumentError as error:
        raise _refused(where, error) from error
    return made


def resolved(kind: type[T], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The same values with every default that they leave out, as plain data; nothing is made.

    Raises:
        ConfigError: as `instantiated`.
    """
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, "model")
    try:
        whole: dict[str, Any] = _parsed(parser, values).model.as_dict()
    except ArgumentError as error:
        raise _refused(where, error) from error
    return whole


def _parsed(parser: ArgumentParser, values: Mapping[str, Any]) -> Namespace:
    parsed: Namespace = parser.parse_object({"model": _without_class(dict(values))})
    return parsed


def _refused(where: str, error: ArgumentError) -> ConfigError:
    return ConfigError("config", where, f"a config that `abgnn fit` accepts ({error})")


def _without_class(values: dict[str, Any]) -> dict[str, Any]:
    """`mas` by its arguments alone, so that no tensors are made where none are needed."""
    mas = values.get("mas")
    if isinstance(mas, dict) and mas.get("class_path") == "abgnn.graph.BaseMAS":
        values["mas"] = mas.get("init_args", {})
    return values
