"""`Trained`: a policy and its deployment, from a checkpoint or a config; without Lightning."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
import torch

from abgnn.errors import ConfigError
from abgnn.experiments.deployment import EXECUTES, Deployment, instantiated, read_config
from abgnn.experiments.old_names import renamed
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.policy import Policy
from abgnn.rollout.clients.base import Client
from abgnn.rollout.settings import UNGUARDED, RolloutSettings

_TRADEOFF = {"lambda_tok": 10.0, "lambda_lat": 1e-3}  # the defaults of Reinforce


@dataclass(frozen=True)
class Trained:
    """A policy and its deployment.

    Args:
        policy: chooses plans.
        mas: template graph, candidate backbones, embeddings.
        client, rollout, max_in_flight: see `Deployment`.
    """

    policy: Policy
    mas: BaseMAS
    client: Client
    rollout: RolloutSettings = UNGUARDED
    max_in_flight: int = 1024

    @property
    def deployment(self) -> Deployment:
        """Client, backbones and settings, without the policy."""
        return Deployment(self.client, self.mas, self.rollout, self.max_in_flight)


def from_config(name: str) -> Trained:
    """The untrained policy of a config, the same that `abgnn fit` starts from."""
    config = read_config(name)
    return config_policy(config, name)


def config_policy(config: Mapping[str, Any], where: str) -> Trained:
    """The untrained policy of what `read_config` has read."""
    seed = config.get("seed_everything")
    if isinstance(seed, int) and not isinstance(seed, bool):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # a user's own policy may draw from it
        torch.manual_seed(seed)
    return _made(config["model"], where)


@dataclass(frozen=True)
class EmbeddedDeployment(Deployment):
    """A deployment that encodes questions: what reads them needs it."""

    mas: BaseMAS


def from_checkpoint(path: str) -> Trained:
    """The policy of a checkpoint of `abgnn fit`.

    Its weights are mapped from the file, not copied, so that processes share them; a file in use
    is replaced by renaming another one over it, as Lightning does, never written over.

    Raises:
        ConfigError: no such file, no checkpoint, or one of a module that was built in Python.
    """
    model, checkpoint = read_checkpoint(path)
    return checkpoint_policy(model, checkpoint, path)


def checkpoint_policy(
    model: Mapping[str, Any], checkpoint: Mapping[str, Any], where: str
) -> Trained:
    """The policy of what `read_checkpoint` has read."""
    trained = _made(model, where)
    start, weights = "policy.", checkpoint["state_dict"]
    of_policy = {key[len(start) :]: v for key, v in weights.items() if key.startswith(start)}
    trained.policy.load_state_dict(of_policy, assign=True)
    return trained


def read_checkpoint(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of the module in a checkpoint (λ's as training left them), and all of it;
    nothing is made from them.

    Raises:
        ConfigError: see `from_checkpoint`.
    """
    if not Path(path).is_file():
        raise ConfigError("--checkpoint", path, "an existing file")
    try:
        # tensors are mapped where the format allows it, which is not so before torch 1.6
        mapped = is_zipfile(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
        model, _ = dict(checkpoint["hyper_parameters"]), checkpoint["state_dict"]
    except Exception as error:  # torch's own errors are of many kinds
        allowed = f"a checkpoint of `abgnn fit` ({type(error).__name__}: {error})"
        raise ConfigError("--checkpoint", path, allowed) from error
    if not {"policy", "mas", "client"} <= model.keys():
        allowed = "a checkpoint of `abgnn fit`, or `Reinforce.load_from_checkpoint(path, policy=…)`"
        raise ConfigError("--checkpoint", path, allowed)
    if "tradeoff" in checkpoint:  # what a budget has made of the λ's
        model |= dict(zip(_TRADEOFF, checkpoint["tradeoff"], strict=True))
    return renamed(model), checkpoint


def _made(model: Mapping[str, Any], where: str) -> Trained:
    if "policy" not in model:
        raise ConfigError(f"{where}: model.policy", None, "a policy, by its class_path")
    values = {key: model[key] for key in ("policy", *EXECUTES) if key in model}
    trained = instantiated(Trained, values, where)
    trained.policy.set_tradeoff(*tradeoff_of(model))
    return trained


def tradeoff_of(model: Mapping[str, Any]) -> tuple[float, float]:
    """λ_tok per USD and λ_lat per second that a config or a checkpoint states."""
    tok, lat = (float(model.get(key, usual)) for key, usual in _TRADEOFF.items())
    return tok, lat
