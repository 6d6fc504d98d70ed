"""`CascadeRoutingProgram`: the next LLM of the set that is worth its whole price."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from abgnn.models.programs.closed_loop import ClosedLoopProgram
from abgnn.planning.closed_loop.batch import LoopBatch
from abgnn.planning.closed_loop.lookahead import Asked, Step, decide
from abgnn.planning.closed_loop.whole_sets import set_values


@dataclass(frozen=True)
class CascadeRoutingProgram(ClosedLoopProgram):
    """Cascade routing (Dekoninck et al., arXiv 2410.10347).

    After every answer: of all sets of LLMs that contain those asked, the one of the highest
    E[max quality] − λ · cost of the whole set; if it has more LLMs the cheapest of them is asked
    next, else the best answer so far stands. Quality is P(an LLM's answer is right) given all
    answers, from the closed loop's own numbers; the paper takes the maximum of independent normal
    estimates, which are updated by comparing answers, and tunes λ and the noise together. Its
    heuristics for large pools are left out: a set has at most four LLMs, of six candidates.
    """

    @cached_property
    def _batch(self) -> LoopBatch:
        return LoopBatch((self.problem,))

    def decide(
        self, asked: Sequence[Asked], failed: Collection[int], readers_failed: Collection[int] = ()
    ) -> Step:
        step, weights, n = decide(self.problem, asked, failed), self._batch.weights, len(asked)
        if n + 1 >= len(weights.total):
            return replace(step, ask=())
        price = self.problem.price.copy()
        price[list(failed)] = np.inf
        named = [
            (self.problem.column(a), a.key if self.problem.keys else i) for i, a in enumerate(asked)
        ]
        state = self.problem.tree.state(named)
        total = max(float(weights.total[n][0, state]), 1e-300)
        value = set_values(weights, n, price[None])[0, state] / total
        best = int(value.argmax())
        asks = value[best] > (step.value_stop if asked else -np.inf)
        return replace(step, ask=(best,) if asks else (), value_ask=value)

    def to_mermaid(self, names: Sequence[str]) -> str | None:
        """None: its sets are found anew after every answer."""
        return None
