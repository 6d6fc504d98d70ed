"""What `PlanNet` reads of questions, expects of plans, and chooses; as tensors."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from abgnn.models.decision import PlannedChoice
from abgnn.planning.questions import Questions


@dataclass(frozen=True, slots=True)
class PlanForecasts:
    """Accuracy, USD and seconds of D plans on Q questions, `[Q, D]` each."""

    accuracy: Tensor
    usd: Tensor
    seconds: Tensor

    def utility(self, lambda_tok: Tensor, lambda_lat: Tensor) -> Tensor:
        """R of Eq 9, `[Q, D]`."""
        bill = lambda_tok * self.usd.double() + lambda_lat * self.seconds.double()
        return self.accuracy - bill.to(self.accuracy)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the net reads of Q questions: x `[Q, X]`; accuracy, USD, seconds `[Q, S, M]` and
    standardised figures `[Q, S, M, 4]` of what is believed of lone agents."""

    x: Tensor
    accuracy: Tensor
    figures: Tensor
    usd: Tensor
    seconds: Tensor

    def rows(self, at: Tensor) -> Prepared:
        """Some of the questions, by index `[n]`."""
        at = at.to(self.x.device)
        return Prepared(
            self.x[at], self.accuracy[at], self.figures[at], self.usd[at], self.seconds[at]
        )


@dataclass(frozen=True)
class ScoredChoice(PlannedChoice):
    """A choice that keeps what it was made for, so that its probability can be computed again.

    Args:
        chosen: different questions, which of them each plan is for `[B]`, and the designs `[B]`.
    """

    chosen: tuple[Questions, Tensor, Tensor] | None = None
