"""`CascadeRoutingProgram`: the next LLM of the set that is worth its whole price."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from abgnn.models.programs.closed_loop import ClosedLoopProgram
from abgnn.planning.closed_loop.lookahead import Asked, Step, decide, weights_of
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.whole_sets import WholeSets


@dataclass(frozen=True)
class CascadeRoutingProgram(ClosedLoopProgram):
    """Cascade routing (Dekoninck et al., arXiv 2410.10347).

    After every answer: of all sets of LLMs that contain those asked, the one of the highest
    E[max quality] − λ · cost of the whole set; if it has more LLMs the cheapest of them is asked
    next, else the best answer so far stands. Quality is P(an LLM's answer is right) given all
    answers, by the closed loop's own numbers; the paper takes normal estimates of each LLM's
    quality for that. Its λ of every step is here one λ at first and a multiple of it afterwards.
    A set has at most four LLMs, of six candidates; the paper has heuristics for large pools.

    Args:
        later: factor of prices after the first answer.
    """

    later: float = 1.0

    @cached_property
    def _stopping(self) -> LoopProblem:
        return replace(self.problem, depths=(0,), readers=None)

    @cached_property
    def _sets(self) -> WholeSets:
        return WholeSets(weights_of(self._stopping))

    def decide(
        self, asked: Sequence[Asked], failed: Collection[int], readers_failed: Collection[int] = ()
    ) -> Step:
        stopped, n = decide(self._stopping, asked), len(asked)
        weights = self._sets.weights
        if n >= self.problem.calls:
            return stopped
        state = self._stopping.place(asked)
        if not weights.total[n][0, state] > 0:
            return stopped  # answers that are impossible by the model
        price = (self.later if n else 1.0) * self.problem.price
        price[list(failed)] = np.inf
        here = np.array([0]), np.array([state])
        value = self._sets.values(n, *here, price[None])[0] / weights.total[n][0, state]
        best = int(value.argmax())
        asks = value[best] > (stopped.value_stop if n else -np.inf)
        return replace(stopped, ask=(best,) if asks else (), value_ask=value)

    def to_mermaid(self, names: Sequence[str]) -> str | None:
        """None: its sets are found anew after every answer."""
        return None
