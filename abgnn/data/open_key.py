"""What an answer to a user's own question comes down to, where no benchmark says how to read it."""

from __future__ import annotations

import re

from abgnn.data.specimens import split_header

_WORDS = 8  # a text of so few is its own key
_TAIL = 4_000  # characters at the end in which a final answer is looked for
_BOXED = re.compile(r"\\boxed\{([^{}]{1,80})\}")
_MARKED = re.compile(r"(?m)^####[ \t]*([^\n]{1,80})$")
_STATED = re.compile(r"(?i)\banswer\b(?:\s+is\b|\s*[:=])\s*[:=]?\s*([^\n]{1,120})")
_EDGES = " \t*_`\"'“”‘’().,:;!$[]{}"


def open_key(text: str) -> str:
    """A boxed answer, else what follows `####`, else the last "answer is …" or "answer: …", else a
    short text itself.

    Case, punctuation and markup at the edges do not count. "" where a text states none of these:
    long free text has no key.
    """
    answer = split_header(text)[1]
    answer = answer[answer.rfind("</think>") + 8 :] if "</think>" in answer else answer
    tail = answer[-_TAIL:]
    if boxed := _BOXED.findall(tail):
        return _plain(boxed[-1])
    if marked := _MARKED.findall(tail):
        return _plain(marked[-1].replace(",", ""))
    if stated := _STATED.findall(tail):
        return _plain(re.split(r"[.;!?](?:\s|$)", stated[-1])[0])
    return _plain(answer) if len(tail.split()) <= _WORDS and len(answer) <= _TAIL else ""


def _plain(text: str) -> str:
    return " ".join(text.strip(_EDGES).lower().split())
