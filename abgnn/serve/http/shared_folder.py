"""The folder that the workers of one server share: metrics, counts, news of their start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

METRICS = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client reads it when it is imported


@contextmanager
def shared_folder() -> Iterator[Path]:
    """A new one, which this process and those that it starts write their metrics to."""
    before = os.environ.get(METRICS)
    with TemporaryDirectory(prefix="abgnn-serve-") as name:
        os.environ[METRICS] = name
        try:
            yield Path(name)
        finally:
            del os.environ[METRICS]
            if before is not None:
                os.environ[METRICS] = before
