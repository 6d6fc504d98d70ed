"""`Specimens`: a task's answers, right and wrong, and judgements of answers that are neither."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from abgnn.data.query import KeyedTask, Query, Task
from abgnn.rollout.world.wrong_answers import ATTRACTION


class Answers(NamedTuple):
    """Answers to one question, the right one first, and the place of each text."""

    texts: tuple[str, ...]
    places: Mapping[str, int]


class Specimens:
    """The answers of a task to its questions.

    Args:
        task: whose answers.
        keyed: one per answer key, where the task lists keys; else one right and one wrong answer.
    """

    def __init__(self, task: Task, *, keyed: bool) -> None:
        self.task = task
        self.attraction: float | None = getattr(task, "attraction", None)
        self._keyed = task if keyed and isinstance(task, KeyedTask) else None
        self.answers = lru_cache(1 << 13)(self._answers)
        self.judge = lru_cache(1 << 16)(self._judge)

    def recognise(self, query: Query, answer: str) -> bool | None:
        """Whether an answer is right, if it is one of the specimens; costs no scoring."""
        place = self.answers(query).places.get(answer)
        return None if place is None else place == 0

    def attraction_of(self, query: Query) -> float:
        """α: what the task states, else by domain."""
        return ATTRACTION[query.domain] if self.attraction is None else self.attraction

    def _answers(self, query: Query) -> Answers:
        task = self._keyed
        if task is None:
            texts = [self.task.specimen(query, correct=right) for right in (True, False)]
        else:
            texts = [task.specimen(query, key) for key in task.answer_keys(query)]
        places = {text: place for place, text in reversed(list(enumerate(texts)))}
        return Answers(tuple(texts), places)

    def _judge(self, query: Query, answer: str) -> bool:
        return self.task.score(query, answer) >= 0.5
