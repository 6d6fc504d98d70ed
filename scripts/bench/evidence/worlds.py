"""How far do the claims depend on the world? The parts `world-…`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from abgnn.experiments.compare.table import interval

from .figures import Shown, interval_text, points_text
from .headline import NAMES, Parts
from .markdown import markdown_table

OURS = ("closed loop", "planner")
WORLDS: Mapping[str, str] = {
    "world-usual": "as it is",
    "world-neutral": "messages do little",
    "world-pushy": "messages do twice as much",
    "world-mislead": "messages mislead",
    "world-half-interaction": "LLMs differ half as much by topic",
    "world-double-interaction": "LLMs differ twice as much by topic",
    "world-attraction-.3": "wrong answers agree less (α .3)",
    "world-attraction-.8": "wrong answers agree more (α .8)",
    "world-profiles-.4": "profiles off by .4 logit",
    "world-profiles-.8": "profiles off by .8 logit",
    "world-40-questions": "40 training questions",
    "world-20-questions": "20 training questions",
}


@dataclass(frozen=True, slots=True)
class Against:
    """A method of ours in one world, against the best of the others there.

    Args:
        rival: the others' best, by the mean over the worlds' seeds, in hindsight.
        mean, half: points ahead of it, and the half width of the 95 % interval.
    """

    rival: str
    mean: float
    half: float

    @property
    def verdict(self) -> str:
        """better | not shown | worse."""
        if np.isnan(self.half) or abs(self.mean) <= self.half:
            return "not shown"
        return "better" if self.mean > 0 else "worse"


def against(shown: Shown, ours: str) -> Against:
    """Within the budgets of USD, mean of all of them."""
    names = [m.name for m in shown.comparison.methods if m.name not in OURS]
    others = {name: shown.mean_within(name) for name in names}
    rival = max(others, key=lambda name: np.mean(others[name]))
    gaps = [a - b for a, b in zip(shown.mean_within(ours), others[rival], strict=True)]
    return Against(rival, *interval([100 * gap for gap in gaps]))


def all_against(parts: Parts, ours: Sequence[str] = OURS) -> dict[str, dict[str, Against]]:
    """By world, in words, and method."""
    return {
        words: {name: against(parts[part][""], name) for name in ours}
        for part, words in WORLDS.items()
        if part in parts
    }


def worlds_table(parts: Parts) -> str:
    """Points over the best other method, and over single LLMs' mixture."""
    rows = []
    for part, words in WORLDS.items():
        if part not in parts:
            continue
        shown = parts[part][""]
        base = shown.mean_within(shown.comparison.base)
        cells = []
        for name in OURS:
            gaps = [a - b for a, b in zip(shown.mean_within(name), base, strict=True)]
            cells.append(points_text(gaps))
        best = [against(shown, name) for name in OURS]
        rival = "the mixture" if best[0].rival == shown.comparison.base else best[0].rival
        cells += [f"{interval_text(one.mean, one.half)}, {one.verdict}" for one in best]
        rows.append([words, *cells, rival, str(shown.seeds)])
    names = [NAMES[name].strip("*") for name in OURS]
    heads = ["world", *(f"{name} over the mixture" for name in names),
             *(f"{name} over the best other" for name in names), "which is", "worlds"]  # fmt: skip
    return markdown_table(heads, rows, ["l", *["r"] * 4, "l", "r"])
