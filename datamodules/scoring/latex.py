"""Final answers in LaTeX: finding one in a response, and comparing two as normalised text."""

from __future__ import annotations

import re
from fractions import Fraction

from abgnn.sandbox.tools.thoughts import without_thoughts
from datamodules.scoring.grouping import joined
from datamodules.scoring.width import HAN, half_width

LONGEST = 400  # characters of an answer; a longer one is a loop or a proof

_BOXED = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)|\\boxed\s+(\S+)")
_STATED = re.compile(
    r"(?i)\banswers?\b(?:\s+(?:is|are|was)\b(?!\s+not\b)|\s*[:=])|####|"
    r"答案(?!\s?(?:并?不|并非))(?:应该?|应当|就)?(?:是|为|\s?[:=])"
)
_MATH = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)

_DROPPED = re.compile(
    r"\\(?:left|right|[Bb]igg?[lr]?)(?![A-Za-z])|\\[!,;: ]|~|\\q?quad(?![A-Za-z])|"
    r"\^\s*\{?\s*\\circ\s*\}?|°|\\degree|\\?%|\\?[$€£]|\{,\}(?=\d{3})|\\(?:display|text)style|\s+"
)
_MARKED = re.compile(r"(?<=\d)(?:,\\!|\{,\}|\\[,!]) ?(?=\d{3}(?!\d))")
_THOUSANDS = re.compile(r"[^\d,]*\d{1,3}(?:,\d{3})+(?:\.\d+)?[^\d,]*")
_MIXED_SLASH = re.compile(r"(?<![\d.])(\d+)(?:\s|\\ )+(\d+)/(\d+)(?!\d)")
_AND = re.compile(r"\\(?:text|mbox)\{\s*(?:and|or)\s*\}|\b(?:and|or)\b")
_GAP = re.compile(r"(?<=\d)\s+(?=\d)")
_RELATION = re.compile(r"[<>]|\\(?:pm|mp|in|leq?|geq?|lt|gt|cup|ne|neq)(?![A-Za-z])")
_UNIT = re.compile(r"(?<=[\d})])\\(?:text|mbox|mathrm|textrm)\{[^{}]*\}(?:\^\{?\d\}?)?$")
_MEASURE = re.compile(rf"(?<=[\d}})%$])\s?(?![万亿千百]){HAN}{{1,6}}$")  # 18米
_WORDS = re.compile(r"\\(?:text|mbox|mathrm|textrm|textbf|mathbf|operatorname)\{([^{}]*)\}")
_NAMED = re.compile(
    r"^(?:([A-Za-z])(?:_\{?\w\}?)?|[A-Za-z]\([A-Za-z]\)|\([A-Za-z](?:,[A-Za-z])+\))"
    r"(?:=|\\in(?![A-Za-z]))"
)
_SHORT_FRACTION = re.compile(r"\\frac(?:\{([^{}]*)\}(\w)|(\w)\{([^{}]*)\}|(\w)(\w))")
_SHORT_ROOT = re.compile(r"\\sqrt(?![\[{])(\w)")
_MIXED = re.compile(r"(-?)(\d+)\\frac\{(\d+)\}\{(\d+)\}")
_RATIONAL = re.compile(r"(-?)(?:\\frac\{(-?\d+)\}\{(-?\d+)\}|(\d*\.?\d+)\.?(?:/(\d+))?)")
_BASE = re.compile(r"_\{?(\d+)\}?$")
_OPEN, _CLOSE = "([{", ")]}"
_REWRITTEN = (
    ("\\dfrac", "\\frac"),
    ("\\tfrac", "\\frac"),
    ("\\$", ""),
    ("−", "-"),
    ("\\cdot", "*"),
    ("\\{", "{"),
    ("\\}", "}"),
    ("\\lbrace", "{"),
    ("\\rbrace", "}"),
)


def final_answer(response: str) -> str | None:
    """What a response ends on: LaTeX without its dollar signs, or None.

    The last non-empty \\boxed; else the formula, or else the sentence, after the last "answer
    is"; else the last formula; else the last line, if it is short. Thoughts in think blocks are
    not read.
    """
    response = half_width(without_thoughts(response))
    answer = boxed_answer(response) or _stated(response).strip().rstrip(".").strip()
    return answer if 0 < len(answer) <= LONGEST else None


def boxed_answer(text: str) -> str | None:
    """What the last \\boxed that is not empty holds, or None."""
    boxed = [_boxed(text, match).strip() for match in _BOXED.finditer(text)]
    return next((content for content in reversed(boxed) if content), None)


def _boxed(response: str, match: re.Match[str]) -> str:
    if match[1]:
        return str(match[1]).rstrip("$.,")
    depth = 0
    for at in range(match.end(), min(len(response), match.end() + LONGEST + 2)):
        depth += {"{": 1, "}": -1}.get(response[at], 0) * (response[at - 1] != "\\")
        if not depth:
            return response[match.end() + 1 : at]
    return ""


def _stated(response: str) -> str:
    """An answer without a box."""
    formulas: list[str] = []
    stated = list(_STATED.finditer(response))
    if stated:
        rest = response[stated[-1].end() :].lstrip(" :*\n")[: LONGEST + 100]
        if formula := _MATH.match(rest):
            return next(group for group in formula.groups() if group)
        line = re.split(r"\n|[.](?=\s|$)", rest, maxsplit=1)[0].strip("* ")
        formulas = _formulas(line)
        return formulas[-1] if formulas else line
    formulas = _formulas(response)
    if formulas:
        return formulas[-1]
    line = response.strip().rsplit("\n", 1)[-1].strip("* ")
    return line if len(line) <= 60 else ""


def _formulas(text: str) -> list[str]:
    return [next(group for group in groups if group) for groups in _MATH.findall(text)]


def same(gold: str, answer: str) -> bool | None:
    """Whether two answers are the same: yes, no, or None where plain text cannot tell.

    Equal after normalisation, or equal rationals: yes. Two different rationals, words, ratios or
    bases, a tuple or interval against other brackets or another number of parts: no. Spacing,
    size commands, dollar and percent signs, degrees, units, thousands commas, a leading "x =" do
    not count, nor does a base that one of the two leaves out. Parts of a bare list may be in any
    order.
    """
    left, right = normalise(gold), normalise(answer)
    if left == right and left:
        return True
    names = _NAMED.match(left), _NAMED.match(right)
    if names[0] and names[1] and names[0][1] and names[1][1] and names[0][1] != names[1][1]:
        return False
    left, right = _NAMED.sub("", left), _NAMED.sub("", right)
    if left == right and left:
        return True
    if "|" in right and "|" not in left and _GAP.search(answer):
        return False
    if (bases := _bases(left, right)) is not None:
        return bases
    values = rational(left), rational(right)
    if None not in values:
        return values[0] == values[1]
    if re.fullmatch(r"[A-Za-z() ]{3,}", left) and _WORDS.search(gold):
        return left.strip("()").lower() == right.strip("()").lower()
    if ":" in left or not right:
        return False
    return _same_parts(left, right)


def _same_parts(left: str, right: str) -> bool | None:
    """Tuples, intervals and lists, part by part."""
    related = _RELATION.search(left + right) is not None
    ends, (mine, yours) = _ends(left).strip("{}"), (_parts(left), _parts(right))
    if ends and len(mine) > 1 and ends != _ends(right):
        return None if related else False
    if len(mine) != len(yours):
        return None if related else False
    if len(mine) == 1:
        return None
    if not ends:
        mine, yours = sorted(mine), sorted(yours)
    judged = [same(a, b) for a, b in zip(mine, yours, strict=True)]
    if all(judged):
        return True
    return False if ends and False in judged else None


def normalise(text: str) -> str:
    """One way of writing an answer, for comparison as text; names of variables are kept."""
    text = _MARKED.sub("", joined(_MEASURE.sub("", half_width(text).strip().rstrip(".").strip())))
    if _THOUSANDS.fullmatch(text) and not _ends(text):
        text = text.replace(",", "")
    for old, new in _REWRITTEN:
        text = text.replace(old, new)
    text = _AND.sub(",", _MIXED_SLASH.sub(r"\1\\frac{\2}{\3}", text))
    text = _DROPPED.sub("", _GAP.sub("|", text))
    text = _WORDS.sub(r"\1", _UNIT.sub("", text))
    for short, long in ((_SHORT_FRACTION, _braced), (_SHORT_ROOT, _rooted)):
        text = short.sub(long, text)
    text = re.sub(r"(?<![\d.])\.(?=\d)", "0.", text)
    return text[1:] if text.startswith("+") else text


def _braced(match: re.Match[str]) -> str:
    top, bottom = (group for group in match.groups() if group is not None)
    return f"\\frac{{{top}}}{{{bottom}}}"


def _rooted(match: re.Match[str]) -> str:
    return f"\\sqrt{{{match[1]}}}"


def rational(text: str) -> Fraction | None:
    """The number that a normalised answer is, if it is one: integer, decimal, fraction, mixed."""
    if mixed := _MIXED.fullmatch(text):
        sign, whole, top, bottom = mixed.groups()
        value = int(whole) + Fraction(int(top), int(bottom)) if int(bottom) else None
        return -value if value is not None and sign else value
    match = _RATIONAL.fullmatch(text)
    if not match:
        return None
    sign, top, bottom, number, below = match.groups()
    upper, lower = Fraction(number or top), int(bottom or below or 1)
    if not lower:
        return None
    return -upper / lower if sign else upper / lower


def _bases(left: str, right: str) -> bool | None:
    """For numbers with a base, such as 42_7: whether they agree."""
    mine, yours = _BASE.search(left), _BASE.search(right)
    if not mine and not yours:
        return None
    if mine and yours and mine[1] != yours[1]:
        return False
    return _BASE.sub("", left) == _BASE.sub("", right)


def _ends(text: str) -> str:
    """The brackets round the whole, such as `(]`; empty if there are none."""
    if len(text) < 2 or text[0] not in _OPEN or text[-1] not in _CLOSE:
        return ""
    depth = 0
    for at, char in enumerate(text):
        depth += (char in _OPEN) - (char in _CLOSE)
        if not depth and at < len(text) - 1:
            return ""
    return text[0] + text[-1]


def _parts(text: str) -> list[str]:
    """What commas outside brackets part."""
    inner = text[1:-1] if _ends(text) else text
    parts, depth = [""], 0
    for char in inner:
        depth += (char in _OPEN) - (char in _CLOSE)
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts
