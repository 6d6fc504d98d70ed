"""`QuestionPlanner`: which design for which question, at any prices of dollars and seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit, logit

from abgnn.data.arrays import Array, Index
from abgnn.data.template import Template
from abgnn.planning.assignment import assignment_prices
from abgnn.planning.beliefs import Belief, Forecasts
from abgnn.planning.budgets import Budget
from abgnn.planning.design import Design
from abgnn.planning.prior import Prior
from abgnn.planning.question_calls import Seen
from abgnn.planning.question_model import QuestionModel
from abgnn.planning.questions import Questions
from abgnn.planning.team_forecasts import Bills, TeamForecasts

_FINE, _JUDGED, _PRICED = 512, 48, 200


@dataclass(frozen=True)
class QuestionPlanner:
    """A portfolio of designs, forecast for any question.

    Args:
        template: roles and admissible edges.
        profile: of the backbones.
        model: of correctness; bills: of what calls use.
        designs: D of them.
        level: what is added to the logit of each design's forecast, `[D]`: a larger simulation
            of the training questions less the one that serves.
        questions: of the training.
    """

    template: Template
    profile: Prior
    model: QuestionModel
    bills: Bills
    designs: tuple[Design, ...]
    level: Array
    questions: Questions

    @classmethod
    def of(
        cls,
        template: Template,
        profile: Prior,
        model: QuestionModel,
        bills: Bills,
        designs: Sequence[Design],
        questions: Questions,
    ) -> QuestionPlanner:
        """With levels by 512 draws in place of 128, on 48 of the training questions."""
        made = cls(
            template, profile, model, bills, tuple(designs), np.zeros(len(designs)), questions
        )
        at = np.linspace(0, len(questions) - 1, min(_JUDGED, len(questions))).astype(np.int64)
        seen = Seen.of(model.features, questions.rows(at))
        coarse = made.team.forecasts(seen, made.designs).accuracy.mean(0)
        fine = TeamForecasts(model, bills, profile, _FINE, 1).forecasts(seen, made.designs)
        level = _logit(fine.accuracy.mean(0)) - _logit(coarse)
        return cls(template, profile, model, bills, made.designs, level, questions)

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(role.name for role in self.template.roles)

    @property
    def backbones(self) -> tuple[str, ...]:
        return self.profile.names

    @cached_property
    def team(self) -> TeamForecasts:
        """The simulation that serves."""
        return TeamForecasts(self.model, self.bills, self.profile)

    def __call__(self, questions: Questions) -> Belief:
        """Beliefs about lone calls, `[Q, S, M]`."""
        return self.team.belief(Seen.of(self.model.features, questions))

    def forecasts(self, questions: Questions, designs: Sequence[Design] | None = None) -> Forecasts:
        """Of the portfolio, or of other designs, `[Q, D]`."""
        seen = Seen.of(self.model.features, questions)
        made = self.team.forecasts(seen, self.designs if designs is None else designs)
        if designs is not None:
            return made
        return Forecasts(expit(_logit(made.accuracy) + self.level), made.usd, made.seconds)

    @cached_property
    def trained(self) -> Forecasts:
        """Of the training questions; 200 of them where there are more."""
        n = len(self.questions)
        at = np.linspace(0, n - 1, min(_PRICED, n)).astype(np.int64)
        return self.forecasts(self.questions.rows(at))

    def prices(self, budget: Budget) -> tuple[float, float]:
        """λ_tok per USD and λ_lat per second at which the training questions keep a budget.

        Raises:
            ConfigError: a latency quantile: it is no mean.
        """
        known = self.trained
        return assignment_prices(known.accuracy, known.usd, known.seconds, budget)

    def choose(self, questions: Questions, lambda_tok: float, lambda_lat: float) -> Index:
        """Which design each question gets, `[Q]`."""
        return self.forecasts(questions).best(lambda_tok, lambda_lat)


def _logit(p: Array) -> Array:
    out: Array = logit(np.clip(p, 1e-6, 1 - 1e-6))
    return out
