"""Settings of rollouts: recording, caps, deadline, retries, circuit breaker, tools, telemetry.

Plain dataclasses that a config can state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args
from urllib.parse import urlsplit

from abgnn.errors import ConfigError
from abgnn.rollout.ledger.postgres_url import check_url, is_url
from abgnn.sandbox import Strength

Mode = Literal["live", "record", "replay", "replay-or-live"]


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(name, value, ", ".join(allowed))


@dataclass(frozen=True)
class Recording:
    """Where calls and their cost are recorded.

    Args:
        path: one SQLite file, made if need be, or `postgresql://user@host/database`, which hosts
            share (extra `postgres`; never with a password in it); None: nothing is written, every
            call is live.
        mode: `live` calls and books money only; `record` calls and records anew; `replay`
            answers from the file alone and spends nothing; `replay-or-live` calls what is not
            recorded yet.
        run: the account that calls are booked to. The cap of a run counts all that was ever
            booked to it in this file, so a run that is started again goes on with its allowance.
    """

    path: str | None = None
    mode: Mode = "replay-or-live"
    run: str = "default"

    def __post_init__(self) -> None:
        _one_of("recording.mode", self.mode, get_args(Mode))
        if self.path is not None and is_url(self.path):
            check_url(self.path)
        if self.path is None and self.mode in ("record", "replay"):
            raise ConfigError("recording.path", None, f"a file, for mode {self.mode!r}")
        if not self.run.strip():
            raise ConfigError("recording.run", self.run, "a name that is not empty")

    @property
    def reads(self) -> bool:
        """Whether recorded calls are answered from the file."""
        return self.path is not None and self.mode in ("replay", "replay-or-live")

    @property
    def writes(self) -> bool:
        """Whether responses are recorded."""
        return self.path is not None and self.mode in ("record", "replay-or-live")

    @property
    def shares(self) -> bool:
        """Whether a call that another process has under way is waited for, not made again."""
        return self.path is not None and self.mode == "replay-or-live"

    @property
    def offline(self) -> bool:
        """Whether no call is ever made."""
        return self.path is not None and self.mode == "replay"


@dataclass(frozen=True)
class Caps:
    """What may be spent, in USD; None: no limit. A cap is never exceeded, not even for a moment.

    Before a call its worst case is reserved: every byte of the prompt a token, and all of the
    backbone's `max_tokens`.

    Args:
        query_usd: one rollout of one query.
        run_usd: the whole run, see `Recording.run`.
        phase_usd: phase (`train`, `val`, `test`, `run`) to USD within the run.
        max_tokens: `max_tokens` of backbones whose catalogue entry states none.
    """

    query_usd: float | None = None
    run_usd: float | None = None
    phase_usd: Mapping[str, float] = field(default_factory=dict)
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in ("query_usd", "run_usd", "max_tokens"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"caps.{name}", value, "a number above 0, or nothing")
        for phase, usd in self.phase_usd.items():
            if not (usd >= 0 and math.isfinite(usd)):
                raise ConfigError(f"caps.phase_usd.{phase}", usd, "USD from 0")

    @property
    def any(self) -> bool:
        """Whether anything is capped."""
        return self.query_usd is not None or self.run_usd is not None or bool(self.phase_usd)


@dataclass(frozen=True)
class Deadline:
    """Seconds that a query may take on the plan's clock: service, tools, retries; not queueing.

    Args:
        seconds: from the first dispatch to the answer; None: no limit.
        answer_share: share of it kept for the decision agent. Role agents that are not done by
            then are cancelled, and it answers from what has arrived.
    """

    seconds: float | None = None
    answer_share: float = 0.3

    def __post_init__(self) -> None:
        if self.seconds is not None and not self.seconds > 0:
            raise ConfigError("deadline.seconds", self.seconds, "seconds above 0, or nothing")
        if not 0 < self.answer_share < 1:
            raise ConfigError("deadline.answer_share", self.answer_share, "between 0 and 1")

    def allowed_until(self, *, decides: bool) -> float:
        """When a call must have ended, in seconds on the plan's clock."""
        if self.seconds is None:
            return math.inf
        return self.seconds if decides else self.seconds * (1 - self.answer_share)

    def within(self, seconds: float | None) -> Deadline:
        """The shorter one of this and `seconds`."""
        if seconds is None or (self.seconds is not None and self.seconds <= seconds):
            return self
        return replace(self, seconds=seconds)


@dataclass(frozen=True)
class Retry:
    """What is tried again: HTTP 408, 409, 429, 5xx, lost connections, time-outs; nothing else.

    Args:
        attempts: at most, the first one included.
        base_s, max_s: the wait before the n-th retry is drawn from U(0, min(max_s, base_s·2ⁿ))
            (full jitter), and never less than the server's Retry-After.
        retry_after_max_s: if a server asks for a longer wait, the call is not retried.
    """

    attempts: int = 4
    base_s: float = 0.5
    max_s: float = 30.0
    retry_after_max_s: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ConfigError("retry.attempts", self.attempts, "an integer from 1")
        for name in ("base_s", "max_s", "retry_after_max_s"):
            value = getattr(self, name)
            if not (value >= 0 and math.isfinite(value)):
                raise ConfigError(f"retry.{name}", value, "seconds from 0")


@dataclass(frozen=True)
class Breaker:
    """Circuit breaker: after failures in a row no calls for a while, then one call probes.

    Meanwhile the backbone's `fallback` is called, if its catalogue entry names one.

    Args:
        failures: in a row (5xx, connection, time-out) that open the circuit; 0: never.
        cooldown_s: seconds until one call may try again.
    """

    failures: int = 8
    cooldown_s: float = 30.0

    def __post_init__(self) -> None:
        if self.failures < 0:
            raise ConfigError("breaker.failures", self.failures, "an integer from 0")
        if not self.cooldown_s > 0:
            raise ConfigError("breaker.cooldown_s", self.cooldown_s, "seconds above 0")


@dataclass(frozen=True)
class Tools:
    """Tools that roles may name (the paper's plugin).

    Args:
        turns: how often an agent reads its tool's output and replies anew; 0: the output is
            appended to the reply, for the agents that read it.
        timeout_s: of one run, in seconds.
        require: the weakest sandbox that will do; a weaker machine is refused at the start.
    """

    turns: int = 1
    timeout_s: float = 6.0
    require: Strength = "process"

    def __post_init__(self) -> None:
        if self.turns < 0:
            raise ConfigError("tools.turns", self.turns, "an integer from 0")
        if not self.timeout_s > 0:
            raise ConfigError("tools.timeout_s", self.timeout_s, "seconds above 0")
        _one_of("tools.require", self.require, get_args(Strength))


@dataclass(frozen=True)
class Telemetry:
    """Spans and metrics for OpenTelemetry, through the providers that the program has set up.

    Args:
        otel: make them; needs the extra `otel`.
        texts: put questions, prompts, replies and error messages into the spans.
        endpoint: base URL of the OTLP receiver that the command line sends to; None: that of
            `OTEL_EXPORTER_OTLP_ENDPOINT`, else http://localhost:4318. Keys belong into
            `OTEL_EXPORTER_OTLP_HEADERS`.
    """

    otel: bool = False
    texts: bool = False
    endpoint: str | None = None

    def __post_init__(self) -> None:
        if self.endpoint is None:
            return
        parts = urlsplit(self.endpoint)
        if "@" in parts.netloc:  # the value stays unsaid: it holds a password
            allowed = "a URL without user and password; they go into OTEL_EXPORTER_OTLP_HEADERS"
            raise ConfigError("telemetry.endpoint", "a URL with a user", allowed)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            allowed = "a URL such as http://localhost:4318"
            raise ConfigError("telemetry.endpoint", self.endpoint, allowed)

    def over(self, other: Telemetry) -> Telemetry:
        """What either turns on; this one's endpoint, if it states one."""
        endpoint = self.endpoint if self.endpoint is not None else other.endpoint
        return Telemetry(self.otel or other.otel, self.texts or other.texts, endpoint)


@dataclass(frozen=True)
class RolloutSettings:
    """All settings of rollouts. The defaults record nothing, cap nothing, and retry failed calls.

    Args:
        recording: SQLite file, mode and run.
        caps: USD per query, run and phase.
        deadline: seconds per query.
        retry: attempts and waits.
        breaker: circuit breaker per endpoint.
        tools: for roles that name one.
        trace: a JSON-lines file with one line per attempt; None: none.
        telemetry: OpenTelemetry, off by default.
    """

    recording: Recording = field(default_factory=Recording)
    caps: Caps = field(default_factory=Caps)
    deadline: Deadline = field(default_factory=Deadline)
    retry: Retry = field(default_factory=Retry)
    breaker: Breaker = field(default_factory=Breaker)
    tools: Tools = field(default_factory=Tools)
    trace: str | None = None
    telemetry: Telemetry = field(default_factory=Telemetry)


UNGUARDED = RolloutSettings()
"""The defaults: nothing recorded, nothing capped."""
