"""`TwoStageBeliefs`: two Gaussian processes on probabilities, from what single LLMs answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.planning.beliefs import Belief
from abgnn.planning.bill_model import BillModel, thousands_of_characters
from abgnn.planning.lone_outcomes import LoneOutcomes
from abgnn.planning.question_kernel import KernelFeatures
from abgnn.planning.questions import Questions
from abgnn.planning.two_stage_means import (
    LEAST,
    MOST,
    TwoStageFit,
    TwoStageMeans,
    fit_two_stages,
    squashed,
)


@dataclass(frozen=True)
class TwoStagePredictions:
    """Means alone, which a plan file keeps; squashed, where the beliefs clip.

    Args:
        features: of questions.
        means: of accuracy.
        usd, seconds: bills.
    """

    features: KernelFeatures
    means: TwoStageMeans
    usd: BillModel
    seconds: BillModel

    def __call__(self, questions: Questions) -> tuple[Array, Array, Array]:
        """Accuracy, USD and seconds of every LLM, `[Q, M]` each."""
        read, length = self.features(questions), thousands_of_characters(questions.texts)
        accuracy = squashed(self.means.raw(read))
        return accuracy, self.usd(length, read.kind), self.seconds(length, read.kind)


@dataclass(frozen=True)
class TwoStageBeliefs:
    r"""How likely each LLM is right, from lone answers to training questions.

    .. math:: \hat p_m(q) = \mathrm{clip}(\mu_m + d(q) + f_m(q) + s_m z(q), .03, .98)

    with :math:`\mu_m` an LLM's mean, shrunk towards the mean of all or towards its published
    accuracy; d the difficulty that all LLMs share, a Gaussian process over kinds and texts; f what
    the LLM has beyond it, another one; and z the standardised difficulty. How much text and kind
    say is chosen by leave-one-out error, for f by that of differences between LLMs. Every role is
    believed to do as the lead.

    Args:
        roles, backbones: names.
        features: of questions.
        fitted: predictions, their variance, and predictions of left-out training questions.
        usd, seconds: bills.
    """

    roles: tuple[str, ...]
    backbones: tuple[str, ...]
    features: KernelFeatures
    fitted: TwoStageFit
    usd: BillModel
    seconds: BillModel

    @classmethod
    def fit(
        cls,
        questions: Questions,
        outcomes: LoneOutcomes,
        roles: Sequence[str],
        backbones: Sequence[str],
        published: Array | None = None,
        usd: Array | None = None,
        seconds: Array | None = None,
        by_evidence: bool = False,
    ) -> TwoStageBeliefs:
        """
        Args:
            questions: n training questions.
            outcomes: of M LLMs on them; each question may have been answered by some only.
            roles: S names, the lead's among them.
            backbones: M names.
            published: expected accuracies before any answer, `[M]`; None: the mean of all scores.
            usd, seconds: of LLMs that were never called, `[M]`; None: the others' means.
            by_evidence: how much text and kind say by marginal likelihood, where every LLM has
                answered every question; better with many kinds of few questions.

        Raises:
            ConfigError: outcomes of another number of questions or LLMs.
        """
        shape = (len(questions), len(backbones))
        if outcomes.score.shape != shape:
            raise ConfigError("outcomes.score", outcomes.score.shape, f"{shape}, one per question")
        features = KernelFeatures.fit(questions)
        read, kinds = features(questions), len(features.kinds)
        length = thousands_of_characters(questions.texts)
        prior = np.full(shape[1], np.nanmean(outcomes.score)) if published is None else published
        return cls(
            tuple(roles),
            tuple(backbones),
            features,
            fit_two_stages(read, outcomes.score, prior, kinds, by_evidence=by_evidence),
            BillModel.fit(length, read.kind, outcomes.usd, kinds, prior=usd),
            BillModel.fit(length, read.kind, outcomes.seconds, kinds, prior=seconds),
        )

    @property
    def left_out(self) -> Array:
        """Accuracy of every LLM on every training question from all the others, `[n, M]`."""
        return np.clip(self.fitted.left_out, LEAST, MOST)

    @property
    def predictions(self) -> TwoStagePredictions:
        """Without how sure they are."""
        return TwoStagePredictions(self.features, self.fitted.means, self.usd, self.seconds)

    def __call__(self, questions: Questions) -> Belief:
        read = self.features(questions)
        accuracy, variance = self.fitted.means(read), self.fitted.variance(read)  # [Q, M]
        _, usd, seconds = self.predictions(questions)
        sd = np.sqrt(variance) / (accuracy * (1 - accuracy))
        logit = np.log(accuracy / (1 - accuracy))
        shown = (logit, sd, accuracy, usd, seconds)
        return Belief(*(np.repeat(x[:, None], len(self.roles), 1) for x in shown))  # [Q, S, M]
