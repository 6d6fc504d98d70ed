"""`LoopKnowledge`: what a `LoopNet` goes by beside its weights; kept in checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.data.plan import Agent
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.loop_features import ROLE, LoopFeatures, LoopView
from abgnn.models.plan_knowledge import role_components
from abgnn.planning.by_question import priced
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.calibrated import PlannerPredict, closed_loop_of
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.prior import text_folds
from abgnn.planning.closed_loop.problem import LoopProblem

HELD = 3  # one of so many questions judges what REINFORCE has learned on the others


@dataclass(frozen=True)
class LoopKnowledge:
    """
    Args:
        loop: closed form, and the calibration.
        agents: role and LLM of each of the loop's agents.
        features: what the net reads.
        x: of the calibration's questions, `[n, 16]`.
        encoder: of the texts.
        by: entry of `Query.meta` that names the kind of a question, or None.
    """

    loop: ClosedLoop
    agents: tuple[Agent, ...]
    features: LoopFeatures
    x: Array
    encoder: str
    by: str | None = None

    def lessons(self) -> tuple[list[LoopProblem], AnswerTable, Index] | None:
        """Problems of the calibration, left out, whose candidates have all answered, the answers,
        and which questions these are; None where there are not two such questions."""
        table, problems = self.loop.table, self.loop.replay.problems
        place = {name: m for m, name in enumerate(table.llms)}
        known = [table.answered[q, [place[n] for n in p.names]] for q, p in enumerate(problems)]
        able = [corrected(p) and bool(k.all()) for p, k in zip(problems, known, strict=True)]
        if sum(able) < 2:
            return None
        rows = np.flatnonzero(np.array(able))
        return [p for p, taken in zip(problems, able, strict=True) if taken], table.rows(rows), rows

    @cached_property
    def held(self) -> frozenset[str]:
        """Texts of the calibration that REINFORCE does not learn from, so that it can be judged on
        them."""
        texts = self.loop.table.texts
        fold = text_folds(texts, HELD)
        return frozenset(text for text, k in zip(texts, fold, strict=True) if not k)

    def view_of(self, rows: Index) -> LoopView:
        """What the net reads of the calibration's questions."""
        return LoopView(self.features, self.x[rows])


def corrected(problem: LoopProblem) -> bool:
    """Whether the net is for it: two candidates or more, answers with keys, and nothing else that
    is read or that reads."""
    return len(problem) > 1 and problem.keys and problem.bins == 1 and problem.readers is None


def loop_knowledge(calibration: Calibration, mas: BaseMAS) -> LoopKnowledge:
    """From a calibration with the keys of answers.

    Raises:
        ConfigError: it has none.
    """
    loop = closed_loop_of(calibration)
    predict, questions = loop.prior, calibration.questions
    assert isinstance(predict, PlannerPredict)
    assert questions is not None
    planner, places = predict.planner, predict.agents.agents
    slots, llms = np.array(places).T
    profile = planner.profile
    published = np.log(profile.accuracy / (1 - profile.accuracy))
    figures = np.stack([published - published.mean(), np.asarray(profile.thinks, float)], 1)
    roles = role_components(planner.model.features.role_embedding)
    edges = set(planner.template.edges)
    links = np.array([[(int(s), int(t)) in edges for t in slots] for s in slots])
    asked = questions.rows(priced(len(questions)))
    features = LoopFeatures.of(
        asked,
        loop.replay.problems,
        loop.llms,
        [planner.backbones[m] for m in llms],
        roles[slots, :ROLE],
        figures[llms],
        links,
    )
    agents = tuple(Agent(planner.template.roles[s], planner.backbones[m]) for s, m in places)
    return LoopKnowledge(
        loop, agents, features, features.question(asked), calibration.encoder, questions.by
    )
