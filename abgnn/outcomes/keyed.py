"""The layout `answers`: what every LLM answered, as a key that tells equal answers from others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from abgnn.errors import ConfigError
from abgnn.outcomes.cells import Cell, Entry
from abgnn.outcomes.files import Record, place_of

CHARS_PER_TOKEN = 3.5  # of a reply
NOTHING = "''"  # the key of an answer that is the empty text: an answer, unlike null
_CELL = "[key or null, right from 0 to 1, characters of the reply ≥ 0, micro-USD ≥ 0]"


def is_keyed(record: Record) -> bool:
    """Whether a row has answers by LLM."""
    return isinstance(record.get("llms"), dict)


def keyed_entries(records: Sequence[Record], path: Path) -> list[Entry]:
    """One row per question: id, task, question, options (0: open), and `llms`.

    `llms` maps a name to [key, right, characters, micro-USD]: the key of its answer (null where
    none could be read; an empty text is an answer), the score in [0, 1], the characters of its
    reply, and what the call cost.
    Completion tokens are characters / 3.5. `gold` and other fields are not read: `right` says it.

    Raises:
        ConfigError: a field that is missing or of another kind, with its file and line.
    """
    return [_entry(record, path, row) for row, record in enumerate(records)]


def _entry(record: Record, path: Path, row: int) -> Entry:
    values = {
        "id": _text(record.get("id"), "id", path, row),
        "task": _text(record.get("task"), "task", path, row),
        "text": _text(record.get("question"), "question", path, row),
    }
    options, llms = record.get("options", 0), record.get("llms")
    if not _whole(options) or options < 0 or options == 1:
        raise _error(
            "options", options, "0 (an open question), or a number of options ≥ 2", path, row
        )
    if not isinstance(llms, dict) or not llms:
        raise _error("llms", llms, f"{{name: {_CELL}}}", path, row)
    cells = {str(m): _cell(c, f"llms[{m}]", path, row) for m, c in llms.items() if c is not None}
    return Entry(**values, cells=cells, options=int(options))


def _cell(value: Any, field: str, path: Path, row: int) -> Cell:
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise _error(field, value, _CELL, path, row)
    key, right, characters, bill = value
    if key is not None and (not isinstance(key, str | int | float) or isinstance(key, bool)):
        raise _error(f"{field}[0]", key, "the key of an answer as text, or null", path, row)
    most = {1: (right, 1.0), 2: (characters, math.inf), 3: (bill, math.inf)}
    for at, (number, high) in most.items():
        if not _number(number) or not 0 <= number <= high:
            allowed = "a number from 0 to 1" if at == 1 else "a number ≥ 0"
            raise _error(f"{field}[{at}]", number, allowed, path, row)
    return Cell(
        score=float(right),
        cost=float(bill) * 1e-6,
        completion_tokens=float(characters) / CHARS_PER_TOKEN,
        key="" if key is None else str(key).strip() or NOTHING,
    )


def _text(value: Any, field: str, path: Path, row: int) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise _error(field, value, "a text", path, row)
    return str(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _error(field: str, value: Any, allowed: str, path: Path, row: int) -> ConfigError:
    return ConfigError(f"{place_of(path, row)}: {field}", value, allowed)
