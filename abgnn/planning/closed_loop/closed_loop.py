"""`ClosedLoop`: everything that closed loops need, fitted to a calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from abgnn.data.arrays import Array, Index, Mask
from abgnn.errors import ConfigError
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.candidates import MOST, candidates
from abgnn.planning.closed_loop.expected import Expected
from abgnn.planning.closed_loop.fit_answers import AnswerFit, fit_answers
from abgnn.planning.closed_loop.forms import Forms, FormScale, forms_of_programs, forms_of_texts
from abgnn.planning.closed_loop.hardness import bill_luck, fit_hardness
from abgnn.planning.closed_loop.pacing import PacedPrices, Pacer
from abgnn.planning.closed_loop.prior import LoopPrior, fit_prior
from abgnn.planning.closed_loop.problem import FULL, LoopProblem
from abgnn.planning.closed_loop.readers import Readers, Reading
from abgnn.planning.closed_loop.replay import (
    Replay,
    price_of_budget,
    price_of_seconds,
    prices_of_budgets,
)
from abgnn.planning.questions import Questions

LEAST_AGREEMENT = 0.8
"""Of right answers' keys: where fewer are equal, answers are not compared."""
Predict = Callable[[Questions], tuple[Array, Array, Array]]
"""Accuracy, USD and seconds of every LLM on Q questions, `[Q, M]` each."""


@dataclass(frozen=True, eq=False)
class ClosedLoop:
    """
    Args:
        prior: accuracy, USD and seconds of every LLM by question.
        answers: how answers go together.
        chosen: candidates of each task, indices of LLMs; "" has those of an unknown task.
        table: the calibration.
        left_out: accuracies on its questions, each left out with all of the same text, `[n, M]`.
        depths: calls looked ahead.
        final: a and b of the final probability.
        lambda_tok, lambda_lat: prices of a USD and of a second.
        reading: who may read all answers; None: nobody.
        forms: what an answer alone tells; None: nothing.
        bills: USD and seconds believed of the calibration's questions, `[n, M]` each; None: means
            of the table.
        hardness: how fast bills fall with a question's ease, `[2, M]` (`fit_hardness`); None: not
            at all.
    """

    prior: Predict
    answers: AnswerFit
    chosen: Mapping[str, tuple[int, ...]]
    table: AnswerTable
    left_out: Array
    depths: tuple[int, ...] = FULL
    final: tuple[float, float] = (1.0, 0.0)
    lambda_tok: float = 0.0
    lambda_lat: float = 0.0
    reading: Reading | None = None
    bills: tuple[Array, Array] | None = None
    forms: Forms | None = None
    hardness: Array | None = None

    @classmethod
    def fit(
        cls,
        questions: Questions,
        table: AnswerTable,
        prior: LoopPrior | None = None,
        published: Array | None = None,
        most: int = MOST,
        able: Sequence[int] | None = None,
        depths: tuple[int, ...] = FULL,
    ) -> ClosedLoop:
        """
        Args:
            questions: n of the training; their kinds are tasks.
            table: answers to them; each question may have been answered by some LLMs only.
            prior: predictions and their left-out ones; None: two Gaussian processes, fitted here.
            published: accuracies before any answer, `[M]`.
            most: candidates per task.
            able: LLMs that can be candidates; None: all.
            depths: calls looked ahead.

        Raises:
            ConfigError: another number of questions than answers.
        """
        if len(questions) != len(table):
            raise ConfigError("questions", len(questions), f"{len(table)}, as the answers")
        prior = prior or fit_prior(questions, table, published)
        _, usd, _ = prior.predict(questions)
        chosen = choose_candidates(questions.kinds, prior.left_out, usd, most, able)
        if table.has_keys and table.agreement < LEAST_AGREEMENT:
            table = table.without_keys()
        forms, table = _read_forms(table)
        made = cls(
            prior.predict,
            fit_answers(table, prior.left_out, chosen),
            chosen,
            table,
            prior.left_out,
            depths,
            forms=forms,
        )
        return made.with_hardness()

    @property
    def llms(self) -> tuple[str, ...]:
        return self.table.llms

    def problem(self, question: Questions, options: int = 0) -> LoopProblem:
        """Of one question."""
        if len(question) != 1:
            raise ConfigError("question", len(question), "one question")
        return self.problems(question, [options])[0]

    def problems(
        self, questions: Questions, options: Sequence[int] | Index | None = None
    ) -> list[LoopProblem]:
        """Of Q questions; `options`: of each, 0 where it is open."""
        return self._problems(questions.kinds, self.prior(questions), options)

    def scales_of(self, names: Sequence[str]) -> tuple[FormScale, ...]:
        """How texts of some LLMs are read; empty where they are not."""
        if self.forms is None or not self.forms.scales:
            return ()
        return tuple(self.forms.scales[self.llms.index(name)] for name in names)

    def at(self, usd: float, seconds: float | None = None) -> ClosedLoop:
        """With the prices at which a replay of the calibration spends .97 of the budgets."""
        tok, lat = prices_of_budgets(self.replay, usd, seconds)
        return replace(self, lambda_tok=tok, lambda_lat=lat)

    def paced(
        self, usd: float | None, seconds: float | None = None, questions: int | None = None
    ) -> PacedPrices:
        """Keeps the mean cost, and the mean seconds, at budgets while questions are answered.

        Args:
            usd, seconds: budgets per question, at whose prices the loop is; None: not paced.
            questions: how many will be asked; None: open-ended.
        """

        def tok(budget: float) -> float:
            return price_of_budget(self.replay, budget, self.lambda_lat)

        def lat(budget: float) -> float:
            return price_of_seconds(self.replay, budget, self.lambda_tok)

        return PacedPrices(
            (self.lambda_tok, self.lambda_lat),
            None if usd is None else Pacer(usd, tok, questions),
            None if seconds is None else Pacer(seconds, lat, questions),
        )

    @cached_property
    def replay(self) -> Replay | Expected:
        """Of the calibration with left-out accuracies; expected, where answers are missing, as
        those of readers are."""
        there = self.table.answered.all() and self.reading is None
        return Replay(self.expected.problems, self.table) if there else self.expected

    @cached_property
    def expected(self) -> Expected:
        """Of the calibration's questions, whatever was answered to them."""
        table = self.table
        usd, seconds = self._training_bills
        problems = self._problems(table.tasks, (self.left_out, usd, seconds), table.options)
        if not self._of_programs or table.forms is None:
            return Expected(problems)
        return Expected(problems, (table.forms > 0).any(1).astype(float))

    def expected_of(self, problems: Sequence[LoopProblem]) -> Expected:
        """Of new questions."""
        if not self._of_programs or self.forms is None:
            return Expected(problems)
        return Expected(problems, np.full(len(problems), 1 - self.forms.right[:, 0].mean()))

    @property
    def _of_programs(self) -> bool:
        """Whether answers are programs, run with public examples."""
        return self.forms is not None and not self.forms.scales

    @property
    def replay_of_all(self) -> Replay:
        """
        Raises:
            ConfigError: answers are missing: nothing but what is expected can be replayed.
        """
        if not isinstance(self.replay, Replay):
            allowed = "answers of every LLM to every question: `--design complete`"
            raise ConfigError("calibration", "calls that are missing", allowed)
        return self.replay

    @cached_property
    def _training_bills(self) -> tuple[Array, Array]:
        """As believed; else means by task, what the prior says of single questions is not kept."""
        if self.bills is not None:
            return self.bills
        return self.table.task_means(self.table.usd), self.table.task_means(self.table.seconds)

    @cached_property
    def luck(self) -> tuple[float, float]:
        """Variance of the logarithm of the calibration's bills, USD and seconds, around those
        believed."""
        paid = (self.table.usd, self.table.seconds)
        pairs = zip(paid, self._training_bills, strict=True)
        usd, seconds = (bill_luck(bill, believed) for bill, believed in pairs)
        return usd, seconds

    def with_hardness(self) -> ClosedLoop:
        """With what the calibration tells of bills on hard questions."""
        bills = self._training_bills
        return replace(self, hardness=fit_hardness(self.table, self.left_out, self.answers, bills))

    def _problems(
        self,
        tasks: Sequence[str],
        predicted: tuple[Array, Array, Array],
        options: Sequence[int] | Index | None,
    ) -> list[LoopProblem]:
        accuracy, usd, seconds = predicted
        no_key, family_of = np.array(self.answers.no_key), self.table.family_of
        out = []
        for q, task in enumerate(tasks):
            at = np.array(self.chosen.get(task, self.chosen[""]))
            problem = LoopProblem(
                tuple(self.llms[m] for m in at),
                accuracy[q, at],
                usd[q, at],
                seconds[q, at],
                self.answers.model(task, 0 if options is None else int(options[q])),
                self.lambda_tok,
                self.lambda_lat,
                families=tuple(family_of[m] for m in at),
                no_key=no_key[at],
                keys=self.table.has_keys,
                depths=self.depths,
                form_right=None if self.forms is None else self.forms.right[at],
                form_wrong=None if self.forms is None else self.forms.wrong[at],
                readers=self._readers(task, accuracy[q], usd[q], seconds[q]),
                final=self.final,
                hardness=None if self.hardness is None else self.hardness[:, at],
            )
            out.append(problem)
        return out

    def _readers(self, task: str, accuracy: Array, usd: Array, seconds: Array) -> Readers | None:
        if self.reading is None:
            return None
        return self.reading(task, accuracy, usd, seconds, self.hardness)


def _read_forms(table: AnswerTable) -> tuple[Forms | None, AnswerTable]:
    """Whether programs pass their examples, or how texts are written, where these are known. Texts
    are read only where two LLMs answer, or where answers cannot be compared: else what tells of
    several answers' forms is how hard the question is, counted once for each of them."""
    if table.forms is not None:
        return forms_of_programs(table.forms, table.right), table
    if table.features is None or (table.has_keys and len(table.llms) > 2):
        return None, replace(table, features=None)
    forms, bins = forms_of_texts(table.features, table.right)
    return forms, replace(table, forms=bins, features=None)


def choose_candidates(
    tasks: Sequence[str],
    accuracy: Array,
    usd: Array,
    most: int = MOST,
    able: Sequence[int] | None = None,
) -> dict[str, tuple[int, ...]]:
    """Of every task, and "" of all questions, from predictions `[n, M]`; `able`: of whom."""
    of = np.array(tasks)
    at = np.arange(accuracy.shape[1]) if able is None else np.array(able, dtype=np.int64)

    def chosen(rows: Mask) -> tuple[int, ...]:
        means = accuracy[rows].mean(0)[at], usd[rows].mean(0)[at]
        return tuple(at[candidates(*means, most)].tolist())

    out = {"": chosen(np.ones(len(of), dtype=bool))}
    return out | {task: chosen(of == task) for task in dict.fromkeys(tasks)}
