"""`Catalogue`: the backbones that may be used, read from YAML.

Reads one YAML file; no endpoints, tensors or pools.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue_yaml import price_note, read_entries, suggest
from abgnn.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The backbones that may be used, in order; immutable.

    `priced` says where prices are from, and when.
    `len`, iteration over backbones, `catalogue["name"]` and `"name" in catalogue` work.

    Raises:
        ConfigError: no backbone, a name twice, or a fallback that is not there or leads back.
    """

    backbones: tuple[Backbone, ...]
    priced: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "backbones", tuple(self.backbones))
        if not self.backbones:
            raise ConfigError("backbones", [], "at least one backbone")
        for i, name in enumerate(self.names):
            if name in self.names[:i]:
                raise ConfigError(f"backbones[{i}].name", name, "every name once")
        for i in range(len(self.backbones)):
            self._check_fallback(i)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in catalogue order, [M]."""
        return tuple(b.name for b in self.backbones)

    def __len__(self) -> int:
        return len(self.backbones)

    def __iter__(self) -> Iterator[Backbone]:
        return iter(self.backbones)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Backbone:
        return self.backbones[self.index(name)]

    def index(self, name: str) -> int:
        """Position of a backbone; a ConfigError suggests near names."""
        if name not in self.names:
            raise ConfigError("backbone", name, suggest(name, self.names))
        return self.names.index(name)

    def without(self, names: Iterable[str]) -> Catalogue:
        """A copy that lacks the named backbones (or the one named), each of which must be there.

        A backbone that had one of them as fallback has none in the copy.
        """
        gone = {self[name].name for name in ([names] if isinstance(names, str) else names)}
        left = (b for b in self.backbones if b.name not in gone)
        return Catalogue(
            tuple(replace(b, fallback=None) if b.fallback in gone else b for b in left),
            self.priced,
        )

    def merged(self, other: Catalogue) -> Catalogue:
        """A copy with the backbones of `other` after ours; no name may be in both."""
        priced = "; ".join(p for p in dict.fromkeys((self.priced, other.priced)) if p)
        return Catalogue((*self.backbones, *other.backbones), priced)

    @classmethod
    def from_yaml(cls, path: str | Path, field: str = "catalogue") -> Catalogue:
        """Read a catalogue: a file of your own, or a packaged one (`catalogues/paper.yaml`).

        The layout is described in `catalogue_yaml.py`. `field` is what named the file, for the
        error of one that is not there.

        Raises:
            ConfigError: an unknown key, a missing or impossible value, a name twice, no valid
                YAML; the message names file and field.
        """
        known = tuple(f.name for f in fields(Backbone))
        backbones = [_built(where, entry) for where, entry in read_entries(path, known, field)]
        try:
            return cls(tuple(backbones), price_note(path))
        except ConfigError as e:
            raise ConfigError(f"{path}: {e.field}", e.value, e.allowed) from e

    def _check_fallback(self, i: int) -> None:
        """Check that the chain of fallbacks from a backbone ends."""
        start = self.backbones[i]
        at, seen, name = f"backbones[{i}].fallback", [start.name], start.fallback
        while name is not None:
            if name not in self.names:
                raise ConfigError(at, start.fallback, suggest(name, self.names))
            if name in seen:
                around = " → ".join((*seen, name))
                raise ConfigError(at, start.fallback, f"one that does not lead back ({around})")
            seen.append(name)
            name = self[name].fallback


def _built(where: str, entry: Mapping[str, Any]) -> Backbone:
    """A backbone from the fields at `where` in a file, which an error names."""
    try:
        return Backbone(**entry)
    except ConfigError as e:
        raise ConfigError(f"{where}.{e.field.partition(').')[2]}", e.value, e.allowed) from e
