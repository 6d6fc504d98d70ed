"""Layouts with one row per question: RouterBench's, RouteLLM's and LLMRouter's."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from abgnn.errors import ConfigError
from abgnn.outcomes.cells import Cell, Entry, to_number
from abgnn.outcomes.files import Record

COST, RESPONSE = "|total_cost", "|model_response"
NO_LLM = ("", "id", "index", "split", "subject", "prompt", "task", "Unnamed: 0")
BENCHMARKS = ("gsm8k", "mmlu", "mt_bench", "mbpp", "human_eval")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def routerbench_entries(records: Sequence[Record], where: str) -> list[Entry]:
    """RouterBench: per LLM a column `LLM` (score), `LLM|total_cost` (USD), `LLM|model_response`.

    Beside them `sample_id`, `prompt` (text, or a printed list of texts: joined by blank lines)
    and `eval_name`; `oracle_model_to_route_to` is not read.
    """
    names = [name.removesuffix(COST) for name in records[0] if name.endswith(COST)]
    if not names:
        raise ConfigError(where, "no LLM", f"columns `LLM` and `LLM{COST}`")
    _need(records[0], ("sample_id", "prompt", "eval_name", *names), where)
    return [_routerbench_entry(record, names, where) for record in records]


def _routerbench_entry(record: Record, names: Sequence[str], where: str) -> Entry:
    name_of = str(record["sample_id"])
    cells = {}
    for m in names:
        score = to_number(record[m], partial(_cell_name, where, "score", m, name_of))
        cost = to_number(record[m + COST], partial(_cell_name, where, "cost", m, name_of))
        response = record.get(m + RESPONSE)
        cells[m] = Cell(score, cost, response=unprinted(response) if _is_text(response) else None)
    return Entry(name_of, str(record["eval_name"]), unprinted(str(record["prompt"])), cells)


def _cell_name(where: str, what: str, llm: str, question: str) -> str:
    return f"{where}: {what} of {llm} on question {question}"


def unprinted(text: Any) -> str:
    """A printed list of texts as their text, joined by blank lines; any other text as it is."""
    plain = str(text)
    if not re.match(r"\s*\[\s*['\"]", plain):
        return plain
    try:
        parts = ast.literal_eval(plain.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return plain
    return "\n\n".join(map(str, parts)) if isinstance(parts, list) else plain


def routellm_entries(records: Sequence[Record], where: str, stem: str) -> list[Entry]:
    """RouteLLM: `prompt`, per LLM a column of 0 and 1, perhaps `LLM_response` and `subject`.

    The task is the subject; without one, the benchmark that the file's name mentions, or the
    name. Ids are `task/n`, n counting from 0 within the task, unless there is a column `id`.
    """
    _need(records[0], ("prompt",), where)
    names = routellm_llms(records[0])
    if not names:
        raise ConfigError(where, "no LLM", "a column of 0 and 1 per LLM beside prompt and subject")
    default = next((b for b in BENCHMARKS if b in stem.lower()), stem)
    count: dict[str, int] = {}
    entries = []
    for record in records:
        task = str(record.get("subject") or default)
        n = count[task] = count.get(task, -1) + 1
        entries.append(_routellm_entry(record, names, task, n, where))
    return entries


def routellm_llms(record: Record) -> list[str]:
    """Columns that hold an LLM's 0 or 1."""
    return [n for n in record if n not in NO_LLM and n is not None and not n.endswith("_response")]


def _routellm_entry(record: Record, names: Sequence[str], task: str, n: int, where: str) -> Entry:
    id, text = str(record.get("id") or f"{task}/{n}"), str(record["prompt"])
    cells = {}
    for m in names:
        score = to_number(record[m], partial(_cell_name, where, "score", m, id))
        response = record.get(f"{m}_response")
        cells[m] = Cell(score, response=response if _is_text(response) else None)
    metric = "letter" if text.rstrip().endswith("Answer:") else ""
    return Entry(id, task, text, cells, metric)


def llmrouter_entries(records: Sequence[Record], where: str) -> list[Entry]:
    """LLMRouter: `query`, `task`, `scores` {LLM: 0 … 1}, perhaps `choices`, `metric`, `task_id`.

    Choices follow the query, a line each (`A. text`; unit tests as they are), since the LLMs saw
    them. Ids are `task/n`, n counting from 0 within the task.
    """
    count: dict[str, int] = {}
    entries = []
    for i, record in enumerate(records):
        _need(record, ("query", "task", "scores"), f"{where}: row {i + 1}")
        task = str(record["task"])
        n = count[task] = count.get(task, -1) + 1
        entries.append(_llmrouter_entry(record, task, f"{task}/{n}", where))
    return entries


def _llmrouter_entry(record: Record, task: str, id: str, where: str) -> Entry:
    scores = record["scores"]
    if not isinstance(scores, dict):
        raise ConfigError(f"{where}: scores of question {id}", scores, "{LLM: score}")
    cells = {
        m: Cell(to_number(s, partial(_cell_name, where, "score", m, id))) for m, s in scores.items()
    }
    text = "\n".join([str(record["query"]), *_options(record.get("choices"))])
    return Entry(id, task, text, cells, str(record.get("metric") or ""))


def _options(choices: object) -> list[str]:
    """Lines of options, from a printed or real list or {text: …}; none where it is neither."""
    if isinstance(choices, str):
        try:
            choices = ast.literal_eval(choices)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return []
    if isinstance(choices, dict):
        choices = choices.get("text")
    if not isinstance(choices, list):
        return []
    if any(str(c).startswith("assert ") for c in choices):
        return [str(c) for c in choices]
    return [f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False)]


def _need(record: Record, columns: Sequence[str], where: str) -> None:
    for name in columns:
        if name not in record:
            raise ConfigError(f"{where}: column {name}", list(record), f"columns {list(columns)}")


def _is_text(value: object) -> bool:
    return isinstance(value, str)
