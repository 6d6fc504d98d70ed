"""The number that a free-text response states, exactly."""

from __future__ import annotations

import re
from fractions import Fraction

MAX_DIGITS = 100  # a longer number is a loop of a small model, not an answer
MAX_POWER = 30  # of ten, in scientific notation

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?!\d|\.\d)"
_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-−–])?(?:\\?[$€£]\s?)?(?P<sign2>[-−])?(?:"
    rf"(?:(?P<whole>\d{{1,9}})\s{{0,2}})?\\[dt]?frac\{{(?P<top>{_DIGITS})\}}\{{(?P<bottom>{_DIGITS})\}}|"
    rf"(?:(?P<whole2>\d{{1,9}})[ -])?(?P<top2>\d+)\s?[/⁄]\s?(?P<bottom2>\d+)(?![\d/⁄]|\.\d)|"
    rf"(?P<digits>{_DIGITS})"
    r"(?:[eE](?P<power>[-−+]?\d{1,3})(?![\w.])|"
    r"\s?(?:×|\\times|\\cdot|[x*])\s?10\s?(?:\^|\*\*)\s?\{?(?P<power2>[-−+]?\d{1,3})\}?)?)"
)
_ANSWER = re.compile(
    r"(?i)\banswers?(?:\s+(?:is|are|was)\b(?!\s+not\b)|\s*[:=]|\s*\*\*)|\\boxed\{|####"
)
_CORRECTED = re.compile(
    r"(?i)\b(?:(?:wait|actually|correction|sorry)\b[,:.!]*|no[,:.!])\s+(?:(?:no|wait|it|that|this|"
    r"the|total|result|is|'s|should|must|would|be|make|[,:*_])\s*){0,6}"
    r"(?=[-−]?(?:\\?[$€£])?[\d.][\d.,/]{0,20}%?(?:\s[a-z]+)?[*_]{0,2}(?:[.!]?\s*$|[.!]\s))",
    re.MULTILINE,
)
_CONCLUSION = re.compile(
    r"(?:^|(?<=[.!:]\s))[*_ ]*(?:Therefore|So|Thus|Hence|Rounded|Rounding|This means|In total|"
    r"Altogether|Finally|In conclusion|Overall)\b",
    re.MULTILINE,
)
_SPACED = re.compile(r"\\[!,;: ]|(?<=\d)(?:\{,\}|[\u00a0\u202f\u2009])(?=\d{3}(?!\d))")
_UNDECIDED = re.compile(r":\d|\s*(?:[+×÷/–-]|\\times|\\cdot|\bor\b|\bto\b)\s*\\?[$€£]?\.?\d")


def last_number(response: str) -> Fraction | None:
    """The number that a response settles on, exactly, or None.

    The first number after the last "answer is" (also boxed, after ####, or after "no, wait:"),
    but the one after the last "=" of that line if there is any; else the number after the last
    "=", unless a later "Therefore, …" has other numbers: then the last of these; else the last
    number. An answer that goes on ("5 or 6", "5 - 3") is none. Read are sign,
    thousands commas (also LaTeX's), currency signs, decimals, fractions (3/4, 1 1/2, LaTeX's),
    powers of ten (1.5e3, 1.5 × 10^3). Units and % are passed over: 25% is 25.
    """
    response = _SPACED.sub(lambda m: "" if m[0][0] == "\\" else ",", response)
    markers = [*_ANSWER.finditer(response), *_CORRECTED.finditer(response)]
    for marker in sorted(markers, key=lambda m: m.end(), reverse=True):
        line = re.split(
            r"\n|[.;](?=\s|$)",
            response[marker.end() : marker.end() + 500].lstrip("\n :*"),
            maxsplit=1,
        )[0]
        if "=" in line and (number := _after_equals(line)) is not None:
            return number
        if first := _first(line):
            number, end = first
            return None if _UNDECIDED.match(line, end) else number
    number = _after_equals(response)
    concluded = _concluded(response)
    if number is not None and (not concluded or number in concluded):
        return number
    numbers = concluded or [number for number, _ in _numbers(response)]
    return numbers[-1] if numbers else None


def _concluded(response: str) -> list[Fraction]:
    """Numbers of a last sentence that opens with "Therefore" or the like and holds no "="."""
    end = [match.start() for match in _CONCLUSION.finditer(response)][-1:]
    sentence = response[end[0] :] if end else ""
    return [] if "=" in sentence else [number for number, _ in _numbers(sentence[:1000])]


def _after_equals(text: str) -> Fraction | None:
    for part in reversed(text.split("=")[1:]):
        if first := _first(part):
            return first[0]
    return None


def _first(text: str) -> tuple[Fraction, int] | None:
    numbers = _numbers(text)
    return numbers[0] if numbers else None


def _numbers(text: str) -> list[tuple[Fraction, int]]:
    """Every number with the place where it ends."""
    values = ((_value(match), match.end()) for match in _NUMBER.finditer(text))
    return [(value, end) for value, end in values if value is not None]


def _value(match: re.Match[str]) -> Fraction | None:
    if len(match[0]) > MAX_DIGITS:
        return None
    top, bottom = match["top"] or match["top2"], match["bottom"] or match["bottom2"]
    if top is None:
        power = int((match["power"] or match["power2"] or "0").replace("−", "-"))
        if abs(power) > MAX_POWER:
            return None
        value = _exact(match["digits"]) * Fraction(10) ** power
    elif not _exact(bottom):
        return None
    else:
        value = _exact(top) / _exact(bottom) + int(match["whole"] or match["whole2"] or 0)
    return -value if match["sign"] or match["sign2"] else value


def _exact(digits: str) -> Fraction:
    return Fraction(digits.replace(",", ""))
