"""Objects from `class_path` and `init_args` in a saved folder: classes of ours, or of modules that
the user has named; looked up and checked before anything is called."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from typing import Any, TypeVar

from abgnn.errors import ConfigError
from abgnn.serve.pretrained.plain_values import check_plain

T = TypeVar("T")

_PATH = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+")
PARTS = ("abgnn.models", "abgnn.nn")
FRAMEWORKS = tuple(
    f"abgnn.frameworks.{name}"
    for name in ("ChatDev", "Debate", "GroupChat", "MacNet", "MetaGPT", "SelfReflection")
)
CLIENTS = tuple(f"abgnn.rollout.{c}" for c in ("SimulatedClient", "OpenAIClient", "LocalClient"))
"""Where policies and their parts are from; frameworks and clients by name, since others read files
or import what an argument names."""


@dataclass(frozen=True, slots=True)
class Builder:
    """Makes objects from plain values.

    Args:
        ours: rooms, or single classes, of abgnn that they may be of.
        modules: further modules, which the user trusts.
        words: names that may look like paths, see `check_plain`.
    """

    ours: tuple[str, ...]
    modules: tuple[str, ...] = ()
    words: Collection[str] = ()

    def build(self, values: Any, field: str, base: type[T]) -> T:
        """
        Raises:
            ConfigError: no class of these modules, one of another kind than `base`, or arguments
                that it does not take.
        """
        args = values.get("init_args", {}) if isinstance(values, Mapping) else None
        if not isinstance(args, Mapping) or not values.keys() <= {"class_path", "init_args"}:
            raise ConfigError(field, values, "class_path, and perhaps init_args")
        kind = self._class(values.get("class_path"), field, base)
        made = {k: self._argument(v, f"{field}.{k}", kind) for k, v in args.items()}
        try:
            return kind(**made)
        except ConfigError:
            raise
        except (TypeError, ValueError, RuntimeError, AttributeError) as error:
            allowed = f"arguments that {values['class_path']} takes ({error})"
            raise ConfigError(field, sorted(args), allowed) from error

    def _argument(self, value: Any, field: str, kind: type) -> Any:
        if isinstance(value, Mapping) and "class_path" in value:
            return Builder(PARTS, self.modules, self.words).build(value, field, object)
        if isinstance(value, list):
            parts = [self._argument(part, field, kind) for part in value]
            return tuple(parts) if is_dataclass(kind) else parts
        if isinstance(value, Mapping):
            return {k: self._argument(part, f"{field}.{k}", kind) for k, part in value.items()}
        check_plain(value, field, self.words)
        return value

    def _class(self, path: Any, field: str, base: type[T]) -> type[T]:
        listed = ", ".join((*self.ours, *self.modules))
        allowed = f"a class of {listed}; after reading its code, others by trust=('module',) "
        allowed += "(--trust module)"
        module, _, name = str(path).rpartition(".")
        ours = path in self.ours or within(module, self.ours)
        if not _PATH.fullmatch(str(path)) or not (ours or within(module, self.modules)):
            raise ConfigError(field, path, allowed)
        try:
            kind = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(field, path, f"{allowed} ({error})") from error
        home = getattr(kind, "__module__", "")  # an imported module of others is no part of ours
        if path not in self.ours and not within(home, (*self.ours, *self.modules)):
            raise ConfigError(field, path, allowed)
        if not isinstance(kind, type):
            raise ConfigError(field, path, allowed)
        if not issubclass(kind, base):
            raise ConfigError(field, path, f"a subclass of {base.__module__}.{base.__name__}")
        return kind


def within(module: str, rooms: Collection[str]) -> bool:
    """Whether a module is one of these, or lies below one."""
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def class_paths(values: Any) -> Iterator[str]:
    """Every `class_path` in plain values."""
    if isinstance(values, Mapping):
        if isinstance(values.get("class_path"), str):
            yield values["class_path"]
        for part in values.values():
            yield from class_paths(part)
    elif isinstance(values, list):
        for part in values:
            yield from class_paths(part)


def modules_beside(*values: Any) -> tuple[str, ...]:
    """The modules of other people's classes: whoever loads the folder must have and trust them."""
    modules = {path.rpartition(".")[0] for value in values for path in class_paths(value)}
    return tuple(sorted(m for m in modules if not within(m, ("abgnn",))))
