"""Arrays as JSON: shape and base64 of float32, little-endian; for those too long to be read."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from abgnn.data.arrays import Array
from abgnn.data.surface_features import surface_counts
from abgnn.planning.questions import Questions

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


def packed(array: Array) -> dict[str, Any]:
    """`unpacked` restores it, to float32's precision."""
    raw = np.ascontiguousarray(array, dtype="<f4").tobytes()
    return {"shape": list(array.shape), "float32": b64encode(raw).decode("ascii")}


def unpacked(data: Mapping[str, Any]) -> Array:
    """The array that `packed` wrote, float64.

    Raises:
        ValueError: bytes of another number than the shape says.
    """
    flat = np.frombuffer(b64decode(data["float32"]), dtype="<f4")
    return flat.reshape(data["shape"]).astype(np.float64)


def pack(made: DataclassInstance) -> dict[str, Any]:
    """A dataclass of arrays and plain values, field by field."""
    out: dict[str, Any] = {}
    for field in fields(made):
        value = getattr(made, field.name)
        out[field.name] = packed(value) if isinstance(value, np.ndarray) else value
    return out


def unpack(kind: type[T], data: Mapping[str, Any]) -> T:
    """The dataclass that `pack` took apart; lists become tuples."""
    return kind(**{name: _restored(value) for name, value in data.items()})


def _restored(value: Any) -> Any:
    if isinstance(value, Mapping) and "float32" in value:
        return unpacked(value)
    return tuple(value) if isinstance(value, list) else value


def pack_questions(questions: Questions) -> dict[str, Any]:
    """Without the counts, which the texts restore."""
    return {name: value for name, value in pack(questions).items() if name != "counts"}


def unpack_questions(data: Mapping[str, Any]) -> Questions:
    """What `pack_questions` took apart."""
    return unpack(Questions, {**data, "counts": surface_counts(data["texts"])})
