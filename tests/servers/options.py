"""How the stub behaves; everything may be changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Options:
    """The stub's settings.

    Args:
        delay_s: seconds until the first byte of an answer; errors come at once.
        slots: requests worked on at the same time, the others queue; None: all.
        max_in_flight: more requests than this are answered 429; None: no limit.
        rpm: requests within 60 s; more are answered 429 with what is left as Retry-After.
        retry_after_s: what a 429 for `max_in_flight` asks for.
        faults: kind to share of requests; see `faults.py`.
        seed: of the faults drawn.
        key: the bearer key that requests must carry; None: any will do.
        events: of a stream that are sent; the others when this is raised; None: all.
        trickle_s: seconds between two bytes of a slow answer.
        text: of every reply, in place of words of its own.
        log: a file that gets one JSON line per request; None: kept in memory only.
    """

    delay_s: float = 0.05
    slots: int | None = None
    max_in_flight: int | None = None
    rpm: int | None = None
    retry_after_s: float = 0.05
    faults: dict[str, float] = field(default_factory=dict)
    seed: int = 0
    key: str | None = None
    events: int | None = None
    trickle_s: float = 0.15
    text: str | None = None
    log: str | None = None
