"""`Finding`: one line of `abgnn doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one subject.

    Args:
        subject: for example `encoder`.
        state: `ok`; `note`, worth knowing, but what was asked for runs; `problem`, it cannot run.
        text: what there is, or what is missing; never a key.
        mend: the command, or the line of a file, that mends it; empty where nothing is to mend.
    """

    subject: str
    state: State
    text: str
    mend: str = ""


def unless(fine: bool, needed: bool = True) -> State:
    """`ok` if all is fine; else a problem where it is needed, a note where not."""
    return "ok" if fine else "problem" if needed else "note"
