"""`MultipleChoice`: the mixin of benchmarks whose answer is the letter of an option."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from abgnn.data.query import Query
from abgnn.data.specimens import split_header
from datamodules.scoring import option_letter

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FORMAT = "Think briefly if you need to, then end with: The answer is (X)."


def choice_text(question: str, choices: Sequence[str]) -> str:
    """The question, its options a line each, and the answer format."""
    options = [f"{letter}) {choice}" for letter, choice in zip(LETTERS, choices, strict=False)]
    return "\n".join([question, *options, "", FORMAT])


class MultipleChoice:
    """Mixin: the answer is a letter, `meta["choices"]` are the options' texts."""

    def score(self, query: Query, response: str) -> float:
        """1 if the response settles on the right letter."""
        return float(option_letter(response, query.meta["choices"]) == query.answer)

    def key(self, query: Query, response: str) -> str:
        """The letter that scoring reads; empty where it reads none."""
        return option_letter(split_header(response)[1], query.meta["choices"]) or ""

    def answer_keys(self, query: Query) -> list[str]:
        """Every option's letter, the right one first."""
        return [query.answer, *_wrong(query)]

    def specimen(self, query: Query, key: str | None = None, *, correct: bool = True) -> str:
        """This letter; without one, the right letter, or always the same wrong one."""
        letter = query.answer if key is None else key
        if key is None and not correct:
            wrong = _wrong(query)
            letter = wrong[blake2b(query.id.encode()).digest()[0] % len(wrong)]
        return f"The answer is ({letter})."


def _wrong(query: Query) -> str:
    return LETTERS[: len(query.meta["choices"])].replace(query.answer, "")
