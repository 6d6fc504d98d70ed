"""One line per attempt, as JSON, while a run goes on."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from abgnn.errors import ConfigError
from abgnn.rollout.ledger.base import Attempt, Caller
from abgnn.rollout.ledger.money import dollars


def trace_line(caller: Caller, attempt: Attempt) -> dict[str, Any]:
    """What the trace says of an attempt; `usd` is at most that if `uncertain`."""
    line = asdict(caller)
    line |= asdict(attempt.usage)
    line |= {
        "usd": dollars(attempt.pusd),
        "uncertain": attempt.uncertain,
        "service_time": round(attempt.service_time, 6),
        "queue_time": round(attempt.queue_time, 6),
        "error": attempt.error,
        "ended_at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
    }
    return line


class TraceFile:
    """Appends lines to a file that is made with the first one; every line is flushed.

    Raises:
        ConfigError: the file cannot be written.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = self.path.open(
                "a", encoding="utf-8", errors="replace", buffering=1
            )
        except OSError as error:
            raise ConfigError(
                "rollout.trace", path, f"a file that can be written ({error})"
            ) from error

    def write(self, caller: Caller, attempt: Attempt) -> None:
        """One line; no prompt, no reply, no key."""
        self._file.write(json.dumps(trace_line(caller, attempt)) + "\n")

    def close(self) -> None:
        """May be called again."""
        self._file.close()
