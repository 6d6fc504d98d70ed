"""What a free-text response states: an option letter, or a number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

MAX_DIGITS = 100  # a longer number is a loop of a small model, not an answer

_FILL = (
    r"(?:(?i:is|was|are|be|to|would|should|must|will|clearly|definitely|therefore|thus|indeed|"
    r"probably|likely|actually|now|still|just|simply|the|my|final|best|correct|right|one|option|"
    r"choice|letter|number|answer|it|it's)\b|[\s:=*_`\"'([{$]|->|→|\\boxed|\\text|\\mathrm|\\\()*"
)
_TRIGGER = (
    r"(?i:\banswers?\b(?!\s+choices)|\b(?:correct|right|best)\s+(?:option|choice|one|letter)\b|"
    r"\b(?:i|i'd|i'll|i\s+will|i\s+would)\s+(?:choose|pick|select|go\s+with|say)\b|"
    r"\b(?:actually|instead|correction|wait|sorry|no)\b[,:.!]?\s+(?=(?:it|the|option|\W?[A-D]\b)))"
)
_UPPER = r"[A-Z](?![\w'’])(?!\s*(?i:or|nor)\b)"
_LOWER = r"[a-z](?=\s*(?:[.,;:!?)\]}*_`\"']|$))(?!['’]\w)"
_LETTER = rf"({_UPPER}|{_LOWER})"
_STATED = re.compile(_TRIGGER + _FILL + _LETTER, re.MULTILINE)
_STATED_TEXT = re.compile(_TRIGGER + _FILL)
_BOXED = re.compile(r"\\boxed\{\s*(?:\\text\{|\\mathrm\{)?\s*\(?([A-Za-z])\)?\s*\}")
_BOLD = re.compile(r"(?:\*\*|__)\s*\(?([A-Z])(?:\)|[.:](?=[\s*_]))?(?:\*\*|__|\s+[^*\n]+\*\*)")
_ALONE = re.compile(r"^[\s#>*_`(\[\"']*([A-Za-z])[\s*_`)\].:\"']*$", re.MULTILINE)
_CORRECT = re.compile(
    r"\(?\b([A-Z])\b\)?(?:[.,:]?\s[^.\n]{1,60}?)?,?\s+is\s+(?:the\s+|therefore\s+|clearly\s+)*"
    r"(?:correct|right|best)\b"
)
_LISTED = re.compile(r"^[\s>*_-]*\(?([A-Z])[).:](?=[\s*_])", re.MULTILINE)
_BRACKETED = re.compile(r"\(([A-Z])\)|\[([A-Z])\]|\b([A-Z])\)")
_REFUSED = re.compile(
    r"(?i)\b(?:can(?:not|'t|’t)|unable to|do(?:n't|n’t| not)|won't|could(?: not|n't)|not sure)\b"
)


def option_letter(response: str, options: Sequence[str]) -> str | None:
    """The letter of the option that a response settles on, or None.

    Stated answers come first, and of them the last one ("The answer is B. No, wait: C" is C):
    after "answer is", "I choose" and the like, boxed, bold, alone on a line, "B is correct", as
    a letter or as an option's text. Without one: a letter that opens the response, then a
    bracketed letter, then the only option whose text occurs; none of these in a refusal.

    Args:
        response: what the LLM wrote.
        options: the texts of the options; the first is A.
    """
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(options)]
    response = response.strip()
    stated = _stated(response, options)
    for pattern in (_STATED, _BOXED, _BOLD, _ALONE, _CORRECT):
        stated += [(m.start(1), m.group(1).upper()) for m in pattern.finditer(response)]
    stated = [(at, letter) for at, letter in stated if letter in letters]
    if stated:
        return max(stated)[1]
    if _REFUSED.search(response):
        return None
    listed = [m for m in _LISTED.finditer(response) if m.group(1) in letters]
    if listed and listed[0].start() == 0 and len(listed) < 3:
        return listed[0].group(1)
    found = [str(m.group(m.lastindex or 0)) for m in _BRACKETED.finditer(response)]
    bracketed = [letter for letter in found if letter in letters]
    if bracketed and len(listed) < 3:
        return bracketed[-1]
    return _only_text(response, options)


def _stated(response: str, options: Sequence[str]) -> list[tuple[int, str]]:
    """Where "the answer is" is followed by an option's text: (position, letter)."""
    found = []
    for match in _STATED_TEXT.finditer(response):
        rest = response[match.end() :]
        hits = [(len(text), i) for i, text in enumerate(options) if re.match(_literal(text), rest)]
        if hits:
            found.append((match.end(), chr(ord("A") + max(hits)[1])))
    return found


def _only_text(response: str, options: Sequence[str]) -> str | None:
    """The one option whose text occurs; an option inside a longer one that occurs is passed by."""
    hits = [i for i, text in enumerate(options) if re.search(_literal(text), response)]
    hits = [
        i
        for i in hits
        if not any(j != i and re.search(_literal(options[i]), options[j]) for j in hits)
    ]
    return chr(ord("A") + hits[0]) if len(hits) == 1 else None


def _literal(text: str) -> str:
    words = r"\s+".join(re.escape(word) for word in text.split())
    return rf"(?i)(?<![\w.])(?:(?:the|a|an)\s+)?{words}(?!\w|[.,]\d)"


_NUMBER = re.compile(
    r"(?<![\w.])(?P<sign>[-−–])?\\?[$€£]?(?P<sign2>[-−])?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
)
_ANSWER = re.compile(r"(?i)\banswers?(?:\s+(?:is|are|was)\b|\s*[:=]|\s*\*\*)|\\boxed\{|####")


def last_number(response: str) -> Fraction | None:
    """The number that a response settles on, exactly, or None.

    The first number after the last "answer is" (also boxed, or after ####), but the one after
    the last "=" of that line if there is any; else the number after the last "="; else the last
    number. Thousands commas, currency signs, decimals and a sign are read: "-$1,000.50".
    """
    for marker in reversed(list(_ANSWER.finditer(response))):
        line = re.split(r"\n|[.;](?=\s|$)", response[marker.end() :].lstrip("\n :*"), maxsplit=1)[0]
        number = _after_equals(line)
        number = _first(line) if number is None else number
        if number is not None:
            return number
    number = _after_equals(response)
    if number is not None:
        return number
    numbers = _numbers(response)
    return numbers[-1] if numbers else None


def _after_equals(text: str) -> Fraction | None:
    for part in reversed(text.split("=")[1:]):
        number = _first(part)
        if number is not None:
            return number
    return None


def _first(text: str) -> Fraction | None:
    numbers = _numbers(text)
    return numbers[0] if numbers else None


def _numbers(text: str) -> list[Fraction]:
    found = []
    for match in _NUMBER.finditer(text):
        digits = match["digits"].replace(",", "")
        if len(digits) <= MAX_DIGITS:
            sign = -1 if match["sign"] or match["sign2"] else 1
            found.append(sign * Fraction(digits))
    return found
