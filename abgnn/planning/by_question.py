"""`QuestionPlanner`: which design for which question, at any prices of dollars and seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import expit, logit

from abgnn.data.arrays import Array, Index
from abgnn.data.template import Template
from abgnn.planning.assignment import assignment_prices
from abgnn.planning.beliefs import Belief, Forecasts
from abgnn.planning.budgets import Budget
from abgnn.planning.design import Design, PlanSpace
from abgnn.planning.lone_beliefs import NEARNESS, LoneBeliefs, choose_lone, one_role, tried_kinds
from abgnn.planning.lone_calls import left_out_shift
from abgnn.planning.nearness import NearnessBeliefs, Published
from abgnn.planning.observations import Observations
from abgnn.planning.outcome_model import OutcomeModel
from abgnn.planning.portfolio import portfolio
from abgnn.planning.prior import Prior
from abgnn.planning.question_calls import Seen
from abgnn.planning.question_features import QuestionFeatures
from abgnn.planning.question_model import QuestionModel
from abgnn.planning.questions import Questions
from abgnn.planning.team_forecasts import Bills, TeamForecasts

_FINE, _JUDGED, _PRICED = 512, 48, 200
_OFF_TIES = 1.001  # at a dual value itself some question is torn between two designs


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
        seen: what is read of training questions, 200 of them at most, for prices; their beliefs
            are those of a model that has not seen their own answers, as for new questions.
        lone: beliefs about lone calls that are gone by in place of the model's, or None.
    """

    template: Template
    profile: Prior
    model: QuestionModel
    bills: Bills
    designs: tuple[Design, ...]
    level: Array
    seen: Seen
    lone: LoneBeliefs | None = None

    @classmethod
    def of(
        cls,
        template: Template,
        profile: Prior,
        model: QuestionModel,
        bills: Bills,
        designs: Sequence[Design],
        seen: Seen,
        lone: LoneBeliefs | None = None,
    ) -> QuestionPlanner:
        """With levels by 512 draws in place of 128, on 48 of the training questions."""
        nothing, few = np.zeros(len(designs)), seen.rows(_spread(len(seen), _JUDGED))
        made = cls(template, profile, model, bills, tuple(designs), nothing, seen, lone)
        coarse = made.team.forecasts(few, made.designs).accuracy.mean(0)
        fine = TeamForecasts(model, bills, profile, _FINE, 1).forecasts(few, made.designs)
        return replace(
            made,
            level=_logit(fine.accuracy.mean(0)) - _logit(coarse),
            seen=seen.rows(priced(len(seen))),
        )

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(role.name for role in self.template.roles)

    @property
    def backbones(self) -> tuple[str, ...]:
        return self.profile.names

    @property
    def about(self) -> str:
        """Which beliefs about lone calls it goes by."""
        return "the outcome model's" if self.lone is None else self.lone.about

    @cached_property
    def team(self) -> TeamForecasts:
        """The simulation that serves."""
        return TeamForecasts(self.model, self.bills, self.profile)

    def read(self, questions: Questions) -> Seen:
        """What forecasts go by."""
        seen = Seen.of(self.model.features, questions)
        return seen if self.lone is None else self.lone.read(self.team, seen, questions)

    def __call__(self, questions: Questions) -> Belief:
        """Beliefs about lone calls, `[Q, S, M]`."""
        return self.team.belief(self.read(questions))

    def forecasts(self, questions: Questions, designs: Sequence[Design] | None = None) -> Forecasts:
        """Of the portfolio, or of other designs, `[Q, D]`."""
        return self.forecasts_on(self.read(questions), designs)

    def forecasts_on(self, seen: Seen, designs: Sequence[Design] | None = None) -> Forecasts:
        """The same of what was read already."""
        if designs is not None:
            return self.team.forecasts(seen, designs)
        made = self.team.forecasts(seen, self.designs)
        return Forecasts(expit(_logit(made.accuracy) + self.level), made.usd, made.seconds)

    @cached_property
    def trained(self) -> Forecasts:
        """Of the training questions that prices are found on (`priced`), as if their own answers
        were not known."""
        return self.forecasts_on(self.seen)

    def prices(self, budget: Budget) -> tuple[float, float]:
        """λ_tok per USD and λ_lat per second at which the training questions keep a budget.

        Raises:
            ConfigError: a latency quantile: it is no mean.
        """
        known = self.trained
        tok, lat = assignment_prices(known.accuracy, known.usd, known.seconds, budget)
        return tok * _OFF_TIES, lat * _OFF_TIES

    def choose(self, questions: Questions, lambda_tok: float, lambda_lat: float) -> Index:
        """Which design each question gets, `[Q]`."""
        return self.forecasts(questions).best(lambda_tok, lambda_lat)


def question_planner(
    observed: Observations,
    questions: Questions,
    role_embedding: Array,
    profile: Prior,
    template: Template,
    blind: OutcomeModel,
    published: Published | None = None,
) -> QuestionPlanner:
    """Fit everything to observed calls; some seconds.

    Where one role answers, beliefs about lone calls are of the kind that errs least on training
    questions that are left out (`choose_lone`); without any call they are the published scores by
    nearness to benchmarks; else they are the outcome model's, which knows roles and messages.

    Args:
        observed: calls; questions: in its numbering.
        role_embedding: `[S, H]`.
        profile: of the backbones.
        template: roles and admissible edges.
        blind: the model that knows no question, which searches the portfolio.
        published: scores by family of benchmarks, where the encoder was at hand.
    """
    features = QuestionFeatures.fit(questions, role_embedding, by_kind=one_role(template))
    seen = Seen.of(features, questions)
    model = QuestionModel.fit(observed, seen, features, profile, template.lead)
    bills = Bills.fit(observed, profile, model, seen)
    space = PlanSpace(template, (tuple(range(len(profile.names))),))
    designs = portfolio(blind, space)
    shift = left_out_shift(model.layout, model.left_out, profile.thinks, seen)
    trained, lone = replace(seen, shift=shift), None
    team, near = TeamForecasts(model, bills, profile), _nearness(profile, published)
    if near is not None and not len(observed):
        lone = LoneBeliefs(NEARNESS, near, 1.0, {})
        trained = lone.read(team, seen, questions)
    elif one_role(template) and len(observed):
        chosen = choose_lone(tried_kinds(observed, questions, trained, team, near), observed)
        lone, trained = chosen.lone, chosen.trained(team, seen)
    return QuestionPlanner.of(template, profile, model, bills, designs, trained, lone)


def _nearness(profile: Prior, published: Published | None) -> NearnessBeliefs | None:
    """None where published scores tell no family of benchmarks from another."""
    if published is None or not published.tells:
        return None
    return NearnessBeliefs.of(profile, published.logits, published.centroids, ("lead",))


def priced(n: int) -> Index:
    """Which of n training questions prices are found on."""
    return _spread(n, _PRICED)


def _spread(n: int, most: int) -> Index:
    """Places of at most so many of n, evenly."""
    return np.linspace(0, n - 1, min(most, n)).astype(np.int64)


def _logit(p: Array) -> Array:
    out: Array = logit(np.clip(p, 1e-6, 1 - 1e-6))
    return out
