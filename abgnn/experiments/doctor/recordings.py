"""Where calls are recorded: a folder with room, or a PostgreSQL server that answers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from abgnn.errors import ConfigError
from abgnn.experiments.doctor.finding import Finding, unless
from abgnn.rollout.ledger.postgres_connection import server_version
from abgnn.rollout.ledger.postgres_url import is_url, shown
from abgnn.rollout.ledger.read import summarise

CALL_BYTES = 5_600  # measured: replies of 1.6 kB, of which every seventh agent reads six
LEAST_CALLS = 2_240  # a calibration: 320 rollouts of seven agents
FEW_CALLS = 100_000
_MEASURED = 100  # calls from which on a recording's own mean counts


def recording(path: str | None) -> Finding:
    """Room on the disk for the calls to come, or the version of the server that takes them."""
    if path is None:
        return _disk(Path(), CALL_BYTES, "here; no recording is asked for")
    return _server(path) if is_url(path) else _file(path)


def _server(url: str) -> Finding:
    try:
        return Finding("recording", "ok", f"{shown(url)}: PostgreSQL {server_version(url)}")
    except ConfigError as error:
        extra = "pip install" in error.allowed
        mend = "pip install 'abgnn[postgres]'" if extra else f"psql '{shown(url)}'  # says why"
        return Finding("recording", "problem", str(error), mend)


def _file(path: str) -> Finding:
    """The nearest folder that exists is asked; the others are made by the first run."""
    each = CALL_BYTES
    if Path(path).exists():
        try:
            known = summarise(path)
        except ConfigError as error:
            return Finding("recording", "problem", str(error), "name another file")
        if known.responses >= _MEASURED:
            each = max(1, known.size // known.responses)
    folder = Path(path).absolute().parent
    while not folder.is_dir():
        folder = folder.parent
    return _disk(folder, each, f"for {path}")


def _disk(folder: Path, each: int, what: str) -> Finding:
    if not os.access(folder, os.W_OK):
        text, mend = f"{folder} cannot be written to", f"chmod u+w {folder}, or another folder"
        return Finding("recording", "problem", text, mend)
    free = shutil.disk_usage(folder).free
    calls = free // each
    text = f"{free / 1e9:.1f} GB free {what}: {calls:,} calls of {each / 1e3:.1f} kB"
    if calls >= FEW_CALLS:
        return Finding("recording", "ok", text)
    state = unless(False, needed=calls < LEAST_CALLS)
    return Finding("recording", state, text, "free some room, or record elsewhere")
