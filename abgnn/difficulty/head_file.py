"""A trained estimator as one file: safetensors (no pickle) with its arguments as metadata."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from abgnn.difficulty.estimator import DifficultyEstimator
from abgnn.errors import ConfigError

_FORMAT = "abgnn-difficulty-1"


def save_head(estimator: DifficultyEstimator, path: str | Path) -> None:
    """Write the head, its tasks, and those encoder layers that learned; float32."""
    frozen = {n for n, p in estimator.named_parameters() if not p.requires_grad}
    tensors = {
        n: t.detach().contiguous().cpu()
        for n, t in estimator.state_dict().items()
        if n not in frozen and (not n.startswith("encoder.") or _is_parameter(estimator, n))
    }
    header = {"format": _FORMAT, "args": dict(estimator.hparams), "tasks": estimator.tasks}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, str(path), metadata={"abgnn": json.dumps(header)})


def load_head(path: str | Path) -> DifficultyEstimator:
    """Read what `save_head` wrote, ready to predict.

    Raises:
        ConfigError: no such file, or another kind of file.
    """
    try:
        with safe_open(str(path), "pt") as file:
            header = json.loads((file.metadata() or {}).get("abgnn", "{}"))
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ConfigError(
            "difficulty head", str(path), "a file of `abgnn difficulty fit`"
        ) from error
    if header.get("format") != _FORMAT:
        raise ConfigError("difficulty head", str(path), f"a file of format {_FORMAT}")
    estimator = DifficultyEstimator(**header["args"])
    estimator.tasks = list(header["tasks"])
    estimator.base = torch.nn.Parameter(torch.zeros(1 + len(estimator.tasks)))
    estimator.load_state_dict(tensors, strict=False)
    return estimator.eval()


def _is_parameter(estimator: DifficultyEstimator, name: str) -> bool:
    return name in dict(estimator.named_parameters())
