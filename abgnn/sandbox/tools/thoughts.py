"""What a reply says once its author has stopped thinking: the text outside its think blocks."""

from __future__ import annotations

import re

_NAME = r"(?:think(?:ing)?|thoughts?|reasoning)"
_OPEN = rf"(?:<{_NAME}>|(?-i:\[THINK\]))"
_CLOSE = (
    rf"(?:</{_NAME}>|(?-i:\[/THINK\]))(?!(?:\\[nrts])*[\"'`”](?!\w|``))"  # a quote ends: quoted
)
_END = re.compile(_CLOSE, re.IGNORECASE)
_PIECE = re.compile(
    rf"(?P<fence>```[^`\n]*\n.*?(?:^[ \t]*```|\Z))|(?P<inline>`[^`\n]*`)|"
    rf"(?<![\"'`“])(?P<open>{_OPEN})|{_CLOSE}",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)


def without_thoughts(reply: str) -> str:
    """A reply without its blocks of `<think>…</think>`.

    A block that never ends is a reply that was cut while its LLM was thinking: the rest is
    dropped. A closing tag without an opening one (many chat templates write that one) makes
    everything before it a thought. Tags in code or in quotes are text. Inside a block nothing
    but its end counts, so a draft's open fence hides nothing; a fence outside that holds a
    closing tag and no opening one was such a draft's.
    """
    kept: list[str] = []
    at = 0
    while piece := _PIECE.search(reply, at):
        if piece["open"]:
            kept.append(reply[at : piece.start()])
            end = _END.search(reply, piece.end())
            at = end.end() if end else len(reply)
        elif past := _ends_thought(piece):
            kept, at = [], past
        else:
            kept.append(reply[at : piece.end()])
            at = piece.end()
    return "".join([*kept, reply[at:]])


def _ends_thought(piece: re.Match[str]) -> int | None:
    """Where a thought ends that began before this piece, if it ends in it."""
    if piece["fence"] and not re.search(_OPEN, piece[0], re.IGNORECASE):
        ends = [end.end() for end in _END.finditer(piece[0])]  # from the last one on: linear time
        return piece.start() + ends[-1] if ends else None
    return None if piece["fence"] or piece["inline"] else piece.end()
