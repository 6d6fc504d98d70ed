"""Tools: what they find in a reply, and what they say to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import pytest

from abgnn.data.query import Query
from abgnn.sandbox import RunResult, Sandbox
from abgnn.sandbox.tools import (
    TOOLS,
    PythonTool,
    Tool,
    ToolResult,
    UnitTestsTool,
)
from abgnn.sandbox.tools.examples import Step, from_asserts, from_text
from abgnn.sandbox.tools.tool import LIMIT
from abgnn.sandbox.tools.unit_tests import Results

DOCTEST = "Write `double`.\n    >>> double(2)\n    4\n    >>> double('a')\n    'aa'\n"
ASKED = Query("q", DOCTEST, "code")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(timeout_s=1.0, workers=1) as made:
        yield made


def use(tool: Tool, reply: str, query: Query = ASKED) -> ToolResult | None:
    return asyncio.run(tool.use(query, reply))


def block(code: str, language: str = "python") -> str:
    return f"Here it is:\n```{language}\n{code}\n```\nDone."


def test_names_lead_to_tools(sandbox: Sandbox) -> None:
    assert set(TOOLS) == {"python", "unit_tests"}
    for name, kind in TOOLS.items():
        tool = kind(sandbox)
        assert isinstance(tool, Tool)
        assert tool.name == name


@pytest.mark.parametrize("reply", ["", "no code", block("ls", "bash"), block("  \n")])
def test_without_code_there_is_nothing_to_say(sandbox: Sandbox, reply: str) -> None:
    assert use(PythonTool(sandbox), reply) is None
    assert use(UnitTestsTool(sandbox), reply) is None


@pytest.mark.parametrize(
    ("reply", "text", "ok"),
    [
        (block("print(6 * 7)"), "42", True),
        (block("print(1)") + block("print(2)", ""), "2", True),
        (block("print(1)") + block("text", "text"), "1", True),
        (block("x = 1"), "(no output)", True),
        (block("if __name__ == '__main__': print('é')"), "é", True),
    ],
)
def test_python_tells_the_output(sandbox: Sandbox, reply: str, text: str, ok: bool) -> None:
    result = use(PythonTool(sandbox), reply)
    assert result is not None
    assert (result.text, result.ok) == (text, ok)
    assert 0 < result.seconds < 1


def test_python_tells_what_went_wrong(sandbox: Sandbox) -> None:
    tool = PythonTool(sandbox)
    failed = use(tool, block("print('a')\nint('x')"))
    assert failed is not None
    assert not failed.ok
    assert failed.text.startswith("a\nTraceback")
    assert failed.text.endswith("invalid literal for int() with base 10: 'x'")
    endless = use(tool, block("while True: pass"))
    assert endless is not None
    assert (endless.text, endless.ok) == ("(stopped after 1.0 s)", False)
    flood = use(tool, block("print('x' * 10 ** 6)\n1 / 0"))
    assert flood is not None
    assert len(flood.text) <= LIMIT
    assert flood.text.endswith("ZeroDivisionError: division by zero")


def test_unit_tests_compare_with_the_examples(sandbox: Sandbox) -> None:
    tool = UnitTestsTool(sandbox)
    right = use(tool, block("def double(x): return x + x"))
    assert right is not None
    assert (right.text, right.ok) == ("2 of 2 examples pass.", True)
    half = use(tool, block("def double(x): return [][x] if x == 2 else x * 2"))
    assert half is not None
    assert not half.ok
    assert half.text.splitlines() == [
        "1 of 2 examples pass.",
        "double(2)",
        "  expected 4",
        "  got      IndexError: list index out of range",
    ]


def test_unit_tests_tell_why_code_does_not_run(sandbox: Sandbox) -> None:
    tool = UnitTestsTool(sandbox)
    broken = use(tool, block("def double(x: return x"))
    assert broken is not None
    assert "SyntaxError" in broken.text
    assert not broken.ok
    endless = use(tool, block("def double(x):\n    while x: pass"))
    assert endless is not None
    assert endless.text.endswith("double(2)\n  did not end within 1.0 s")


class Counting(Sandbox):
    """Knows how many programs it has judged."""

    judged = 0

    async def acheck(
        self, program: str, tests: str, names: Iterable[str], *, timeout_s: float | None = None
    ) -> RunResult:
        self.judged += 1
        return await super().acheck(program, tests, names, timeout_s=timeout_s)


def test_equal_programs_run_once_unless_they_were_stopped() -> None:
    async def at_once(*replies: str) -> list[ToolResult | None]:
        return list(await asyncio.gather(*(tool.use(ASKED, reply) for reply in replies)))

    right, wrong = block("def double(x): return 2 * x"), block("def double(x): return x")
    endless = block("def double(x):\n    while x: pass")
    with Counting(timeout_s=1.0, workers=1) as sandbox:
        tool = UnitTestsTool(sandbox, results=Results(2))
        first, again, said_otherwise, other = asyncio.run(
            at_once(right, right, "Well.\n" + right, wrong)
        )
        assert first == again == said_otherwise != other
        assert sandbox.judged == 2
        assert asyncio.run(at_once(right, wrong)) == [first, other]  # on another event loop
        assert sandbox.judged == 2
        asyncio.run(at_once(endless, endless))
        assert sandbox.judged == 4
        use(tool, block("def double(x): return None"))  # the oldest is forgotten for it
        assert use(tool, wrong) == other
        assert sandbox.judged == 5
        use(tool, right)
        assert sandbox.judged == 6


def test_long_results_are_not_kept() -> None:
    results = Results(2)
    for key, length in (("short", 8192), ("long", 8193)):
        results.keep(key, RunResult("completed", "x" * length))
    assert results.get("short") is not None
    assert results.get("long") is None


def test_tools_of_one_process_share_results_under_equal_limits() -> None:
    reply = block("def double(x): return 2 * x  # shared")
    judged = []
    for timeout_s in (1.5, 1.5, 2.5):
        with Counting(timeout_s=timeout_s, workers=1) as sandbox:
            use(UnitTestsTool(sandbox), reply)
            judged.append(sandbox.judged)
    assert judged == [1, 0, 1]


def test_unit_tests_cannot_be_fooled(sandbox: Sandbox) -> None:
    for code in (
        "class A:\n    def __eq__(self, o): return True\ndef double(x): return A()",
        "import os\nprint('[\"double(2)\", true, 4, 4]')\ndef double(x): os._exit(0)",
    ):
        result = use(UnitTestsTool(sandbox), block(code))
        assert result is not None
        assert not result.ok
        assert result.text.startswith("0 of 2")


def test_public_tests_come_before_the_text_and_scoring_tests_are_not_read(
    sandbox: Sandbox,
) -> None:
    public = (
        "import math\nx = [1, 2]\nassert total(x) == 3, 'sum'\nassert math.isclose(half(3), 1.5)"
    )
    query = Query("q", DOCTEST, "code", meta={"public_tests": public, "test": "secret("})
    result = use(
        UnitTestsTool(sandbox), block("def total(x): return 0\ndef half(x): return x / 2"), query
    )
    assert result is not None
    assert result.text == "1 of 2 examples pass.\ntotal(x)\n  expected 3\n  got      0"
    hidden = Query("q", "Write f.", "code", meta={"test": "def check(c): assert c(1) == 2"})
    assert use(UnitTestsTool(sandbox), block("def f(x): return 2"), hidden) is None


def test_a_body_is_completed_by_the_prompt(sandbox: Sandbox) -> None:
    prompt = 'def triple(x):\n    """\n    >>> triple(2)\n    6\n    """\n'
    query = Query("q", prompt, "code", meta={"prompt": prompt, "entry_point": "triple"})
    result = use(UnitTestsTool(sandbox), block("    return 3 * x"), query)
    assert result is not None
    assert result.ok


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (">>> f(1)\n2\n>>> f(1)\n2", [Step("f(1)", "2")]),
        (">>> x = 3\n>>> f(x)\nTraceback (most recent call last):", []),
        ('  >>> f("a")\n  [\'b\']\n  """', [Step('f("a")', "['b']")]),
        ("f([1, (2)]) ➞ [3]", [Step("f([1, (2)])", "[3]")]),
        ("f(1) == 2, and f(2)==3.5.", [Step("f(1)", "2"), Step("f(2)", "3.5")]),
        ("for x = 1, f(1) should return 'a' (the first)", [Step("f(1)", "'a'")]),
        ("f('(') => True # why", [Step("f('(')", "True")]),
        ("f(n) = 1, f(1) = 1 + 2 = 3", []),
        ("def f(x): -> 3", []),
        ("self.f(1) == 2 and of(1) == 2", []),
        ("f(1 == 2", []),
    ],
)
def test_examples_are_found_in_texts(text: str, steps: list[Step]) -> None:
    assert from_text(text, "f") == steps


def test_asserts_become_steps() -> None:
    source = "y = 2\nassert f(y) == 3\nassert f(1)\nassert 1 < f(2) < 3"
    assert from_asserts(source) == [
        Step("y = 2"),
        Step("f(y)", "3"),
        Step("f(1)", "True"),
        Step("1 < f(2) < 3", "True"),
    ]
