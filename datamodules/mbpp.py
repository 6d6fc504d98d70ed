"""MBPP: short Python functions from a sentence and an example, judged by asserts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.sandbox import Sandbox
from datamodules.benchmark import Benchmark
from datamodules.hub import Hub
from datamodules.mbpp_tests import judge
from datamodules.programming import Programming
from datamodules.programming_topics import kind_of
from datamodules.rows import Row

INSTRUCTION = (
    "{text}\n\nThe function must be called `{name}`. Answer with the whole function, imports "
    "included, in one ```python block."
)
EXAMPLES = "For example, this must hold:\n\n```python\n{code}\n```"


class MBPP(Programming, Benchmark):
    """Mostly Basic Python Problems (Austin et al., arXiv 2108.07732).

    Local layouts: the authors' `mbpp.jsonl` (text, code, test_list, test_setup_code) and
    `sanitized-mbpp.json` (prompt, code, test_list, test_imports); a file's rows are all used,
    whichever upstream split they belong to.

    The sentence alone leaves types and conventions open, so the first test is shown; it is
    `meta["public_tests"]`, which the tool `unit_tests` runs. The response is scored by the
    *other* tests only: what an agent can see is never what it is scored by. (Elsewhere all tests
    are shown, and all are scored; a response that passes there passes here.) How responses are
    judged: see `Programming` and `mbpp_tests.judge`; a row that cannot be judged so is left out
    with a warning.

    `meta`: entry_point, names, calls, test (see `mbpp_tests.Judge`), prompt (empty),
    public_tests, and the task's kind (`kind_of`); the answer is the reference code.

    Args:
        examples: tests to show, at least one less than a row has; 0: none.
        benchmark: n_train, n_val, n_test, path, …, see `Benchmark`.
    """

    domain: ClassVar[str] = "code"
    HUB: ClassVar[Hub] = Hub(
        "google-research-datasets/mbpp", "4bb6404fdc6cacfda99d4ac4205087b89d32030c", ("full",)
    )

    def __init__(self, *, examples: int = 1, **benchmark: Any) -> None:
        super().__init__(**benchmark)
        if examples < 0:
            raise ConfigError("MBPP.examples", examples, "an integer >= 0")
        self.examples = examples
        self.sandbox = Sandbox(packages=False)

    def parse(self, row: Row) -> Query | None:
        """A function to write; None: its tests cannot be run apart from it."""
        code, tests = row.text("code").replace("\r", ""), _tests(row)
        setup = "\n".join(_lines(row, "test_setup_code") + _lines(row, "test_imports"))
        shown = tests[: min(self.examples, len(tests) - 1)]
        try:
            judged = judge(code, setup, tests[len(shown) :])
        except (SyntaxError, LookupError) as error:
            raise row.refuse(
                "code", f"Python with a function that `test_list` calls ({error})"
            ) from error
        if judged is None:
            return None
        public = "\n".join([setup, *shown]).strip() if shown else ""
        task = row.text("text", "prompt").strip()
        text = INSTRUCTION.format(text=task, name=judged.entry_point)
        return Query(
            id=f"MBPP/{row.value('task_id')}",
            text=f"{text}\n\n{EXAMPLES.format(code=public)}" if public else text,
            domain=self.domain,
            answer=code,
            meta={
                **asdict(judged),
                "prompt": "",
                **({"public_tests": public} if public else {}),
                "kind": kind_of(task),
            },
        )

    def reference(self, query: Query) -> str:
        """The reference code."""
        return f"{query.answer}\n"

    def failing(self, query: Query) -> str:
        """A function that raises an exception."""
        return (
            f"def {query.meta['entry_point']}(*args, **kwargs):\n    raise NotImplementedError\n\n"
        )


def _tests(row: Row) -> list[str]:
    """The asserts, each once."""
    tests: Any = row.value("test_list")
    if not isinstance(tests, list) or not tests or not all(isinstance(t, str) for t in tests):
        raise row.refuse("test_list", "a list of asserts")
    return list(dict.fromkeys(test.strip().replace("\r", "") for test in tests))


def _lines(row: Row, column: str) -> list[str]:
    value = row.fields.get(column) or []
    return [str(line) for line in ([value] if isinstance(value, str) else value)]
