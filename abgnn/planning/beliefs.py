"""`Beliefs`: from questions to how likely each LLM is right in each role, its USD, its seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from abgnn.data.arrays import Array, Index
from abgnn.planning.questions import Questions


@dataclass(frozen=True)
class Belief:
    """What is believed of S roles × M LLMs on Q questions, for calls that read no message.

    Args:
        logit, logit_sd: mean and standard deviation of logit P(right), what is unknown of the
            question itself left out, `[Q, S, M]`.
        accuracy: expected P(right) over all that is unknown, `[Q, S, M]`.
        usd, seconds: expected dollars and seconds of a call, `[Q, S, M]`.
    """

    logit: Array
    logit_sd: Array
    accuracy: Array
    usd: Array
    seconds: Array


class Beliefs(Protocol):
    """Anything that holds beliefs about questions that it may never have seen.

    Attributes:
        roles: names of S roles, the template's, in its order.
        backbones: names of M LLMs.
    """

    @property
    def roles(self) -> tuple[str, ...]: ...

    @property
    def backbones(self) -> tuple[str, ...]: ...

    def __call__(self, questions: Questions) -> Belief:
        """Beliefs on Q questions."""
        ...


@dataclass(frozen=True)
class Forecasts:
    """D designs on Q questions.

    Args:
        accuracy, usd, seconds: expected, `[Q, D]` each.
    """

    accuracy: Array
    usd: Array
    seconds: Array

    def best(self, lambda_tok: float, lambda_lat: float) -> Index:
        """argmax over designs of accuracy − λ_tok USD − λ_lat seconds, `[Q]`."""
        index: Index = (self.accuracy - lambda_tok * self.usd - lambda_lat * self.seconds).argmax(1)
        return index
