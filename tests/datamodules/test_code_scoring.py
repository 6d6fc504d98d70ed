"""Programs in responses: misnamed functions, stripped fences, and what may not pass."""

import asyncio
import threading
import time

import pytest

from abgnn.data.query import Query
from abgnn.sandbox.tools import UnitTestsTool
from datamodules import MBPP
from datamodules.mbpp_tests import judge
from datamodules.rows import Row
from datamodules.scoring.code import scored_program

BODY = "def add(a, b):\n    return a + b\n"


def run(response: str, prompt: str = "", entry: str = "add") -> object:
    space: dict[str, object] = {}
    exec(scored_program(response, prompt, entry), space)
    add = space[entry]
    assert callable(add)
    return add(2, 3)


@pytest.mark.parametrize(
    "response",
    [
        BODY.replace("add", "sum_of"),
        f"Here:\n```python\n{BODY.replace('add', 'sum_of')}```\nCall `sum_of(1, 2)`.",
        f"```python\nnumbers = [1]\n{BODY}```",
        f"```\nnumbers = [1]\n{BODY}```",
        f"```python\npython = 1\nhelper = 2\n{BODY}```",
        f"No:\n```python\ndef add(a, b):\n    return 0\n```\nYes:\n```py\n{BODY}```\nDone.",
        f"```python\n{BODY}```\nTest:\n```python\nassert add(1, 2) == 3\n```",
        f"It is easy.\n\n{BODY}\nThat is all.",
        "```python\ndef plus(a, b):\n    def f(x):\n        return x\n    return f(a) + b\n```",
        f"```python\ndef helper(a):\n    return a\n\n{BODY}```",
        "add = lambda a, b: a + b",
    ],
)
def test_programs_are_found(response: str) -> None:
    assert run(response) == 5


def test_a_misnamed_function_keeps_the_prompts_imports() -> None:
    prompt = "import math\n\ndef add(a, b):\n    '''Sum.'''\n"
    assert run("```python\ndef plus(a, b):\n    return math.fsum([a, b])\n```", prompt) == 5


@pytest.mark.parametrize(
    "response",
    [
        "def one(a, b):\n    return a + b\n\ndef two(a, b):\n    return a + b\n",
        "class A:\n    def plus(self, a, b):\n        return a + b\n",
        "I would add them.",
        "",
    ],
)
def test_none_of_several_functions_is_chosen(response: str) -> None:
    with pytest.raises((KeyError, NameError, SyntaxError)):
        run(response)


def query(code: str, *tests: str, setup: str = "", examples: int = 1) -> tuple[MBPP, Query]:
    data = MBPP(examples=examples)
    fields = {"task_id": 1, "text": "Do.", "code": code, "test_list": list(tests)}
    made = data.parse(Row("here", "x", "x/0", {**fields, "test_setup_code": setup}))
    assert made is not None
    return data, made


ADD = ("assert add(1, 2) == 3", "assert add(2, 5) == 7", "assert add(-1, 1) == 0")


def test_shown_tests_do_not_score() -> None:
    data, made = query(BODY, *ADD, ADD[0])
    assert made.meta["public_tests"] == ADD[0]
    assert ADD[0] in made.text
    assert ADD[0] not in made.meta["test"]
    for hidden in ADD[1:]:
        assert hidden in made.meta["test"]
        assert hidden not in made.text
    assert data.score(made, "def add(a, b): return 3") == 0.0
    assert data.score(made, BODY) == 1.0
    ran = asyncio.run(UnitTestsTool(data.sandbox).use(made, f"```python\n{BODY}```"))
    assert ran is not None
    assert ran.text.startswith("1 of 1 examples pass")
    data.teardown()


def test_none_or_nearly_all_are_shown() -> None:
    _, hidden = query(BODY, *ADD, examples=0)
    assert "public_tests" not in hidden.meta
    assert "assert" not in hidden.text
    _, most = query(BODY, *ADD, examples=9)
    assert most.meta["test"].strip() == ADD[2]
    _, single = query(BODY, ADD[0])
    assert "public_tests" not in single.meta


TYPES = "def only(xs, kind):\n    return [x for x in xs if isinstance(x, kind)]\n"
NODES = (
    "class Node:\n    def __init__(self, v):\n        self.v = v\ndef value(n):\n    return n.v\n"
)


@pytest.mark.parametrize(
    ("code", "setup", "tests", "wrong"),
    [
        (TYPES, "", ("assert only([1, 'a'], str) == ['a']",) * 1, "def only(*a): return []"),
        (NODES, "root = Node(4)", ("assert value(root) == 4",), NODES.replace("n.v", "5")),
        (NODES, "", ("assert value(Node(3)) + 1 == 4",), NODES.replace("n.v", "5")),
        (
            "import sys\ndef size(x):\n    return sys.getsizeof(x)\n",
            "",
            ("assert size((1, 2)) == sys.getsizeof((1, 2))",),
            "def size(x): return 0",
        ),
        (
            "def fib(n):\n    yield from range(n)\ndef total(n):\n    return sum(fib(n))\n",
            "",
            ("assert total(4) == 6",),
            "def total(n): return 1",
        ),
    ],
)
def test_arguments_that_do_not_cross_over(
    code: str, setup: str, tests: tuple[str, ...], wrong: str
) -> None:
    data, made = query(code, *tests, setup=setup)
    assert data.score(made, f"```python\n{code}```") == 1.0
    assert data.score(made, f"```python\n{wrong}\n```") == 0.0
    data.teardown()


def test_expectations_stay_on_the_tests_side() -> None:
    judged = judge(NODES, "root = Node(4)", ["assert value(root) == 4"])
    assert judged is not None
    assert "== 4" not in judged.calls
    assert "Node" not in judged.test
    assert judge(NODES, "", ["assert value(1) == Node(1)"]) is None


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n        pass",
        "import os; os._exit(0)",
        "raise SystemExit(0)",
        "return type('E', (), {'__eq__': lambda s, o: True})()",
    ],
)
def test_runaways_and_cheats_score_zero_and_are_over(body: str) -> None:
    data, made = query(BODY, *ADD)
    threads, start = threading.active_count(), time.monotonic()
    assert data.score(made, f"def add(a, b):\n    {body}\n") == 0.0
    assert time.monotonic() - start < data.sandbox.timeout_s + 20
    assert threading.active_count() <= threads
    assert data.score(made, BODY) == 1.0
    data.teardown()


def test_definitions_do_not_leak() -> None:
    data, made = query(BODY, *ADD)
    assert data.score(made, BODY) == 1.0
    assert data.score(made, "x = 1") == 0.0
    data.teardown()
