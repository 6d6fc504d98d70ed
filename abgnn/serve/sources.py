"""`PolicySource`: what a checkpoint, config, plan or calibration file brings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abgnn.errors import ConfigError
from abgnn.experiments.deployment import Deployment, read_deployment
from abgnn.planning.calibration import FORMAT as CALIBRATION
from abgnn.planning.calibration import Calibration, file_format
from abgnn.planning.plan_file import FORMAT as PLAN
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.reading_plan import FORMATS, ReadingPlan, read_reading_plan
from abgnn.rollout.settings import RolloutSettings, Telemetry

if TYPE_CHECKING:
    from abgnn.experiments.trained import Trained


@dataclass(frozen=True, slots=True)
class Bounds:
    """Hard limits of one question, where its calls are recorded, telemetry; None: as trained."""

    usd: float | None = None
    seconds: float | None = None
    recording: str | None = None
    max_tokens: int | None = None
    telemetry: Telemetry | None = None

    @classmethod
    def of(cls, args: Any) -> Bounds:
        """From the command line's arguments."""
        on = args.otel or args.otel_texts or args.otel_endpoint is not None
        telemetry = Telemetry(True, args.otel_texts, args.otel_endpoint) if on else None
        return cls(args.max_usd, args.deadline, args.recording, args.max_tokens, telemetry)

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
        if self.telemetry is not None:
            settings = replace(settings, telemetry=self.telemetry.over(settings.telemetry))
        return settings


@dataclass(frozen=True, slots=True)
class PolicySource:
    """Something that can plan questions, with the deployment to answer them.

    Args:
        deployment: client, backbones, roles, settings.
        trained: a policy that chooses plans, or None.
        plan: a plan file that chooses them, or None; question_plan: one that reads the question,
            and perhaps the answers.
        calibration: what plans the budgets of single questions; None: they are bounds.
        device: where the policy and the encoder of questions run.
    """

    deployment: Deployment
    trained: Trained | None = None
    plan: PlanFile | None = None
    calibration: Calibration | None = None
    question_plan: ReadingPlan | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        names = self.deployment.mas.catalogue.names
        roles = [role.name for role in self.deployment.mas.template.roles]
        for plan in (self.plan, self.question_plan):
            if plan is not None:
                plan.check(names, roles)
        if self.calibration is not None:
            for name in self.calibration.profile.names:
                if name not in names:
                    raise ConfigError("calibration: backbone", name, ", ".join(names))
            for role in self.calibration.template.roles:
                if role.name not in roles:
                    raise ConfigError("calibration: role", role.name, ", ".join(roles))


def load_any(
    source: str | Path, config: str | None, calibration: str | None, device: str | None = None
) -> PolicySource:
    """The policy source in a file, to run on a device (None: the CPU).

    Raises:
        ConfigError: see `load_source`; a device that is not there, or that nothing would run on.
    """
    if device is not None:
        from abgnn.graph.device import usable_device

        usable_device(device)  # before anything is loaded
    made = load_source(source, config, calibration)
    if device is None:
        return made
    from abgnn.graph.base_mas import BaseMAS

    if not isinstance(made.deployment.mas, BaseMAS):
        raise ConfigError("--device", device, f"none: {source} needs neither policy nor encoder")
    return replace(made, device=device)


def load_source(source: str | Path, config: str | None, calibration: str | None) -> PolicySource:
    """The policy source in a file.

    Args:
        source: a checkpoint of `abgnn fit`, a config, or a file of `abgnn plan` or `abgnn
            calibrate`.
        config: for plans and calibrations, which name no endpoints: a config with the client,
            the catalogue and the roles.
        calibration: a file of `abgnn calibrate` beside a checkpoint or a plan; beside a config it
            takes the place of its untrained policy.

    Raises:
        ConfigError: no such file, a config that is missing or not needed, or files that do not fit.
    """
    source = str(source)
    kind = kind_of(source)
    known = Calibration.load(calibration) if calibration is not None else None
    deployed = _reading if _reads(known) or kind in FORMATS.values() else read_deployment
    if kind in ("checkpoint", "config"):
        if config is not None:
            raise ConfigError("config", config, f"none: {source} is a {kind} and names everything")
        if kind == "config" and known is not None:  # in place of the untrained policy
            return PolicySource(deployed(source), calibration=known)
        from abgnn.experiments.trained import from_checkpoint, from_config

        trained = from_checkpoint(source) if kind == "checkpoint" else from_config(source)
        return PolicySource(trained.deployment, trained, calibration=known)
    if config is None:
        raise no_config(source, kind)
    if kind == "plan":
        plan = PlanFile.read(source)
        return PolicySource(deployed(config), plan=plan, calibration=known)
    if kind in FORMATS.values():
        made = read_reading_plan(source)
        return PolicySource(deployed(config), calibration=known, question_plan=made)
    if known is not None:
        raise ConfigError("calibration", calibration, f"none: {source} is one")
    known = Calibration.load(source)
    deployed = _reading if _reads(known) else read_deployment
    return PolicySource(deployed(config), calibration=known)


def no_config(source: str, kind: str) -> ConfigError:
    """The error where a plan or a calibration comes without a config."""
    allowed = "a config with the client and the LLMs, for example live/smollm2.yaml"
    return ConfigError("config", None, f"{allowed}: {source} is a {kind}")


def _reads(calibration: Calibration | None) -> bool:
    """Whether its plans read the question, for which it must be encoded."""
    return calibration is not None and calibration.questions is not None


def _reading(config: str) -> Deployment:
    from abgnn.experiments.trained import embedded_deployment

    return embedded_deployment(config)


def kind_of(source: str) -> str:
    """`plan`, `question plan`, `loop plan`, `calibration`, `config` or `checkpoint`."""
    suffix = Path(source).suffix
    if suffix in (".yaml", ".yml"):
        return "config"
    if suffix != ".json":
        return "checkpoint"
    kinds = {PLAN: "plan", CALIBRATION: "calibration", **FORMATS}
    kind = kinds.get(file_format(source) or "")
    if kind is None:
        allowed = "a file that `abgnn plan` or `abgnn calibrate` wrote, a checkpoint or a config"
        raise ConfigError("source", source, allowed)
    return kind
