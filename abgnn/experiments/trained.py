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
    seed = config.get("seed_everything")
    if isinstance(seed, int) and not isinstance(seed, bool):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # a user's own policy may draw from it
        torch.manual_seed(seed)
    return _made(config["model"], name)


@dataclass(frozen=True)
class EmbeddedDeployment(Deployment):
    """A deployment that encodes questions: what reads them needs it."""

    mas: BaseMAS


def embedded_deployment(name: str) -> EmbeddedDeployment:
    """The deployment in a config, with the encoder; its policy is not read."""
    model = read_config(name)["model"]
    values = {key: model[key] for key in EXECUTES if key in model}
    return instantiated(EmbeddedDeployment, values, name)


def from_checkpoint(path: str) -> Trained:
    """The policy of a checkpoint of `abgnn fit`.

    Its weights are mapped from the file, not copied, so that processes share them; a file in use
    is replaced by renaming another one over it, as Lightning does, never written over.

    Raises:
        ConfigError: no such file, no checkpoint, or one of a module that was built in Python.
    """
    model, checkpoint = read_checkpoint(path)
    trained = _made(model, path)
    if "tradeoff" in checkpoint:
        trained.policy.set_tradeoff(*checkpoint["tradeoff"])
    start, weights = "policy.", checkpoint["state_dict"]
    of_policy = {key[len(start) :]: v for key, v in weights.items() if key.startswith(start)}
    trained.policy.load_state_dict(of_policy, assign=True)
    return trained


def read_checkpoint(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of the module in a checkpoint, and all of it; nothing is made from them.

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
    return renamed(model), checkpoint


def _made(model: Mapping[str, Any], where: str) -> Trained:
    if "policy" not in model:
        raise ConfigError(f"{where}: model.policy", None, "a policy, by its class_path")
    values = {key: model[key] for key in ("policy", *EXECUTES) if key in model}
    trained = instantiated(Trained, values, where)
    trained.policy.set_tradeoff(*(float(model.get(k, v)) for k, v in _TRADEOFF.items()))
    return trained
