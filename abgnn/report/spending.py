"""Spending: sums by phase and calls by backbone, of a recording or a trace."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from abgnn.errors import ConfigError
from abgnn.report.reading_json import finite
from abgnn.report.records import UNKNOWN, Phase, Spend
from abgnn.rollout.ledger.money import dollars
from abgnn.rollout.ledger.read import summarise


def read_recording(path: Path, name: str) -> tuple[Spend | None, str]:
    """A recording's sums, read only.

    Raises:
        ConfigError: it is no recording of abgnn.
    """
    try:
        summary = summarise(path)
    except sqlite3.Error as error:
        raise ConfigError("recording", str(error), "a recording of abgnn") from error
    phases = tuple(
        Phase(
            run=str(s.names[0]),
            phase=str(s.names[1]),
            calls=s.calls,
            failed=s.failed,
            tokens=s.prompt_tokens + s.completion_tokens,
            usd=dollars(s.spent),
            uncertain=dollars(s.uncertain + s.lost),
        )
        for s in summary.by_phase
    )
    calls: Counter[str] = Counter()
    for s in summary.by_model:
        calls[str(s.names[1])] += s.calls
    if not phases:
        return None, "a recording without any attempt"
    return Spend(name, UNKNOWN, phases, dict(calls)), ""


def spend_of(lines: Sequence[Mapping[str, Any]], name: str) -> Spend:
    """Sums over the lines of a trace.

    Raises:
        KeyError, TypeError, ValueError: a line without what a trace states.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        groups[str(line["run"]), str(line["phase"])].append(line)
    phases = tuple(_phase(run, phase, of) for (run, phase), of in sorted(groups.items()))
    calls = Counter(str(line["backbone"]) for line in lines)
    return Spend(name, UNKNOWN, phases, dict(sorted(calls.items())))


def _phase(run: str, phase: str, lines: Sequence[Mapping[str, Any]]) -> Phase:
    usd = dict.fromkeys((False, True), 0.0)
    for line in lines:
        usd[bool(line.get("uncertain"))] += finite(line.get("usd") or 0)
    tokens = sum(
        int(line.get(kind) or 0)
        for line in lines
        for kind in ("prompt_tokens", "completion_tokens")
    )
    failed = sum(line.get("error") is not None for line in lines)
    return Phase(run, phase, len(lines), failed, tokens, usd[False], usd[True])
