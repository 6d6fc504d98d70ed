"""Draws that are the same every time: for systems that go on sampling when they are used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Draw from a generator state of its own; the caller's goes on where it stood."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
