"""A policy's state as safetensors, and as JSON what is in it beside tensors (`get_extra_state`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from abgnn.errors import ConfigError
from abgnn.models.policy import Policy
from abgnn.serve.pretrained.classes import within
from abgnn.serve.pretrained.files import STATE, WEIGHTS, file_in, read_object

_TENSOR, _BESIDE = "tensor", "beside"
_RECORDS = ("abgnn.data", "abgnn.models", "abgnn.nn", "abgnn.planning", "abgnn.pools")
_SPARE = 2**20  # numbers that a policy may have beyond those in its file: buffers that are not kept


def weights_of(policy: Policy) -> tuple[bytes, dict[str, Any]]:
    """The two files' contents: safetensors, and the JSON beside it, which may be empty."""
    tensors: dict[str, Tensor] = {}
    beside: dict[str, Any] = {}

    def kept(tensor: Tensor) -> str:
        name = f"{_BESIDE}.{len(tensors)}"
        tensors[name] = _plain(tensor)
        return name

    for name, value in policy.state_dict().items():
        if isinstance(value, Tensor):
            tensors[name] = _plain(value)
        elif value is not None:
            beside[name] = _without_tensors(value, kept)
    return save(tensors), beside


def build_and_load(
    make: Callable[[], Policy], folder: Path, modules: tuple[str, ...], *, measure: bool
) -> Policy:
    """The policy in a folder, its weights mapped from the file.

    Args:
        make: makes it with any weights.
        folder: that holds it.
        modules: further modules whose records it may hold.
        measure: tell its size before it is allocated, which takes seconds (PyTorch's meta tensors)
            and classes that can be made so, as all of abgnn's.

    Raises:
        ConfigError: no weights, weights of another policy, or a policy larger than its file.
    """
    path = file_in(folder, WEIGHTS)
    if path is None:
        raise ConfigError("folder", str(folder), f"a folder with {WEIGHTS}")
    state = read_object(folder, STATE) or {}
    try:
        tensors = _read(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ConfigError(f"{folder}: {WEIGHTS}", str(error), "a safetensors file") from error
    with torch.random.fork_rng(devices=[]):  # weights are read: nobody's draws may change
        if measure:
            _check_size(make, sum(t.numel() for t in tensors.values()), str(folder))
        policy = make()
    own = {n: t for n, t in tensors.items() if not n.startswith(f"{_BESIDE}.")}
    _check_types(policy, own, str(folder))
    beside = {n: _with_tensors(v, tensors, modules) for n, v in state.items()}
    absent = {n: None for n in _extra(policy) if n not in beside}
    try:
        policy.load_state_dict({**own, **absent, **beside}, assign=True)
    except (RuntimeError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"{folder}: {WEIGHTS}", str(error)[:400], "its policy's state") from error
    return policy


def _read(path: Path) -> dict[str, Tensor]:
    with safe_open(str(path), "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _check_size(make: Callable[[], Policy], most: int, where: str) -> None:
    """Build it without memory first: a config of a few bytes may ask for all that there is."""
    with torch.device("meta"):
        made = make()
    asked = sum(t.numel() for t in (*made.parameters(), *made.buffers()))
    if asked > most + _SPARE:
        allowed = f"the {most} that its file holds"
        raise ConfigError(f"{where}: numbers in the policy", asked, allowed)


def _check_types(policy: Policy, tensors: Mapping[str, Tensor], where: str) -> None:
    for name, value in policy.state_dict().items():
        if isinstance(value, Tensor) and name in tensors and value.dtype != tensors[name].dtype:
            raise ConfigError(f"{where}: {name}", str(tensors[name].dtype), str(value.dtype))


def _extra(policy: Policy) -> Iterator[str]:
    """Entries of the state that are no tensors and nothing yet."""
    return (name for name, value in policy.state_dict().items() if value is None)


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().contiguous().clone()


def _without_tensors(value: Any, kept: Callable[[Tensor], str]) -> Any:
    if isinstance(value, Tensor):
        return {_TENSOR: kept(value)}
    if isinstance(value, Mapping):
        return {str(key): _without_tensors(part, kept) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_tensors(part, kept) for part in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise ConfigError("policy's state", type(value).__name__, "tensors, numbers, texts, lists")


def _with_tensors(value: Any, tensors: Mapping[str, Tensor], modules: tuple[str, ...]) -> Any:
    """
    Raises:
        ConfigError: a record of a class that is none of ours, or a tensor that is not there.
    """
    if isinstance(value, list):
        return [_with_tensors(part, tensors, modules) for part in value]
    if not isinstance(value, Mapping):
        return value
    if set(value) == {_TENSOR}:
        name = value[_TENSOR]
        if name not in tensors:
            raise ConfigError(f"{STATE}: tensor", name, f"one of {WEIGHTS}")
        return tensors[name]
    kind = value.get("class")
    if kind is not None and not within(str(kind).rpartition(".")[0], (*_RECORDS, *modules)):
        allowed = f"a record of {', '.join((*_RECORDS, *modules))}"
        raise ConfigError(f"{STATE}: class", kind, allowed)
    return {key: _with_tensors(part, tensors, modules) for key, part in value.items()}
