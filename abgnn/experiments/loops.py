"""Closed loops beside other plans: of a file of `abgnn calibrate`, or of a new calibration."""

from __future__ import annotations

from collections.abc import Callable

from abgnn.errors import ConfigError
from abgnn.experiments.compare.complete import complete_calibration
from abgnn.experiments.compare.readable import check_answers
from abgnn.experiments.experiment import Experiment
from abgnn.models.planned_loops import PlannedLoops
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.loop_plan import LoopPlan

LOOPS = "closed loop"
LoopsAt = Callable[[Budget], PlannedLoops]


def loops_for(experiment: Experiment, file: str | None = None, *, nearest: bool = False) -> LoopsAt:
    """Loops for any budget, from one calibration; where no loop can keep it, the nearest if asked.

    Args:
        experiment: client, catalogue, roles and questions.
        file: of `abgnn calibrate`; None: every LLM is asked every training question now.
        nearest: where no loop is expected to keep a budget, give the one that comes nearest.

    Raises:
        ConfigError: answers that tell nothing, a calibration of other LLMs or roles than the
            experiment's, or of its test questions; a budget, when it is asked for.
    """
    mas = experiment.model.mas
    check_answers("--loop", LOOPS, experiment.data)
    calibration = complete_calibration(experiment) if file is None else _read(experiment, file)
    plan = LoopPlan.of(calibration, Budget())
    plan.check(mas.catalogue.names, [role.name for role in mas.template.roles])
    return lambda budget: PlannedLoops(plan.at(budget, nearest=nearest))


def _read(experiment: Experiment, file: str) -> Calibration:
    calibration = Calibration.load(file)
    experiment.data.setup("test")
    asked = set() if calibration.questions is None else set(calibration.questions.texts)
    seen = sum(query.text in asked for query in experiment.data.queries("test"))
    if seen:
        allowed = f"a calibration of other questions: {file} knows the answers to these"
        raise ConfigError("--calibration", f"{seen} test questions", allowed)
    return calibration
