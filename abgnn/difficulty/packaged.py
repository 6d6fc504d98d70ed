"""The packaged difficulty heads, for the offline encoder; no fit is needed.

Data, licence and figures are in the card beside the weights, `abgnn/difficulty/heads/README.md`.
"""

from __future__ import annotations

from pathlib import Path

from abgnn.difficulty.estimator import DifficultyEstimator
from abgnn.difficulty.head_file import embedding_head, load_head
from abgnn.nn.difficulty_head import DifficultyHead

PACKAGED_ENCODER = "offline"  # all-MiniLM-L6-v2


def _load(name: str) -> DifficultyEstimator:
    return load_head(Path(__file__).with_name("heads") / f"{name}.safetensors")


def packaged_estimator() -> DifficultyEstimator:
    """The shipped estimator: embedding and surface counts."""
    return _load("offline")


def packaged_head() -> DifficultyHead:
    """A policy's difficulty head, on nothing but embeddings of the offline encoder `[B, 384]`."""
    head = embedding_head(_load("offline-policy"))
    assert head is not None, "it was fitted to embeddings alone"
    return head
