"""`abgnn pools`: resource tiers of a catalogue, estimated or measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from abgnn.arguments import parse
from abgnn.errors import ConfigError
from abgnn.pool_report import pools_command


def command(args: Sequence[str], console: Console) -> int:
    """Show tiers; with an experiment and `--calls`, measured ones."""
    given = parse(
        "pools",
        "Calibration triples, Pareto front and resource tiers of a catalogue.",
        {
            "--catalogue": (str, "catalogues/paper.yaml", "YAML of backbones"),
            "--domain": (str, "general", "general, math or code"),
            "--n-pools": (int, 4, "tiers to build"),
            "--out": (str, "runs/pools", "folder of the picture"),
            "--config": (str, None, "an experiment: its catalogue, domain, client and questions"),
            "--calls": (int, 0, "with --config: calls per backbone instead of estimates"),
        },
        args,
    )
    if given.config is None:
        if given.calls:
            raise ConfigError("--calls", given.calls, "0, or an experiment by --config")
        pools_command(given.catalogue, given.domain, given.n_pools, given.out, console=console)
        return 0
    return _measured(given, console)


def _measured(given: Any, console: Console) -> int:
    """Pools of an experiment's catalogue from a few calls of its client."""
    from abgnn.calibrate import calibrate
    from abgnn.experiment import build
    from abgnn.measured import write_measured

    experiment = build([given.config], ["--trainer.logger=false"])
    mas, label = experiment.model.mas, f"{given.calls} {experiment.model.label} calls each"
    measured = calibrate(experiment, given.calls)
    path = Path(given.out) / f"measured-{experiment.model.label}.yaml"
    write_measured(measured, path, label)
    pools_command(
        mas.catalogue_file,
        mas.domain,
        given.n_pools,
        given.out,
        console=console,
        measured=measured,
        label=label,
    )
    console.print(f"Measured: {path}   use it by --model.mas.measured {path}")
    return 0
