"""A calibration as the planner by question, and queries as it reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from abgnn.data.query import Query
from abgnn.difficulty.start import start_difficulty
from abgnn.graph.base_mas import BaseMAS
from abgnn.nn.difficulty_head import DifficultyHead
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.calibration import Calibration
from abgnn.planning.portfolio import portfolio
from abgnn.planning.question_features import QuestionFeatures
from abgnn.planning.question_model import QuestionModel
from abgnn.planning.questions import Questions
from abgnn.planning.team_forecasts import Bills


@dataclass(frozen=True)
class QuestionReader:
    """From queries to what beliefs read of them.

    Args:
        mas: encodes them.
        head: of difficulty; level: mean and standard deviation of its logit over the training.
        by: entry of `Query.meta` that names a question's kind, or None.
    """

    mas: BaseMAS
    head: DifficultyHead
    level: tuple[float, float]
    by: str | None

    @torch.no_grad()
    def __call__(self, queries: Sequence[Query]) -> Questions:
        embed = self.mas.encode([query.text for query in queries])
        mean, sd = self.level
        difficulty = (-self.head.ease_logit(embed) - mean) / sd
        arrays = (embed.double().numpy(), difficulty.double().numpy())
        return Questions.of(queries, *arrays, self.by)


def reader_of(mas: BaseMAS, queries: Sequence[Query], by: str | None) -> QuestionReader:
    """The difficulty of training questions as `abgnn calibrate` states it, for other ones too."""
    embed = mas.encode([query.text for query in queries])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = DifficultyHead(embed.size(-1))
        start_difficulty(head, queries, embed, float(mas.table.accuracy.mean()), mas.encode.model)
    with torch.no_grad():
        logit = -head.ease_logit(embed)
    spread = float(logit.std(unbiased=False))
    return QuestionReader(mas, head, (float(logit.mean()), spread if spread > 1e-6 else 1.0), by)


def planner_of(
    calibration: Calibration, mas: BaseMAS, queries: Sequence[Query]
) -> tuple[QuestionPlanner, QuestionReader]:
    """The planner of a calibration of these training questions, in their order."""
    read = reader_of(mas, queries, calibration.by)
    questions = read(queries)
    roles = F.normalize(mas.role_embed, dim=1).double().numpy()
    features = QuestionFeatures.fit(questions, roles)
    profile, template = calibration.profile, calibration.template
    model = QuestionModel.fit(calibration.observed, questions, features, profile, template.lead)
    blind = calibration.model()
    bills = Bills(blind.usd, blind.seconds, blind.visible)
    designs = portfolio(blind, calibration.everything)
    return QuestionPlanner.of(template, profile, model, bills, designs, questions), read
