"""What a calibration or a plan believes about one question."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.graph.encoders import TextEncoder
from abgnn.models.questions import embedded
from abgnn.planning.beliefs import Belief
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.calibration import FORMAT as CALIBRATION
from abgnn.planning.calibration import Calibration, file_format
from abgnn.planning.closed_loop.decision_graph import DecisionGraph
from abgnn.planning.closed_loop.loop_plan import FORMAT as LOOP
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.questions import Questions
from abgnn.planning.reading_plan import FORMATS, read_reading_plan


def read_planner(path: str | Path) -> tuple[QuestionPlanner, str, str]:
    """The planner in a file, the encoder of its texts, and what its calls were.

    Raises:
        ConfigError: no such file, or one that knows no questions.
    """
    kind = file_format(path)
    if kind == CALIBRATION:
        calibration = Calibration.load(path)
        return calibration.by_question(), calibration.encoder, calibration.label
    if kind in FORMATS:
        plan = read_reading_plan(path)
        return plan.planner, plan.encoder, plan.label
    allowed = "a file of `abgnn calibrate`, or of `abgnn plan` without --blind"
    raise ConfigError("FILE", str(path), allowed)


def beliefs_about(
    planner: QuestionPlanner, encoder: str, text: str, kind: str | None = None
) -> tuple[Belief, Questions]:
    """Beliefs about lone calls on one question, `[1, S, M]`, and the question as it is read.

    Args:
        planner: of a file.
        encoder: of its texts.
        text: of the question.
        kind: of the question; None: as it reads.

    Raises:
        ConfigError: an empty text.
    """
    if not text.strip():
        raise ConfigError("QUESTION", text, "a text that is not empty")
    query = Query(id="ask", text=text, domain="")
    questions = embedded([query], TextEncoder(encoder)([text]), encoder)
    if kind is not None:
        questions = replace(questions, kinds=(kind,))
    return planner(questions), questions


def decisions_about(path: str | Path, questions: Questions) -> DecisionGraph | None:
    """What closed loops of a file may do on one question; None: the file is of another kind."""
    if file_format(path) != LOOP:
        return None
    plan = LoopPlan.read(path)
    [problem] = plan.loop.problems(questions)
    readers = () if problem.readers is None else problem.readers.names
    names = (*map(_short, problem.names), *readers)
    return DecisionGraph.of(problem, names)


def _short(agent: str) -> str:
    """Without its role, which loops of lone agents share."""
    return agent.rpartition(": ")[2]
