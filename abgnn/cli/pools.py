"""`abgnn pools`: resource tiers of a catalogue, estimated or measured."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from abgnn.data.catalogue import Catalogue
    from abgnn.pools.build import Pools
    from abgnn.pools.measured import Measured

TABLE_5 = "pools/paper_table5.yaml"


def add_arguments(parser: Parser) -> None:
    """A catalogue, or an experiment whose LLMs are measured."""
    parser.description = (
        "Performance, cost and latency of every LLM of a catalogue, which ones are on the Pareto "
        "front, and the resource tiers (pools, weak to strong) that they make: a table and a "
        "picture. No LLM is called, unless --calls says so."
    )
    text = "YAML of LLMs and prices"
    parser.add_argument("--catalogue", default="catalogues/paper.yaml", metavar="NAME", help=text)
    parser.add_argument("--domain", default="general", help="general, math or code")
    parser.add_argument("--n-pools", type=int, default=4, metavar="N", help="tiers to build")
    parser.add_argument("--out", default="runs/pools", metavar="DIR", help="folder of the picture")
    text = "an experiment in place of --catalogue and --domain; needs --calls"
    parser.add_argument("--config", metavar="NAME", help=text)
    text = "with --config: measure every LLM by so many calls of its own, 2 to 4 in the paper"
    parser.add_argument("--calls", type=int, default=0, metavar="N", help=text)


def run(args: Namespace, console: Console) -> int:
    """Show tiers; with an experiment and `--calls`, measured ones."""
    if args.config is None:
        if args.calls:
            raise ConfigError("--calls", args.calls, "0, or an experiment by --config")
        show_pools(args.catalogue, args.domain, args.n_pools, args.out, console=console)
        return 0
    return _measured(args, console)


def _measured(args: Namespace, console: Console) -> int:
    """Pools of an experiment's catalogue from a few calls of its client."""
    from abgnn.experiments.experiment import build
    from abgnn.experiments.measure import calibrate
    from abgnn.pools.measured import write_measured

    experiment = build([args.config], ["--trainer.logger=false"])
    mas, label = experiment.model.mas, f"{args.calls} {experiment.model.label} calls each"
    measured = calibrate(experiment, args.calls)
    path = Path(args.out) / f"measured-{experiment.model.label}.yaml"
    write_measured(measured, path, label)
    show_pools(
        mas.catalogue_file,
        mas.domain,
        args.n_pools,
        args.out,
        console=console,
        measured=measured,
        label=label,
    )
    console.print(f"Measured: {path}   use it by --model.mas.measured {path}")
    return 0


def show_pools(
    catalogue: str,
    domain: str,
    n_pools: int,
    out: str,
    *,
    console: Console,
    measured: Measured | None = None,
    label: str = "estimated without a call",
) -> Pools:
    """Show what a catalogue costs and which pools it makes; makes no call.

    Args:
        catalogue: a catalogue file, one's own or a packaged one.
        domain: general, math or code.
        n_pools: pools wanted.
        out: folder for the picture.
        console: where to print.
        measured: USD and seconds per call of backbones that were called.
        label: where cost and latency come from.
    """
    from abgnn.cli.views.pools import differences, pool_table, table_5
    from abgnn.data.catalogue import Catalogue
    from abgnn.plots.pools import draw_pools
    from abgnn.pools.build import build_pools
    from abgnn.pools.estimates import triples

    backbones = Catalogue.from_yaml(catalogue)
    known = triples(backbones, domain, measured)
    pools = build_pools(
        known.names,
        known.perf,
        known.cost,
        known.latency,
        n_pools=n_pools,
        guessed=known.guessed,
    )
    console.print(pool_table(backbones, known, pools, title=f"{catalogue}, {domain}, {label}"))
    if len(pools) < n_pools:
        front = int(pools.front.sum())
        console.print(f"{len(pools)} of {n_pools} pools: the front has {front} backbones only.")
    if (paper := _papers(backbones, domain)) is not None:
        console.print(table_5(pools, paper))
        console.print(differences(pools, paper))
    stem = f"{Path(catalogue).stem}_{domain}"
    title = f"Pools of {Path(catalogue).name} for {domain}, {label}"
    picture = draw_pools(pools, Path(out) / f"{stem}.png", title=title)
    console.print(f"Picture: {picture}")
    return pools


def _papers(catalogue: Catalogue, domain: str) -> list[list[str]] | None:
    """Table 5's pools, if all their backbones are in the catalogue."""
    from abgnn.pools.build import read_pools

    try:
        paper = read_pools(TABLE_5, domain)
    except ConfigError:
        return None
    return paper if all(name in catalogue for pool in paper for name in pool) else None
