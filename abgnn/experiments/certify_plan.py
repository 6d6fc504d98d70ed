"""From a plan file to a certificate on held-out questions; needs neither PyTorch nor Lightning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, Protocol

from abgnn.data.outcome import Outcome
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.evaluation.certificate import Certificate, certify, check_request
from abgnn.experiments.certify_parts import spread_plans
from abgnn.experiments.deployment import Deployment, read_config
from abgnn.experiments.jobs.blocks import Blocks
from abgnn.experiments.progress import Progress
from abgnn.planning.plan_file import PlanFile
from abgnn.rollout.executor import Executor
from abgnn.rollout.ledger.left import left_usd


class Questions(Protocol):
    """What is asked and how answers are judged (`datamodules.QuestionSet`)."""

    seed: int

    def queries(self, split: Any) -> list[Query]: ...
    def score(self, query: Query, response: str) -> float: ...
    def specimen(self, query: Query, *, correct: bool) -> str: ...
    def key(self, query: Query, response: str) -> str: ...


def certify_plan(
    deployment: Deployment,
    questions: Questions,
    plan: PlanFile,
    samples: int = 1,
    *,
    progress: Progress | None = None,
    blocks: Blocks | None = None,
    subject: str = "",
    **budgets: Any,
) -> Certificate:
    """Judge a plan on the test questions; `progress` is shown every rollout.

    With `blocks` the rollouts are executed as jobs, else in this process.

    Every part of a mixture is asked some questions, however rare it is (`certify_parts`);
    the certificate weights parts by their known shares.

    Raises:
        ConfigError: no such backbone or role, or a request that the questions cannot answer; said
            before anything is executed.
    """
    queries = questions.queries("test")
    check_request(len(queries), **budgets)
    mas = deployment.mas
    plan.check(mas.catalogue.names, [role.name for role in mas.template.roles])
    plans, strata = spread_plans(plan, queries, mas.template, samples)
    ids = [k for _ in queries for k in range(samples)]
    if progress is not None:
        progress.start(len(plans), "rollouts", left_usd(deployment.rollout))

    def show(outcome: Outcome) -> None:
        if progress is not None:
            progress.advance(outcome.paid)

    executes: Executor | Blocks
    if blocks is None:
        executes = deployment.new_executor(questions, on_outcome=show)
    else:
        executes = replace(blocks, on_outcome=show)
    with executes as executor:
        executor.check()
        outcomes = executor.run(plans, samples=ids, phase="test")
    return certify(
        outcomes,
        strata=strata,
        most_usd=deployment.rollout.caps.query_usd,
        label=deployment.label,
        seed=questions.seed,
        priced=mas.catalogue.priced,
        subject=subject,
        **budgets,
    )


def read_questions(name: str, plain: Mapping[str, str]) -> Questions:
    """The question set of a config.

    Args:
        name: of the config.
        plain: class path → module that has the class without Lightning.

    Raises:
        ConfigError: the config names none, or one that cannot be.
    """
    data = read_config(name).get("data")
    if not isinstance(data, dict) or "class_path" not in data:
        raise ConfigError(f"{name}: data", data, "a question set, by its class_path")
    path = str(data["class_path"])
    module, _, kind = path.rpartition(".")
    try:
        question_set = getattr(import_module(plain.get(path, module)), kind)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{name}: data.class_path", path, f"a question set ({error})") from error
    values = data.get("init_args") or {}
    try:
        questions: Questions = question_set(**values)
    except TypeError as error:
        raise ConfigError(
            f"{name}: data.init_args", values, f"arguments of {path} ({error})"
        ) from error
    return questions
