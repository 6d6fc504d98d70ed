"""`abgnn frontier`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from abgnn.cli.arguments import parse
from abgnn.errors import ConfigError
from abgnn.experiments.sweep import Sweep, run_sweep


def command(args: Sequence[str], console: Console) -> int:
    """Train and evaluate operating points."""
    given = parse(
        "frontier",
        "Train and evaluate a set of operating points; writes points.csv, tables and a picture.",
        {
            "--config": (str, None, "a frontier config, for example recorded/llmrouter.yaml"),
            "--path": (str, None, "file of the questions or recorded outcomes, instead of its own"),
            "--profiles": (str, None, "file of the recorded LLMs' prices, instead of its own"),
        },
        args,
    )
    if given.config is None:
        raise ConfigError("--config", None, "a frontier config, see configs/frontier")
    files = {"path": given.path, "profiles": given.profiles}
    run_sweep(
        Sweep.from_yaml(given.config).with_overrides(
            [f"--data.init_args.{key}={file}" for key, file in files.items() if file]
        ),
        console,
    )
    return 0
