"""Judging answers off the event loop: every distinct answer once, slow scorers in parallel."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import Empty, SimpleQueue

from abgnn.data.outcome import Outcome
from abgnn.data.query import Query, Task
from abgnn.data.specimens import split_header

Judgement = float | str  # a score in [0, 1], or what went wrong
_Item = tuple[Query, str]


class Scorer:
    """Scores batches of answers with a task's `score`, which may block and may run code.

    Equal answers to one query are scored once (a simulated response's header is no part of the
    answer). A batch costs a few thread hops in all, not one per answer, so cheap scorers stay
    cheap. Where the scorer raises, the judgement is a text that names the exception.

    Args:
        task: owns `score`.
        workers: answers scored at the same time (default: the number of cores).
        remembered: judgements kept.
    """

    def __init__(
        self, task: Task, *, workers: int | None = None, remembered: int = 1 << 16
    ) -> None:
        self.task, self.workers = task, workers or os.cpu_count() or 1
        self._remembered = remembered
        self._memo: dict[_Item, Judgement] = {}
        self._pool: ThreadPoolExecutor | None = None

    def __call__(self, answers: Iterable[_Item]) -> list[Judgement]:
        """A judgement per (query, response), order kept."""
        items = [(query, split_header(text)[1]) for query, text in answers]
        known = {item: self._memo[item] for item in items if item in self._memo}
        new = [item for item in dict.fromkeys(items) if item not in known]
        known.update(zip(new, self._judge_all(new), strict=True))
        self._remember(new, known)
        return [known[item] for item in items]

    def close(self) -> None:
        """End the threads; may be called again."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None

    def _judge_all(self, items: list[_Item]) -> list[Judgement]:
        if len(items) < 2 or self.workers == 1:
            return [self._judge(item) for item in items]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="abgnn-score")
        queue: SimpleQueue[int] = SimpleQueue()
        for i in range(len(items)):
            queue.put(i)
        judged: list[Judgement] = [0.0] * len(items)
        crew = min(self.workers, len(items))
        futures = [self._pool.submit(self._work, queue, items, judged) for _ in range(crew)]
        for future in futures:
            future.result()
        return judged

    def _work(self, queue: SimpleQueue[int], items: list[_Item], judged: list[Judgement]) -> None:
        while True:
            try:
                i = queue.get_nowait()
            except Empty:
                return
            judged[i] = self._judge(items[i])

    def _judge(self, item: _Item) -> Judgement:
        try:
            return float(self.task.score(*item))
        except Exception as bug:  # money was spent on the others: only this outcome fails
            return f"score: {type(bug).__name__}: {bug}"

    def _remember(self, new: list[_Item], known: dict[_Item, Judgement]) -> None:
        self._memo.update((i, known[i]) for i in new if not isinstance(known[i], str))
        for oldest in list(self._memo)[: len(self._memo) - self._remembered]:
            self._memo.pop(oldest, None)


def judged(outcome: Outcome, judgement: Judgement) -> Outcome:
    """The outcome with its score, or with what went wrong in judging."""
    if isinstance(judgement, str):
        return replace(outcome, error=judgement, kind="internal")
    return replace(outcome, score=judgement)


def scored(scorer: Scorer, outcomes: list[Outcome]) -> list[Outcome]:
    """The outcomes with the judgements of those that have an answer."""
    fine = [i for i, outcome in enumerate(outcomes) if outcome.error is None]
    judgements = scorer((outcomes[i].plan.query, outcomes[i].answer) for i in fine)
    done = list(outcomes)
    for i, judgement in zip(fine, judgements, strict=True):
        done[i] = judged(outcomes[i], judgement)
    return done
