"""Options of the commands that act, and the policy that they name."""

from __future__ import annotations

from typing import Any

from abgnn.cli.arguments import Options
from abgnn.errors import ConfigError
from abgnn.serve.sources import PolicySource, load_any

SOURCES: Options = {
    "--checkpoint": (str, None, "a trained policy"),
    "--config": (str, None, "an experiment config: its untrained policy, or the LLMs of a plan"),
    "--plan": (str, None, "a file of `abgnn plan --out`, beside --config"),
    "--calibration": (str, None, "a file of `abgnn calibrate`: budgets are planned from it"),
}
"""Options of commands that act (`source_of`)."""


BOUNDS: Options = {
    "--max-usd": (float, None, "what an answer may cost at most, in USD"),
    "--max-tokens": (int, None, "of a reply, for LLMs whose catalogue entry states none"),
    "--deadline": (float, None, "seconds until an answer; late agents are left out"),
    "--recording": (str, None, "SQLite file: recorded calls are free, others recorded"),
}
"""Options of commands that act: hard limits of every question (`Bounds.of`)."""


def source_of(given: Any) -> PolicySource:
    """What `SOURCES` name: a checkpoint or a config, or a plan or calibration beside a config."""
    checkpoint, config, plan, calibration = (
        given.checkpoint,
        given.config,
        given.plan,
        given.calibration,
    )
    if plan is not None:
        if checkpoint is not None:
            raise ConfigError("--checkpoint", checkpoint, "none beside --plan")
        return load_any(plan, config, calibration)
    if (checkpoint is None) == (config is None):
        raise ConfigError("--checkpoint / --config", (checkpoint, config), "exactly one of the two")
    return load_any(checkpoint or config, None, calibration)
