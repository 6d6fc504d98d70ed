"""`AdaptiveConsistencyProgram`: one LLM is asked again until its majority is sure to stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import betainc

from abgnn.data.program import AgentAnswer, Program, Stage
from abgnn.errors import ConfigError
from abgnn.models.programs.self_consistency import majority


@dataclass(frozen=True)
class AdaptiveConsistencyProgram(Program):
    """Adaptive-Consistency (Aggarwal et al., arXiv 2305.11860), with the Beta criterion.

    The plan's first agent answers one time after the other, until the majority of its answers is
    likely to be the majority of all that it would give (`is_settled`), or `most` answers are
    there. The paper samples up to 40; its Dirichlet criterion and others are left out.

    Args:
        threshold: probability at which it stops.
        most: answers.
    """

    threshold: float = 0.95
    most: int = 5

    def __post_init__(self) -> None:
        if not 0.5 <= self.threshold < 1:
            allowed = "from 0.5 to below 1"
            raise ConfigError("AdaptiveConsistencyProgram.threshold", self.threshold, allowed)
        if self.most < 1:
            allowed = "a number of answers ≥ 1"
            raise ConfigError("AdaptiveConsistencyProgram.most", self.most, allowed)

    async def run(self, stage: Stage) -> AgentAnswer | str | None:
        answers: list[AgentAnswer] = []
        for i in range(self.most):
            answer = await stage.call(0, after=answers, last=True, number=i, vital=False)
            if answer is not None:
                answers.append(answer)
            if settled([stage.key(a.text) for a in answers], self.threshold):
                break
        return majority([(stage.key(a.text), a.text) for a in answers])


def settled(keys: Sequence[str], threshold: float) -> bool:
    r"""Whether the two most frequent keys, v₁ ≥ v₂ times, leave little doubt:

    .. math:: P(p > 1/2) = 1 - I_{1/2}(v_1 + 1, v_2 + 1) \ge threshold

    for p ~ Beta(v₁ + 1, v₂ + 1), the share of the first among the two. "" is no key.
    """
    first, second, *_ = (*(n for _, n in Counter(filter(None, keys)).most_common(2)), 0, 0)
    return bool(1 - betainc(first + 1, second + 1, 0.5) >= threshold)
