"""The header line of a simulated response, with the number of tokens that it stands for.

Readers count a short text as a long one by it; scorers read the answer below it.
"""

from __future__ import annotations

import re

_HEADER = re.compile(r"\[simulated: (\d+) tokens of reasoning\]\n")


def with_header(tokens: int, answer: str) -> str:
    """A simulated response of `tokens` visible tokens."""
    return f"[simulated: {tokens} tokens of reasoning]\n{answer}"


def split_header(text: str) -> tuple[int | None, str]:
    """Visible tokens (None where no header says) and the answer below the header."""
    header = _HEADER.match(text)
    return (int(header[1]), text[header.end() :]) if header else (None, text)
