"""The steps of a planner's reply, read tolerantly: any JSON list of things to do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from abgnn.models.programs.parsing import json_values

_WHAT = ("instruction", "task", "step", "description", "subtask", "action")
_REFERENCE = re.compile(r"(?:\{\{?|#|\$)\s*(?:step|result)?[ _]*(\d{1,3})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step.

    Args:
        instruction: what is to be done.
        executor: the one that the planner named, from 0; −1: nobody in particular.
        uses: earlier steps whose results it needs, from 0.
    """

    instruction: str
    executor: int = -1
    uses: tuple[int, ...] = ()

    def ready(self, done: Collection[int]) -> bool:
        """Whether all that it uses is there."""
        return all(j in done for j in self.uses)


def read_steps(reply: str) -> tuple[PlannedStep, ...]:
    """Steps of the first list in the text, or of an object's `steps` or `plan`; empty: none.

    A step is a text, or an object with an instruction, an `executor` (or `agent`) from 1, and
    `uses`: numbers of earlier steps from 1. References in the instruction (`{result_1}`, `#1`)
    count too; a step that names none uses the one before. What cannot be is passed over.
    """
    for value in json_values(reply):
        if isinstance(value, dict):
            value = value.get("steps", value.get("plan"))
        if isinstance(value, list):
            steps: list[PlannedStep] = []
            for item in value:
                _add(steps, item)
            if steps:
                return tuple(steps)
    return ()


def fitted(steps: Sequence[PlannedStep], number: int) -> tuple[PlannedStep, ...]:
    """Exactly so many steps.

    Those beyond are done with the last one, in their order. If there are too few, the last one is
    drafted by as many others before it, and reads the drafts.
    """
    if len(steps) <= number:
        *before, last = steps
        drafts = range(len(before), number - 1)
        twin = PlannedStep(last.instruction, -1, last.uses)
        uses = (*last.uses, *drafts)
        return (*before, *[twin] * len(drafts), PlannedStep(last.instruction, last.executor, uses))
    kept, surplus = steps[: number - 1], steps[number - 1 :]
    doing = "\n".join(f"({n}) {step.instruction}" for n, step in enumerate(surplus, 1))
    uses = tuple(sorted({j for step in surplus for j in step.uses if j < number - 1}))
    return (*kept, PlannedStep(doing, surplus[-1].executor, uses))


def assigned(steps: Sequence[PlannedStep], executors: int) -> list[PlannedStep]:
    """Every step with an executor of its own, of whom there are as many or more.

    The one asked for if free (earlier steps first); of the others the last step has the first free,
    the strongest, and the rest follow in order.
    """
    free, who = list(range(executors)), [-1] * len(steps)
    for i, step in enumerate(steps):
        if step.executor in free:
            who[i] = step.executor
            free.remove(step.executor)
    for i in (len(steps) - 1, *range(len(steps) - 1)):
        if who[i] < 0:
            who[i] = free.pop(0)
    return [PlannedStep(s.instruction, w, s.uses) for s, w in zip(steps, who, strict=True)]


def _add(steps: list[PlannedStep], item: Any) -> None:
    number = len(steps)
    if isinstance(item, str) and " " in item.strip():  # a word alone is no step
        steps.append(PlannedStep(item.strip(), -1, _uses(number, None, item)))
    if not isinstance(item, dict):
        return
    texts = (item[key] for key in _WHAT if isinstance(item.get(key), str))
    instruction = next((text.strip() for text in texts if text.strip()), None)
    if instruction is None:
        return
    who = next(iter(_numbers([item.get("executor", item.get("agent"))])), 0) - 1
    steps.append(PlannedStep(instruction, who, _uses(number, item.get("uses"), instruction)))


def _uses(number: int, stated: Any, instruction: str) -> tuple[int, ...]:
    """Which of the `number` steps before are used."""
    named = _numbers(stated if isinstance(stated, list) else [stated])
    named += _numbers(_REFERENCE.findall(instruction))
    earlier = {n - 1 for n in named if 1 <= n <= number}
    if not earlier and not isinstance(stated, list) and number:
        earlier = {number - 1}
    return tuple(sorted(earlier))


def _numbers(values: Iterable[Any]) -> list[int]:
    """The whole numbers among values, or at the end of texts like `step 2`."""
    numbers = []
    for value in values:
        digits = re.search(r"(\d{1,3})\D*$", value) if isinstance(value, str) else None
        if isinstance(value, int) and not isinstance(value, bool):
            numbers.append(value)
        elif digits:
            numbers.append(int(digits[1]))
    return numbers
