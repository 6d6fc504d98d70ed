"""Finished rows: one CSV file for every part of the study, each row stamped with what made it."""

from __future__ import annotations

import csv
import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results"


@dataclass(frozen=True, slots=True)
class Made:
    """A point of a method: what was measured, and what it was made of.

    Args:
        on: the system or the catalogue; empty where a part has only one.
        seed: of world, questions, weights.
        method, point: the job; row: the policy, where a job makes several.
        performance, cost_usd, latency_s, calls: means per question.
        rollouts: that they are means of.
        train_calls, train_questions: learned from; of the point, or of all points together where
            one calibration serves them.
        paid_usd: for all calls of the job, simulated or recorded or paid.
        source: simulated | recorded | live; world: the version of the simulated world, or 0.
        inputs: hash of configs and settings; commit: of the code, `+` with changes; day: UTC.
        seconds: that the job took.
    """

    on: str
    seed: int
    method: str
    point: str
    row: str
    performance: float
    cost_usd: float
    latency_s: float
    calls: float
    rollouts: int
    train_calls: int
    train_questions: int
    paid_usd: float
    source: str
    world: int
    inputs: str
    commit: str
    day: str
    seconds: float

    @property
    def key(self) -> Key:
        """Which job it is of."""
        return self.on, self.seed, self.method, self.point


Key = tuple[str, int, str, str]
HEADS = tuple(f.name for f in fields(Made))
_TYPES = {"str": str, "int": int, "float": float}


class Rows:
    """The rows of one part, in memory and in its file, to which several processes may add.

    Args:
        path: of the file, which need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_job = _by_job(_read(path))

    @property
    def all(self) -> list[Made]:
        """In the file's order."""
        return [made for job in sorted(self.by_job) for made in self.by_job[job]]

    def has(self, key: Key, inputs: str) -> bool:
        """Whether a job is done with these very settings."""
        return any(made.inputs == inputs for made in self.by_job.get(key, ()))

    def add(self, rows: Iterable[Made]) -> None:
        """Take a job's rows in place of all that it had made earlier, and write the file with what
        others have added to it meanwhile."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(self.path.parent):
            self._replace(_by_job(rows))
            part = self.path.with_suffix(f".{os.getpid()}.part")
            with part.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(HEADS)
                writer.writerows([_text(value) for value in astuple(made)] for made in self.all)
            part.replace(self.path)

    def _replace(self, new: Mapping[Key, list[Made]]) -> None:
        known = self.by_job | _by_job(_read(self.path))
        old = {made.inputs for key in new for made in known.get(key, ())}
        kept = {key: rows for key, rows in known.items() if rows[0].inputs not in old}
        self.by_job = {**kept, **new}


def rows_of(part: str, folder: Path = RESULTS) -> Rows:
    """Of a part by name."""
    return Rows(folder / f"{part}.csv")


def _by_job(rows: Iterable[Made]) -> dict[Key, list[Made]]:
    jobs: dict[Key, list[Made]] = {}
    for made in rows:
        jobs.setdefault(made.key, []).append(made)
    return jobs


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While no other process changes the files of a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> Iterable[Made]:
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        for record in csv.DictReader(file):
            yield _made(record)


def _made(record: Mapping[str, str]) -> Made:
    return Made(*(_TYPES[str(f.type)](record[f.name]) for f in fields(Made)))


def _text(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
