"""`SystemRecipe`: the files and bounds of a `System`, which any process can make from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from abgnn.experiments.deployment import EXECUTES, Deployment, instantiated, read_deployment
from abgnn.serve.policy_source import PolicySource
from abgnn.serve.pretrained.consent import NO_CONSENT, Consent
from abgnn.serve.query_budget import QueryBudget
from abgnn.serve.sources import Bounds, kind_of, load_any, no_config

if TYPE_CHECKING:
    from abgnn.serve.system import System


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """What answers, by file; see `load_any`."""

    source: str
    config: str | None = None
    calibration: str | None = None
    device: str | None = None
    consent: Consent = NO_CONSENT

    def load(self) -> PolicySource:
        """All of it."""
        return load_any(self.source, self.config, self.calibration, self.device, self.consent)

    def deployment(self) -> Deployment:
        """Client, backbones and settings alone; without torch, unless the source is a checkpoint.

        Raises:
            ConfigError: no such file, a config that is missing, or consent to what needs none.
        """
        kind = kind_of(self.source)
        if kind == "folder":
            from abgnn.serve.pretrained.read import read_deployment_in

            return read_deployment_in(Path(self.source), self.consent)
        self.consent.none_for(self.source, kind)
        if kind == "checkpoint":
            from abgnn.experiments.trained import read_checkpoint

            model, _ = read_checkpoint(self.source)
            values = {key: model[key] for key in EXECUTES if key in model}
            return instantiated(Deployment, values, self.source)
        named = self.source if kind == "config" else self.config
        if named is None:
            raise no_config(self.source, kind)
        return read_deployment(named)


@dataclass(frozen=True, slots=True)
class SystemRecipe:
    """A system that several processes make alike.

    Args:
        files: what answers.
        budget: for questions that state none.
        bounds: hard limits of every question, and where calls are recorded.
    """

    files: SourceFiles
    budget: QueryBudget = field(default_factory=QueryBudget)
    bounds: Bounds = field(default_factory=Bounds)

    def system(self, processes: int = 1) -> System:
        """The system of one of `processes` processes, with the telemetry that it asks for."""
        from abgnn.rollout.telemetry.switch import set_up
        from abgnn.serve.system import System

        source = self.files.load()
        set_up(self.bounds.over(source.deployment.rollout).telemetry)
        return System(source, self.budget, self.bounds, processes)
