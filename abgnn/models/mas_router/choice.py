"""The draws of MasRouter's cascade, and their plans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.plan import Agent, Plan
from abgnn.models.decision import PlannedChoice
from abgnn.models.mas_router.modes import Mode, mode_plan


@dataclass(frozen=True)
class Cascade:
    """What was drawn, all long: mode `[B]`, count `[B]` from 1, role and llm `[B, A]`.

    Places of role and llm from a graph's count on hold 0 and mean nothing.
    """

    mode: Tensor
    count: Tensor
    role: Tensor
    llm: Tensor

    def stages(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """In the order of the cascade."""
        return self.mode, self.count, self.role, self.llm


@dataclass(frozen=True)
class CascadeChoice(PlannedChoice):
    """A choice of MasRouter, with what was drawn."""

    action: Cascade = field(kw_only=True)


def joined(choices: Sequence[CascadeChoice]) -> CascadeChoice:
    """Choices for some questions each as one for all of them, in their order."""
    stages = zip(*(c.action.stages() for c in choices), strict=True)

    def loss() -> Tensor:
        return torch.stack([c.extra_loss for c in choices if c.extra_loss is not None]).mean()

    def shown() -> dict[str, float]:
        figures = [c.figures for c in choices]
        return {name: sum(f[name] for f in figures) / len(figures) for name in figures[0]}

    return CascadeChoice(
        [plan for c in choices for plan in c.planned],
        choices[0].names,
        torch.cat([c.log_probs for c in choices]),
        torch.cat([c.entropies for c in choices]),
        loss=loss,
        shown=shown,
        action=Cascade(*(torch.cat(stage) for stage in stages)),
    )


def cascade_plans(
    batch: Batch,
    drawn: Cascade,
    modes: Sequence[Mode],
    names: Sequence[str],
    *,
    early_exit: bool = False,
) -> list[Plan]:
    """One plan per query; the decision agent is played by the most frequent LLM drawn."""
    rows = zip(batch.query, batch.template, *(s.tolist() for s in drawn.stages()), strict=True)
    plans = []
    for query, template, mode, count, role, llm in rows:
        decision = Agent(template.roles[template.decision], names[most_frequent(llm[:count])])
        at = [r + (r >= template.decision) for r in role[:count]]  # the decision agent is no choice
        chosen, played = [template.roles[r] for r in at], [names[m] for m in llm[:count]]
        plan = mode_plan(modes[mode], query, chosen, played, decision)
        plans.append(replace(plan, early_exit=True) if early_exit else plan)
    return plans


def most_frequent(backbones: Sequence[int]) -> int:
    """The index that occurs most often; of several the lowest, first in the catalogue's order."""
    counts = Counter(backbones)
    return min(counts, key=lambda m: (-counts[m], m))
