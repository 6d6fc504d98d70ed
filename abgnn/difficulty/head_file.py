"""A trained estimator as one file: safetensors (no pickle) with its arguments as metadata."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from abgnn.difficulty.estimator import DifficultyEstimator
from abgnn.difficulty.head_header import FORMAT, read_header
from abgnn.nn.difficulty_head import DifficultyHead


def save_head(estimator: DifficultyEstimator, path: str | Path) -> None:
    """Write the head, its tasks, and those encoder layers that learned; float32."""
    frozen = {n for n, p in estimator.named_parameters() if not p.requires_grad}
    tensors = {
        n: t.detach().contiguous().cpu()
        for n, t in estimator.state_dict().items()
        if n not in frozen and (not n.startswith("encoder.") or _is_parameter(estimator, n))
    }
    header = {"format": FORMAT, "args": dict(estimator.hparams), "tasks": estimator.tasks}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, str(path), metadata={"abgnn": json.dumps(header)})


def load_head(path: str | Path) -> DifficultyEstimator:
    """Read what `save_head` wrote, ready to predict.

    Raises:
        ConfigError: no such file, or another kind of file.
    """
    header = read_header(path)
    with safe_open(str(path), "pt") as file:
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    with torch.random.fork_rng(devices=[]):  # weights are read: nobody's draws may change
        estimator = DifficultyEstimator(**header.args)
    estimator.tasks = list(header.tasks)
    estimator.base = torch.nn.Parameter(torch.zeros(1 + len(estimator.tasks)))
    estimator.load_state_dict(tensors, strict=False)
    return estimator.eval()


@torch.no_grad()
def embedding_head(estimator: DifficultyEstimator) -> DifficultyHead | None:
    """The same estimator as a policy's head, which reads nothing but a question's embedding.

    None: it reads counts or the task as well, or layers of its encoder have learned.
    """
    if estimator.encoder is not None or estimator.surface or estimator.tasks:
        return None
    with torch.random.fork_rng(devices=[]):
        head = DifficultyHead(estimator.head.lin1.in_features, estimator.head.lin1.out_features)
    head.load_state_dict({**estimator.head.state_dict(), "lin2.bias": estimator.base.detach()})
    return head


def _is_parameter(estimator: DifficultyEstimator, name: str) -> bool:
    return name in dict(estimator.named_parameters())
