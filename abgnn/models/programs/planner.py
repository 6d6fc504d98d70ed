"""Planner-driven collaboration: one agent divides the work, the others carry it out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from abgnn.data.program import AgentAnswer, Program, Stage
from abgnn.models.programs.linear import in_turn
from abgnn.models.programs.steps import (
    PlannedStep,
    assigned,
    fitted,
    read_steps,
)

DIVIDE = (
    "Do not answer this question. Plan how {n} executors shall answer it, one step each; the last "
    "step must give the final answer. Executors: {who}. Reply with a JSON list of {n} steps and "
    'nothing else: [{{"executor": 1, "instruction": "...", "uses": []}}, ...], where "uses" holds '
    "the numbers, from 1, of the earlier steps whose results a step needs."
)
STEP = "Carry out this step of a plan, and nothing beyond it: {instruction}"
FINAL = (
    "You carry out the last step of a plan: {instruction}\nThen give the final answer to the "
    "question, in the format that it asks for."
)
UNREADABLE = (
    "No plan could be read from the planner's reply, which is shown. Take from it what helps, and "
    "answer the question in full."
)


@dataclass(frozen=True)
class PlannerProgram(Program):
    """BAMAS's planner-driven pattern (arXiv 2511.21572): steps that refer to earlier results.

    The planner reads who is there and replies with steps; each goes to an executor of its own and
    starts when what it uses is there. Steps beyond the executors bought are done together by the
    last one (the release stops short of them); executors beyond the steps draft the last one, so
    that whoever carries it out reads their drafts. A step that the budget does not admit is left
    out; the answer is the latest step's that has one.

    The plan by default, where no plan can be read or no planner was admitted: executors answer in
    turn, each improving on the answer before, the strongest last; the first of them reads the
    planner's reply, marked as no plan. This is the case with simulated planners, which answer the
    question instead.

    Args:
        executors: how many, the first agents of the plan, strongest first; the planner follows.
        strong: how many of them are of the strongest tier.
        as_released: executors beyond the steps stay idle, and steps beyond the executors are not
            done. (Its plans again after an objection are left out: no critic is ever in the team.)
    """

    executors: int = 1
    strong: int = 0
    as_released: bool = False

    async def run(self, stage: Stage) -> AgentAnswer | str | None:
        planned = await stage.call(self.executors, task=f"{stage.query.text}\n\n{self._brief()}")
        wanted = read_steps(planned.text) if planned is not None else ()
        if not wanted:
            return await self._by_default(stage, planned)
        kept = wanted[: self.executors] if self.as_released else fitted(wanted, self.executors)
        results = await _carry_out(stage, assigned(kept, self.executors), planned)
        return next((result for result in reversed(results) if result is not None), None)

    async def _by_default(self, stage: Stage, planned: AgentAnswer | None) -> AgentAnswer | None:
        first, *rest = self._in_order()
        if planned is None:
            return await in_turn(stage, (first, *rest))
        task = f"{stage.query.text}\n\n{UNREADABLE}"
        answer = await stage.call(first, [planned], task=task, last=not rest)
        return answer if self.as_released and answer else await in_turn(stage, rest, answer)

    def _in_order(self) -> tuple[int, ...]:
        """Executors in the order of the plan by default."""
        return tuple(range(self.executors)) if self.as_released else (*range(1, self.executors), 0)

    def _brief(self) -> str:
        who = [
            f"{i + 1} ({'strong' if i < self.strong else 'weaker'})" for i in range(self.executors)
        ]
        return DIVIDE.format(n=self.executors, who=", ".join(who))


async def _carry_out(
    stage: Stage, steps: Sequence[PlannedStep], planned: AgentAnswer | None
) -> list[AgentAnswer | None]:
    """The result of every step; those that wait for nothing more go side by side."""
    results: dict[int, AgentAnswer | None] = {}
    while len(results) < len(steps):
        ready = [i for i in range(len(steps)) if i not in results and steps[i].ready(results)]
        made = await asyncio.gather(*(_step(stage, steps, i, results, planned) for i in ready))
        results.update(zip(ready, made, strict=True))
    return [results[i] for i in range(len(steps))]


async def _step(
    stage: Stage,
    steps: Sequence[PlannedStep],
    i: int,
    results: dict[int, AgentAnswer | None],
    planned: AgentAnswer | None,
) -> AgentAnswer | None:
    final = i == len(steps) - 1
    task = (FINAL if final else STEP).format(instruction=steps[i].instruction)
    used = [(j + 1, result) for j in steps[i].uses if (result := results[j]) is not None]
    reads = [replace(result, role=f"Step {number}, {result.role}") for number, result in used]
    after = [] if planned is None else [planned]
    question = f"{stage.query.text}\n\n{task}"
    return await stage.call(steps[i].executor, reads, task=question, after=after, last=final)
