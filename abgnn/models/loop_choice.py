"""`LoopChoice`: closed loops whose decisions were drawn, and the probability of those taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from abgnn.data.loop_step import LoopStep
from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan
from abgnn.models.decision import PlannedChoice
from abgnn.models.loop_tables import Decided, Place
from abgnn.models.loop_values import NetBatch, StateValues
from abgnn.planning.closed_loop.batch import STOP
from abgnn.planning.closed_loop.problem import Asked, LoopProblem

Logs = Sequence[Tensor]
"""log p of stopping and of asking each LLM, by level, `[Q, S, 1 + M]`."""


@dataclass(frozen=True)
class Walk:
    """Decisions that count for one plan.

    Args:
        batch, row: where its question is.
        choices: by state: 0: stop, 1 + m: ask m.
    """

    batch: int
    row: int
    choices: dict[Place, int]

    def log_prob(self, logs: Sequence[Logs]) -> Tensor:
        """Of all of them, a scalar."""
        of = logs[self.batch]
        terms = [of[n][self.row, s, choice] for (n, s), choice in self.choices.items()]
        return torch.stack(terms).sum().float() if terms else torch.zeros(())

    def taken(self, problem: LoopProblem, steps: Sequence[LoopStep]) -> Walk:
        """Those that a rollout came to; after a failed call the closed form decides."""
        kept: dict[Place, int] = {}
        for step in steps:
            if step.failed:
                break
            state = problem.state([Asked(m, key or None) for m, key in step.answers])
            place = (len(state), problem.tree.index[state])
            if place in self.choices:
                kept[place] = self.choices[place]
        return replace(self, choices=kept)


def walk(batch: int, decided: Decided) -> Walk:
    """All decisions of one question that were drawn; a parallel start was not."""
    calls = decided.problem.calls
    reached = [(n, s) for n, s in decided.reached() if n < calls]
    free = [at for at in reached if at != (0, 0) or decided.pair[0] == STOP]
    return Walk(batch, decided.row, {(n, s): int(decided.choice[n][s]) + 1 for n, s in free})


@dataclass(frozen=True)
class LoopChoice(PlannedChoice):
    """Decisions drawn for every state; those that were taken are known after the rollout.

    Args:
        batches: of the questions.
        walks: of each plan; None: nothing was drawn.
        logs: of each batch.
    """

    batches: Sequence[NetBatch] = ()
    walks: Sequence[Walk | None] = ()
    logs: Sequence[Logs] = field(default=())

    @classmethod
    def of(
        cls,
        plans: Sequence[Plan],
        entropies: Tensor,
        batches: Sequence[NetBatch],
        walks: Sequence[Walk | None],
        logs: Sequence[Logs],
        device: torch.device,
    ) -> LoopChoice:
        """Before it is carried out; what is learned from is on `device`."""
        log_probs, rows = _log_probs(walks, logs, device).unsqueeze(1), entropies.unsqueeze(1)
        return cls(
            plans, ("loop",), log_probs, rows.to(device), batches=batches, walks=walks, logs=logs
        )

    def executed(self, outcomes: Sequence[Outcome]) -> LoopChoice:
        """The probability of what was decided on the way; what would have been decided after
        other answers has had no part in the reward."""
        walks = [
            None if w is None else w.taken(self.batches[w.batch].problems[w.row], outcome.steps)
            for w, outcome in zip(self.walks, outcomes, strict=True)
        ]
        log_probs = _log_probs(walks, self.logs, self.log_probs.device)
        return replace(self, walks=walks, log_probs=log_probs.unsqueeze(1))

    def log_prob_under(self, logs: Sequence[Logs]) -> Tensor:
        """Of the same decisions under other weights, `[B]`."""
        return _log_probs(self.walks, logs, self.log_probs.device)


def _log_probs(walks: Sequence[Walk | None], logs: Sequence[Logs], device: torch.device) -> Tensor:
    each = [torch.zeros(()) if w is None else w.log_prob(logs) for w in walks]
    return torch.stack(each).to(device)


def log_policy(values: StateValues, temperature: float) -> list[Tensor]:
    """Softmax of values over the temperature."""
    return [torch.log_softmax(v / temperature, 2) for v in values.choice]
