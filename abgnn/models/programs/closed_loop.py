"""`ClosedLoopProgram`: ask, read what was answered, stop or ask again."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite

import numpy as np

from abgnn.data.loop_step import LoopStep
from abgnn.data.program import AgentAnswer, Program, Stage
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.lookahead import Asked, LoopProblem, Step, decide
from abgnn.planning.closed_loop.problem import FULL, MOST_CALLS

PASSES, FAILS = "passes", "fails"


@dataclass(frozen=True)
class ClosedLoopProgram(Program):
    """The plan's agents are candidates; each is asked at most once, if it is worth its price.

    After every answer the posterior says how likely each key is right; the loop stops, or asks
    the agent whose answer is worth most (`abgnn.planning.closed_loop.decide`). The answer is the
    text of the ablest agent that gave the most probable key, when the last call has ended: no
    decision agent is called. A call that fails, is refused by a cap or comes too late is evidence
    of nothing; when nobody is left to ask, or no time, the posterior answers. At least one agent
    is asked whatever the prices. The same numbers and the same answers give the same decisions.

    Args:
        accuracy: P(right) of each agent alone.
        usd, seconds: expected, of one call of each.
        lambda_tok, lambda_lat: prices of a USD and of a second, in accuracy.
        spread, dead, attraction, options, family, misled, shared: of the `AnswerModel`.
        families: of like weights, one name per agent; empty: every agent is its own.
        no_key: P(no key | wrong) of each agent; empty: hardly ever.
        examples: (P(passes | right), P(passes | wrong)) of each agent, where answers are programs
            that are run with the question's public examples in place of comparing their keys.
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
    spread: float = 1.0
    dead: float = 0.03
    attraction: float = 0.55
    options: int = 0
    family: float = 0.0
    misled: float = 0.0
    shared: float = 0.0
    families: tuple[str, ...] = ()
    no_key: tuple[float, ...] = ()
    examples: tuple[tuple[float, float], ...] = ()
    most_calls: int = MOST_CALLS
    depths: tuple[int, ...] = FULL
    parallel: bool = True
    final: tuple[float, float] = (1.0, 0.0)

    def __post_init__(self) -> None:
        pairs = tuple((float(right), float(wrong)) for right, wrong in self.examples)
        object.__setattr__(self, "examples", pairs)  # lists, where it was read from JSON
        _ = self.problem  # which refuses what is wrong

    @classmethod
    def of(cls, problem: LoopProblem) -> ClosedLoopProgram:
        """The program of a planned question; answers are compared by key."""
        model = problem.model
        return cls(
            accuracy=tuple(problem.accuracy.tolist()),
            usd=tuple(problem.usd.tolist()),
            seconds=tuple(problem.seconds.tolist()),
            lambda_tok=problem.lambda_tok,
            lambda_lat=problem.lambda_lat,
            spread=model.spread,
            dead=model.dead,
            attraction=model.attraction,
            options=model.options,
            family=model.family,
            misled=model.misled,
            shared=model.shared,
            families=tuple(problem.families),
            no_key=() if problem.no_key is None else tuple(problem.no_key.tolist()),
            examples=_examples(problem),
            most_calls=problem.most_calls,
            depths=problem.depths,
            parallel=problem.parallel,
            final=problem.final,
        )

    @cached_property
    def problem(self) -> LoopProblem:
        """As numbers; agents are named by index."""
        passing = np.array(self.examples).reshape(len(self.examples), 2)  # P(passes | …)
        forms = np.stack([1 - passing, passing], 1)  # [M, bins, (right, wrong)]
        model = (self.spread, self.dead, self.attraction, self.options, self.family)
        model = (*model, self.misled, self.shared)
        return LoopProblem(
            names=tuple(map(str, range(len(self.accuracy)))),
            accuracy=np.array(self.accuracy),
            usd=np.array(self.usd),
            seconds=np.array(self.seconds),
            model=AnswerModel(*model),
            lambda_tok=self.lambda_tok,
            lambda_lat=self.lambda_lat,
            families=self.families,
            no_key=np.array(self.no_key) if self.no_key else None,
            form_right=forms[:, :, 0] if self.examples else None,
            form_wrong=forms[:, :, 1] if self.examples else None,
            keys=not self.examples,
            most_calls=self.most_calls,
            depths=self.depths,
            parallel=self.parallel,
            final=self.final,
        )

    async def run(self, stage: Stage) -> AgentAnswer | str | None:
        answers: list[AgentAnswer] = []
        asked: list[Asked] = []
        failed: set[int] = set()
        while True:
            step = decide(self.problem, asked, failed)
            stage.note(_noted(step, asked, failed))
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

    async def _read(self, stage: Stage, answer: AgentAnswer) -> Asked:
        """What the loop reads of an answer: its key, or whether it passes the examples."""
        if self.examples:
            passes = await stage.passes_examples(answer)
            return Asked(answer.agent, PASSES if passes else FAILS, int(passes))
        return Asked(answer.agent, stage.key(answer.text) or None)


def _noted(step: Step, asked: Sequence[Asked], failed: Collection[int]) -> LoopStep:
    return LoopStep(
        tuple((answer.llm, str(answer.key or "")) for answer in asked),
        tuple(sorted(failed)),
        step.answer,
        step.probability,
        step.value_stop,
        tuple(float(v) if isfinite(v) else None for v in step.value_ask),
        step.ask,
    )


def _examples(problem: LoopProblem) -> tuple[tuple[float, float], ...]:
    """P(passes | right) and P(passes | wrong) of each agent, where forms are examples passed."""
    if problem.keys or problem.form_right is None or problem.form_wrong is None:
        return ()
    right, wrong = problem.form_right[:, 1].tolist(), problem.form_wrong[:, 1].tolist()
    return tuple(zip(right, wrong, strict=True))
