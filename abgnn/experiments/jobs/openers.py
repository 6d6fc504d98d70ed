"""`Blocks` over configs: their executors are opened where the jobs run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from abgnn.experiments.certify_plan import read_questions
from abgnn.experiments.deployment import Deployment, read_deployment
from abgnn.experiments.jobs.blocks import Blocks
from abgnn.experiments.jobs.scheduler import Scheduler
from abgnn.rollout.executor import Executor

if TYPE_CHECKING:  # Lightning: not where a plan is certified
    from abgnn.experiments.experiment import Experiment


def experiment_blocks(
    configs: Sequence[str], experiment: Experiment, scheduler: Scheduler | None
) -> Blocks | None:
    """Blocks of an experiment that was built from these configs; None without a scheduler."""
    if scheduler is None:
        return None
    opened = partial(_of_experiment, tuple(configs))
    return Blocks(scheduler, opened, experiment.model.rollout_settings)


def deployment_blocks(
    name: str, plain: Mapping[str, str], deployment: Deployment, scheduler: Scheduler | None
) -> Blocks | None:
    """Blocks of one config, without PyTorch; `plain` as for `read_questions`."""
    if scheduler is None:
        return None
    return Blocks(scheduler, partial(_of_deployment, name, dict(plain)), deployment.rollout)


def _of_experiment(configs: tuple[str, ...], processes: int) -> Executor:
    from abgnn.experiments.experiment import build

    experiment = build(configs, ["--trainer.logger=false"])
    model, data = experiment.model, experiment.data
    for stage in ("fit", "test"):
        data.setup(stage)
    deployment = Deployment(model.client, model.mas, model.rollout_settings, model.max_in_flight)
    return deployment.new_executor(data, processes=processes)


def _of_deployment(name: str, plain: Mapping[str, str], processes: int) -> Executor:
    return read_deployment(name).new_executor(read_questions(name, plain), processes=processes)
