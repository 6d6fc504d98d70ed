"""Resource tiers: their table, the paper's Table 5 beside ours, and why the two differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from abgnn.data.catalogue import Catalogue
from abgnn.pools.build import Pools
from abgnn.pools.estimates import Triples


def pool_table(
    catalogue: Catalogue, triples: Triples, pools: Pools, *, title: str | None = None
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
    for i in np.argsort(triples.perf, kind="stable").tolist():
        name = triples.names[i]
        guess = "~" if name in triples.unscored else ""
        numbers = (
            f"{triples.perf[i]:.3f}",
            f"{1000 * triples.cost[i]:.3g}",
            f"{triples.latency[i]:.3g}",
        )
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
    if pools.guessed is not None:
        better &= ~pools.guessed
    return pools.names[int(np.argmax(np.where(better, pools.perf, -np.inf)))]
