"""`LoneBeliefs`: what a planner goes by about lone calls beside its own outcome model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from abgnn.data.arrays import Array
from abgnn.data.template import Template
from abgnn.planning.chosen_beliefs import choose_beliefs
from abgnn.planning.lone_calls import logit_of
from abgnn.planning.lone_outcomes import LoneOutcomes
from abgnn.planning.nearness import NearnessBeliefs
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior
from abgnn.planning.question_calls import Seen
from abgnn.planning.questions import Questions
from abgnn.planning.team_forecasts import TeamForecasts
from abgnn.planning.two_stage import TwoStageBeliefs, TwoStagePredictions
from abgnn.planning.two_stage_means import squashed

LOGISTIC, NEARNESS = "logistic", "nearness"
SHARES = {"mean of both": 0.5, "two-stage": 1.0, LOGISTIC: 0.0}
"""How much the two-stage predictions weigh beside the outcome model's; the preferred kind first."""


@dataclass(frozen=True)
class LoneBeliefs:
    """Accuracies of lone calls that an outcome model's take the place of, or are averaged with.

    They are about the lead; other roles differ from it as in the outcome model. How sure a belief
    is stays the outcome model's to say.

    Args:
        name: of the kind that was chosen.
        source: predictions.
        share: how much they weigh; the rest is the outcome model's.
        errors: of every kind that was tried, of differences between LLMs on training questions
            that were left out; empty without data.
    """

    name: str
    source: TwoStagePredictions | NearnessBeliefs
    share: float
    errors: Mapping[str, float]

    @property
    def about(self) -> str:
        """Which they are, and why, in a line."""
        if not self.errors:
            return f"{self.name} of published scores to the question, no call"
        by_error = sorted(self.errors, key=lambda name: self.errors[name])
        errors = ", ".join(f"{name} {self.errors[name]:.4f}" for name in by_error)
        return f"{self.name}; leave-one-out error of differences between LLMs: {errors}"

    def read(self, team: TeamForecasts, seen: Seen, questions: Questions) -> Seen:
        """What the outcome model reads of questions, with what leads to these beliefs.

        Args:
            team: simulations with the outcome model.
            seen: of the questions, without a shift.
            questions: a kind that is not stated is taken to be the likeliest one.
        """
        if isinstance(self.source, NearnessBeliefs):
            return believed(team, seen, self.source(questions).accuracy[:, 0])
        kinds = team.model.features.kinds
        if kinds:
            likely = tuple(kinds[g] for g in seen.kind.argmax(1))
            questions = replace(questions, kinds=likely)
        accuracy, usd, seconds = self.source(questions)
        own = _lead(team, seen)
        accuracy = self.share * accuracy + (1 - self.share) * own
        return replace(believed(team, seen, accuracy), usd=usd, seconds=seconds)


def believed(team: TeamForecasts, seen: Seen, accuracy: Array) -> Seen:
    """Seen so that lone calls of the lead are believed to be so accurate, `[Q, M]`."""
    model = team.model
    mean, sd = team.lone.moments(team.lone.regressors(seen))
    lead = model.layout.lead
    shift = logit_of(accuracy, sd[:, lead], model.query_sd) - mean[:, lead]
    return replace(seen, shift=np.repeat(shift[:, None], model.layout.slots, 1))


def one_role(template: Template) -> bool:
    """Whether only one role answers: a routing table, where nobody reads anybody."""
    return len(template.roles) == 2


@dataclass(frozen=True)
class Tried:
    """One kind of beliefs.

    Args:
        lone: fitted to all training questions.
        left_out: accuracies on training questions that they were not fitted to, `[n, M]`.
        usd, seconds: on the same, `[n, M]`; None: the outcome model's.
    """

    lone: LoneBeliefs
    left_out: Array
    usd: Array | None = None
    seconds: Array | None = None

    def trained(self, team: TeamForecasts, seen: Seen) -> Seen:
        """What is seen of the training questions when each is left out."""
        made = believed(team, seen, self.left_out)
        return replace(made, usd=self.usd, seconds=self.seconds)


def tried_kinds(
    observed: Observations,
    questions: Questions,
    seen: Seen,
    team: TeamForecasts,
    near: NearnessBeliefs | None = None,
) -> dict[str, Tried]:
    """Every kind of beliefs about lone calls, the preferred one first.

    Args:
        observed: calls, all by the lead.
        questions: of the training, in its numbering.
        seen: of the same, with the shift that takes away what their own answers have taught.
        team: simulations with the outcome model.
        near: published scores by nearness, where there are any.
    """
    outcomes = lone_outcomes(observed, len(team.profile.names))
    two, own = _two_stage(questions, outcomes, team.profile), _lead(team, seen)
    source, left_out = two.predictions, squashed(two.fitted.left_out)
    _, usd, seconds = source(questions)
    out = {
        name: Tried(LoneBeliefs(name, source, s, {}), s * left_out + (1 - s) * own, usd, seconds)
        for name, s in SHARES.items()
    }
    if near is not None:
        lone = LoneBeliefs(NEARNESS, near, 1.0, {})
        out[NEARNESS] = Tried(lone, near(questions).accuracy[:, 0])
    return out


def choose_lone(tried: Mapping[str, Tried], observed: Observations) -> Tried:
    """The kind with the least leave-one-out error of differences between LLMs."""
    left_out = {name: kind.left_out for name, kind in tried.items()}
    backbones = next(iter(left_out.values())).shape[1]
    name, errors = choose_beliefs(left_out, lone_outcomes(observed, backbones).score)
    return replace(tried[name], lone=replace(tried[name].lone, errors=errors))


def _two_stage(questions: Questions, outcomes: LoneOutcomes, profile: Prior) -> TwoStageBeliefs:
    return TwoStageBeliefs.fit(
        questions,
        outcomes,
        ("lead",),
        profile.names,
        published=profile.accuracy,
        usd=profile.usd,
        seconds=profile.seconds,
    )


def lone_outcomes(observed: Observations, backbones: int) -> LoneOutcomes:
    """Means over calls of one LLM on one question, `[Q, M]`."""
    at = observed.query * backbones + observed.backbone
    size = observed.n_queries * backbones
    count = np.bincount(at, minlength=size)
    means = []
    for value in (observed.right, observed.usd, observed.seconds):
        total = np.bincount(at, value, size)
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        means.append(mean.reshape(observed.n_queries, backbones))
    return LoneOutcomes(*means)


def _lead(team: TeamForecasts, seen: Seen) -> Array:
    """Accuracy of lone calls by the lead in the outcome model, `[Q, M]`."""
    return team.belief(seen).accuracy[:, team.model.layout.lead]
