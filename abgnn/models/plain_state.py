"""Records of arrays (frozen dataclasses) as plain data that a checkpoint may hold, and back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from abgnn.errors import ConfigError

_CLASS, _TUPLE = "class", "tuple"


def to_plain(made: Any) -> Any:
    """Dataclasses as dictionaries that name their class, arrays as tensors, the rest as it is.

    What is computed from the fields is not kept. `torch.load(…, weights_only=True)` reads it.

    Raises:
        ConfigError: something that is neither plain nor a dataclass of plain things.
    """
    if isinstance(made, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(made).copy())
    if isinstance(made, np.generic):
        return made.item()
    if made is None or isinstance(made, (str, int, float, bool, Tensor)):
        return made
    if isinstance(made, tuple):
        return {_TUPLE: [to_plain(part) for part in made]}
    if isinstance(made, list):
        return [to_plain(part) for part in made]
    if isinstance(made, Mapping):
        return {str(key): to_plain(value) for key, value in made.items()}
    if is_dataclass(made) and not isinstance(made, type):
        kind = type(made)
        parts = {f.name: to_plain(getattr(made, f.name)) for f in fields(made) if f.init}
        return {_CLASS: f"{kind.__module__}.{kind.__qualname__}", **parts}
    raise ConfigError("state", type(made).__name__, "numbers, texts, arrays, dataclasses of them")


def from_plain(data: Any) -> Any:
    """What `to_plain` was given.

    Raises:
        ConfigError: it names a class that is no dataclass, or of a module that is not loaded.
    """
    if isinstance(data, Tensor):
        return data.cpu().numpy()
    if isinstance(data, list):
        return [from_plain(part) for part in data]
    if not isinstance(data, Mapping):
        return data
    if set(data) == {_TUPLE}:
        return tuple(from_plain(part) for part in data[_TUPLE])
    parts = {key: from_plain(value) for key, value in data.items() if key != _CLASS}
    if _CLASS not in data:
        return parts
    module, _, name = str(data[_CLASS]).rpartition(".")
    ours = module.startswith("abgnn.")  # others' are loaded already, by the class that keeps them
    kind = getattr(import_module(module) if ours else sys.modules.get(module), name, None)
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise ConfigError("state", data[_CLASS], "a dataclass, of abgnn or of a loaded module")
    return kind(**parts)
