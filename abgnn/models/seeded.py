"""Draws that are the same every time: for systems that go on sampling when they are used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int = 0, text: str = "") -> Iterator[None]:
    """Draw from a generator state of its own; the caller's goes on where it stood.

    Args:
        seed: of the draws.
        text: draws differ by it too: the id of a question, for draws of its own.
    """
    if text:
        seed = int.from_bytes(hashlib.sha256(f"{seed}/{text}".encode()).digest()[:7], "big")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
