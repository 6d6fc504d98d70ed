"""The plan for so many questions a day: arithmetic on what one run measured per call."""

from __future__ import annotations

from dataclasses import dataclass

DAY_S = 86_400.0
USE = 0.6  # of a core or a disk that is planned for: the rest is for bursts


@dataclass(frozen=True, slots=True)
class Costs:
    """What a run measured, a call; seconds, bytes, counts.

    Args:
        calls: of a question; depth: of them one after the other.
        worker_cpu, database_cpu: seconds of CPU.
        transactions: that commit; each is a round trip.
        fsyncs, wal, disk: of the database's log; bytes in its log, and in its tables and indices.
        tokens: prompt and completion.
        fsync_s: that the database's disk takes for one.
    """

    calls: float
    depth: float
    worker_cpu: float
    database_cpu: float
    transactions: float
    fsyncs: float
    wal: float
    disk: float
    tokens: float
    fsync_s: float


@dataclass(frozen=True, slots=True)
class Load:
    """What is planned for.

    Args:
        questions: a day.
        peak: of its busiest hour, over the mean.
        call_s: seconds that the provider takes for a call.
        in_flight: questions that one worker has under way at most.
    """

    questions: float = 1e6
    peak: float = 3.0
    call_s: float = 10.0
    in_flight: float = 1024.0


@dataclass(frozen=True, slots=True)
class Need:
    """What a load takes: means unless it says peak; cores are to be 60 % in use at peak.

    `first` lists the parts by how much of them one day's peak uses, the most used first.
    """

    calls_s: float
    peak_calls_s: float
    questions_in_flight: float
    calls_in_flight: float
    worker_cores: float
    workers: int
    database_cores: float
    connections: int
    rpm: float
    tpm: float
    gigabytes: float
    wal_gigabytes: float
    transactions_s: float
    fsyncs_s: float
    first: tuple[tuple[str, float], ...]


def needed(costs: Costs, load: Load) -> Need:
    """By Little's law and shares of cores; `first` as shares of one core, disk or worker."""
    calls = load.questions * costs.calls / DAY_S
    peak = calls * load.peak
    asked = load.questions / DAY_S * load.peak * costs.depth * load.call_s
    cores, database = peak * costs.worker_cpu / USE, peak * costs.database_cpu / USE
    workers = _up(max(cores, asked / load.in_flight))
    shares = {
        "CPU of workers, one core": peak * costs.worker_cpu,
        "places of one worker for questions": asked / load.in_flight,
        "one run's writes, an fsync after another": peak * costs.fsyncs * costs.fsync_s,
        "CPU of the database, one core": peak * costs.database_cpu,
    }
    return Need(
        calls_s=calls,
        peak_calls_s=peak,
        questions_in_flight=asked,
        calls_in_flight=peak * load.call_s,
        worker_cores=cores,
        workers=workers,
        database_cores=database,
        connections=workers + 1,  # the command's own
        rpm=peak * 60,
        tpm=peak * 60 * costs.tokens,
        gigabytes=calls * DAY_S * costs.disk / 1e9,
        wal_gigabytes=calls * DAY_S * costs.wal / 1e9,
        transactions_s=peak * costs.transactions,
        fsyncs_s=peak * costs.fsyncs,
        first=tuple(sorted(shares.items(), key=lambda item: -item[1])),
    )


def _up(number: float) -> int:
    return max(1, -int(-number // 1))
