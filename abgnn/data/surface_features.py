"""`surface_counts`: counts of characters, words, numbers, … of a question; numpy only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_PATTERNS = {
    "digits": r"\d",
    "numbers": r"\d+(?:[.,]\d+)*",
    "capitals": r"[A-Z]",
    "punctuation": r"[^\w\s]",
    "question_marks": r"\?",
    "commas": r",",
    "lines": r"\n",
    "latex_commands": r"\\[a-zA-Z]+",
    "dollar_signs": r"\$",
    "operators": r"[=+*/^<>]",
    "brackets": r"[()\[\]{}]",
    "underscores": r"_",
    "doctests": r">>>|->|\bassert\b",
    "options": r"(?m)^[ \t]*\(?[A-E][.):][ \t]",
    "quotes": r"[\"'`“”]",
    "beyond_ascii": r"[^\x00-\x7f]",
    "money": r"\$[ ]?\d|%|\b(?:percent|dollars?|cents?)\b",
    "quantifiers": r"(?i)\b(?:each|every|twice|half|times|total|more|less|than|per)\b",
    "negations": r"(?i)\b(?:not|except|never|least|false|none)\b",
}
_COMPILED = tuple(re.compile(pattern) for pattern in _PATTERNS.values())
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)")

SURFACE_NAMES = ("characters", "word_length", "words_per_sentence", *_PATTERNS)


def surface_counts(texts: Sequence[str]) -> NDArray[np.float64]:
    """The 22 figures of `SURFACE_NAMES` per text, `[len(texts), 22]`.

    Counts c, the text's characters among them, are given as log(1 + c); mean characters per word
    and mean words per sentence as they are. An empty text has zeros.
    """
    rows = [_row(text) for text in texts]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(SURFACE_NAMES))


@lru_cache(1 << 10)
def _row(text: str) -> tuple[float, ...]:
    words = text.split()
    sentences = max(1, len(_SENTENCE_END.findall(text)))
    word_length = sum(map(len, words)) / max(1, len(words))
    counts = [len(pattern.findall(text)) for pattern in _COMPILED]
    return np.log1p(len(text)), word_length, len(words) / sentences, *np.log1p(counts)
