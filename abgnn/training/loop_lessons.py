"""`LoopLessons`: questions whose answers are all known, from which a `LoopNet` is taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from abgnn.data.arrays import Index
from abgnn.models.loop_features import LoopView
from abgnn.models.loop_values import NetReplay
from abgnn.nn.loop_state_net import LoopStateNet
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.candidates import price_grid
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replay


@dataclass(frozen=True, slots=True)
class LoopCourse:
    """
    Args:
        steps: of AdamW.
        questions: per step.
        lr, weight_decay: of AdamW; the learning rate falls to 0 by a half cosine.
        ridge: what a squared residual of the posterior's log-odds costs.
        folds: of the cross-validation that decides how much of the residual is used.
        sure: standard errors by which the left-out gain must be above 0.
        prices: at how many prices it is learned and judged.
        seed: of what steps draw.
    """

    steps: int = 100
    questions: int = 12
    lr: float = 1e-2
    weight_decay: float = 0.1
    ridge: float = 0.1
    folds: int = 5
    sure: float = 2.0
    prices: int = 5
    seed: int = 0


LOOP_NET = LoopCourse()


@dataclass(frozen=True, eq=False)
class LoopLessons:
    """Questions all of whose answers are known.

    Args:
        problems: with accuracies that have not seen the questions' own answers.
        table: the answers.
        view: what the net reads of them.
    """

    problems: Sequence[LoopProblem]
    table: AnswerTable
    view: LoopView

    def rows(self, at: Index) -> LoopLessons:
        """Some of the questions."""
        return LoopLessons(
            [self.problems[i] for i in at],
            self.table.rows(at),
            replace(self.view, x=self.view.x[at]),
        )

    def replay(self, net: LoopStateNet | None, scale: float = 1.0) -> Replay:
        """Of the closed form, or with a net's residual."""
        if net is None:
            return Replay(self.problems, self.table)
        return NetReplay(self.problems, self.table, net, self.view, scale)

    def prices(self, count: int) -> list[float]:
        """Prices at which the closed form's bills lie between those of the cheapest and the
        dearest candidate."""
        usd = np.stack([np.sort(p.usd)[[0, -1]] for p in self.problems]).mean(0)
        grid = price_grid(np.concatenate([p.usd for p in self.problems]))
        run = self.replay(None)
        spent = np.array([run(price).usd.mean() for price in grid])
        able = np.flatnonzero((spent > 1.02 * usd[0]) & (spent < usd[1]))
        if len(able) < count:
            able = np.arange(len(grid))
        chosen = able[np.linspace(0, len(able) - 1, count).round().astype(int)]
        return [float(p) for p in grid[chosen]]
