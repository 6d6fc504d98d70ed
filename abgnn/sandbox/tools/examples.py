"""The public examples of a programming question: calls and their results, from its text."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_PROMPT = re.compile(r"^[ \t]*>>> ?(.*)$")
_GIVES = re.compile(
    r"[ \t]*(?:==|=>|->|[➞→⇒=]|#\s*(?:=>|->|returns?)?|(?:should|would|will|must)\s+(?:return|be)|"
    r"returns?|is)[ \t]*:?[ \t]*"
)
_GOES_ON = re.compile(r"\w|[\"']|\s*[-+*/%<>]")


@dataclass(frozen=True, slots=True)
class Step:
    """One example, or (without `expected`) a statement that later ones need.

    Args:
        source: an expression that calls the program; a statement, if nothing is expected.
        expected: an expression for what it should give.
    """

    source: str
    expected: str | None = None

    def names(self) -> set[str]:
        """Names that it reads and does not make itself, built-in ones left out."""
        nodes = [n for part in (self.source, self.expected or "") for n in ast.walk(_parsed(part))]
        loads = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        return loads - self.makes() - set(dir(builtins))

    def makes(self) -> set[str]:
        """Names that it binds."""
        nodes = list(ast.walk(_parsed(self.source)))
        stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        named = {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
        aliases = [a for n in nodes if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names]
        arguments = {n.arg for n in nodes if isinstance(n, ast.arg)}
        return stored | named | arguments | {(a.asname or a.name).split(".")[0] for a in aliases}


def from_asserts(source: str) -> list[Step]:
    """Steps of a test file: every top-level assert is an example, the rest is set up in order.

    Raises:
        SyntaxError: no Python.
    """
    steps = []
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assert):
            steps.append(Step(ast.unparse(node)))
            continue
        test = node.test
        if isinstance(test, ast.Compare) and [type(op) for op in test.ops] == [ast.Eq]:
            steps.append(Step(ast.unparse(test.left), ast.unparse(test.comparators[0])))
        else:
            steps.append(Step(ast.unparse(test), "True"))
    return steps


def from_text(text: str, function: str | None = None) -> list[Step]:
    """Examples in a docstring or a task's text.

    Doctests (`>>> f(1)`, then the value), and, where the function's name is known, lines such as
    `f(1) == 2`, `f(1) ➞ 2`, `f(1) should return 2`. Only literal values count, so that prose is
    not taken for one.
    """
    steps = dict.fromkeys(_doctests(text.splitlines()))
    if function is not None:
        steps |= dict.fromkeys(_equations(text, function))
    return list(steps)


def _doctests(lines: list[str]) -> Iterator[Step]:
    for line, following in pairwise(lines):
        prompt = _PROMPT.match(line)
        if prompt and _is_expression(prompt[1]) and (value := _literal(following.strip())):
            yield Step(prompt[1].strip(), value)


def _equations(text: str, function: str) -> Iterator[Step]:
    for call in re.finditer(rf"(?<![\w.]){re.escape(function)}\(", text):
        line = text[call.start() :].split("\n", 1)[0]
        ends = (end for end, c in enumerate(line, 1) if c == ")" and _is_expression(line[:end]))
        end = next(ends, None)
        if end is None or not (gives := _GIVES.match(line, end)):
            continue
        step = Step(line[:end], _literal(line[gives.end() :].strip()))
        if step.expected and step.names() == {function}:
            yield step


def _literal(text: str) -> str | None:
    """The longest literal that the text begins with, if no word or sum goes on there."""
    for end in range(min(len(text), 400), 0, -1):
        if _GOES_ON.match(text, end):
            continue
        try:
            node = ast.parse(text[:end].strip(), mode="eval").body
            ast.literal_eval(node)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if not isinstance(node, ast.Tuple) or text[0] == "(":  # `2, and` is a 2
            return ast.unparse(node)
    return None


def _is_expression(source: str) -> bool:
    try:
        ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _parsed(source: str) -> ast.AST:
    return ast.parse(source)
