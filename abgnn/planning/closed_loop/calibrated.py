"""From a calibration to a closed loop: agents are LLMs in roles that read nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.errors import ConfigError
from abgnn.planning.by_question import QuestionPlanner, priced
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.answer_table import NO_KEY, AnswerTable
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.loop_agents import LoopAgents
from abgnn.planning.closed_loop.prior import LoopPrior
from abgnn.planning.closed_loop.reading import reading_of
from abgnn.planning.lone_beliefs import one_role
from abgnn.planning.observations import Observations
from abgnn.planning.questions import Questions


@dataclass(frozen=True, eq=False)
class PlannerPredict:
    """Accuracy, USD and seconds of agents by question, as a planner believes."""

    planner: QuestionPlanner
    agents: LoopAgents

    def __call__(self, questions: Questions) -> tuple[Array, Array, Array]:
        belief = self.planner(questions)
        accuracy, usd, seconds = (
            self.agents.columns(values) for values in (belief.accuracy, belief.usd, belief.seconds)
        )
        return accuracy, usd, seconds


def closed_loop_of(calibration: Calibration) -> ClosedLoop:
    """A closed loop, fitted to a calibration of any design.

    The prior is the planner's beliefs about lone calls; on the training questions they are those
    of a model that has not seen the questions' own answers.

    Raises:
        ConfigError: no question, no call, or no key in the file.
    """
    observed, questions = calibration.observed, calibration.questions
    if questions is None or not len(observed):
        value = f"{calibration.rollouts} rollouts"
        raise ConfigError("calibration", value, "calls with their questions, for a closed loop")
    if observed.key is None and observed.form is None:
        allowed = "with the keys of answers, as `abgnn calibrate` writes it now, for a closed loop"
        raise ConfigError("calibration", "no keys", allowed)
    keyed = observed.key is not None and bool((observed.key >= 0).any())
    if not keyed and observed.form is None:
        allowed = "answers that can be compared, such as letters and numbers; plan with --static"
        raise ConfigError("calibration", "no answer has a key", allowed)
    planner = calibration.by_question()
    if not keyed and observed.passes is not None and not observed.passes.any():
        allowed = "some run with public examples, as `abgnn calibrate` runs them now"
        raise ConfigError("calibration", "programs that were not run", allowed)
    rows, agents = priced(len(questions)), LoopAgents.of(planner)
    belief = planner.team.belief(planner.seen)
    left_out, usd, seconds = (
        agents.columns(values) for values in (belief.accuracy, belief.usd, belief.seconds)
    )
    weights = planner.profile.weights or planner.backbones
    table = answer_table(
        observed,
        questions.rows(rows),
        rows,
        agents,
        agents.names(planner),
        tuple(weights[m] for _, m in agents.agents),
    )
    prior = LoopPrior(PlannerPredict(planner, agents), left_out)
    able = agents.answering(planner.template.decision)
    made = ClosedLoop.fit(questions.rows(rows), table, prior, able=able)
    if one_role(planner.template):
        return made
    if made.table.has_keys:
        reading = reading_of(planner, agents, questions.rows(rows).kinds, left_out, usd)
        made = replace(made, reading=reading)
    return replace(made, bills=(usd, seconds)).with_hardness()


def answer_table(
    observed: Observations,
    questions: Questions,
    rows: Index,
    agents: LoopAgents,
    names: Sequence[str],
    families: Sequence[str],
) -> AnswerTable:
    """The first answer of each agent that read nothing, to each question; nan where there is none.

    Args:
        observed: calls; rows: their questions, in this order.
        questions: of these rows.
        agents: A of them; names, families: theirs.
    """
    n, place = len(rows), {agent: a for a, agent in enumerate(agents.agents)}
    row_of = {int(q): i for i, q in enumerate(rows)}
    right, usd, seconds = (np.full((n, len(place)), np.nan) for _ in range(3))
    keys = np.full((n, len(place)), NO_KEY)
    passes = None if observed.passes is None else np.full((n, len(place)), -1)
    width = 0 if observed.form is None else observed.form.shape[1]
    features = np.full((n, len(place), width), np.nan) if width else None
    for i in np.flatnonzero(observed.n_messages == 0):
        q = row_of.get(int(observed.query[i]))
        a = place.get((int(observed.slot[i]), int(observed.backbone[i])))
        if q is not None and a is not None and np.isnan(right[q, a]):
            right[q, a] = observed.right[i]
            if observed.key is not None:
                keys[q, a] = observed.key[i]
            if passes is not None and observed.passes is not None:
                passes[q, a] = observed.passes[i]
            if features is not None and observed.form is not None:
                features[q, a] = observed.form[i]
            usd[q, a], seconds[q, a] = observed.usd[i], observed.seconds[i]
    options = np.zeros(n, dtype=np.int64) if observed.options is None else observed.options[rows]
    return AnswerTable(
        tuple(names), keys, right, usd, seconds, options, questions.kinds, questions.texts,
        tuple(families), passes, features,
    )  # fmt: skip
