"""Prices of a USD and of a second, re-solved by what is left of a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from abgnn.errors import ConfigError

LEAST, MOST = 0.5, 1.5


class Pacer:
    r"""Keeps the mean cost, or the mean seconds, of questions at a budget while they are answered.

    The next question may cost, as a share r of the budget per question,

    .. math:: r = \mathrm{clip}\left(\frac{B N - spent}{B (N - n)}, .5, 1.5\right)

    and λ is the price that a replay spends r B at. Without a known number of questions N, what
    was over- or underspent is made up for over the next `window` questions.

    Args:
        budget: USD, or seconds, per question, B.
        price: λ of a budget, by replay; it is asked at steps of .05 of r alone, and kept.
        questions: N; None: open-ended, as of a server.
        window: questions over which a difference is made up for, and at least the last of N.

    Raises:
        ConfigError: a negative budget, or a window below 1.
    """

    def __init__(
        self,
        budget: float,
        price: Callable[[float], float],
        questions: int | None = None,
        window: int = 50,
    ) -> None:
        if budget < 0:
            raise ConfigError("Pacer.budget", budget, "at least 0 per question")
        if window < 1:
            raise ConfigError("Pacer.window", window, "at least 1 question")
        self.budget, self.price = budget, price
        self.questions, self.window = questions, window
        self.answered, self.spent = 0, 0.0
        self._prices: dict[float, float] = {}

    @property
    def share(self) -> float:
        """r: of the budget, that the next question may cost."""
        if self.budget == 0:
            return 1.0
        left = self.window if self.questions is None else self.questions - self.answered
        saved = self.answered - self.spent / self.budget  # in budgets of a question
        return float(np.clip(1 + saved / max(left, 1), LEAST, MOST))

    @property
    def next_price(self) -> float:
        """Of a USD, or a second, for the next question, between those of the two nearest steps."""
        low = np.floor(self.share / 0.05) * 0.05
        part = (self.share - low) / 0.05
        below, above = self._at(low), self._at(low + 0.05)
        return float((1 - part) * below + part * above)

    def add(self, spent: float) -> None:
        """A question was answered and took this."""
        self.answered += 1
        self.spent += spent

    def _at(self, share: float) -> float:
        share = round(float(share), 2)
        if share not in self._prices:
            self._prices[share] = self.price(share * self.budget)
        return self._prices[share]


@dataclass(frozen=True)
class PacedPrices:
    """λ_tok and λ_lat of the next question.

    Args:
        fixed: both, where nothing is paced.
        usd, seconds: keep the budgets that are stated.
    """

    fixed: tuple[float, float]
    usd: Pacer | None = None
    seconds: Pacer | None = None

    @property
    def next(self) -> tuple[float, float]:
        pairs = zip(self.fixed, (self.usd, self.seconds), strict=True)
        tok, lat = (price if pacer is None else pacer.next_price for price, pacer in pairs)
        return tok, lat

    def add(self, usd: float, seconds: float) -> None:
        """A question was answered, cost this and took so long."""
        for pacer, spent in ((self.usd, usd), (self.seconds, seconds)):
            if pacer is not None:
                pacer.add(spent)
