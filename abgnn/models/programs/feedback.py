"""Feedback collaboration: a critic reads each solution, and the next executor amends it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from abgnn.data.program import AgentAnswer, Program, Stage
from abgnn.errors import ConfigError
from abgnn.models.programs.linear import REVISE, in_turn
from abgnn.models.programs.parsing import json_values

JUDGE = (
    "A solution of this question is shown. Solve the question yourself and compare; give the "
    "solution no benefit of the doubt. Begin with one line, 'VERDICT: CORRECT' or 'VERDICT: "
    "INCORRECT'. If it is incorrect, name every mistake and how to mend it."
)
LAST = (
    " Nobody is left to amend it: if it is incorrect, end with your own answer in full, in the "
    "format that the question asks for."
)
AMEND = (
    "An earlier solution of this question and a critic's objections to it are shown. Mend what "
    "the critic is right about, and answer the question in full."
)


@dataclass(frozen=True)
class FeedbackProgram(Program):
    """BAMAS's feedback pattern (arXiv 2511.21572): solve, judge, amend, until judged correct.

    Each agent is called at most once. Iteration i calls executor i and, while there is one, critic
    i, who sees the latest solution only; a verdict of `correct` ends the loop. When the critics are
    used up, executors that are left improve on the latest solution in turn. A call that the
    budget does not admit ends the loop; the answer is the latest solution, and it is there when
    its verdict is.

    A reply without a readable verdict is taken for the critic's own solution: the verdict is
    `correct` if its key is the solution's. So simulated critics, which solve the question from
    what they read, have verdicts too. (In the release such replies count as `correct`.)

    Args:
        executors: how many, the first agents of the plan.
        critics: how many, the agents after them.
        max_iterations: None: as many as there are executors; 2 in the release, which leaves
            agents unused that were paid for.
        critic_answers: whether a critic who objects when no executor is left gives the answer, if
            there is one in the reply. Not so in the release: with one executor its critic is
            paid in vain.
    """

    executors: int = 1
    critics: int = 1
    max_iterations: int | None = None
    critic_answers: bool = True

    def __post_init__(self) -> None:
        if self.max_iterations is not None and self.max_iterations < 1:
            raise ConfigError("FeedbackProgram.max_iterations", self.max_iterations, "1 or more")

    async def run(self, stage: Stage) -> AgentAnswer | str | None:
        turns = min(self.executors, self.max_iterations or self.executors)
        solution: AgentAnswer | None = None
        critique: AgentAnswer | None = None
        for turn in range(turns):
            better = await self._solve(stage, turn, solution, critique, last=turn == turns - 1)
            if better is None and solution is not None:
                break
            solution = better
            if solution is None:
                continue  # a cheaper executor may fit
            if turn >= self.critics:
                return await in_turn(stage, range(turn + 1, turns), solution)
            critique = await self._judge(stage, turn, solution, last=turn == turns - 1)
            if critique is None or approves(stage, critique.text, solution.text):
                break
            if turn == turns - 1 and self.critic_answers and stage.key(critique.text):
                solution = critique
        return solution and solution.text  # as text it is there when the last verdict is

    async def _solve(
        self,
        stage: Stage,
        turn: int,
        solution: AgentAnswer | None,
        critique: AgentAnswer | None,
        *,
        last: bool,
    ) -> AgentAnswer | None:
        reads = [answer for answer in (solution, critique) if answer is not None]
        advice = AMEND if critique is not None else REVISE
        task = f"{stage.query.text}\n\n{advice}" if reads else None
        return await stage.call(turn, reads, task=task, last=last)

    async def _judge(
        self, stage: Stage, turn: int, solution: AgentAnswer, *, last: bool
    ) -> AgentAnswer | None:
        advice = JUDGE + LAST if last and self.critic_answers else JUDGE
        task = f"{stage.query.text}\n\n{advice}"
        return await stage.call(self.executors + turn, [solution], task=task, last=last)


def approves(stage: Stage, reply: str, solution: str) -> bool:
    """Whether a critic's reply finds the solution correct; see `FeedbackProgram`."""
    stated = verdict(reply)
    if stated is not None:
        return stated
    own = stage.key(reply)
    return bool(own) and own == stage.key(solution)


_NAMED = re.compile(
    r"verdict\W*(?:is\W+)?((?:not\s+|in)?correct|true|false|right|wrong)\b", re.IGNORECASE
)
_ALONE = re.compile(r"^\W{0,9}((?:not\s+|in)?correct)\W{0,9}$", re.IGNORECASE | re.MULTILINE)


def verdict(reply: str) -> bool | None:
    """What a critic says: correct, incorrect, or None if it cannot be read.

    In this order: a JSON object with `verdict`, `is_correct` or `correct`; the last place where
    the word verdict is followed by one; a line that is nothing but `correct` or `incorrect`.
    """
    for value in json_values(reply):
        for key in ("verdict", "is_correct", "correct"):
            if isinstance(value, dict) and key in value:
                stated = _word(json.dumps(value[key]))
                if stated is not None:
                    return stated
    words = _NAMED.findall(reply) or _ALONE.findall(reply)
    return _word(words[-1]) if words else None


def _word(text: str) -> bool | None:
    word = " ".join(text.strip("\"'*. \n").lower().split())
    if word in ("correct", "true", "right"):
        return True
    return False if word in ("incorrect", "not correct", "false", "wrong") else None
