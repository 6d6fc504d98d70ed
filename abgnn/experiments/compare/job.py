"""One job of a comparison: train at one operating point, evaluate on held-out questions, write."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from abgnn import __version__
from abgnn.data.outcome import Outcome
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.evaluation.rows import Row, summarise
from abgnn.experiments.compare.complete import complete_policies
from abgnn.experiments.compare.controls import (
    BLIND,
    COMPLETE,
    ORACLES,
    PLANNERS,
    SAMPLED,
    TAUGHT,
    plain_policies,
)
from abgnn.experiments.compare.oracle import oracle_policies
from abgnn.experiments.compare.planner import planned_policies
from abgnn.experiments.compare.sampled import sampled_policies
from abgnn.experiments.compare.taught import taught_policies
from abgnn.experiments.experiment import Experiment, build
from abgnn.models.policy import Policy
from abgnn.rollout.telemetry.switch import set_up
from abgnn.training.call_budget import CallBudget
from abgnn.training.evaluate import evaluate

QUIET = (
    "--model.calibration=null",  # else the policy would learn from calls that are not counted
    "--trainer.logger=false",
    "--trainer.log_every_n_steps=0",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
    "--trainer.enable_checkpointing=false",
    "--trainer.num_sanity_val_steps=0",
    "--trainer.limit_val_batches=0",
)


ByQuery = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that determines a job's result.

    Args:
        method, point, seed: which cell of the comparison.
        configs, overrides: of `abgnn fit`; the seed is among the overrides.
        plain: kind of untrained rows (`plain_policies`), or None: train.
        train_calls: LLM calls for training.
        samples: rollouts per held-out query.
        budgets: USD per query, for rows at equal cost and for plans.
        waits: seconds per query, for plans.
        world: digest of the files: configs and catalogue.
    """

    method: str
    point: str
    seed: int
    configs: tuple[str, ...]
    overrides: tuple[str, ...]
    plain: str | None
    train_calls: int
    samples: int
    budgets: tuple[float, ...]
    world: str
    waits: tuple[float, ...] = ()

    @property
    def key(self) -> str:
        """Hash of all settings: the result's file name."""
        settings = {k: v for k, v in asdict(self).items() if k != "waits" or v}
        text = json.dumps(settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a job.

    Args:
        label: `simulated`, `recorded` or `live`.
        train_calls: LLM calls that training made.
        rows: one per policy.
        by_query: per row and held-out question, in their order: score, USD, seconds (means over
            the rollouts), `[rows, Q, 3]`.
        seconds: that the job took here.
        spent_usd: paid for all its rollouts; a recorded call is free.
        train_questions: how many different questions these calls were made for.
    """

    label: str
    train_calls: int
    rows: tuple[Row, ...]
    by_query: tuple[ByQuery, ...]
    seconds: float
    spent_usd: float = 0.0
    train_questions: int = 0


def digest(files: Sequence[str]) -> str:
    """Hash of the files' contents and of this code's version, whatever is installed beside it."""
    parts = [config_path(name).read_bytes() for name in files]
    return hashlib.sha256(b"\0".join([__version__.encode(), *parts])).hexdigest()[:16]


def run_job(job: Job) -> Result:
    """Train and evaluate."""
    began = time.perf_counter()
    experiment = build(job.configs, [*job.overrides, *QUIET])
    paid, asked = list[float](), set[str]()

    def watch(outcome: Outcome) -> None:
        paid.append(outcome.paid)
        asked.add(outcome.plan.query.id)

    experiment.model.on_outcome = watch
    set_up(experiment.model.rollout_settings.telemetry)
    calls, policies = _policies(experiment, job)
    questions = len(asked) if calls else 0  # oracles have looked at those that judge
    rows, by_query = zip(*_evaluated(experiment, job, policies), strict=True)
    seconds = time.perf_counter() - began
    label = experiment.model.label
    return Result(label, calls, rows, by_query, seconds, sum(paid), questions)


def write_result(job: Job, result: Result, folder: Path) -> None:
    """Write a job's result into a folder, atomically."""
    data = {"job": asdict(job), "result": asdict(result)}
    path = folder / f"{job.key}.json"
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(data), encoding="utf-8")
    part.replace(path)


def read_result(job: Job, folder: Path) -> Result | None:
    """The result of an earlier run; None: there is none, or it is incomplete."""
    path = folder / f"{job.key}.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))["result"]
        rows = tuple(Row(**row) for row in data.pop("rows"))
        by_query = tuple(tuple((s, c, t) for s, c, t in row) for row in data.pop("by_query"))
        return Result(rows=rows, by_query=by_query, **data)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _train(experiment: Experiment, calls: int) -> int:
    """Train until so many LLM calls were made; how many were."""
    budget = CallBudget(calls)
    experiment.trainer.callbacks.insert(0, budget)  # type: ignore[attr-defined]
    experiment.fit()
    return budget.calls


def _policies(experiment: Experiment, job: Job) -> tuple[int, list[tuple[str, Policy]]]:
    """Number of training calls, and the policies, one point of the frontier each."""
    model = experiment.model
    if job.plain is None:
        return _train(experiment, job.train_calls), [(job.point, model.policy)]
    budgets = (job.budgets, job.waits)
    if job.plain in COMPLETE:
        return complete_policies(job.plain, experiment, *budgets)
    if job.plain in SAMPLED:
        return sampled_policies(job.plain, experiment, *budgets)
    if job.plain in PLANNERS:
        blind = job.plain == BLIND
        return planned_policies(experiment, job.train_calls, *budgets, job.seed, blind=blind)
    if job.plain in TAUGHT:
        made = (experiment, job.configs, [*job.overrides, *QUIET], job.train_calls)
        return taught_policies(job.plain, *made, *budgets, job.seed)
    if job.plain in ORACLES:
        return 0, oracle_policies(job.plain, experiment)
    return 0, list(plain_policies(job.plain, model.mas, job.budgets, job.seed))


def _evaluated(
    experiment: Experiment, job: Job, policies: list[tuple[str, Policy]]
) -> list[tuple[Row, ByQuery]]:
    model, queries = experiment.model, experiment.data.queries("test")
    with model.new_executor(experiment.data) as executor:
        executor.check()
        outcomes = [
            (name, evaluate(policy, model.mas, executor, queries, samples=job.samples))
            for name, policy in policies
        ]
        if executor.exhausted is not None:  # refusals of a cap would distort a method's figures
            raise ConfigError("rollout.caps", executor.exhausted, "caps that all methods fit into")
    for _, mine in outcomes:
        _check_outcomes(mine)
    return [(summarise(name, mine), _by_query(mine, job.samples)) for name, mine in outcomes]


def _check_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Raise for bugs; other failures count for the method: no budget left, a reply cut off, …"""
    bugs = [outcome for outcome in outcomes if outcome.kind == "internal"]
    if bugs:
        raise RuntimeError(f"{len(bugs)} of {len(outcomes)} rollouts: {bugs[0].error}")


def _by_query(outcomes: Sequence[Outcome], samples: int) -> ByQuery:
    """Means over each question's rollouts, which are adjacent."""
    triples = np.array([(o.score, o.cost, o.latency) for o in outcomes])  # [Q * samples, 3]
    means: list[list[float]] = triples.reshape(-1, samples, 3).mean(1).tolist()
    return tuple((score, cost, latency) for score, cost, latency in means)
