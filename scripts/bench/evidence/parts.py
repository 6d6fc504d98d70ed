"""What the study consists of: `study.yaml`, part by part, and the comparisons that they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import Comparison, Method, mapping
from abgnn.experiments.compare.from_table import from_table
from abgnn.experiments.compare.plugins import PluginComparison

STUDY = Path(__file__).with_name("study.yaml")
COMMANDS = ("compare", "plugins", "inductive")
SMOKE_CALLS = 66  # of training, where it is only seen that everything runs
SMOKE = {"data.init_args.n_train": 6, "data.init_args.n_test": 12}


@dataclass(frozen=True, slots=True)
class Part:
    """A comparison of the study.

    Args:
        name: of its file of results.
        config: as for `abgnn compare` or `abgnn inductive`.
        command: compare | plugins | inductive.
        seeds: how many, from the config's first on; quick: of them in the quick form.
        first: seed of the first, in place of the config's.
        train_calls: in place of the config's.
        set: keys of `abgnn fit` over the config's.
        methods: rows that are made, with the config's `ours` and `base`; empty: all.
        file, profiles: of recorded outcomes, in the folder of `--path`; None: none is read.
        live: calls a real LLM, so that nobody gets the same figures again.
        smoke: whether its smallest form is part of the smoke form.
    """

    name: str
    config: str
    command: str = "compare"
    seeds: int = 5
    quick: int = 2
    first: int | None = None
    train_calls: int | None = None
    set: Mapping[str, Any] = field(default_factory=dict)
    methods: tuple[str, ...] = ()
    file: str | None = None
    profiles: str | None = None
    live: bool = False
    smoke: bool = False

    def __post_init__(self) -> None:
        if self.command not in COMMANDS:
            raise ConfigError(f"{self.name}: command", self.command, " | ".join(COMMANDS))
        if not 0 <= self.quick <= self.seeds:
            raise ConfigError(f"{self.name}: quick", self.quick, f"0 to {self.seeds}, its seeds")

    def comparisons(self, folder: Path | None = None) -> dict[str, Comparison]:
        """By system, for plug-ins; else one, with an empty name.

        Args:
            folder: of recorded outcomes. Without it, a comparison has no catalogue and no budgets
                of a table, and cannot be run.

        Raises:
            ConfigError: a method that the config lacks.
        """
        if self.command == "plugins":
            systems = PluginComparison.from_yaml(self.config).systems
            return {name: self._laid_over(system) for name, system in systems.items()}
        made = self._laid_over(Comparison.from_yaml(self.config))
        if self.file is not None and folder is not None:
            paths = {"path": self.file, "profiles": self.profiles}
            files = {key: str(folder / name) for key, name in paths.items() if name}
            made = from_table(made.with_files(**files))
        return {"": made}

    def _laid_over(self, comparison: Comparison) -> Comparison:
        names = [method.name for method in comparison.methods]
        for name in self.methods:
            if name not in names:
                raise ConfigError(f"{self.name}: methods", name, f"one of {names}")
        first = comparison.seeds[0] if self.first is None else self.first
        calls = comparison.train_calls if self.train_calls is None else self.train_calls
        kept = {*self.methods, comparison.ours, comparison.base}
        methods = [m for m in comparison.methods if not self.methods or m.name in kept]
        return replace(
            comparison,
            seeds=tuple(range(first, first + self.seeds)),
            train_calls=calls,
            set={**comparison.set, **self.set},
            methods=tuple(_with_calls(m, comparison.train_calls, calls) for m in methods),
            drawn=tuple(name for name in comparison.drawn if name in {m.name for m in methods}),
            out=f"runs/study/{self.name}",
        )

    def contents(self, folder: Path | None) -> bytes:
        """Of its files of recorded outcomes."""
        names = [] if folder is None else [self.file, self.profiles]
        return b"".join((folder / name).read_bytes() for name in names if folder and name)

    def smallest(self) -> Part:
        """One seed, few calls and questions."""
        few = {**self.set, **SMOKE}
        return replace(self, seeds=1, quick=1, train_calls=SMOKE_CALLS, set=few)


def _with_calls(method: Method, before: int, calls: int) -> Method:
    """A method's own number of calls stays in proportion to the comparison's."""
    if not method.train_calls or calls == before:
        return method
    return replace(method, train_calls=max(1, round(method.train_calls * calls / before)))


def read_parts(path: Path = STUDY) -> tuple[Part, ...]:
    """The parts of a file.

    Raises:
        ConfigError: an unknown key or a bad value.
    """
    known = [f.name for f in fields(Part)][1:]
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    parts = mapping(content, path.name, ["parts", "shared"])["parts"]
    return tuple(_part(name, entry, known) for name, entry in parts.items())


def _part(name: str, entry: object, known: Sequence[str]) -> Part:
    given = mapping(entry, f"study.yaml: {name}", known)
    lists = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
    return Part(name, **{**given, **lists})


def chosen_parts(parts: Sequence[Part], starts: Sequence[str]) -> tuple[Part, ...]:
    """Those whose names begin in one of these ways; without any, all.

    Raises:
        ConfigError: no name begins so.
    """
    for start in starts:
        if not any(part.name.startswith(start) for part in parts):
            names = ", ".join(part.name for part in parts)
            raise ConfigError("--parts", start, f"the beginning of one of {names}")
    return tuple(p for p in parts if not starts or p.name.startswith(tuple(starts)))
