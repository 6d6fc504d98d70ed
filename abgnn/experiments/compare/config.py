"""The config of `abgnn compare`: methods, how each is trained, budgets, seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import yaml

from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.experiments.compare.controls import plain_kinds

Settings = Mapping[str, Any]  # keys of `abgnn fit` and their values

SEEDED = ("seed_everything", "data.init_args.seed", "model.client.init_args.world_seed")


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the table; exactly one of the last three defines its operating points.

    Args:
        name: of the row.
        configs: laid over the comparison's `fit`.
        set: keys of `abgnn fit` at all of its points.
        train_calls: LLM calls for training at each point, instead of the comparison's.
        points: name → keys of `abgnn fit`; each is trained on its own.
        per_backbone: keys that are set to every backbone of the catalogue in turn, a training
            run each; their upper envelope is the method's frontier (paper, Appendix C).
        plain: untrained policies, see `plain_policies`.
    """

    name: str
    configs: tuple[str, ...] = ()
    set: Settings = field(default_factory=lambda: MappingProxyType({}))
    train_calls: int | None = None
    points: Mapping[str, Settings] = field(default_factory=lambda: MappingProxyType({}))
    per_backbone: tuple[str, ...] = ()
    plain: str | None = None

    @classmethod
    def read(cls, name: str, data: object, where: str) -> Method:
        """The method that a config's entry describes."""
        entry = mapping(data, where, [f.name for f in fields(cls)][1:])
        method = cls(name=name, **{k: _value(k, v, f"{where}.{k}") for k, v in entry.items()})
        ways = {"points": method.points, "per_backbone": method.per_backbone, "plain": method.plain}
        if sum(map(bool, ways.values())) != 1:
            stated = [way for way, value in ways.items() if value]
            raise ConfigError(where, stated, f"exactly one of {list(ways)}")
        if method.plain is not None and method.plain not in plain_kinds():
            raise ConfigError(f"{where}.plain", method.plain, ", ".join(plain_kinds()))
        if method.plain is not None and (method.configs or method.set or method.train_calls):
            raise ConfigError(f"{where}.plain", method.plain, "no configs, set or train_calls")
        return method

    def operating_points(self, backbones: Sequence[str]) -> dict[str, Settings]:
        """Name → settings of every training run; of plain rows a single one without any."""
        if self.plain is not None:
            return {self.plain: {}}
        if self.per_backbone:
            return {name: dict.fromkeys(self.per_backbone, name) for name in backbones}
        return dict(self.points)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of methods at equal budgets and equal training calls.

    Args:
        fit: configs of the experiment, as for `abgnn fit`.
        methods: rows of the table, in order.
        cost_budgets: mean USD per query of P@T1, P@T2, …
        latency_budgets: mean seconds per query of P@L1, P@L2, …
            Both may be left out with `catalogue_from_table`: then four of USD are found, and there
            are none of seconds.
        ours: the row that the others are compared with.
        base: the plain row whose most expensive point ends the window of AUC (Appendix D).
        seeds: of questions, world, weights and sampling; a repetition each.
        seeded: keys of `abgnn fit` that are set to the seed.
        set: keys of `abgnn fit` for all methods; a method's own override them.
        train_calls: LLM calls for training at every operating point; a planner, which learns once
            for all of them, has as many as all points of ours together.
        samples: rollouts per held-out query.
        max_epochs: of a training run that does not use up its calls before.
        drawn: methods in the picture; empty: all.
        ablation: one of our operating points, at which all methods are compared with ours in a
            table of its own (paper, Table 3); None: no such table.
        operating_points: how many every method may have; of those that it has, the ones that
            serve it best are kept (`points.keep_points`). None: any number.
        varied: methods whose points are values of one parameter, drawn against them (paper,
            Figure 5); empty: no such picture.
        catalogue_from_table: the LLMs are those of the table of recorded outcomes, at its prices
            and without any published score, since scores made of its rows would tell of test
            questions (`compare.from_table`).
        out: folder of results, tables and picture.
    """

    fit: tuple[str, ...]
    methods: tuple[Method, ...]
    cost_budgets: tuple[float, ...]
    latency_budgets: tuple[float, ...]
    ours: str
    base: str = "complete"
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    seeded: tuple[str, ...] = SEEDED
    set: Settings = field(default_factory=lambda: MappingProxyType({}))
    train_calls: int = 1000
    samples: int = 1
    max_epochs: int = 1000
    drawn: tuple[str, ...] = ()
    ablation: str | None = None
    operating_points: int | None = None
    varied: tuple[str, ...] = ()
    catalogue_from_table: bool = False
    out: str = "runs/compare"

    def __post_init__(self) -> None:
        names = [method.name for method in self.methods]
        stated = {"ours": [self.ours], "base": [self.base]}
        for key, chosen in (*stated.items(), ("drawn", self.drawn), ("varied", self.varied)):
            for name in chosen:
                if name not in names:
                    raise ConfigError(key, name, f"one of the methods {names}")
        if not self.methods[names.index(self.base)].plain:
            raise ConfigError("base", self.base, "a method with `plain`")
        points = list(self.methods[names.index(self.ours)].points)
        if self.ablation is not None and self.ablation not in points:
            raise ConfigError("ablation", self.ablation, f"a point of {self.ours}: {points}")
        if not isinstance(self.catalogue_from_table, bool):
            raise ConfigError("catalogue_from_table", self.catalogue_from_table, "true or false")
        for key in ("cost_budgets", "latency_budgets"):
            if getattr(self, key) or not self.catalogue_from_table:
                _check_numbers(key, getattr(self, key))
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ConfigError("seeds", list(self.seeds), "at least one, each once")
        for key, lowest in (("train_calls", 0), ("samples", 1), ("max_epochs", 1)):
            value = getattr(self, key)
            if not isinstance(value, int) or value < lowest:
                raise ConfigError(key, value, f"an integer ≥ {lowest}")
        if self.operating_points is not None and self.operating_points < 1:
            raise ConfigError("operating_points", self.operating_points, "an integer ≥ 1, or null")

    @property
    def calls_of_ours(self) -> int:
        """LLM calls for training all operating points of ours."""
        ours = next(method for method in self.methods if method.name == self.ours)
        each = self.train_calls if ours.train_calls is None else ours.train_calls
        return each * max(len(ours.points), 1)

    @property
    def budgets(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """USD and seconds per query."""
        return self.cost_budgets, self.latency_budgets

    @classmethod
    def from_yaml(cls, name: str) -> Comparison:
        """Read a compare config.

        Raises:
            ConfigError: an unknown or missing key, an invalid method, a bad value.
        """
        path = config_path(name)
        return cls.read(yaml.safe_load(path.read_text(encoding="utf-8")), path.name)

    @classmethod
    def read(cls, content: object, file: str) -> Comparison:
        """The comparison that a config's content describes; errors name the file."""
        known = [f.name for f in fields(cls)]
        data = mapping(content, file, known)
        optional = ("cost_budgets", "latency_budgets") if data.get("catalogue_from_table") else ()
        data = {**dict.fromkeys(optional, ()), **data}
        for key in known[:5]:
            if key not in data:
                raise ConfigError(f"{file}: {key}", None, "a value; it is required")
        where = f"{file}: methods"
        if not isinstance(data["methods"], dict) or not data["methods"]:
            raise ConfigError(where, data["methods"], "a mapping from a name to a method")
        if not isinstance(data.get("set", {}), dict):
            raise ConfigError(f"{file}: set", data["set"], "a mapping from keys to values")
        methods = tuple(Method.read(n, m, f"{where}[{n}]") for n, m in data["methods"].items())
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        plain["methods"] = methods
        return cls(**plain)

    def with_files(self, **files: str | None) -> Comparison:
        """A copy whose datamodule reads these files instead of its config's; None: unchanged."""
        paths = {f"data.init_args.{key}": file for key, file in files.items() if file}
        return replace(self, set={**self.set, **paths})

    def with_seeds(self, count: int | None) -> Comparison:
        """A copy that stops after the first `count` seeds; None: all."""
        if count is None:
            return self
        if not 1 <= count <= len(self.seeds):
            raise ConfigError("--seeds", count, f"1 to {len(self.seeds)}, the config's seeds")
        return replace(self, seeds=self.seeds[:count])


def arguments(settings: Settings) -> tuple[str, ...]:
    """Settings as arguments of `abgnn fit`."""
    return tuple(f"--{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in settings.items())


def mapping(data: object, where: str, known: Sequence[str]) -> dict[str, Any]:
    """`data`, if it is a mapping with these keys only."""
    if not isinstance(data, dict):
        raise ConfigError(where, data, f"a mapping with the keys {list(known)}")
    for key in data:
        if key not in known:
            raise ConfigError(f"{where}: {key}", data[key], f"the keys {list(known)}")
    return data


def _value(key: str, value: Any, where: str) -> Any:
    """A method's value of the type that its key has."""
    if key in ("configs", "per_backbone"):
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise ConfigError(where, value, "a list of texts")
        return tuple(value)
    if key in ("set", "points") and not isinstance(value, dict):
        raise ConfigError(where, value, "a mapping")
    if key == "points":
        for name, settings in value.items():
            if not isinstance(settings, dict):
                raise ConfigError(f"{where}[{name}]", settings, "a mapping from keys to values")
    if key == "train_calls" and (not isinstance(value, int) or value < 0):
        raise ConfigError(where, value, "an integer ≥ 0")
    return value


def _check_numbers(key: str, values: Sequence[float]) -> None:
    numbers = all(isinstance(v, (int, float)) and v > 0 for v in values)
    if not values or not numbers or list(values) != sorted(values):
        raise ConfigError(key, list(values), "positive numbers in increasing order")
