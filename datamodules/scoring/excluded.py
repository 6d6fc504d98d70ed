"""Option letters that a response rules out: "not A", "A is wrong", "排除A、C"."""

from __future__ import annotations

import re

_WORDS = (
    r"(?:[ \t]+(?:be|is|it|the|an?|options?|choices?|answers?|either|letters?|choose|pick|select|"
    r"choosing|picking)\b){0,4}"
)
_BEFORE = r"[ \t*_`(\[\"'“$]{0,6}"
_AFTER = r"[*_`)\]\"'”$]{0,6}"
_LIST = rf"[A-Z]\b(?:{_AFTER}\s?(?:,\s?)?(?:%s)\s?{_BEFORE}[A-Z]\b){{0,25}}"
_OR, _COMMA = _LIST % r"\b(?:or|nor|and)\b|/", _LIST % r"\b(?:or|and)\b|(?<=,)\s?|[和与及或]"
_RULED_OUT = (
    re.compile(rf"(?:\b(?i:not|cannot|never|neither|nor)|n['’]t)(?i:{_WORDS}){_BEFORE}({_OR})"),
    re.compile(
        r"\b(?i:rul(?:es?|ed|ing)[ \t]out|eliminat(?:es?|ed|ing)|exclud(?:es?|ed|ing)|"
        rf"reject(?:s|ed|ing)?|instead[ \t]of|rather[ \t]than)(?i:{_WORDS}){_BEFORE}({_COMMA})"
    ),
    re.compile(
        rf"\b([A-Z]){_AFTER}\s+(?:is|was|seems|can)(?:\s+(?:clearly|also|definitely|thus|then))?"
        r"(?:\s+(?:wrong|out|ruled\s+out|eliminated|excluded|impossible)\b|"
        r"(?:not|n['’]t|\s+not)\s+(?:be\b|(?:the\s+)?(?:correct|right|best|answer|possible)\b))"
    ),
    re.compile(
        r"(?:不是|并非|而非|不可能是|不会是|不能是|不应该?是|不选|不能选|不应选|排除|去掉)(?:了|选项|答案)?"
        rf"{_BEFORE}({_COMMA})"
    ),
    re.compile(
        rf"\b([A-Z]){_AFTER}\s?(?:选项|项)?(?:也|都|显然|明显|是|为){{0,3}}\s?"
        r"(?:错|不对|不正确|不是|不符|排除|不行|不选|不成立|有误|不可能)"
    ),
)


def excluded(response: str) -> set[int]:
    """Where in the response such letters stand."""
    groups = [match for pattern in _RULED_OUT for match in pattern.finditer(response)]
    return {
        match.start(1) + letter.start()
        for match in groups
        for letter in re.finditer(r"\b[A-Z]\b", match[1])
    }
