"""Thousands that are parted by spaces: 1 000, 12 345 678, 1 234.5."""

from __future__ import annotations

import re

from datamodules.scoring.width import HAN

_GAP = "[ \u00a0\u2009\u202f]"  # plain, no-break, thin, narrow no-break
_GROUPED = re.compile(
    rf"(?<![\w.,/])(?<!\d{_GAP})(?P<head>[1-9]\d{{0,2}})(?P<gap>{_GAP})(?P<first>\d{{3}})"
    rf"(?P<more>(?:(?P=gap)\d{{3}})*)(?P<decimals>\.\d+|,\d{{1,2}})?(?!{_GAP}?\d|[.,/⁄:-]\w)"
)
_LITTLE = (
    r"(?:for|in|and|of|per|to|that|which|because|since|left|more|total|so|as|each|altogether|"
    r"remaining|is|are|was|were|by|on|at|from|with|if|after|before|every|over|a|an|the)\b"
)
_PHRASE_ENDS = re.compile(  # at most one word of a unit, then the phrase is over
    rf"\s?{HAN}|[ \t]*[+*/=×÷]|\s?[%°€$£¥]?(?:\s?(?:square|cubic|US)\b)?"
    rf"(?:\s?(?!{_LITTLE})[^\W\d_]{{1,20}}[²³]?)?"
    rf"(?:[ \t]*(?:[.,;:!?()\[\]{{}}*_$\\|\"”'’<]|$)|\s+{_LITTLE})",
    re.MULTILINE | re.IGNORECASE,
)
_COUNTS = re.compile(  # words whose own number comes next: "in 12 150 people", "day 5 120 visitors"
    r"(?:\b(?:in|of|on|at|day|week|month|year|hour|step|page|level|grade|room|chapter|question|"
    r"case|example|problem|item|number|no\.?|"
    r"(?:jan|febr)(?:uary)?|march|april|may|june|july|august|(?:sept|nov|dec)(?:ember)?|"
    r"october)|(?<!\#)\#)\s*\Z",
    re.IGNORECASE,
)


def joined(text: str) -> str:
    """The text with such numbers in one piece: 1000, 12345678, 1234.5.

    Groups of exactly three digits after one to three, with the same space throughout, and no
    other number right before or after ("5 10 100" is a list). No-break and thin spaces are there
    to join. A plain space may part two numbers, as in "5 100 dollar bills": it joins where a
    group starts with 0, which no number does, or where the phrase ends after at most one word
    ("1 200 apples for 3 children") and no word before asks for a number ("in 12 150 people").
    """
    return _GROUPED.sub(_join, text)


def _join(match: re.Match[str]) -> str:
    number = re.sub(_GAP, "", match["head"] + match["first"] + match["more"])
    number += (match["decimals"] or "").replace(",", ".")
    if match["gap"] != " " or re.search(r" 0", match["gap"] + match["first"] + match["more"]):
        return number
    before = match.string[max(0, match.start() - 12) : match.start()]
    counted = _COUNTS.search(before) is not None
    return match[0] if counted or not _PHRASE_ENDS.match(match.string, match.end()) else number
