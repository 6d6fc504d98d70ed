"""From an experiment to a calibration: rollouts of the design and their observations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.experiments.experiment import Experiment
from abgnn.experiments.jobs.blocks import Blocks, executor_of
from abgnn.experiments.progress import Progress, watch
from abgnn.experiments.published import published_scores
from abgnn.graph.base_mas import BaseMAS
from abgnn.planning import calibration_plans, complete_plans, observe
from abgnn.planning.calibration import Calibration
from abgnn.planning.lone_beliefs import one_role
from abgnn.training.profiles_alone import kinds_of, profiles_alone

CalibrationDesign: TypeAlias = Literal["random", "complete"]


def calibrate_experiment(
    experiment: Experiment,
    rollouts: int = 320,
    seed: int = 0,
    by: str | None = None,
    *,
    design: CalibrationDesign = "random",
    progress: Progress | None = None,
    blocks: Blocks | None = None,
) -> Calibration:
    """Run the calibration design on the training questions; observe every call.

    Calls pass the experiment's recording and caps, phase `calibrate`: a run that was stopped
    pays only for what is missing. Without rollouts it holds the profiles only. Published scores by
    family of benchmarks are kept where plans may go by them: without rollouts, and where one role
    answers.

    Args:
        experiment: client, catalogue, roles and questions.
        rollouts: how many.
        seed: of the design.
        by: entry of the questions' `meta` by whose values plans may differ.
        design: `random` committees, or `complete`: every LLM alone on fewer questions, as closed
            loops like it.
        progress: notified of every rollout.
        blocks: execute the rollouts as jobs; None: in this process.

    Raises:
        JobError: a block of the rollouts failed.
        ConfigError: no call was answered, a question has no such entry, or the planner cannot
            forecast which agents the framework calls.
    """
    model, data = experiment.model, experiment.data
    mas = model.mas
    check_foreseeable(mas)
    data.setup("fit")
    queries = data.queries("train")
    known = profiles_alone(mas, queries, by)
    if design == "complete":
        known = _alone(known)
    plans = _designed(design, queries, known, mas.catalogue.names, rollouts, seed)
    if not plans or one_role(known.template):
        known = replace(known, published=published_scores(mas))
    if not plans:
        return known
    watch(progress, model, len(plans))
    with executor_of(model, data, blocks) as executor:
        executor.check(plans)
        outcomes = executor.run(plans, samples=list(range(len(plans))), phase="calibrate")
        programs = getattr(data, "programs", False)
        passes = executor.examples(outcomes, "calibrate") if programs else None
    _, group = kinds_of(queries, by)
    hard = known.observed.difficulty.tolist()
    difficulty = {query.id: value for query, value in zip(queries, hard, strict=True)}
    observed = observe(outcomes, data, known.profile, known.template, difficulty, group, passes)
    if not len(observed):
        raise ConfigError("calibrate", outcomes[0].error, "calls that are answered")
    spent, label = sum(o.paid for o in outcomes), model.label
    return replace(known, label=label, observed=observed, rollouts=len(plans), spent_usd=spent)


def _designed(
    design: CalibrationDesign,
    queries: Sequence[Query],
    known: Calibration,
    names: Sequence[str],
    rollouts: int,
    seed: int,
) -> list[Plan]:
    """The plans whose calls are observed."""
    if design == "complete":
        return complete_plans(queries, known.everything, names, rollouts)
    return calibration_plans(queries, known.everything, names, rollouts, seed)


def check_foreseeable(mas: BaseMAS) -> None:
    """
    Raises:
        ConfigError: the planner cannot forecast which agents the framework calls.
    """
    if not getattr(mas.framework, "foreseeable", True):
        allowed = "a system that calls each agent once, along the plan's edges, for only that is "
        allowed += "foretold; train with model.budget instead"
        raise ConfigError("mas.framework", type(mas.framework).__name__, allowed)


def _alone(known: Calibration) -> Calibration:
    """Of the lead alone: nobody reads anybody."""
    template = known.template
    embedding = known.role_embedding
    if embedding is not None:
        embedding = embedding[[template.lead, template.decision]]
    return replace(known, template=template.alone(), role_embedding=embedding)
