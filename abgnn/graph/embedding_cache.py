"""Embeddings on disk: one SQLite file per encoder, one row per text, found by its hash."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

_log = logging.getLogger(__name__)
_SCHEMA = "CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, value BLOB)"
_CHUNK = 900  # parameters of one statement: below SQLite's old limit


def cache_folder() -> Path | None:
    """Where embeddings are kept: `$ABGNN_CACHE`, else the user's cache folder; None if empty."""
    stated = os.environ.get("ABGNN_CACHE")
    if stated is not None:
        return Path(stated) if stated.strip() else None
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "abgnn"


class EmbeddingCache:
    """float32 vectors by text, in a file of the encoder's own, which processes may share.

    If the cache cannot be read or written, that is logged and texts are encoded anew.

    Args:
        folder: made if need be.
        encoder: identity of the encoder, for example a name with the hash of its weights.
    """

    def __init__(self, folder: Path, encoder: str) -> None:
        slug = re.sub(r"[^A-Za-z0-9]+", "-", encoder).strip("-")[-40:]
        mark = hashlib.sha256(encoder.encode()).hexdigest()[:12]
        self.path = folder / f"embeddings-{slug}-{mark}.sqlite"

    def get(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """The cached ones of `texts` with their embeddings."""
        if not texts or not self.path.exists():
            return {}
        by_key = {_key(text): text for text in texts}
        try:
            with closing(self._open()) as file:
                rows = list(_rows(file, list(by_key)))
        except sqlite3.Error as error:
            _log.warning("embeddings in %s cannot be read: %s", self.path, error)
            return {}
        width = len(rows[0][1]) if rows else 0
        rows = [row for row in rows if len(row[1]) == width > 0]
        if not rows:
            return {}
        values = np.frombuffer(b"".join(value for _, value in rows), dtype="<f4")
        embed = torch.from_numpy(values.astype(np.float32).reshape(len(rows), -1))  # [n, H]
        return {by_key[key]: e for (key, _), e in zip(rows, embed.unbind(0), strict=True)}

    def put(self, texts: Sequence[str], embed: Tensor) -> None:
        """Keep the rows of `embed` `[n, H]`, one per text; all of them or none."""
        values = embed.numpy().astype("<f4")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as file, file:
                file.execute(_SCHEMA)
                rows = ((_key(t), v.tobytes()) for t, v in zip(texts, values, strict=True))
                file.executemany("INSERT OR IGNORE INTO embeddings VALUES (?, ?)", rows)
        except (sqlite3.Error, OSError) as error:
            _log.warning("embeddings cannot be kept in %s: %s", self.path, error)

    def _open(self) -> sqlite3.Connection:
        file = sqlite3.connect(self.path, timeout=30)
        file.execute(f"PRAGMA mmap_size={1 << 32}")
        return file


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def _rows(file: sqlite3.Connection, keys: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for start in range(0, len(keys), _CHUNK):
        some = keys[start : start + _CHUNK]
        marks = ",".join("?" * len(some))
        query = f"SELECT key, value FROM embeddings WHERE key IN ({marks})"
        yield from file.execute(query, some)
