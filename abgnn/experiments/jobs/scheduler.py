"""`Scheduler`: the interface of what runs many jobs side by side, and how a job fails.

`LocalProcesses` and `RayTasks` implement it. A job is a picklable value, and one function carries
all jobs of a run out; whoever schedules them writes the results down, so that a job needs no
folder on the machine where it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from abgnn.errors import ConfigError
from abgnn.rollout.settings import RolloutSettings
from abgnn.rollout.telemetry.switch import send_now

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Failed:
    """The end of a job that has no result."""

    why: str


class Scheduler(Protocol):
    """Runs jobs side by side. `str` says by what: `2 processes`."""

    @property
    def slots(self) -> int:
        """How many jobs run at once."""
        ...

    @property
    def hosts(self) -> int:
        """On how many machines they run, this one included."""
        ...

    def run(
        self, function: Callable[[J], R], jobs: Sequence[J]
    ) -> Iterator[tuple[int, R | Failed]]:
        """The index of every job with its result, in the order in which they end.

        A job that raises, or whose process dies, is `Failed` and takes no other with it.
        """
        ...


def attempt(function: Callable[[J], R], job: J) -> R | Failed:
    """A job's result, or its error message; its spans are sent before its process may end."""
    try:
        return function(job)
    except Exception as bug:  # other jobs go on, and not every exception can be pickled
        return Failed(f"{type(bug).__name__}: {bug}")
    finally:
        send_now()


def check_shared(settings: RolloutSettings, hosts: int) -> None:
    """Check that jobs on several hosts share what they pay for and what they have heard.

    Raises:
        ConfigError: calls would be recorded in a file, which other hosts neither see nor lock.
    """
    recording = settings.recording
    path = recording.path
    if hosts > 1 and path is not None and not recording.offline and "://" not in path:
        allowed = f"a database that {hosts} hosts share, postgresql://…"
        raise ConfigError("rollout.recording.path", path, allowed)


def check_caps(settings: RolloutSettings, jobs: int) -> None:
    """Check that the jobs of one run share its caps.

    Raises:
        ConfigError: caps without a recording hold in each process for itself.
    """
    if jobs > 1 and settings.caps.any and settings.recording.path is None:
        raise ConfigError("rollout.recording.path", None, "a path: jobs share caps by it")
