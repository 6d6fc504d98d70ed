"""`abgnn calibrate`: a few hundred random rollouts, from which budgets are planned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from abgnn.cli.arguments import parse
from abgnn.errors import ConfigError
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import build
from abgnn.planning.calibration import Calibration


def calibrate_command(args: Sequence[str], console: Console) -> int:
    """Calibrate and show what was learned of every backbone."""
    given = parse(
        "calibrate",
        "Random committees on the training questions; what every call showed goes into a file from "
        "which any number of budgets is planned. With a recording, a stopped run goes on.",
        {
            "--config": (list, None, "an experiment config (client, questions, LLMs); repeatable"),
            "--rollouts": (
                int,
                320,
                "rollouts; most ask every role, so of 6 calls with six roles; 0: profiles alone",
            ),
            "--seed": (int, 0, "of the design"),
            "--out": (str, None, "file to write, instead of the config's model.calibration"),
            "--by": (str, None, "entry of the questions' meta by which plans may differ"),
        },
        args,
    )
    if given.config is None:
        raise ConfigError("--config", None, "an experiment config, for example simulated/math.yaml")
    experiment = build(given.config, ["--trainer.logger=false"])
    calibration = calibrate_experiment(experiment, given.rollouts, given.seed, given.by)
    out = given.out or experiment.model.calibration or "runs/calibration.json"
    calibration.save(out)
    console.print(beliefs_table(calibration))
    console.print(
        f"{calibration.rollouts} rollouts, {len(calibration.observed)} calls, "
        f"${calibration.spent_usd:.4f} ({calibration.label}): {out}"
    )
    return 0


def beliefs_table(calibration: Calibration) -> Table:
    """Published against calibrated: accuracy alone, dollars and seconds of a call."""
    model, profile = calibration.model(), calibration.profile
    accuracy, low, high = model.solo(calibration.template.lead)
    title = f"backbones, {calibration.domain} ({calibration.label})"
    table = Table(title=title, title_justify="left")
    for head in (
        "backbone",
        "published",
        "accuracy alone",
        "90 %",
        "mUSD a call",
        "s a call",
        "calls",
    ):
        table.add_column(head, justify="left" if head == "backbone" else "right", no_wrap=True)
    lead, zero = calibration.template.lead, np.zeros(1)
    for m, name in enumerate(profile.names):
        thinks = bool(profile.thinks[m])
        usd = float(model.usd.mean(m, lead, thinks, zero)[0])
        seconds = float(model.seconds.mean(m, lead, thinks, zero)[0])
        calls = int((calibration.observed.backbone == m).sum())
        table.add_row(
            name,
            f"{profile.accuracy[m]:.3f}",
            f"{accuracy[m]:.3f}",
            f"{low[m]:.3f} … {high[m]:.3f}",
            f"{1e3 * usd:.3g}",
            f"{seconds:.3g}",
            str(calls),
        )
    return table
