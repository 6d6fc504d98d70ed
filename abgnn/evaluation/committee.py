"""Strategies against mixtures of single LLMs at the same realised cost, on recorded outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.evaluation.cascade import (
    Played,
    cheap_llms,
    committee,
    read_cascade,
    second_opinion,
)
from abgnn.evaluation.frontier import upper_envelope
from abgnn.outcomes.table import OutcomeTable


@dataclass(frozen=True, slots=True)
class Versus:
    """A strategy against the random mixture of single LLMs that costs the same.

    Args:
        name: what was played.
        score, cost_usd: means over plays and questions.
        mixture: mean score of the mixtures at the plays' own costs.
        gain: score − mixture; low, high: its 95 % interval, questions resampled.
    """

    name: str
    score: float
    cost_usd: float
    mixture: float
    gain: float
    low: float
    high: float


def committee_and_cascade(
    table: OutcomeTable,
    *,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    folds: int = 5,
    resamples: int = 1000,
    agree_when_wrong: float = 0.5,
) -> list[Versus]:
    """A committee, a cascade that escalates blindly, and one that reads before it escalates.

    What is played depends on what the table has: a committee with three cheap LLMs or more; the
    cascade that reads a text with responses, else the one that compares two cheap LLMs.

    Raises:
        ConfigError: costs are missing, or nothing can be played.
    """
    if not np.isfinite(table.cost).all():
        raise ConfigError("table.cost", "nan", "costs; give profiles with prices")
    cheap = len(cheap_llms(table))
    played: list[Played] = []
    if cheap >= 3:
        played.append(committee(table, seeds, folds))
    if table.responses:
        played += read_cascade(table, seeds, folds)
    elif cheap >= 2:
        played += second_opinion(table, seeds, folds, agree_when_wrong)
    if not played:
        raise ConfigError("table", table.llms, "responses, or at least two cheap LLMs")
    return [versus(table, play, resamples) for play in played]


def versus(table: OutcomeTable, played: Played, resamples: int = 1000, seed: int = 0) -> Versus:
    """Compare at matched realised cost; the bootstrap resamples questions for all alike."""
    everything = np.arange(len(table.ids))
    score, mixture = _compare(table, played, everything)
    rng = np.random.default_rng(seed)
    gains = []
    for _ in range(resamples):
        drawn = rng.integers(0, len(everything), len(everything))
        gains.append(float(np.subtract(*_compare(table, played, drawn)).mean()))
    low, high = np.percentile(gains, [2.5, 97.5]) if gains else (np.nan, np.nan)
    return Versus(
        name=played.name,
        score=float(score.mean()),
        cost_usd=float(played.cost.mean()),
        mixture=float(mixture.mean()),
        gain=float((score - mixture).mean()),
        low=float(low),
        high=float(high),
    )


def _compare(table: OutcomeTable, played: Played, rows: NDArray[np.int64]) -> tuple[Array, Array]:
    """Scores of the plays and of the mixtures at their costs, `[R]` each."""
    singles = np.stack([table.cost[rows].mean(0), table.score[rows].mean(0)], 1)  # [M, 2]
    frontier = upper_envelope(singles)
    frontier = frontier[: int(frontier[:, 1].argmax()) + 1]
    score, cost = played.score[:, rows].mean(1), played.cost[:, rows].mean(1)
    return score, np.interp(cost, frontier[:, 0], frontier[:, 1])


def versus_table(rows: Sequence[Versus], title: str) -> Table:
    """As a table for the terminal, in points of 100."""
    table = Table(title=f"{title} (recorded)", title_justify="left")
    table.add_column("strategy")
    for column in ("mUSD", "score", "mixture", "gain", "95 % interval"):
        table.add_column(column, justify="right")
    for row in rows:
        interval = f"{100 * row.low:+.1f} … {100 * row.high:+.1f}"
        figures = (f"{1e3 * row.cost_usd:.4g}", f"{row.score:.3f}", f"{row.mixture:.3f}")
        table.add_row(row.name, *figures, f"{100 * row.gain:+.1f}", interval)
    return table
