"""Linear collaboration: agents one after the other, each improving on the answer before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from abgnn.data.program import AgentAnswer, Program, Stage

REVISE = (
    "An earlier answer to this question is shown. Check it step by step, correct what is wrong, "
    "add what is missing, and answer the question in full yourself."
)


@dataclass(frozen=True)
class LinearProgram(Program):
    """BAMAS's linear pattern (arXiv 2511.21572): solve, then improve, in the plan's order.

    Every agent is called once; the last answer counts. A call that the budget does not admit ends
    the line with the best answer so far; while there is none, the next agent is tried.

    Args:
        n: how many agents, the first of the plan.
        as_released: at most three agents (the first two and the last), however many were bought;
            the second reads the first's answer, the third only the first 150 characters of each.
            (The release's shortcut for short arithmetic, one agent, is left out.)
    """

    n: int = 1
    as_released: bool = False

    async def run(self, stage: Stage) -> AgentAnswer | str | None:
        if self.as_released and self.n > 3:
            line: Sequence[int] = (0, 1, self.n - 1)
        else:
            line = range(self.n)
        return await in_turn(stage, line, cut_from=2 if self.as_released else None)


async def in_turn(
    stage: Stage,
    agents: Sequence[int],
    so_far: AgentAnswer | None = None,
    cut_from: int | None = None,
) -> AgentAnswer | None:
    """Agents one after the other, each improving on the latest answer; the last answer.

    Args:
        stage: where.
        agents: who, in order.
        so_far: an answer to start from.
        cut_from: from this place on, agents read the beginnings of all answers instead.
    """
    answers = [] if so_far is None else [so_far]
    for place, agent in enumerate(agents):
        reads = answers[-1:]
        if cut_from is not None and place >= cut_from:
            reads = [replace(s, text=s.text[:150]) for s in answers]
        task = f"{stage.query.text}\n\n{REVISE}" if reads else None
        last = place == len(agents) - 1
        answer = await stage.call(agent, reads, task=task, last=last, final=last)
        if answer is not None:
            answers.append(answer)
        elif answers:
            break
    return answers[-1] if answers else None
