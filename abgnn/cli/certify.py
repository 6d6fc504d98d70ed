"""`abgnn certify`: are budgets met, and how sure is that?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from abgnn.cli.arguments import parse
from abgnn.errors import ConfigError
from abgnn.experiments.certify import certify_policy
from abgnn.experiments.experiment import build
from abgnn.models.policy import Policy


def certify_command(args: Sequence[str], console: Console) -> int:
    """Execute held-out queries and state whether the budgets are met; 1 if one is not."""
    from abgnn.models.planned import PlannedMixture

    given = parse(
        "certify",
        "Execute held-out questions and state, with confidence bounds, whether budgets are met.",
        {
            "--config": (list, None, "an experiment config (client, test questions); repeatable"),
            "--plan": (str, None, "a file of `abgnn plan`, instead of the config's own policy"),
            "--cost": (float, None, "budget: mean USD per query"),
            "--latency": (float, None, "budget: mean seconds per query"),
            "--share": (float, None, "judge the share of queries within --latency instead"),
            "--confidence": (float, 0.95, "of each one-sided bound"),
            "--out": (str, None, "JSON file to write"),
        },
        args,
    )
    if given.config is None:
        raise ConfigError("--config", None, "an experiment config, for example simulated/math.yaml")
    experiment = build(given.config, ["--trainer.logger=false"])
    policy: Policy = PlannedMixture(given.plan) if given.plan else experiment.model.policy
    found = certify_policy(
        experiment,
        policy,
        cost_usd=given.cost,
        latency_s=given.latency,
        share=given.share,
        confidence=given.confidence,
    )
    console.print(found.text(), highlight=False)
    if given.out:
        path = Path(given.out)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found.to_dict(), indent=1) + "\n", encoding="utf-8")
    return 1 if found.verdict == "not met" else 0
