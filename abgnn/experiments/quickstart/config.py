"""The config of `abgnn quickstart`: worlds, questions, budgets, and how much is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import yaml

from abgnn.data.resources import config_path
from abgnn.data.template import Kind
from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import SEEDED, Settings, arguments, mapping
from abgnn.experiments.compare.job import QUIET
from abgnn.experiments.sweep import OperatingPoint


@dataclass(frozen=True, slots=True)
class Quickstart:
    """One domain of the main job.

    Args:
        fit: configs of the experiment, as for `abgnn fit`.
        cost_budgets: mean USD per question that plans are made for.
        points: operating points of AgentBalance in the paper's mode, each trained by REINFORCE.
        worlds: seeds; each makes a world of LLMs, a choice of questions, and weights.
        set: keys of `abgnn fit` for everything.
        rollouts: of the calibration, and of all AgentBalance's training together at the most.
        texts: further questions, without answers, that the graph network is taught on.
        epochs: of AgentBalance over the training questions.
        samples: rollouts of every test question; team_samples: by AgentBalance and fixed teams,
            which call more and differ more from the rest.
        topologies: multi-agent systems with fixed edges, each with every single LLM.
        shown: entries of `Query.meta`, for each of which the first test question is drawn with
            its plans; empty: an easy, a medium and a hard one by what their texts say.
        shown_budgets: at which of the budgets, by place.
        out: folder of tables, pictures and checkpoint.
    """

    fit: tuple[str, ...]
    cost_budgets: tuple[float, ...]
    points: tuple[OperatingPoint, ...]
    worlds: tuple[int, ...] = (0, 1, 2)
    set: Settings = field(default_factory=lambda: MappingProxyType({}))
    rollouts: int = 320
    texts: int = 40
    epochs: int = 2
    samples: int = 4
    team_samples: int = 2
    topologies: tuple[Kind, ...] = ("complete", "chain", "star")
    shown: tuple[Mapping[str, Any], ...] = ()
    shown_budgets: tuple[int, ...] = (0, -1)
    out: str = "runs/quickstart"

    def __post_init__(self) -> None:
        if not self.cost_budgets or any(not usd > 0 for usd in self.cost_budgets):
            raise ConfigError("cost_budgets", list(self.cost_budgets), "positive numbers")
        if not self.worlds or len(set(self.worlds)) < len(self.worlds):
            raise ConfigError("worlds", list(self.worlds), "at least one seed, each once")
        lowest = {"rollouts": 1, "texts": 0, "epochs": 1, "samples": 1, "team_samples": 1}
        for name, least in lowest.items():
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise ConfigError(name, value, f"an integer ≥ {least}")
        for place in self.shown_budgets:
            if not -len(self.cost_budgets) <= place < len(self.cost_budgets):
                raise ConfigError("shown_budgets", place, "the place of one of cost_budgets")

    @classmethod
    def from_yaml(cls, name: str) -> Quickstart:
        """Read a quickstart config.

        Raises:
            ConfigError: an unknown or missing key, or a bad value.
        """
        path = config_path(name)
        known = [f.name for f in fields(cls)]
        data = mapping(yaml.safe_load(path.read_text(encoding="utf-8")), path.name, known)
        for key in known[:3]:
            if key not in data:
                raise ConfigError(f"{path.name}: {key}", None, "a value; it is required")
        able = [f.name for f in fields(OperatingPoint)]
        points = [
            OperatingPoint(**mapping(point, f"{path.name}: points[{i}]", able))
            for i, point in enumerate(data.pop("points"))
        ]
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(points=tuple(points), **plain)

    def with_worlds(self, count: int | None, out: str | None = None) -> Quickstart:
        """A copy with the first `count` worlds, and another folder; None: as it is."""
        if count is not None and not 1 <= count <= len(self.worlds):
            raise ConfigError("--worlds", count, f"1 to {len(self.worlds)}, the config's")
        return replace(self, worlds=self.worlds[:count], out=out or self.out)

    def overrides(self, world: int) -> tuple[str, ...]:
        """Arguments of `abgnn fit` in a world."""
        return (*arguments({**dict.fromkeys(SEEDED, world), **self.set}), *QUIET)
