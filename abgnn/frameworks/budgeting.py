"""From a framework, questions and budgets to the plan of every question: `PlanChooser`, and
`Budgeted`, the base of systems that run by such plans."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Trainer

from abgnn.data.catalogue import Catalogue
from abgnn.data.framework import AnyFramework, template_of
from abgnn.data.mas import MPNET
from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import Experiment, quiet
from abgnn.experiments.trained import from_checkpoint
from abgnn.frameworks.questions import QuestionFile
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.fixed import FixedGraph
from abgnn.models.planned import PlannedMixture
from abgnn.models.planned_questions import PlannedQuestions
from abgnn.models.policy import Policy
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.planning.prior import Prior
from abgnn.planning.question_plan import QuestionPlan
from abgnn.rollout.clients.base import Client
from abgnn.rollout.clients.openai import OpenAIClient
from abgnn.rollout.settings import Caps, Recording, RolloutSettings
from abgnn.training.evaluate import most_probable
from abgnn.training.reinforce import Reinforce


@dataclass(frozen=True, slots=True)
class Learning:
    """How plans are learned.

    Args:
        questions: a file for `QuestionFile`, or anything with `setup`, `queries` and `score`, as
            the datamodules have.
        domain: of the questions of a file: `general`, `math` or `code`.
        cost_usd, latency_s: mean USD and seconds per question that are aimed at; None: any.
        rollouts: of random teams, by which the backbones are measured.
        calibrate_usd: what these may cost at most in all; None: no limit. Backbones then need
            `max_tokens`.
        folder: where calls and the calibration are kept; what is there is not paid again.
        encoder: a sentence-transformers model, or `offline`.
        client: how LLMs are reached while it learns.
    """

    questions: Any
    domain: str = "general"
    cost_usd: float | None = None
    latency_s: float | None = None
    rollouts: int = 120
    calibrate_usd: float | None = None
    folder: str = "runs/budgeted"
    encoder: str = MPNET
    client: Client = field(default_factory=OpenAIClient)


@dataclass(frozen=True)
class PlanChooser:
    """Which plan for which question.

    Args:
        mas: roles and backbones.
        policy: who chooses.
        label: of the calls that it was learned from: `live`, `simulated`.
        expected: `accuracy`, `cost_usd`, `latency_s` per question, as the planner expects; None
            for a policy that was trained.
    """

    mas: BaseMAS
    policy: Policy
    label: str
    expected: Mapping[str, float | None] | None = None

    def __call__(self, question: str) -> Plan:
        """The plan of a question; nothing is spent."""
        self.policy.attach(self.mas.table)
        query = Query(f"ask/{question}", question, self.mas.domain)
        [chosen] = most_probable(self.policy, self.mas, [query])
        return chosen

    @classmethod
    def within(
        cls,
        framework: AnyFramework,
        catalogue: str,
        checkpoint: str | Policy | None,
        questions: Any,
        **how: Any,
    ) -> PlanChooser:
        """By a checkpoint, or learned from questions.

        Args:
            framework: the system.
            catalogue: YAML file of backbones.
            checkpoint, questions: one of them.
            how: further fields of `Learning`.

        Raises:
            ConfigError: neither, or both; see also `learned` and `trained`.
        """
        if (questions is None) == (checkpoint is None):
            given = (questions, checkpoint)
            raise ConfigError("questions / checkpoint", given, "exactly one of them")
        learning = Learning(questions, **how)
        if checkpoint is None:
            return cls.learned(framework, catalogue, learning)
        return cls.trained(framework, catalogue, checkpoint, learning)

    @classmethod
    def learned(cls, framework: AnyFramework, catalogue: str, how: Learning) -> PlanChooser:
        """Measure the backbones in the framework's roles, then plan within the budgets."""
        mas = BaseMAS(how.domain, catalogue, encoder=how.encoder, n_pools=1, framework=framework)
        calibration = _calibrated(mas, how)
        budget = Budget(how.cost_usd, how.latency_s)
        if calibration.questions is not None:
            made = QuestionPlan.of(calibration, budget)
            return cls(mas, PlannedQuestions(made), calibration.label, made.expected)
        mixture = PlanFile.of(plan(calibration, budget), calibration)  # a calibration of 0.1
        return cls(mas, PlannedMixture(mixture), calibration.label, mixture.expected)

    @classmethod
    def trained(
        cls, framework: AnyFramework, catalogue: str, checkpoint: str | Policy, how: Learning
    ) -> PlanChooser:
        """A policy of a checkpoint (`abgnn fit`), or one that is there already.

        Raises:
            ConfigError: the checkpoint's policy was trained on other roles.
        """
        if isinstance(checkpoint, Policy):
            mas = BaseMAS(how.domain, catalogue, encoder=how.encoder, framework=framework)
            return cls(mas, checkpoint, how.client.label)
        trained, roles = from_checkpoint(checkpoint), template_of(framework).roles
        if not _same(trained.mas.template.roles, roles):
            names = [role.name for role in trained.mas.template.roles]
            raise ConfigError("checkpoint", names, f"one of the team's roles {roles}")
        mas = trained.mas.with_catalogue(Catalogue.from_yaml(catalogue))
        return cls(mas, trained.policy, trained.deployment.label)


class Budgeted(ABC):
    """A system that carries out every task by the plan that was chosen for it.

    Args:
        like: the system as it was read.
        chooser: which plan for which task, on which backbones.
    """

    def __init__(self, like: AnyFramework, chooser: PlanChooser) -> None:
        self.like, self.chooser = like, chooser
        self.catalogue = chooser.mas.catalogue

    def plan(self, task: Any) -> Plan:
        """Who will take part, on which backbones; nothing is spent."""
        return self.chooser(self.text_of(task))

    @staticmethod
    @abstractmethod
    def text_of(task: Any) -> str:
        """A task, in whatever form the other system takes it, as text."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.like!r}, {self.chooser.label})"


def _calibrated(mas: BaseMAS, how: Learning) -> Calibration:
    """The calibration in the folder if it is of this team on these backbones, else a new one."""
    path = Path(how.folder) / "calibration.json"
    if path.is_file():
        kept = Calibration.load(path)
        if _fits(kept, mas, how):
            return kept
    questions = how.questions
    if isinstance(questions, str | Path):
        questions = QuestionFile(questions, how.domain)
    if questions is None:
        raise ConfigError("questions", None, "a file of questions with answers, or a checkpoint")
    settings = RolloutSettings(
        recording=Recording(str(Path(how.folder) / "calls.sqlite")),
        caps=Caps(run_usd=how.calibrate_usd),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    quiet()
    anyone = FixedGraph(mas.catalogue.names[0])
    module = Reinforce(anyone, mas, how.client, rollout=settings)
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)  # never runs
    made = calibrate_experiment(Experiment(module, questions, trainer), how.rollouts)
    made.save(path)
    return made


def _fits(calibration: Calibration, mas: BaseMAS, how: Learning) -> bool:
    """Whether a calibration is of these roles, backbones, prices and kind of calls."""
    now, then = Prior.of(mas.catalogue, mas.domain), calibration.profile
    return (
        _same(calibration.template.roles, mas.template.roles)
        and then.names == now.names
        and np.allclose([then.price_in, then.usd], [now.price_in, now.usd], atol=0)
        and calibration.label == (how.client.label if how.rollouts else "profiles only")
    )


def _same(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    return [(r.name, r.prompt) for r in ours] == [(r.name, r.prompt) for r in theirs]
