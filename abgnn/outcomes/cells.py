"""From the cells of any layout to an `OutcomeTable`: completeness, duplicates, order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from abgnn.errors import ConfigError
from abgnn.outcomes.table import ARRAYS, OutcomeTable

Missing = Literal["error", "drop"]
NAN = math.nan


@dataclass(slots=True)
class Cell:
    """The outcome of one LLM on one question; nan (or None) where the table has none.

    `key`: of its answer, "" where no key could be read; None: the layout has no keys.
    """

    score: float
    cost: float = NAN
    prompt_tokens: float = NAN
    completion_tokens: float = NAN
    latency: float = NAN
    response: str | None = None
    key: str | None = None


@dataclass(slots=True)
class Entry:
    """One question with the outcomes of the LLMs; `options` to choose from, 0 where it is open."""

    id: str
    task: str
    text: str
    cells: dict[str, Cell]
    metric: str = ""
    options: int = 0


def assemble(
    entries: Sequence[Entry],
    where: str,
    missing: Missing = "error",
    llms: Sequence[str] | None = None,
) -> OutcomeTable:
    """The table of `entries` in their order.

    Args:
        where: the file, for messages.
        missing: what a question without a score of every LLM is: an error, or left out.
        llms: columns to keep, in this order; None: all, as they first appear.

    Raises:
        ConfigError: no question, no LLM, an id twice, a missing cell, a score outside [0, 1].
    """
    if not entries:
        raise ConfigError(where, "no question", "a table with at least one question")
    names = _names(entries, where, llms)
    _check_ids(entries, where)
    full = [e for e in entries if _complete(e, names, where, missing)]
    if not full:
        raise ConfigError(where, f"{len(entries)} questions, none complete", "a score of every LLM")
    for entry in full:
        _check_scores(entry, names, where)
    arrays: dict[str, Any] = {
        name: np.array([[getattr(e.cells[m], name) for m in names] for e in full], dtype=np.float64)
        for name in ARRAYS
    }
    all_answered = all(e.cells[m].response is not None for e in full for m in names)
    responses = tuple(tuple(e.cells[m].response or "" for m in names) for e in full)
    keyed = any(e.cells[m].key is not None for e in full for m in names)
    keys = tuple(tuple(e.cells[m].key or "" for m in names) for e in full)
    return OutcomeTable(
        tuple(e.id for e in full),
        tuple(e.text for e in full),
        tuple(e.task for e in full),
        tuple(names),
        responses=responses if all_answered else (),
        keys=keys if keyed else (),
        options=tuple(e.options for e in full) if keyed else (),
        **arrays,
    )


def to_number(value: object, field: Callable[[], str]) -> float:
    """A number, also written as text or truth value; nan for nothing.

    Raises:
        ConfigError: something else; `field` names the place.
    """
    if value is None or value == "":
        return NAN
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return float(value.strip().lower() == "true")
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as e:
        raise ConfigError(field(), value, "a number") from e


def _names(entries: Sequence[Entry], where: str, llms: Sequence[str] | None) -> list[str]:
    names = list(dict.fromkeys(name for entry in entries for name in entry.cells))
    if not names:
        raise ConfigError(where, "no LLM", "a table with outcomes of at least one LLM")
    for name in llms or ():
        if name not in names:
            raise ConfigError(f"{where}: llms", name, ", ".join(names))
    return names if llms is None else list(llms)


def _check_ids(entries: Sequence[Entry], where: str) -> None:
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise ConfigError(f"{where}: id", entry.id, "every id once")
        seen.add(entry.id)


def _complete(entry: Entry, names: Sequence[str], where: str, missing: Missing) -> bool:
    for name in names:
        cell = entry.cells.get(name)
        if cell is None or math.isnan(cell.score):
            if missing == "drop":
                return False
            allowed = 'a score in every cell, or missing="drop" to leave such questions out'
            raise ConfigError(f"{where}: score of {name} on question {entry.id}", None, allowed)
    return True


def _check_scores(entry: Entry, names: Sequence[str], where: str) -> None:
    for name in names:
        score = entry.cells[name].score
        if not 0 <= score <= 1:
            field = f"{where}: score of {name} on question {entry.id}"
            raise ConfigError(field, score, "a number from 0 to 1")
