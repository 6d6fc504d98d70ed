"""The plain long layout: one row per question and LLM."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from abgnn.errors import ConfigError
from abgnn.outcomes.cells import Cell, Entry, to_number
from abgnn.outcomes.files import Record

NAMES = {  # our column: what it is called here and there
    "query": ("query", "question", "prompt"),
    "task": ("task", "task_name", "dataset", "eval_name"),
    "model": ("model", "model_name", "llm"),
    "score": ("score", "performance"),
    "cost": ("cost", "cost_usd"),
    "prompt_tokens": ("prompt_tokens", "input_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens"),
    "latency": ("latency", "latency_s", "response_time"),
    "id": ("id", "sample_id", "global_index"),
    "response": ("response",),
}
NEEDED = ("query", "task", "model", "score")
NUMBERS = ("score", "cost", "prompt_tokens", "completion_tokens", "latency")


def columns_of(record: Record) -> dict[str, str]:
    """Our column → the file's, for those that it has."""
    columns = {ours: next((n for n in names if n in record), "") for ours, names in NAMES.items()}
    return {ours: name for ours, name in columns.items() if name}


def is_long(record: Record) -> bool:
    """Whether the columns that must be there are."""
    return all(name in columns_of(record) for name in NEEDED)


def long_entries(records: Sequence[Record], where: str) -> list[Entry]:
    """Rows grouped into questions: by id where there is one, else by task and query.

    Raises:
        ConfigError: a column is missing, a number is none, an LLM twice on one question, or two
            texts under one id.
    """
    names = columns_of(records[0])
    for name in NEEDED:
        if name not in names:
            raise ConfigError(f"{where}: column {name}", list(records[0]), f"one of {NAMES[name]}")
    entries: dict[tuple[str, ...], Entry] = {}
    counts: dict[str, int] = {}
    for record in records:
        task, query = str(record[names["task"]]), str(record[names["query"]])
        key = (str(record[names["id"]]),) if "id" in names else (task, query)
        if key not in entries:
            n = counts[task] = counts.get(task, 0) + 1
            entries[key] = Entry(key[0] if len(key) == 1 else f"{task}/{n - 1}", task, query, {})
        entry = entries[key]
        if entry.text != query:
            raise ConfigError(f"{where}: id", entry.id, "one question per id; it has several texts")
        _add(entry, str(record[names["model"]]), record, names, where)
    return list(entries.values())


def _cell_name(where: str, what: str, llm: str, question: str) -> str:
    return f"{where}: {what} of {llm}, {question}"


def _add(entry: Entry, model: str, record: Record, names: dict[str, str], where: str) -> None:
    if model in entry.cells:
        raise ConfigError(
            f"{where}: id", entry.id, f"every id once per LLM; {model} is there twice"
        )
    values: dict[str, Any] = {
        name: to_number(record[names[name]], partial(_cell_name, where, name, model, entry.id))
        for name in NUMBERS
        if name in names
    }
    response = record.get(names["response"]) if "response" in names else None
    entry.cells[model] = Cell(**values, response=None if response is None else str(response))
