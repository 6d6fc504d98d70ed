"""From files to what answers: a checkpoint, config, plan, calibration or saved folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from abgnn.errors import ConfigError
from abgnn.experiments.deployment import EXECUTES, Deployment, instantiated, read_config
from abgnn.planning.calibration import FORMAT as CALIBRATION
from abgnn.planning.calibration import Calibration, file_format
from abgnn.planning.plan_file import FORMAT as PLAN
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.reading_plan import FORMATS, ReadingPlan, read_reading_plan
from abgnn.rollout.settings import RolloutSettings, Telemetry
from abgnn.serve.policy_source import PolicySource, reads_questions
from abgnn.serve.pretrained.consent import NO_CONSENT, Consent


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


def load_any(
    source: str | Path,
    config: str | None,
    calibration: str | None,
    device: str | None = None,
    consent: Consent = NO_CONSENT,
) -> PolicySource:
    """The policy source in a file or a saved folder, to run on a device (None: the CPU).

    Raises:
        ConfigError: see `load_source`; a device that is not there, or that nothing would run on.
    """
    if device is not None:
        from abgnn.graph.device import usable_device

        usable_device(device)  # before anything is loaded
    made = load_source(source, config, calibration, consent)
    if device is None:
        return made
    from abgnn.graph.base_mas import BaseMAS

    if not isinstance(made.deployment.mas, BaseMAS):
        raise ConfigError("--device", device, f"none: {source} needs neither policy nor encoder")
    return replace(made, device=device)


def load_source(
    source: str | Path,
    config: str | None,
    calibration: str | None,
    consent: Consent = NO_CONSENT,
) -> PolicySource:
    """The policy source in a file.

    Args:
        source: a checkpoint of `abgnn fit`, a config, a file of `abgnn plan` or `abgnn calibrate`,
            or a folder of `System.save_pretrained`.
        config: for plans and calibrations, which name no endpoints: a config with the client,
            the catalogue and the roles.
        calibration: a file of `abgnn calibrate` beside a checkpoint or a plan; beside a config it
            takes the place of its untrained policy.
        consent: what a saved folder may do.

    Raises:
        ConfigError: no such file, a config that is missing or not needed, or files that do not fit.
    """
    source = str(source)
    kind = kind_of(source)
    if kind == "folder":
        return _saved(source, config, calibration, consent)
    consent.none_for(source, kind)
    known = Calibration.load(calibration) if calibration is not None else None
    if kind in ("checkpoint", "config"):
        if config is not None:
            raise ConfigError("config", config, f"none: {source} is a {kind} and names everything")
        if kind == "config" and known is not None:  # in place of the untrained policy
            return _deployed(source, calibration=known)
        return replace(_trained(source, kind), calibration=known)
    if config is None:
        raise no_config(source, kind)
    if kind == "plan":
        return _deployed(config, plan=PlanFile.read(source), calibration=known)
    if kind in FORMATS.values():
        return _deployed(config, calibration=known, question_plan=read_reading_plan(source))
    if known is not None:
        raise ConfigError("calibration", calibration, f"none: {source} is one")
    return _deployed(config, calibration=Calibration.load(source))


def no_config(source: str, kind: str) -> ConfigError:
    """The error where a plan or a calibration comes without a config."""
    allowed = "a config with the client and the LLMs, for example live/smollm2.yaml"
    return ConfigError("config", None, f"{allowed}: {source} is a {kind}")


def _saved(
    source: str, config: str | None, calibration: str | None, consent: Consent
) -> PolicySource:
    from abgnn.serve.pretrained.read import read_folder

    for name, value in (("config", config), ("calibration", calibration)):
        if value is not None:
            raise ConfigError(name, value, f"none: {source} is a saved folder and holds everything")
    return read_folder(Path(source), consent)


def _trained(source: str, kind: str) -> PolicySource:
    """Of a checkpoint, or the untrained policy of a config."""
    from abgnn.experiments.trained import checkpoint_policy, config_policy, read_checkpoint

    if kind == "checkpoint":
        model, checkpoint = read_checkpoint(source)
        trained = checkpoint_policy(model, checkpoint, source)
    else:
        config = read_config(source)
        model, trained = config["model"], config_policy(config, source)
    return PolicySource(trained.deployment, trained, model=model)


def _deployed(
    config: str,
    *,
    plan: PlanFile | None = None,
    calibration: Calibration | None = None,
    question_plan: ReadingPlan | None = None,
) -> PolicySource:
    """What plans, with the deployment of a config; with its encoder, if that reads the question."""
    model = read_config(config)["model"]
    values = {key: model[key] for key in EXECUTES if key in model}
    reads = question_plan is not None or reads_questions(calibration)
    deployment = instantiated(_embedded() if reads else Deployment, values, config)
    return PolicySource(
        deployment,
        plan=plan,
        calibration=calibration,
        question_plan=question_plan,
        model=values,
    )


def _embedded() -> type[Deployment]:
    from abgnn.experiments.trained import EmbeddedDeployment

    return EmbeddedDeployment


def kind_of(source: str) -> str:
    """`plan`, `question plan`, `loop plan`, `calibration`, `config`, `checkpoint` or `folder`."""
    if Path(source).is_dir():
        return "folder"
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
