"""`Query`, a question, and `Task`, which scores answers to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from abgnn.data.open_key import open_key


@dataclass(frozen=True, slots=True)
class Query:
    """One question of a benchmark, or of a user (then `answer` is empty).

    Args:
        id: unique within its datamodule, for example `HumanEval/12`.
        text: what the agents are shown, answer format included.
        domain: `general`, `math` or `code`: picks role set, published scores and estimates.
        answer: the gold answer as the task's `score` understands it; never shown to an agent.
        meta: facts about the question (subject, level, choices, tests); not part of its identity.
    """

    id: str
    text: str
    domain: str
    answer: str = ""
    meta: Mapping[str, Any] = field(
        default_factory=lambda: MappingProxyType({}), compare=False, repr=False
    )


@runtime_checkable
class Task(Protocol):
    """What a rollout needs of a benchmark; every datamodule satisfies it."""

    def score(self, query: Query, response: str) -> float:
        """How right a response is, in [0, 1]. May block (code is run); is called off the loop."""
        ...

    def specimen(self, query: Query, *, correct: bool) -> str:
        """A response that `score` judges 1 (correct) or 0; the simulated client answers with it."""
        ...


@runtime_checkable
class KeyedTask(Task, Protocol):
    """A task that can write a response for every answer that an LLM may give to a question.

    The simulated client then gives different wrong answers. `attraction`, if the task has it,
    states how much wrong answers are alike (see `abgnn.rollout.world.wrong_answers`).
    """

    def answer_keys(self, query: Query) -> Sequence[str]:
        """Keys of answers, the right one first; no two alike."""
        ...

    def specimen(self, query: Query, key: str | None = None, *, correct: bool = True) -> str:
        """A response with this key; without a key, a right or a wrong one."""
        ...


def options_of(query: Query) -> int:
    """How many options a question gives to choose from; 0: it is open.

    By `meta["choices"]`, or where these are not listed by their number, `meta["options"]`.
    """
    choices, number = query.meta.get("choices"), query.meta.get("options")
    if isinstance(choices, Sequence) and len(choices) > 1:
        return len(choices)
    return number if isinstance(number, int) and number > 1 else 0


class OpenQuestion:
    """The task of a user's own question: there is no gold answer, so nothing is scored."""

    def score(self, query: Query, response: str) -> float:
        """1 for the simulated client's own right answer, else 0."""
        return float(response.endswith("(a right answer)"))

    def specimen(self, query: Query, *, correct: bool) -> str:
        """The simulated client's response: that it would be right, or wrong."""
        return "(a right answer)" if correct else "(a wrong answer)"

    def key(self, query: Query, response: str) -> str:
        """What votes and closed loops compare."""
        return open_key(response)
