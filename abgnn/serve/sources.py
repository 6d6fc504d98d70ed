"""From a file to a policy that can act: checkpoints, configs, plans, calibrations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from abgnn.errors import ConfigError
from abgnn.experiments.experiment import load
from abgnn.models.planned import PlannedMixture
from abgnn.models.policy import Policy
from abgnn.planning.calibration import FORMAT as CALIBRATION
from abgnn.planning.calibration import Calibration, file_format
from abgnn.planning.plan_file import FORMAT as PLAN
from abgnn.rollout.settings import RolloutSettings
from abgnn.training.reinforce import Reinforce


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one question may cost and take, and where its calls are recorded; None: as trained."""

    usd: float | None = None
    seconds: float | None = None
    recording: str | None = None
    max_tokens: int | None = None

    @classmethod
    def of(cls, given: Any) -> Bounds:
        """What `BOUNDS` say."""
        return cls(given.max_usd, given.deadline, given.recording, given.max_tokens)

    def over(self, settings: RolloutSettings) -> RolloutSettings:
        """Settings with these bounds in place of theirs."""
        if self.usd is not None:
            settings = replace(settings, caps=replace(settings.caps, query_usd=self.usd))
        if self.max_tokens is not None:
            settings = replace(settings, caps=replace(settings.caps, max_tokens=self.max_tokens))
        if self.seconds is not None:
            settings = replace(settings, deadline=replace(settings.deadline, seconds=self.seconds))
        if self.recording is not None:
            recording = replace(settings.recording, path=self.recording)
            settings = replace(settings, recording=recording)
        return settings


@dataclass(frozen=True, slots=True)
class PolicySource:
    """What can act.

    Args:
        module: client, backbones, roles, settings, and a policy.
        policy: who chooses plans: the module's, or a plan file's; None: plans come from the
            calibration alone.
        calibration: what budgets of a single call are planned from; None: they are bounds.
    """

    module: Reinforce
    policy: Policy | None
    calibration: Calibration | None


def load_any(source: str | Path, config: str | None, calibration: str | None) -> PolicySource:
    """What a file stands for.

    Args:
        source: a checkpoint of `abgnn fit`, a config, or a file of `abgnn plan` or `abgnn
            calibrate`.
        config: for plans and calibrations, which know no endpoints: a config with the client,
            the catalogue and the roles.
        calibration: a file of `abgnn calibrate` beside a checkpoint or a plan; beside a config it
            takes the place of its untrained policy.

    Raises:
        ConfigError: no such file, a config that lacks or is too much, or files that do not fit.
    """
    source, kind = str(source), _kind(str(source))
    known = Calibration.load(calibration) if calibration is not None else None
    if kind in ("checkpoint", "config"):
        if config is not None:
            raise ConfigError("config", config, f"none: {source} is a {kind} and names everything")
        asked = (source, None) if kind == "checkpoint" else (None, source)
        module = load(*asked)
        untrained = kind == "config" and known is not None  # the planner knows more
        return PolicySource(module, None if untrained else module.policy, _fitting(known, module))
    if config is None:
        allowed = "a config with the client and the LLMs, for example live/smollm2.yaml"
        raise ConfigError("config", None, f"{allowed}: {source} is a {kind}")
    module = load(None, config)
    if kind == "plan":
        return PolicySource(module, PlannedMixture(source), _fitting(known, module))
    if known is not None:
        raise ConfigError("calibration", calibration, f"none: {source} is one")
    return PolicySource(module, None, _fitting(Calibration.load(source), module))


def _kind(source: str) -> str:
    """`plan`, `calibration`, `config` or `checkpoint`."""
    suffix = Path(source).suffix
    if suffix in (".yaml", ".yml"):
        return "config"
    if suffix != ".json":
        return "checkpoint"
    found = {PLAN: "plan", CALIBRATION: "calibration"}.get(file_format(source) or "")
    if found is None:
        allowed = "a file that `abgnn plan` or `abgnn calibrate` wrote, a checkpoint or a config"
        raise ConfigError("source", source, allowed)
    return found


def _fitting(calibration: Calibration | None, module: Reinforce) -> Calibration | None:
    """A calibration whose roles and backbones the module knows."""
    if calibration is None:
        return None
    names, roles = module.mas.catalogue.names, [r.name for r in module.mas.template.roles]
    for name in calibration.profile.names:
        if name not in names:
            raise ConfigError("calibration: backbone", name, ", ".join(names))
    for role in calibration.template.roles:
        if role.name not in roles:
            raise ConfigError("calibration: role", role.name, ", ".join(roles))
    return calibration
