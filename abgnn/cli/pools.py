"""`abgnn pools`: resource tiers of a catalogue, estimated or measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from abgnn.cli.arguments import parse
from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.plots.pools import draw_pools
from abgnn.pools.build import Pools, build_pools, read_pools
from abgnn.pools.estimates import Triples, triples
from abgnn.pools.measured import Measured


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
    from abgnn.experiments.experiment import build
    from abgnn.experiments.measure import calibrate
    from abgnn.pools.measured import write_measured

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


TABLE_5 = "pools/paper_table5.yaml"


def pools_command(
    catalogue: str = "catalogues/paper.yaml",
    domain: str = "general",
    n_pools: int = 4,
    out: str = "runs/pools",
    *,
    console: Console | None = None,
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
    console = console or Console()
    backbones = Catalogue.from_yaml(catalogue)
    found = triples(backbones, domain, measured)
    pools = build_pools(found.names, found.perf, found.cost, found.latency, n_pools=n_pools)
    console.print(pool_table(backbones, found, pools, title=f"{catalogue}, {domain}, {label}"))
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


def pool_table(
    catalogue: Catalogue, found: Triples, pools: Pools, *, title: str | None = None
) -> Table:
    """One row per backbone, weak to strong: its triple, whether it is on the front, its pools."""
    table = Table(
        title=title,
        caption="USD per 1000 calls, s per call. ~: guessed, no score is published.",
    )
    for heading in ("backbone", "type", "perf", "USD/1000", "s", "dominated by", "pools"):
        right = heading in ("perf", "USD/1000", "s")
        table.add_column(
            heading, justify="right" if right else "left", no_wrap=heading == "backbone"
        )
    for i in np.argsort(found.perf, kind="stable").tolist():
        name = found.names[i]
        guess = "~" if name in found.unscored else ""
        numbers = (f"{found.perf[i]:.3f}", f"{1000 * found.cost[i]:.3g}", f"{found.latency[i]:.3g}")
        within = " ".join(str(p) for p in np.flatnonzero(pools.mask[:, i]))
        above = "" if pools.front[i] else _dominator(pools, i)
        table.add_row(
            name,
            catalogue[name].type,
            guess + numbers[0],
            *numbers[1:],
            above,
            within or "-",
            style=None if pools.front[i] else "dim",
        )
    return table


def table_5(pools: Pools, paper: Sequence[Sequence[str]]) -> Table:
    """Our pools beside the paper's; in our column + is new, in the paper's - is missing here."""
    table = Table(title="Obtained, and the paper's Table 5", show_lines=True)
    for heading in ("pool", "obtained", "paper", "Jaccard"):
        table.add_column(heading)
    obtained = pools.named()
    for p in range(max(len(obtained), len(paper))):
        ours = obtained[p] if p < len(obtained) else ()
        theirs = tuple(paper[p]) if p < len(paper) else ()
        left = "\n".join(f"{' ' if name in theirs else '+'} {name}" for name in ours)
        right = "\n".join(f"{' ' if name in ours else '-'} {name}" for name in theirs)
        table.add_row(str(p), left, right, f"{jaccard(ours, theirs):.2f}")
    return table


def differences(pools: Pools, paper: Sequence[Sequence[str]]) -> str:
    """Why our pools are not Table 5, in a few sentences."""
    obtained = pools.named()
    mean = np.mean([jaccard(a, b) for a, b in zip(obtained, paper, strict=False)] or [0.0])
    theirs = {name for pool in paper for name in pool}
    lost = [
        f"{name} (by {_dominator(pools, i)})"
        for i, name in enumerate(pools.names)
        if name in theirs and not pools.front[i]
    ]
    kept = [name for i, name in enumerate(pools.names) if pools.front[i] and name not in theirs]
    parts = [
        f"Mean Jaccard overlap {mean:.2f}. Table 5 rests on a few live calls per backbone, the two "
        "smallest served on the authors' own machine; ours on published scores, prices and "
        "active parameters."
    ]
    if lost:
        parts.append(f"By these estimates the paper's {', '.join(lost)} is dominated.")
    if kept:
        parts.append(f"On our front, but in none of the paper's pools: {', '.join(kept)}.")
    parts.append(
        "Where the paper drops the farthest member of a cluster that is too large, ours lets one "
        "move to the next pool within 5 times its cost and latency, so the strongest stays in use."
    )
    return " ".join(parts)


def jaccard(a: Sequence[str], b: Sequence[str]) -> float:
    """Shared members over all members of two pools, in [0, 1]."""
    return len(set(a) & set(b)) / max(len(set(a) | set(b)), 1)


def _dominator(pools: Pools, i: int) -> str:
    """The strongest backbone that is at least as good as i in everything."""
    better = (
        (pools.perf >= pools.perf[i])
        & (pools.cost <= pools.cost[i])
        & (pools.latency <= pools.latency[i])
        & pools.front
    )
    return pools.names[int(np.argmax(np.where(better, pools.perf, -np.inf)))]


def _papers(catalogue: Catalogue, domain: str) -> list[list[str]] | None:
    """Table 5's pools, if all their backbones are in the catalogue."""
    try:
        paper = read_pools(TABLE_5, domain)
    except ConfigError:
        return None
    return paper if all(name in catalogue for pool in paper for name in pool) else None
