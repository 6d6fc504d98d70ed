"""Random numbers that depend on their key and nothing else.

So an outcome is the same in any order, batch, thread, process and resumed run.
"""

from __future__ import annotations

from hashlib import blake2b
from statistics import NormalDist
from threading import local

import numpy as np
from numpy.random import Philox

_STANDARD = NormalDist()


def digest(*key: str | int, size: int = 16) -> bytes:
    """blake2b of the key; different keys are encoded differently."""
    return blake2b(repr(key).encode(), digest_size=size).digest()


def hashed(below: int, *key: str | int) -> int:
    """A stable integer from 0 to `below` - 1, the same in every world."""
    return int.from_bytes(digest(*key, size=8), "little") % below


def normals(count: int, *key: str | int) -> list[float]:
    """`count` independent N(0, 1) draws that belong to `key`.

    Philox keyed by the key's blake2b; raw bits through the inverse normal distribution, so that
    the numbers are also the same under every version of NumPy.
    """
    return [_STANDARD.inv_cdf(u) for u in uniforms(count, *key)]


def uniforms(count: int, *key: str | int) -> list[float]:
    """`count` independent draws in (0, 1) that belong to `key`."""
    bits = _KEYED.bits(count, digest(*key))
    return [((b >> 11) + 0.5) * 2.0**-53 for b in bits]


class _Keyed(local):
    """A Philox per thread, which is keyed anew: much faster than a new one, which asks the system
    for entropy first."""

    def __init__(self) -> None:
        self._philox = Philox(key=0)
        self._start = self._philox.state

    def bits(self, count: int, key: bytes) -> list[int]:
        """The first raw bits of `Philox(key=key)`."""
        self._start["state"]["key"] = np.frombuffer(key, dtype="<u8")
        self._philox.state = self._start
        drawn: list[int] = self._philox.random_raw(count).tolist()
        return drawn


_KEYED = _Keyed()
