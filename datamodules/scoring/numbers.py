"""The number that a free-text response states, exactly."""

from __future__ import annotations

import re
from fractions import Fraction

from abgnn.sandbox.tools.thoughts import without_thoughts
from datamodules.scoring.grouping import joined
from datamodules.scoring.width import spaced

MAX_DIGITS = 100  # a longer number is a loop of a small model, not an answer
MAX_POWER = 30  # of ten, in scientific notation
_MYRIADS = {"万": 10**4, "亿": 10**8}

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?!\d|\.\d)"
_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-−–])?(?:\\?[$€£¥]\s?)?(?P<sign2>[-−])?(?:"
    rf"(?:(?P<whole>\d{{1,9}})\s{{0,2}})?\\[dt]?frac\{{(?P<top>{_DIGITS})\}}\{{(?P<bottom>{_DIGITS})\}}|"
    rf"(?:(?P<whole2>\d{{1,9}})[ -])?(?P<top2>\d+)\s?[/⁄]\s?(?P<bottom2>\d+)(?![\d/⁄]|\.\d)|"
    rf"(?P<digits>{_DIGITS})"
    r"(?:[eE](?P<power>[-−+]?\d{1,3})(?![\w.])|"
    r"\s?(?:×|\\times|\\cdot|[x*])\s?10\s?(?:\^|\*\*)\s?\{?(?P<power2>[-−+]?\d{1,3})\}?|"
    r"\s?(?P<myriads>[万亿])(?!\s?\d))?)"
)
_ANSWER = re.compile(
    r"(?i)\banswers?(?:\s+(?:is|are|was)\b(?!\s+not\b)|\s*[:=]|\s*\*\*)|\\boxed\{|####|"
    r"答案(?!\s?(?:并?不|并非|\d{1,2}:))(?:应该?|应当|就|大约|约|一共|总共|共|显然){0,3}(?:是|为|等于|\s?[:=])?|"
    r"结果(?:应该?|应当|就){0,2}\s?(?:是|为|[:=])"
)
_CORRECTED = re.compile(
    r"(?i)\b(?:(?:wait|actually|correction|sorry)\b[,:.!]*|no[,:.!])\s+(?:(?:no|wait|it|that|this|"
    r"the|total|result|is|'s|should|must|would|be|make|[,:*_])\s*){0,6}"
    r"(?=[-−]?(?:\\?[$€£])?[\d.][\d.,/]{0,20}%?(?:\s[a-z]+)?[*_]{0,2}(?:[.!]?\s*$|[.!]\s))",
    re.MULTILINE,
)
_CORRECTED_ZH = re.compile(
    r"(?:不对|(?<!\w)不|错了|等等|等一下|更正|纠正|抱歉)[,.:!]\s?(?:答案|结果|总数|总共|一共|应该?|应当|"
    r"是|为|[=:*_ ]){0,8}(?=[-−]?[$€£¥]?[\d.][\d.,/]{0,20}%?\s?[万亿]?\w{0,3}[*_]{0,2}[.!]?\s*$|"
    r"[-−]?[$€£¥]?[\d.][\d.,/]{0,20}%?\s?\w{0,3}[*_]{0,2}[.!]\s)",
    re.MULTILINE,
)
_CONCLUSION = re.compile(
    r"(?:^|(?<=[.!:]\s))[*_ ]*(?:Therefore|So|Thus|Hence|Rounded|Rounding|This means|In total|"
    r"Altogether|Finally|In conclusion|Overall)\b|"
    r"(?:^|(?<=[.!:,]\s))[*_ ]*(?:所以|因此|因而|故|综上|总共|一共|最终|最后|于是)",
    re.MULTILINE,
)
_SPACED = re.compile(r"\\[!,;: ]|(?<=\d)\{,\}(?=\d{3}(?!\d))")
_EQUALS = re.compile(r"(?<!不)等于")
_MINUS = re.compile(r"负\s?(?=\d)")
_UNDECIDED = re.compile(
    r":\d|\s?[万亿]|\s*(?:[+×÷/–~-]|\\times|\\cdot|\bor\b|\bto\b|(?:[^\W\d_]{1,2})?(?:或者?|还是|到|至))"
    r"\s*\\?[$€£¥]?\.?\d"
)


def last_number(response: str) -> Fraction | None:
    """The number that a response settles on, exactly, or None.

    The first number after the last "answer is" (also boxed, after ####, or after "no, wait:"),
    but the one after the last "=" of that line if there is any; else the number after the last
    "=", unless a later "Therefore, …" has other numbers: then the last of these; else the last
    number. An answer that goes on ("5 or 6", "5 - 3") is none. Read are sign,
    thousands commas (also LaTeX's), currency signs, decimals, fractions (3/4, 1 1/2, LaTeX's),
    powers of ten (1.5e3, 1.5 × 10^3), thousands parted by spaces (`grouping.joined`). Units and
    % are passed over: 25% is 25. Thoughts in think blocks are not read. Full-width digits and
    Chinese wordings count as English ones.
    """
    response = _prepared(response)
    markers = [*_ANSWER.finditer(response), *_CORRECTED.finditer(response)]
    markers += _CORRECTED_ZH.finditer(response)
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


def _prepared(response: str) -> str:
    """Without thoughts, full-width forms, Chinese signs, and spaces inside numbers."""
    text = _MINUS.sub("-", _EQUALS.sub("=", spaced(without_thoughts(response))))
    return joined(_SPACED.sub(lambda m: "" if m[0][0] == "\\" else ",", text))


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
        value *= _MYRIADS.get(match["myriads"], 1)
    elif not _exact(bottom):
        return None
    else:
        value = _exact(top) / _exact(bottom) + int(match["whole"] or match["whole2"] or 0)
    return -value if match["sign"] or match["sign2"] else value


def _exact(digits: str) -> Fraction:
    return Fraction(digits.replace(",", ""))
