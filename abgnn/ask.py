"""`abgnn run`: one question, planned, executed and shown as a trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from abgnn.arguments import parse
from abgnn.errors import ConfigError
from abgnn.experiment import build
from abgnn.query import OpenQuestion, Query
from abgnn.rollout.settings import RolloutSettings
from abgnn.rollout.trace_tree import printable, trace_tree
from abgnn.training.reinforce import Reinforce


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one question may cost and take, and where its calls are recorded; None: as trained."""

    usd: float | None = None
    seconds: float | None = None
    recording: str | None = None
    max_tokens: int | None = None

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


def load(checkpoint: str | None, config: str | None) -> Reinforce:
    """A trained policy from a checkpoint, or the untrained one of a config."""
    if (checkpoint is None) == (config is None):
        raise ConfigError("--checkpoint / --config", (checkpoint, config), "exactly one of the two")
    if config is not None:
        return build([config], ["--trainer.logger=false"]).model
    assert checkpoint is not None
    if not Path(checkpoint).is_file():
        raise ConfigError("--checkpoint", checkpoint, "an existing file")
    return Reinforce.load_from_checkpoint(checkpoint, map_location="cpu")


def ask(
    question: str,
    checkpoint: str | None,
    config: str | None,
    console: Console,
    bounds: Bounds | None = None,
) -> int:
    """Answer one question; 1 if the rollout failed."""
    module = load(checkpoint, config)
    settings = (bounds or Bounds()).over(module.rollout_settings)
    query = Query(id=f"ask/{question}", text=question, domain=module.mas.domain)
    with module.new_executor(OpenQuestion(), settings) as executor:
        executor.check()
        module.policy.attach(module.mas.table)
        [outcome] = executor.run(module.plans([query]), score=False)
    console.print(trace_tree(outcome, module.label))
    said = outcome.answer or f"failed: {outcome.error}"
    console.print(printable(said), markup=False, highlight=False)
    return 0 if outcome.error is None else 1


def command(args: Sequence[str], console: Console) -> int:
    """`abgnn run`."""
    given = parse(
        "run",
        "Plan and execute one question; shows the trace with tokens, dollars and seconds.",
        {
            "question": (str, ..., "what to ask"),
            "--checkpoint": (str, None, "a trained policy"),
            "--config": (str, None, "an experiment config: its untrained policy is used"),
            "--max-usd": (float, None, "what the answer may cost at most, in USD"),
            "--max-tokens": (int, None, "of a reply, for LLMs whose catalogue entry states none"),
            "--deadline": (float, None, "seconds until the answer; late agents are left out"),
            "--recording": (str, None, "SQLite file: recorded calls are free, others recorded"),
        },
        args,
    )
    bounds = Bounds(given.max_usd, given.deadline, given.recording, given.max_tokens)
    return ask(given.question, given.checkpoint, given.config, console, bounds)
