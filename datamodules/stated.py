"""`StatedAnswer`: how questions are judged whose answer is a word or a short phrase."""

from __future__ import annotations

import re

from abgnn.data.open_key import open_key
from abgnn.data.query import Query
from abgnn.data.specimens import split_header
from abgnn.sandbox.tools.thoughts import without_thoughts
from datamodules.scoring.width import spaced

MAX_CHARACTERS = 100  # of an answer; `open_key` reads so much and a little more
WRONG = 7  # wrong answers of a question in the simulated world
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


class StatedAnswer:
    """Right is a response that comes down to the answer: stated, boxed, or as its last line."""

    @staticmethod
    def readable(answer: str) -> bool:
        """Whether anything is left of an answer without punctuation."""
        return bool(_read(_stating(answer)) and _words(answer))

    def score(self, query: Query, response: str) -> float:
        """1 if what the response states is the answer, whatever case, spaces and punctuation."""
        text = split_header(response)[1]
        if _words(text.strip().rpartition("\n")[2]) == _words(query.answer):
            return 1.0
        same = _read(text) == _read(_stating(query.answer))
        return float(same and _words(query.answer) in _words(text))

    def key(self, query: Query, response: str) -> str:
        """What the response states, in small letters; empty where it states nothing."""
        right = bool(self.score(query, response))
        return _read(_stating(query.answer) if right else split_header(response)[1])

    def answer_keys(self, query: Query) -> list[str]:
        """The answer as it is read, and others that no question has."""
        return [_read(_stating(query.answer)), *(f"none of these {i}" for i in range(1, WRONG + 1))]

    def specimen(self, query: Query, key: str | None = None, *, correct: bool = True) -> str:
        """This key stated; without one, the answer, or always the same wrong one."""
        right, *wrong = self.answer_keys(query)
        if key == right or (key is None and correct):
            return _stating(query.answer)
        return _stating(wrong[0] if key is None else key)


def _stating(answer: str) -> str:
    return f"The answer is {answer}."


def _read(response: str) -> str:
    """What a response states; of one that states nothing, its last line, if that is short."""
    text = spaced(without_thoughts(response)).strip()
    return open_key(text) or open_key(text.rpartition("\n")[2])


def _words(text: str) -> str:
    """Small letters and single spaces, so that an answer is looked for as it may be written."""
    words = (_EDGES.sub("", word) for word in spaced(text).casefold().split())
    return " ".join(word for word in words if word)
