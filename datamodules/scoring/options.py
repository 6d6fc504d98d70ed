"""The option letter that a free-text response states."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_FILL = (
    r"(?:(?i:is|was|are|be|to|would|should|must|will|clearly|definitely|therefore|thus|indeed|"
    r"probably|likely|actually|now|still|just|simply|the|my|final|best|correct|right|one|option|"
    r"choice|letter|number|answer|it|it's)\b|[\s:=*_`\"'“‘([{$>]|\s[-–—]\s|->|→|\\boxed|"
    r"\\textbf|\\mathbf|\\text|\\mathrm|\\\(){0,20}"
)
_TRIGGER = (
    r"(?i:\banswers?\b(?!\s+choices)|\b(?:correct|right|best)\s+(?:option|choice|one|letter)\b|"
    r"\b(?:i|i'd|i'll|i\s+will|i\s+would)\s+(?:choose|pick|select|go\s+with|say)\b|"
    r"(?:\b(?:actually|instead)\b[,:]?\s+|\b(?:correction|wait|sorry|no)[,:.!]\s+)"
    r"(?=it\b|the\b|option\b|\W?[A-D]\b))"
)
_THOUGHT = r"(?i:\bi\s+(?:think|believe|guess)\b(?:\s+that\b)?|\bit(?:\s+(?:is|must|should)|'s)\b)"
_UPPER = r"[A-Z](?![\w'’])(?!\W{0,4}(?i:or|nor)\b)"
_LOWER = r"[a-z](?=\s*(?:[.,;:!?)\]}*_`\"']|$))(?!['’]\w)"
_LETTER = rf"({_UPPER}|{_LOWER})"
_AND = (
    r"\W{0,3}(?:\s(?i:and|or|nor)\s|,\s?|/)\W{0,3}([A-Z])(?![\w'’])"
    r"(?!\s+(?i:is|are|was|has|would)\b)"
)
_TORN = re.compile(_TRIGGER + _FILL + r"([A-Z])" + _AND)
_STATED = re.compile(_TRIGGER + _FILL + _LETTER)
_STATED_TEXT = re.compile(_TRIGGER + _FILL)
_THOUGHT_LETTER = re.compile(_THOUGHT + _FILL + _LETTER)
_THOUGHT_TEXT = re.compile(_THOUGHT + _FILL)
_BOXED = re.compile(r"\\boxed\{\s*(?:\\text\{|\\mathrm\{)?\s*\(?([A-Za-z])\)?\s*\}")
_BOLD = re.compile(r"(?:\*\*|__)\s*\(?([A-Z])(?:\)|[.:](?=[\s*_]))?(?:\*\*|__|\s+[^*\n]+\*\*)")
_ALONE = re.compile(r"^[ \t#>*_`(\[\"'$]*([A-Za-z])[ \t*_`)\].:\"'$]*$", re.MULTILINE)
_LAST = re.compile(r"[.!?]\s+[*_(\[]*([A-Z])[*_)\].!]*\s*\Z")
_OPENS = re.compile(
    r"(?:(?i:option|choice)\s+)?[*_(]{0,3}([A-Z])[*_)]{0,3}(?:\s*\Z|[,;]\s(?!\W?[A-Z]\b)|\s+[–—-]\s)"
)
_CORRECT = re.compile(
    r"\b([A-Z])(?:\)?|[).:,]+\s(?:(?!\b[A-Z]\b)[^.\n]){1,60}?,?)\s+is\s+"
    r"(?:(?:the|therefore|clearly)\s+)*(?:correct|right|best)\b"
)
_LISTED = re.compile(r"^[ \t>*_-]*\(?([A-Z])[).:](?=[\s*_])", re.MULTILINE)
_BRACKETED = re.compile(r"\(([A-Z])\)|\[([A-Z])\]|\b([A-Z])\)")
_REFUSED = re.compile(
    r"(?i)\bI(?:['’]m| am)?\s+(?:\w+\s+)?(?:can(?:not|['’]t)|could(?:n['’]t| not)|"
    r"do(?:n['’]t| not)|won['’]t|unable|not (?:sure|able))\b|"
    r"\bcannot be (?:determined|answered|known)\b"
)


def option_letter(response: str, options: Sequence[str]) -> str | None:
    """The letter of the option that a response settles on, or None.

    Stated answers come first, and of them the last one ("The answer is B. No, wait: C" is C):
    after "answer is", "I choose" and the like, boxed, bold, alone on a line, "B is correct", as
    a letter or as an option's text; "A or B" settles on none. Then "I think", "it is"; then a
    letter that opens the response, a bracketed letter, the only option whose text occurs; these
    not in a refusal.

    Args:
        response: what the LLM wrote.
        options: the texts of the options; the first is A.
    """
    response = response.strip()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(options)]
    stated = _letters((_STATED, _BOXED, _BOLD, _ALONE, _LAST, _CORRECT), response, letters)
    stated += _texts(_STATED_TEXT, response, options)
    torn = [m.start() for m in _TORN.finditer(response) if m[1] in letters and m[2] in letters]
    if torn and torn[-1] >= max(stated, default=(0, ""))[0]:
        return None
    return max(stated)[1] if stated else _hinted(response, options, letters)


def _hinted(response: str, options: Sequence[str], letters: str) -> str | None:
    """The letter of a response that states no answer in so many words."""
    if _REFUSED.search(response):
        return None
    thought = _letters((_THOUGHT_LETTER,), response, letters)
    thought += _texts(_THOUGHT_TEXT, response, options)
    if thought:
        return max(thought)[1]
    if (opens := _OPENS.match(response)) and opens[1] in letters:
        return opens[1]
    listed = _letters((_LISTED,), response, letters)
    if len(listed) < 3:  # more is a list of the options
        bracketed = _letters((_BRACKETED,), response, letters)
        if _LISTED.match(response) and listed:
            return listed[0][1]
        if bracketed:
            return bracketed[-1][1]
    return _only_text(response, options)


def _letters(
    patterns: Iterable[re.Pattern[str]], response: str, letters: str
) -> list[tuple[int, str]]:
    """Where a pattern's group holds one of the letters: (position, letter)."""
    matches = [match for pattern in patterns for match in pattern.finditer(response)]
    places = [(m.start(), str(m.group(m.lastindex or 0)).upper()) for m in matches]
    return [(at, letter) for at, letter in places if letter in letters]


def _texts(
    pattern: re.Pattern[str], response: str, options: Sequence[str]
) -> list[tuple[int, str]]:
    """Where a pattern is followed by an option's text, the longest one: (position, letter)."""
    places = []
    for match in pattern.finditer(response):
        rest = response[match.end() : match.end() + 1000]
        hits = [(len(o), i) for i, o in enumerate(options) if re.match(_literal(o), rest)]
        if hits:
            places.append((match.start(), chr(ord("A") + max(hits)[1])))
    return places


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
