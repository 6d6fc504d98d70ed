"""The jobs of the study: what they are made of, and their rows when they are done."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.job import Job, run_job
from abgnn.experiments.compare.run import plan_jobs
from abgnn.experiments.inductive import ORIGINAL, Change, SeedJob, run_seed, seed_jobs

from .parts import Part
from .rows import Key, Made

ROOT = Path(__file__).parents[3]
_FILES = re.compile(r"--(data\.init_args\.(path|profiles)|model\.rollout\.recording\.path)=")
_VERSION = re.compile(r"--model\.client\.init_args\.version=(\d+)")


@dataclass(frozen=True, slots=True)
class Unit:
    """One job of one part.

    Args:
        part: its name.
        key: of the rows that it will have; of an inductive job, which has many, of the first.
        job: what is carried out.
        inputs: hash of what determines the result.
        source: simulated | recorded | live.
        world: version of the simulated world, or 0.
        commit: of the code.
        until: time after which it is not begun; None: never too late.
    """

    part: str
    key: Key
    job: Job | SeedJob
    inputs: str
    source: str
    world: int
    commit: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The rows of a unit; none if it was too late to begin.

    `spent_usd` is what a bar of jobs reads.
    """

    rows: tuple[Made, ...]
    spent_usd: float = 0.0


def units_of(part: Part, folder: Path | None, commit: str, seeds: int) -> list[Unit]:
    """The jobs of a part, seed by seed.

    Args:
        part: of the study.
        folder: of recorded outcomes.
        commit: to stamp rows with.
        seeds: how many.
    """
    return [
        unit
        for on, comparison in part.comparisons(folder).items()
        for unit in _units(part, on, comparison.with_seeds(seeds), commit, folder)
    ]


def _units(
    part: Part, on: str, comparison: Comparison, commit: str, folder: Path | None
) -> Iterator[Unit]:
    jobs: Sequence[Job | SeedJob]
    contents = b"" if comparison.catalogue_from_table else part.contents(folder)
    if part.command == "inductive":
        label, jobs = seed_jobs(comparison, Change(), (), check=False)
    else:
        label, jobs = plan_jobs(comparison, check=False)
    for job in jobs:
        first = job.training[0] if isinstance(job, SeedJob) else job
        version = [int(m[1]) for m in map(_VERSION.match, first.overrides) if m]
        world = (version or [3])[-1] if label == "simulated" else 0
        inputs = digest_of(job, contents)
        key = (on, job.seed, first.method, first.point)
        if isinstance(job, SeedJob):
            key = (ORIGINAL, job.seed, first.method, "")
        yield Unit(part.name, key, job, inputs, label, world, commit)


def digest_of(job: Job | SeedJob, contents: bytes) -> str:
    """Of all settings but where files lie, and of the contents of those that no catalogue is of."""

    def plain(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: plain(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            kept = (v for v in value if not (isinstance(v, str) and _FILES.match(v)))
            return [plain(each) for each in kept]
        return value

    text = json.dumps(plain(asdict(job)), sort_keys=True)
    return hashlib.sha256(text.encode() + contents).hexdigest()[:8]


def files_of(units: Iterable[Unit]) -> list[str]:
    """Names of what another machine needs to carry units out: this code, and what jobs name."""
    code = [os.path.relpath(path) for path in sorted(Path(__file__).parent.glob("*.py"))]
    named: set[str] = set()
    for unit in units:
        for job in unit.job.training if isinstance(unit.job, SeedJob) else (unit.job,):
            named.update(job.configs, job.overrides)
    return [*code, *sorted(named)]


def carry_out(unit: Unit) -> Done:
    """Run a job, unless it is too late."""
    if unit.until is not None and time.time() > unit.until:
        return Done(())
    began = time.perf_counter()
    rows, calls, questions, paid = _results(unit)
    seconds = time.perf_counter() - began
    day = datetime.now(timezone.utc).date().isoformat()
    stamps = (paid, unit.source, unit.world, unit.inputs, unit.commit, day, seconds)
    made = tuple(
        Made(*key, row.name, row.performance, row.cost_usd, row.latency_s, row.calls, row.n,
             calls, questions, *stamps)
        for key, row in rows
    )  # fmt: skip
    return Done(made, paid)


def _results(unit: Unit) -> tuple[list[tuple[Key, Row]], int, int, float]:
    """Rows by key, calls and questions of the training, USD."""
    if isinstance(unit.job, SeedJob):
        result = run_seed(unit.job)
        rows = [((m.catalogue, m.seed, m.system, ""), m.row) for m in result.measured]
        return rows, unit.job.train_calls, 0, result.spent_usd
    made = run_job(unit.job)
    keyed = [(unit.key, row) for row in made.rows]
    return keyed, made.train_calls, made.train_questions, made.spent_usd


def commit_here() -> str:
    """Of the working tree; `+` where a Python file or config differs from it."""

    def git(*words: str) -> str:
        run = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
        return run.stdout.strip()

    changed = git("status", "--porcelain", "--", "*.py", "*.yaml")
    return (git("rev-parse", "--short=7", "HEAD") or "unknown") + ("+" if changed else "")
