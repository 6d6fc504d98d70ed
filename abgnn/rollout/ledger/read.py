"""Reads a recording without changing it: sums, and every attempt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from abgnn.rollout.ledger.money import dollars
from abgnn.rollout.ledger.snapshot import Snapshot, snapshot

_ATTEMPTS = """(SELECT *, CASE WHEN state = 'open' AND {dead} THEN 'lost'
    ELSE state END AS now FROM attempts) AS a"""

_SUMS = """count(*) FILTER (WHERE now = 'settled'),
    count(*) FILTER (WHERE now = 'settled' AND error IS NOT NULL),
    sum(coalesce(prompt_tokens, 0)), sum(coalesce(completion_tokens, 0)),
    sum(CASE WHEN now = 'settled' AND NOT uncertain THEN pusd ELSE 0 END),
    sum(CASE WHEN now = 'settled' AND uncertain THEN pusd ELSE 0 END),
    sum(CASE WHEN now = 'lost' THEN reserved ELSE 0 END),
    sum(CASE WHEN now = 'open' THEN reserved ELSE 0 END)"""

_TRACE = (
    "run", "phase", "query", "sample", "round", "agent", "turn", "role", "backbone", "model",
    "key", "attempt", "prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens",
    "pusd", "uncertain", "service_time", "queue_time", "error", "started_at", "ended_at",
    "reserved", "now",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sums:
    """Attempts of one group; money in picodollars.

    Args:
        names: the values that the group has in common.
        calls: attempts that have ended; failed: those of them with an error.
        prompt_tokens, completion_tokens: billed; the most possible where the reply states none.
        spent, uncertain, lost, reserved: as in `Account`.
    """

    names: tuple[str, ...]
    calls: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    spent: int
    uncertain: int
    lost: int
    reserved: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole recording, as of one moment.

    Args:
        size: bytes on disk, the write-ahead log included.
        responses, failures: recorded replies, and recorded errors.
        first, last: seconds since the epoch of the first and last entry; None if there is none.
        under_way, lost: attempts that have not ended, and those whose process died.
        total, by_model, by_phase, by_day: sums; days in UTC.
        errors: kind → attempts that ended so.
    """

    size: int
    responses: int
    failures: int
    first: float | None
    last: float | None
    under_way: int
    lost: int
    total: Sums | None
    by_model: tuple[Sums, ...]
    by_phase: tuple[Sums, ...]
    by_day: tuple[Sums, ...]
    errors: dict[str, int]


def summarise(path: str | Path) -> Summary:
    """Sums over a recording, whether or not a run writes to it right now.

    Raises:
        ConfigError: there is none, or it is no recording of abgnn.
    """
    with snapshot(path) as now:
        recorded = "SELECT count(*), count(error), min(recorded_at), max(recorded_at)"
        responses, failures, *recorded_at = now.row(f"{recorded} FROM responses")
        under_way, lost, *times = now.row(
            "SELECT count(*) FILTER (WHERE now = 'open'), count(*) FILTER (WHERE now = 'lost'),"
            f" min(started_at), max(started_at), max(ended_at) FROM {_attempts(now)}"
        )
        moments = [t for t in (*recorded_at, *times) if t is not None]
        kinds = "SELECT error, count(*) FROM attempts WHERE error IS NOT NULL GROUP BY 1"
        return Summary(
            size=now.size,
            responses=responses,
            failures=failures,
            first=min(moments, default=None),
            last=max(moments, default=None),
            under_way=under_way,
            lost=lost,
            total=next(iter(_sums(now, "'all'")), None),
            by_model=_sums(now, "model", "backbone"),
            by_phase=_sums(now, "run", "phase"),
            by_day=_sums(now, now.day),
            errors=dict(now.rows(f"{kinds} ORDER BY 2 DESC, 1")),
        )


def attempts(path: str | Path, *, texts: bool = False) -> Iterator[dict[str, Any]]:
    """Every attempt in order, JSON-able, named as in the trace; dollars in USD, times in UTC.

    Args:
        path: the recording.
        texts: with `request` and `text`, as they are recorded for the attempt's key.
    """
    what = ", ".join(f"a.{name}" for name in _TRACE)
    with snapshot(path) as now:
        source = _attempts(now)
        if texts:
            what += f", r.request, r.text, {now.raw}"
            source += " LEFT JOIN responses AS r ON r.key = a.key"
        for row in now.rows(f"SELECT {what} FROM {source} ORDER BY {now.order}"):
            yield _line(dict(zip((*_TRACE, "request", "text", "raw"), row, strict=False)))


def _line(row: dict[str, Any]) -> dict[str, Any]:
    pusd, reserved, uncertain = row.pop("pusd"), row.pop("reserved"), row["uncertain"]
    if (raw := row.pop("raw", None)) is not None:
        row["text"] = bytes(raw)
    row["state"] = row.pop("now")
    row["usd"] = None if pusd is None else dollars(pusd)
    row["reserved_usd"] = dollars(reserved)
    row["uncertain"] = None if uncertain is None else bool(uncertain)
    for name in ("started_at", "ended_at"):
        row[name] = None if row[name] is None else utc(row[name])
    if row.get("request") is not None:
        row["request"] = json.loads(row["request"])
    if isinstance(row.get("text"), bytes):
        row["text"] = row["text"].decode(errors="surrogatepass")
    return row


def utc(seconds: float) -> str:
    """ISO 8601 to the millisecond."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")


def _sums(now: Snapshot, *by: str) -> tuple[Sums, ...]:
    order, named = ", ".join(str(i + 1) for i in range(len(by))), len(by)
    rows = now.rows(
        f"SELECT {', '.join(by)}, {_SUMS} FROM {_attempts(now)} GROUP BY {order} ORDER BY {order}"
    )
    return tuple(Sums(tuple(row[:named]), *map(int, row[named:])) for row in rows)


def _attempts(now: Snapshot) -> str:
    return _ATTEMPTS.format(dead=now.dead)
