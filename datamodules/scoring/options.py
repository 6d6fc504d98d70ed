"""The option letter that a free-text response states."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from abgnn.sandbox.tools.thoughts import without_thoughts
from datamodules.scoring import chinese
from datamodules.scoring.excluded import excluded
from datamodules.scoring.width import spaced

Hit = tuple[int, int, str]  # where it stands, which of two there counts (the higher), the letter

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
_NOUN = r"(?i:vitamins?|cells?|lymphocytes?|major|minor|flat|sharp|movies?|batter(?:y|ies))\b"
_UPPER = rf"[A-Z](?![\w'’])(?!\W{{0,4}}(?i:or|nor)\b)(?!\s+{_NOUN})"
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
_SO = re.compile(  # "Not A. Not C. So B"
    r"(?<!\b[Ii]f )\b(?i:so|thus|hence|therefore|leav(?:es|ing)(?:\s+(?:us|only|with)){0,2})\b"
    r"[,:]?\s+(?:(?i:it|it's|is|must|be|the|we|i|choose|pick|select|only|option|choice)\s+){0,4}"
    r"[*_`\"“(\[]{0,4}([A-Z])[)\]*_`\"”]{0,4}(?=\s*(?:[.!;]|$)|,\s(?!\W?[A-Z]\b))",
    re.MULTILINE,
)
_BUT = re.compile(  # "not A but B"
    r"\b(?i:not)\s+\W{0,3}[A-Z]\W{0,3}\s(?i:but)\s+(?i:(?:rather|it|is|it's|option|the)\s+){0,3}"
    rf"\W{{0,3}}({_UPPER})"
)
_LAST = re.compile(r"[.!?]\s+[*_(\[]*([A-Z])[*_)\].!]*\s*\Z")
_OPENS = re.compile(
    r"(?:(?i:option|choice)\s+|选项\s?)?[*_(]{0,3}([A-Z])[*_)]{0,3}(?:\s?选?项)?"
    r"(?:\s*\Z|[,;]\s(?!\W?[A-Z]\b)|\s+[–—-]\s|,?\snot\s+\W?[A-Z]\b)"
)
_CORRECT = re.compile(
    r"\b([A-Z])(?:\)?|[).:,]+\s(?:(?!\b[A-Z]\b)[^.\n]){1,60}?,?)\s+is\s+"
    r"(?:(?:the|therefore|clearly)\s+)*(?:correct|right|best)\b"
)
_LISTED = re.compile(r"^[ \t>*_-]*\(?([A-Z])[).:](?=[\s*_])", re.MULTILINE)
_BRACKETED = re.compile(r"\(([A-Z])\)|\[([A-Z])\]|\b([A-Z])\)")
_EITHER = re.compile(r"[(\[][A-Z][)\]]\s?(?:(?i:or)|或者?|还是)\s?[(\[]([A-Z])[)\]]")
_REFUSED = re.compile(
    r"(?i)\bI(?:['’]m| am)?\s+(?:\w+\s+)?(?:can(?:not|['’]t)|could(?:n['’]t| not)|"
    r"do(?:n['’]t| not)|won['’]t|unable|not (?:sure|able))\b|"
    r"\bcannot be (?:determined|answered|known)\b|\bnot (?:only|just)\W{1,3}(?-i:[A-Z])\b"
)


def option_letter(response: str, options: Sequence[str]) -> str | None:
    """The letter of the option that a response settles on, or None.

    Stated answers come first, and of them the last one ("The answer is B. No, wait: C" is C):
    after "answer is", "I choose" and the like, boxed, bold, alone on a line, "B is correct", as
    a letter or as an option's text; "A or B" settles on none. Then "I think", "it is"; then a
    letter that opens the response, a bracketed letter, the only option whose text occurs; these
    not in a refusal.

    Letters that the response rules out ("not A", "A is wrong") are passed by, thoughts in think
    blocks are not read. Full-width letters and Chinese wordings count as English ones.

    Args:
        response: what the LLM wrote.
        options: the texts of the options; the first is A.
    """
    response = spaced(without_thoughts(response)).strip()
    options = [spaced(option) for option in options]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(options)]
    stated = (_STATED, _BOXED, _BOLD, _ALONE, _LAST, _CORRECT, _SO, _BUT, *chinese.STATED)
    hits = _letters(stated, response, letters) + _texts(_STATED_TEXT, response, options)
    torn = [
        (match.start(1), 1, "torn")
        for pattern in (_TORN, chinese.TORN)
        for match in pattern.finditer(response)
        if match[1] in letters and match[2] in letters
    ]
    if torn and (not hits or max(torn)[:2] >= max(hits)[:2]):
        return None
    return max(hits)[2] if hits else _hinted(response, options, letters)


def _hinted(response: str, options: Sequence[str], letters: str) -> str | None:
    """The letter of a response that states no answer in so many words."""
    if _REFUSED.search(response):
        return None
    thought = _letters((_THOUGHT_LETTER, chinese.THOUGHT), response, letters)
    thought += _texts(_THOUGHT_TEXT, response, options)
    if thought:
        return max(thought)[2]
    if (opens := _OPENS.match(response)) and opens[1] in letters:
        return None if opens.start(1) in excluded(response) else opens[1]
    listed = _letters((_LISTED,), response, letters)
    if len(listed) < 3:  # more is a list of the options
        bracketed = _letters((_BRACKETED,), response, letters)
        if bracketed and bracketed[-1] in _letters((_EITHER,), response, letters):
            return None
        if _LISTED.match(response) and listed:
            return listed[0][2]
        if bracketed:
            return bracketed[-1][2]
    return _only_text(response, options)


def _letters(patterns: Iterable[re.Pattern[str]], response: str, letters: str) -> list[Hit]:
    """Where a pattern's group holds one of the letters and it is not ruled out."""
    matches = [match for pattern in patterns for match in pattern.finditer(response)]
    groups = [(match, match.lastindex or 0) for match in matches]
    hits = [(m.start(group), 1, m[group].upper()) for m, group in groups]
    out = excluded(response) if hits else set()
    return [hit for hit in hits if hit[2] in letters and hit[0] not in out]


def _texts(pattern: re.Pattern[str], response: str, options: Sequence[str]) -> list[Hit]:
    """Where a pattern is followed by an option's text, the longest one."""
    read: list[Hit] = []
    for match in pattern.finditer(response):
        rest = response[match.end() : match.end() + 1000]
        hits = [(len(o), i) for i, o in enumerate(options) if re.match(_literal(o), rest)]
        if hits:
            length, option = max(hits)
            read.append((match.end(), 2 if length > 1 else 0, chr(ord("A") + option)))
    return read


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
