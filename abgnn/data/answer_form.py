"""What one answer shows of itself, without the right answer: how it is written."""

from __future__ import annotations

import math
import re

from abgnn.data.open_key import open_key
from abgnn.data.recorded_text import split_score
from abgnn.data.specimens import split_header

FORM_FEATURES = (
    "log characters", "log lines", "log characters of the last line", "share of digits",
    "log numbers", "log hedges", "states an answer", "open brackets", "log sums",
    "log wrong sums", "last number of the question", "whole last number",
    "log characters after the last number",
)  # fmt: skip
_MOST = 20_000  # characters at the end that are read
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_SUM = re.compile(
    r"(\d[\d,]*(?:\.\d+)?)\s*([-+*/x×÷])\s*\$?(\d[\d,]*(?:\.\d+)?)\s*=\s*\$?(\d[\d,]*(?:\.\d+)?)"
)
_HEDGE = re.compile(
    r"(?i)\b(?:maybe|perhaps|possibly|probably|likely|unsure|not sure|i think|i believe|seems?|"
    r"appears?|however|wait|assum\w+|approximately|unclear|unknown|cannot|can't|unable|sorry)\b"
)


def form_features(text: str, question: str = "") -> tuple[float, ...]:
    """One number for each of `FORM_FEATURES`, from the last 20,000 characters. The header of a
    simulated or recorded reply is not read."""
    answer = split_score(split_header(text)[1])[1]
    whole, answer = len(answer), answer[-_MOST:]
    numbers = [match.group() for match in _NUMBER.finditer(answer)]
    last = numbers[-1] if numbers else ""
    tail = answer[answer.rfind(last) + len(last) :] if numbers else answer
    sums, wrong = _sums(answer)
    return (
        math.log1p(whole),
        math.log1p(answer.count("\n")),
        math.log1p(len(answer.rstrip().rpartition("\n")[2])),
        sum(c.isdigit() for c in answer) / max(len(answer), 1),
        math.log1p(len(numbers)),
        math.log1p(len(_HEDGE.findall(answer))),
        float(bool(open_key(text))),
        float(any(answer.count(a) > answer.count(b) for a, b in ("()", "[]", "{}", "<>"))),
        math.log1p(sums),
        math.log1p(wrong),
        float(bool(last) and last in _NUMBER.findall(question)),
        float(bool(last) and _value(last).is_integer()),
        math.log1p(len(tail)),
    )


def _sums(answer: str) -> tuple[int, int]:
    """How many sums of two numbers a text states, and how many of them are wrong."""
    made = wrong = 0
    for left, sign, right, stated in _SUM.findall(answer):
        a, b, c = map(_value, (left, right, stated))
        if sign in "/÷" and not b:
            continue
        value = {"+": a + b, "-": a - b, "/": a / (b or 1), "÷": a / (b or 1)}.get(sign, a * b)
        made += 1
        wrong += not math.isclose(value, c, rel_tol=0.02, abs_tol=0.02)
    return made, wrong


def _value(number: str) -> float:
    return float(number[:60].replace(",", ""))
