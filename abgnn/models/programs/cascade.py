"""`CascadeProgram`: LLMs in a fixed order, until an answer is likely enough to be right."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from abgnn.errors import ConfigError
from abgnn.models.programs.closed_loop import ClosedLoopProgram
from abgnn.planning.closed_loop.cascades import last_is_right
from abgnn.planning.closed_loop.lookahead import Asked, Step, posterior_of


@dataclass(frozen=True)
class CascadeProgram(ClosedLoopProgram):
    """FrugalGPT's LLM cascade (Chen et al., arXiv 2305.05176).

    The plan's agents are asked in their order. An answer stands if P(it is right) reaches its
    threshold; the last agent's stands whatever it is. In place of FrugalGPT's scorer, a small
    language model trained to judge (question, answer), that probability is the closed loop's: it
    reads the question, and which of the answers so far are the same. Order and thresholds are the
    same for all questions. FrugalGPT's prompt adaptation and cache of answers are left out.

    Args:
        thresholds: of each agent but the last.

    Raises:
        ConfigError: another number of thresholds.
    """

    thresholds: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = len(self.accuracy) - 1
        if len(self.thresholds) != wanted:
            raise ConfigError("CascadeProgram.thresholds", self.thresholds, f"{wanted} numbers")

    def decide(
        self, asked: Sequence[Asked], failed: Collection[int], readers_failed: Collection[int] = ()
    ) -> Step:
        ask = np.full(len(self.accuracy), -np.inf)
        tried = {answer.llm for answer in asked} | set(failed)
        later = [m for m in range(len(self.accuracy)) if m not in tried]
        posterior = posterior_of(self.problem, asked)
        if not asked:
            return Step(tuple(later[:1]), None, 0.0, 0.0, ask, -np.inf, posterior)
        last, sure = asked[-1].llm, last_is_right(self.problem, asked)
        if later:
            ask[later[0]] = self.thresholds[last]  # what the next one is asked for
        goes_on = bool(later) and sure < self.thresholds[last]
        return Step(tuple(later[:1]) if goes_on else (), last, sure, sure, ask, -np.inf, posterior)

    def to_mermaid(self, names: Sequence[str]) -> str | None:
        """Who is asked after whom, with thresholds."""
        lines = ["flowchart LR", *(f'  a{m}["{name}"]' for m, name in enumerate(names))]
        lines += [
            f'  a{m} -- "P(right) < {t:.2f}" --> a{m + 1}' for m, t in enumerate(self.thresholds)
        ]
        return "\n".join(lines)
