"""`LoneLogistic`: the outcome model that reads questions, fitted to lone LLMs alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.beliefs import Belief
from abgnn.planning.bill_model import BillModel, thousands_of_characters
from abgnn.planning.lone_calls import LoneCalls, expected_accuracy
from abgnn.planning.lone_outcomes import LoneOutcomes
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior
from abgnn.planning.question_calls import Seen
from abgnn.planning.question_features import QuestionFeatures
from abgnn.planning.question_kernel import KernelFeatures
from abgnn.planning.question_model import QuestionModel
from abgnn.planning.questions import Questions

FOLDS = 5


@dataclass(frozen=True)
class LoneLogistic:
    """A `QuestionModel` of one role, with the bills of `TwoStageBeliefs`.

    Args:
        roles: names; all are believed to do alike.
        profile: of the backbones.
        model: of correctness.
        features: kinds, for the bills.
        usd, seconds: bills.
    """

    roles: tuple[str, ...]
    profile: Prior
    model: QuestionModel
    features: KernelFeatures
    usd: BillModel
    seconds: BillModel

    @classmethod
    def fit(
        cls,
        questions: Questions,
        outcomes: LoneOutcomes,
        roles: tuple[str, ...],
        profile: Prior,
        size: int | None = None,
    ) -> LoneLogistic:
        """
        Args:
            questions: n training questions.
            outcomes: of the profile's M LLMs on them.
            roles: S names.
            profile: published accuracies, where abilities start.
            size: F, principal components that are read; None: by the number of questions.
        """
        no_role = np.zeros((2, questions.embedding.shape[1]))  # the agent, and nobody who decides
        read = QuestionFeatures.fit(questions, no_role, size)
        seen = Seen.of(read, questions)
        model = QuestionModel.fit(_observed(outcomes, seen), seen, read, profile)
        features = KernelFeatures.fit(questions)
        kind, kinds = features(questions).kind, len(features.kinds)
        length = thousands_of_characters(questions.texts)
        usd = BillModel.fit(length, kind, outcomes.usd, kinds, prior=profile.usd)
        seconds = BillModel.fit(length, kind, outcomes.seconds, kinds, prior=profile.seconds)
        return cls(roles, profile, model, features, usd, seconds)

    @property
    def backbones(self) -> tuple[str, ...]:
        return self.profile.names

    def __call__(self, questions: Questions) -> Belief:
        seen = Seen.of(self.model.features, questions)
        lone = LoneCalls(self.model.layout, self.model.draws, self.profile.thinks)
        mean, sd = (x[:, 0] for x in lone.moments(lone.regressors(seen)))  # [Q, M]
        kind = self.features(questions).kind
        length = thousands_of_characters(questions.texts)
        accuracy = expected_accuracy(mean, sd, self.model.query_sd)
        shown = (mean, sd, accuracy, self.usd(length, kind), self.seconds(length, kind))
        return Belief(*(np.repeat(x[:, None], len(self.roles), 1) for x in shown))  # [Q, S, M]


def logistic_left_out(
    questions: Questions, outcomes: LoneOutcomes, profile: Prior, size: int | None = None
) -> Array:
    """Accuracies of all LLMs on questions whose fold was left out, `[n, M]`."""
    fold = np.random.default_rng(0).permutation(len(questions)) % FOLDS
    out = np.empty_like(outcomes.score)
    for k in range(FOLDS):
        rows, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        if len(held):
            fitted = LoneLogistic.fit(
                questions.rows(rows), outcomes.rows(rows), ("lead",), profile, size
            )
            out[held] = fitted(questions.rows(held)).accuracy[:, 0]
    return out


def _observed(outcomes: LoneOutcomes, seen: Seen) -> Observations:
    query, backbone = np.nonzero(outcomes.answered)
    nothing, zero = np.zeros(len(query)), np.zeros(len(query), dtype=np.int64)
    return Observations(
        query, backbone, zero, outcomes.score[query, backbone], nothing, nothing,
        outcomes.usd[query, backbone], outcomes.seconds[query, backbone], nothing,
        seen.difficulty, np.zeros(len(seen), dtype=np.int64),
    )  # fmt: skip
