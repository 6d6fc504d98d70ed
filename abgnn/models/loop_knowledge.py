"""`LoopKnowledge`: what a `LoopNet` goes by beside its weights; kept in checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        """Problems of the calibration, left out, among the agents who answered everything, their
        answers, and which questions these are; None where there are not two such agents for each.
        """
        table = self.loop.table
        complete = {table.llms[a] for a in np.flatnonzero(table.answered.all(0))}
        problems = [alone(p, complete) for p in self.loop.replay.problems]
        kept = [q for q, p in enumerate(problems) if p is not None]
        if len(kept) < max(2, len(problems) // 2):
            return None
        rows = np.array(kept)
        return [p for p in problems if p is not None], table.rows(rows), rows

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


def alone(problem: LoopProblem, names: set[str]) -> LoopProblem | None:
    """The same without readers, among these candidates; None where fewer than two are left."""
    at = [i for i, name in enumerate(problem.names) if name in names]
    if len(at) < 2 or not problem.keys or problem.bins > 1:
        return None
    cut = {
        "names": tuple(problem.names[i] for i in at),
        "families": tuple(problem.families[i] for i in at) if problem.families else (),
        "no_key": None if problem.no_key is None else problem.no_key[at],
    }
    arrays = {of: getattr(problem, of)[at] for of in ("accuracy", "usd", "seconds")}
    return replace(problem, readers=None, **cut, **arrays)


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
