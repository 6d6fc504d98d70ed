"""Devices by name: `cpu`, `cuda`, `cuda:1`, `mps`, as far as this machine has them."""

from __future__ import annotations

import torch
from torch import nn

from abgnn.errors import ConfigError


def usable_device(name: str, field: str = "--device") -> torch.device:
    """The device of this name.

    Raises:
        ConfigError: no such device, or this machine has none.
    """
    have = available()
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or str(device) not in have:
        raise ConfigError(field, name, f"what this machine has: {', '.join(have)}")
    return device


def available() -> list[str]:
    """Names of the devices that this machine has."""
    names = ["cpu"]
    if torch.cuda.is_available():
        names += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def device_of(module: nn.Module) -> torch.device:
    """Where a module's tensors are; the CPU if it has none."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")
