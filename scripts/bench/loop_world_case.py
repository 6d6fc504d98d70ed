"""One case of loop_world: a simulated world, a draw of training questions, and test answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from silent import trainer

from abgnn.data.outcome import Outcome
from abgnn.data.query import Query, options_of
from abgnn.experiments.calibrate import CalibrationDesign, calibrate_experiment
from abgnn.experiments.experiment import Experiment
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph, Policy
from abgnn.models.questions import questions_of
from abgnn.planning import complete_plans
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.answer_table import NO_KEY, AnswerTable, key_codes
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.forms import program_bin
from abgnn.planning.closed_loop.replay import Replay
from abgnn.planning.questions import Questions
from abgnn.rollout import SimulatedClient
from abgnn.training import Reinforce
from abgnn.training.evaluate import evaluate
from datamodules import MATH, MMLU, Arithmetic, HumanEval, QuickQA
from datamodules.question_set import QuestionSet

DATA = {"general": QuickQA, "math": Arithmetic, "code": HumanEval}
FILES = {"general": MMLU, "math": MATH}
STANDARD, STANDARD_QUESTIONS = 320, 80  # rollouts of committees, and their questions
JUDGED = 1_000_000  # sample of the test
_VAL = 4


class Case:
    """
    Args:
        args: of the command.
        seed: of the world.
        draw: of the training questions.
    """

    def __init__(self, args: object, seed: int, draw: int) -> None:
        self.args, self.seed = args, seed + 1000 * draw
        self.domain: str = args.domain  # type: ignore[attr-defined]
        self.size: int = args.questions  # type: ignore[attr-defined]
        self.client = SimulatedClient(world_seed=seed, version=3)
        self.mas = BaseMAS(self.domain, encoder="offline")
        self.names = self.mas.catalogue.names
        self.module = Reinforce(FixedGraph(self.names[0]), self.mas, self.client)  # type: ignore[arg-type]
        self.data = self._data(self.size)
        self.data.setup("test")
        copies: int = args.copies  # type: ignore[attr-defined]
        self.test: list[Query] = [
            replace(q, id=f"{q.id}~{k}") for q in self.data.queries("test") for k in range(copies)
        ]

    def _data(self, n_train: int) -> QuestionSet:
        sizes = {"n_train": n_train, "n_val": _VAL, "seed": self.seed}
        path: str | None = self.args.file  # type: ignore[attr-defined]
        if path is not None:
            return FILES[self.domain](path=path, **sizes)
        more = {"n_questions": 330} if self.domain == "math" else {}
        return DATA[self.domain](**sizes, **more)

    def calibration(self, design: CalibrationDesign) -> Calibration:
        """Every LLM on every training question, or the standard 320 rollouts on 80 of them."""
        if design == "complete":
            data, rollouts = self.data, self.size * len(self.names)
        else:
            data, rollouts = self._data(STANDARD_QUESTIONS), STANDARD
        made = Experiment(self.module, data, trainer())
        return calibrate_experiment(made, rollouts, self.seed, design=design)

    @cached_property
    def complete(self) -> Calibration:
        return self.calibration("complete")

    @cached_property
    def questions(self) -> Questions:
        """Of the test."""
        known = self.complete.questions
        return questions_of(self.mas, self.test, None if known is None else known.by)

    @cached_property
    def table(self) -> AnswerTable:
        """What every LLM alone answers to the test questions; a loop's calls are the same ones."""
        n, m = len(self.test), len(self.names)
        plans = complete_plans(self.test, self.complete.everything, self.names, n * m)
        with self.module.new_executor(self.data) as executor:
            outcomes = executor.run(plans, samples=[JUDGED] * len(plans), phase="test")
            programs = getattr(self.data, "programs", False)
            passes = executor.examples(outcomes, "test") if programs else None
        right, usd, seconds = (
            np.array([getattr(o, of) for o in outcomes]).reshape(n, m)
            for of in ("score", "cost", "latency")
        )
        codes, forms = np.full((n, m), NO_KEY), None
        if passes is None:
            keys = [self.data.key(o.plan.query, o.answer) or None for o in outcomes]
            codes = key_codes([keys[q * m : (q + 1) * m] for q in range(n)])
        else:
            forms = np.array([program_bin(of[0]) for of in passes]).reshape(n, m)
        first = self.mas.template.roles[self.mas.template.lead].name
        return AnswerTable(
            tuple(f"{first}: {name}" for name in self.names), codes, right, usd, seconds,
            np.array([options_of(q) for q in self.test]), self.questions.kinds,
            tuple(q.text for q in self.test), forms=forms,
        )  # fmt: skip

    def replay(self, loop: ClosedLoop) -> Replay:
        """Of the test questions."""
        return Replay(loop.problems(self.questions, self.table.options), self.table)

    def run(self, policy: Policy, most: int | None = None) -> list[Outcome]:
        """What a policy makes of the first test questions, by the executor."""
        with self.module.new_executor(self.data) as executor:
            return evaluate(policy, self.mas, executor, self.test[:most], first_sample=JUDGED)


def means(outcomes: Sequence[Outcome]) -> tuple[float, float, float]:
    """Score, USD and seconds per question."""
    n = len(outcomes)
    return (
        sum(o.score for o in outcomes) / n,
        sum(o.cost for o in outcomes) / n,
        sum(o.latency for o in outcomes) / n,
    )
