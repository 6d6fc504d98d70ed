"""`ClosedLoopProgram`: ask, read what was answered, stop or ask again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np

from abgnn.data.answer_form import form_features
from abgnn.data.arrays import Array
from abgnn.data.loop_step import LoopStep
from abgnn.data.program import AgentAnswer, Program, Stage
from abgnn.data.query import Query, options_of
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.decision_graph import DecisionGraph
from abgnn.planning.closed_loop.forms import FormScale, program_bin
from abgnn.planning.closed_loop.lookahead import Asked, LoopProblem, Step, decide
from abgnn.planning.closed_loop.problem import FULL, MOST_CALLS
from abgnn.planning.closed_loop.readers import Readers

FARES = (None, "fails", "passes")
"""What a program makes of the public examples, as steps name it; the first: it is not run, and is
not said to be the same as another that is not."""


@dataclass(frozen=True)
class Reader:
    """An agent that may read all answers; its own answer then stands.

    Args:
        accuracy: P(right) alone.
        good, bad: what n right, or n wrong, answers add to its logit, for n = 0, 1, ….
        usd, seconds: of its call when it reads n answers.
    """

    accuracy: float
    good: tuple[float, ...]
    bad: tuple[float, ...]
    usd: tuple[float, ...]
    seconds: tuple[float, ...]

    @classmethod
    def of(cls, readers: Readers, r: int) -> Reader:
        """One of a problem's."""
        rows = (readers.good, readers.bad, readers.usd, readers.seconds)
        return cls(float(readers.accuracy[r]), *(tuple(row[r].tolist()) for row in rows))


@dataclass(frozen=True)
class ClosedLoopProgram(Program):
    """The plan's agents are candidates, each asked at most once, if it is worth its price, and
    behind them readers.

    After every answer the posterior says how likely each key is right; the loop stops, or asks
    the agent whose answer is worth most (`abgnn.planning.closed_loop.decide`). The answer is the
    text of the ablest agent that gave the most probable key, when the last call has ended, and no
    decision agent is called; or that of a reader of all answers, where that is worth more. Free
    texts that answer a user's own question cannot be compared; each is as likely right as its
    agent, so a dearer one is asked where that is worth its price (`after`). A call
    that fails, is refused by a cap or comes too late is evidence of nothing; when nobody is left
    to ask, or no time, the posterior answers. At least one agent is asked whatever the prices.
    The same numbers and the same answers give the same decisions.

    Args:
        accuracy: P(right) of each agent alone.
        usd, seconds: expected, of one call of each.
        lambda_tok, lambda_lat: prices of a USD and of a second, in accuracy.
        model: how answers go together.
        families: of like weights, one name per agent; empty: every agent is its own.
        no_key: P(no key | wrong) of each agent; empty: hardly ever.
        keys: whether answers can be compared; else each of them may be right.
        form_right, form_wrong: P(bin | right) and P(bin | wrong) of each agent's answers; empty: an
            answer alone tells nothing.
        scales: how each agent's texts are sorted into bins; empty: answers are programs, which are
            run with the question's public examples (`abgnn.planning.closed_loop.forms`).
        readers: agents that may read all answers.
        most_calls: at most 4.
        depths: calls looked ahead after 0, 1, 2, … answers.
        parallel: whether the first two may be asked at once.
        final: a and b of the calibrated P(right).
    """

    accuracy: tuple[float, ...]
    usd: tuple[float, ...]
    seconds: tuple[float, ...]
    lambda_tok: float
    lambda_lat: float = 0.0
    model: AnswerModel = field(default_factory=AnswerModel)
    families: tuple[str, ...] = ()
    no_key: tuple[float, ...] = ()
    keys: bool = True
    form_right: tuple[tuple[float, ...], ...] = ()
    form_wrong: tuple[tuple[float, ...], ...] = ()
    scales: tuple[FormScale, ...] = ()
    readers: tuple[Reader, ...] = ()
    most_calls: int = MOST_CALLS
    depths: tuple[int, ...] = FULL
    parallel: bool = True
    final: tuple[float, float] = (1.0, 0.0)

    def __post_init__(self) -> None:
        if isinstance(self.model, Mapping):  # as JSON has it
            object.__setattr__(self, "model", AnswerModel(**self.model))
        for name in ("form_right", "form_wrong"):
            rows = tuple(tuple(map(float, row)) for row in getattr(self, name))
            object.__setattr__(self, name, rows)
        object.__setattr__(self, "scales", tuple(_scale(scale) for scale in self.scales))
        object.__setattr__(self, "readers", tuple(_reader(r) for r in self.readers))
        _ = self.problem  # which refuses what is wrong

    @classmethod
    def of(
        cls, problem: LoopProblem, scales: tuple[FormScale, ...] = (), **own: Any
    ) -> ClosedLoopProgram:
        """The program of a planned question; `scales`: of the candidates' texts; `own`: of a
        subclass."""
        return cls(
            accuracy=tuple(problem.accuracy.tolist()),
            usd=tuple(problem.usd.tolist()),
            seconds=tuple(problem.seconds.tolist()),
            lambda_tok=problem.lambda_tok,
            lambda_lat=problem.lambda_lat,
            model=problem.model,
            families=tuple(problem.families),
            no_key=() if problem.no_key is None else tuple(problem.no_key.tolist()),
            keys=problem.keys,
            form_right=_rows(problem.form_right),
            form_wrong=_rows(problem.form_wrong),
            scales=scales,
            readers=_readers(problem),
            most_calls=problem.most_calls,
            depths=problem.depths,
            parallel=problem.parallel,
            final=problem.final,
            **own,
        )

    @cached_property
    def problem(self) -> LoopProblem:
        """As numbers; agents are named by index."""
        return LoopProblem(
            names=tuple(map(str, range(len(self.accuracy)))),
            accuracy=np.array(self.accuracy),
            usd=np.array(self.usd),
            seconds=np.array(self.seconds),
            model=self.model,
            lambda_tok=self.lambda_tok,
            lambda_lat=self.lambda_lat,
            families=self.families,
            no_key=np.array(self.no_key) if self.no_key else None,
            form_right=np.array(self.form_right) if self.form_right else None,
            form_wrong=np.array(self.form_wrong) if self.form_wrong else None,
            keys=self.keys,
            readers=self._readers,
            most_calls=self.most_calls,
            depths=self.depths,
            parallel=self.parallel,
            final=self.final,
        )

    @property
    def _readers(self) -> Readers | None:
        if not self.readers:
            return None
        names = tuple(str(len(self.accuracy) + r) for r in range(len(self.readers)))
        rows = (
            np.array([getattr(reader, of) for reader in self.readers])
            for of in ("accuracy", "good", "bad", "usd", "seconds")
        )
        return Readers(names, *rows)

    def to_mermaid(self, names: Sequence[str]) -> str | None:
        return DecisionGraph.of(self.problem, names).to_mermaid()

    async def run(self, stage: Stage) -> AgentAnswer | str | None:
        answers: list[AgentAnswer] = []
        asked: list[Asked] = []
        failed: set[int] = set()
        while True:
            count = len(self.accuracy)
            lost = [m - count for m in failed if m >= count]
            rule = self.after(asked, stage.query)
            step = rule.decide(asked, {m for m in failed if m < count}, lost)
            stage.note(_noted(step, asked, failed, count))
            if step.reader is not None:
                reader = count + step.reader
                final = await stage.call(
                    reader, answers, last=True, number=0, vital=False, final=True
                )
                if final is not None:
                    return final
                failed.add(reader)
                continue
            if not step.ask:
                break
            calls = [
                stage.call(m, after=answers, last=True, number=0, vital=False) for m in step.ask
            ]
            for m, answer in zip(step.ask, await asyncio.gather(*calls), strict=True):
                if answer is None:
                    failed.add(m)
                else:
                    answers.append(answer)
                    asked.append(await self._read(stage, answer))
        texts = {answer.agent: answer.text for answer in answers}
        return None if step.answer is None else texts[step.answer]

    def after(self, asked: Sequence[Asked], query: Query) -> ClosedLoopProgram:
        """What decides after these answers: where a user's own question got texts, none of which
        states its answer, they are not wrong for that, and cannot be compared; and where it has no
        examples, none of its programs will be run."""
        if query.answer or options_of(query) or not asked:
            return self
        if self.form_right and not self.scales:
            return self._unrun if all(answer.form == 0 for answer in asked) else self
        return self._apart if self.keys and all(answer.key is None for answer in asked) else self

    @cached_property
    def _apart(self) -> ClosedLoopProgram:
        """The same where every answer stands for itself."""
        return self._but(keys=False, readers=())

    @cached_property
    def _unrun(self) -> ClosedLoopProgram:
        """The same where programs are not run."""
        return self._but(form_right=(), form_wrong=())

    def _but(self, **changes: Any) -> ClosedLoopProgram:
        return replace(self, **changes)

    def decide(
        self, asked: Sequence[Asked], failed: Collection[int], readers_failed: Collection[int] = ()
    ) -> Step:
        """What to do after these answers, without agents and readers whose call has failed."""
        return decide(self.problem, asked, failed, readers_failed)

    def read(
        self,
        agent: int,
        text: str,
        key: Callable[[str], str],
        question: str = "",
        passes: bool | None = None,
    ) -> Asked:
        """What the loop reads of an answer: its key, how it is written, what a program makes of the
        public examples."""
        known = key(text) or None if self.keys else None
        if self.scales:
            return Asked(agent, known, self.scales[agent](form_features(text, question)))
        if self.form_right:
            fares = program_bin(passes)
            return Asked(agent, known or FARES[fares], fares)
        return Asked(agent, known)

    async def _read(self, stage: Stage, answer: AgentAnswer) -> Asked:
        runs = self.form_right and not self.scales
        passes = await stage.examples(answer) if runs else None
        return self.read(answer.agent, answer.text, stage.key, stage.query.text, passes)


def _noted(step: Step, asked: Sequence[Asked], failed: Collection[int], count: int) -> LoopStep:
    return LoopStep(
        tuple((answer.llm, str(answer.key or "")) for answer in asked),
        tuple(sorted(failed)),
        step.answer,
        step.probability,
        step.value_stop,
        tuple(float(v) if isfinite(v) else None for v in (*step.value_ask, *step.value_read)),
        step.ask if step.reader is None else (count + step.reader,),
        step.reader is not None,
    )


def _rows(values: Array | None) -> tuple[tuple[float, ...], ...]:
    return () if values is None else tuple(tuple(row) for row in values.tolist())


def _scale(data: FormScale | Mapping[str, Sequence[float]]) -> FormScale:
    """As JSON has it, too."""
    return data if isinstance(data, FormScale) else FormScale.from_dict(data)


def _reader(data: Reader | Mapping[str, Any]) -> Reader:
    """As JSON has it, too."""
    if isinstance(data, Reader):
        return data
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    return Reader(**values)


def _readers(problem: LoopProblem) -> tuple[Reader, ...]:
    readers = problem.readers
    return () if readers is None else tuple(Reader.of(readers, r) for r in range(len(readers)))
