"""Signals in an LLM's worked answer that need no right answer; numpy only."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Sequence

import numpy as np

from abgnn.data.arrays import Array

SIGNALS = (
    "log length",
    "lines",
    "states a final answer",
    "stops in mid-sentence",
    "log |answer|",
    "answer is not whole",
    "answer is negative",
    "answer closes the last calculation",
    "calculations",
    "wrong calculations",
    "numbers of the question left out",
    "numbers from nowhere",
    "hedges",
)
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?")
_EQUATION = re.compile(r"([\d.,$%\s()+*/x×·÷−-]{3,80}?)=\s*\$?\s*(-?\d[\d,]*(?:\.\d+)?)")
_FINAL = re.compile(r"####\s*\$?\s*(-?\d[\d,]*(?:\.\d+)?)")
_HEDGE = re.compile(
    r"\b(?:approximately|about|assum\w+|if we|however|unclear|not (?:specified|given|possible)|"
    r"cannot|can't|rounded?|perhaps|probably|may|might|wait|sorry|actually)\b",
    re.IGNORECASE,
)
_RATIO = re.compile(r"\b(?:each|every|per)\b", re.IGNORECASE)
_SHARE = re.compile(r"\b(?:half|twice|third|quarter|times|more|less|fewer)\b", re.IGNORECASE)
_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def reading(questions: Sequence[str], answers: Sequence[str]) -> Array:
    """Signals of each answer, named by `SIGNALS`; `[Q, len(SIGNALS)]`.

    Calculations `a op b = c` in the answer are done again; numbers are traced to the question.
    """
    rows = [_signals(q, a) for q, a in zip(questions, answers, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(SIGNALS))


def asking(questions: Sequence[str]) -> Array:
    """Surface of the questions: log length, sentences, numbers, $, %, ratios, comparisons."""
    rows = [
        [
            math.log(len(q) + 1),
            q.count("."),
            len(_NUMBER.findall(q)),
            q.count("$"),
            q.count("%"),
            len(_RATIO.findall(q)),
            len(_SHARE.findall(q)),
        ]
        for q in questions
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 7)


def _signals(question: str, answer: str) -> list[float]:
    text = answer.strip()
    plain = re.sub(r"<<[^>]*>>", "", text)
    numbers = [_value(n) for n in _NUMBER.findall(plain)]
    marked = _FINAL.findall(text)
    final = _value(marked[-1]) if marked else (numbers[-1] if numbers else 0.0)
    sums = [(_evaluate(left), _value(right)) for left, right in _EQUATION.findall(plain)]
    done = [(left, right) for left, right in sums if left is not None]
    wrong = sum(not math.isclose(left, right, rel_tol=0.01, abs_tol=0.011) for left, right in done)
    in_question = {_value(n) for n in _NUMBER.findall(question)}
    results = {right for _, right in sums}
    return [
        math.log(len(text) + 1),
        math.log(text.count("\n") + 1),
        float(bool(marked)),
        float(not marked and not text.endswith((".", "!", "?", ")", "]", "}", "*", "$"))),
        math.log(abs(final) + 1),
        float(final != int(final)),
        float(final < 0),
        float(bool(sums) and sums[-1][1] == final),
        math.log(len(sums) + 1),
        math.log(wrong + 1),
        len(in_question - set(numbers)) / max(len(in_question), 1),
        len(set(numbers) - in_question - results) / max(len(set(numbers)), 1),
        math.log(len(_HEDGE.findall(plain)) + 1),
    ]


def _value(number: str) -> float:
    value = float(number.replace(",", ""))
    return value if math.isfinite(value) else 0.0


def _evaluate(text: str) -> float | None:
    """The value of an arithmetic expression, or None if it is none; nothing is executed."""
    plain = re.sub(r"[\s$,]", "", text).replace("%", "/100")
    for written, meant in (("×", "*"), ("x", "*"), ("·", "*"), ("÷", "/"), ("−", "-")):
        plain = plain.replace(written, meant)
    if len(plain) > 60 or not re.search(r"\d[*/+-]", plain):
        return None
    try:
        return _walk(ast.parse(plain, mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError):
        return None


def _walk(node: ast.AST) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_walk(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_walk(node.left), _walk(node.right))
    raise ValueError("not arithmetic")
