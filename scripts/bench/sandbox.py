"""Sandbox benchmark: the 164 HumanEval checks, a warm run, and a cold start."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from abgnn.sandbox import STRENGTHS, Sandbox, Strength, machine_strength
from datamodules import HumanEval


def row(strength: Strength, workers: int) -> list[str]:
    """Solutions passed, seconds for all, ms per check, ms per warm run, ms of the first run."""
    data = HumanEval(n_train=0, n_val=0)
    with Sandbox(workers=workers, packages=False, strength=strength) as sandbox:
        begin = time.perf_counter()
        assert sandbox.run("").completed
        first = time.perf_counter() - begin
        begin = time.perf_counter()
        for _ in range(50):
            assert sandbox.run("print(1)").completed
        warm = (time.perf_counter() - begin) / 50
        data.sandbox = sandbox
        queries = data.load()
        begin = time.perf_counter()
        with ThreadPoolExecutor(workers) as pool:
            passed = sum(pool.map(lambda q: data.score(q, data.specimen(q, correct=True)), queries))
        took = time.perf_counter() - begin
    per_check = 1e3 * took / len(queries)
    return [
        f"{passed:.0f}",
        f"{took:.2f}",
        f"{per_check:.1f}",
        f"{1e3 * warm:.1f}",
        f"{1e3 * first:.0f}",
    ]


def main() -> None:
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count() or 1
    table = Table(title=f"sandbox, {workers} worker(s), {os.cpu_count()} cores")
    for column in ("strength", "passed of 164", "seconds", "ms a check", "ms a run", "ms to start"):
        table.add_column(column, justify="left" if column == "strength" else "right")
    best = STRENGTHS.index(machine_strength())
    for strength in STRENGTHS[: best + 1]:
        table.add_row(strength, *row(strength, workers))
    Console().print(table)


if __name__ == "__main__":
    main()
