"""What the ledger asks of the database: statements, how their rows are read, whose money moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from abgnn.data.backbone import Usage
from abgnn.rollout.ledger.base import Account, Attempt, Caller, Limits, Response

_CALLER = attrgetter(
    "run", "phase", "query", "sample", "round", "agent", "turn", "role", "backbone", "model",
    "key", "attempt",
)  # fmt: skip
_USAGE = attrgetter("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_LOOKUP = """SELECT text, raw, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens,
    service_time, retry_time, finish, error, message, status FROM responses WHERE key = %s"""
_RESERVE = f"SELECT reserve({', '.join(['%s'] * 18)})"
_SETTLE = f"""SELECT settle(%s, %s, %s::bigint[], {", ".join(["%s"] * 6)},
    %s, %s, %s, %s::bigint[], {", ".join(["%s"] * 6)})"""
_UNSAID = (False, *[None] * 10)
_ACCOUNTS = """SELECT run, phase, calls, spent, uncertain, reserved, lost FROM accounts
    ORDER BY run COLLATE "C", phase COLLATE "C\""""

Row = Sequence[Any]


@dataclass(eq=False, slots=True)
class Operation:
    """One request of the ledger; its future gets the result.

    Args:
        statements: SQL and parameters.
        answer: which statement's rows are the result.
        read: rows to result; a LookupError is the result's.
        run: whose money it moves; None: nobody's.
        line: of a settlement, what is kept on this machine while the database is away.
        tries: how often it was sent; beyond the first it may have been carried out already.
        until: when it is given up, on the monotonic clock, if the database stays away.
    """

    statements: tuple[tuple[str, Row], ...]
    read: Callable[[list[Row], int], Any]
    run: str | None = None
    line: dict[str, Any] | None = None
    answer: int = 0
    until: float = 0.0
    tries: int = 0
    kept: bool = False
    future: Future[Any] = field(default_factory=Future)


def lookup(key: str) -> Operation:
    """A recorded response, or None."""

    def read(rows: list[Row], _: int) -> Response | None:
        if not rows:
            return None
        text, raw, prompt, completion, cached, reasoning, *rest = rows[0]
        if raw is not None:
            text = bytes(raw).decode(errors="surrogatepass")
        return Response(text, Usage(prompt, completion, cached, reasoning), *rest)

    return Operation(((_LOOKUP, (key,)),), read)


def reserve(
    ticket: int, caller: Caller, owner: str, pusd: int, limits: Limits, alone: bool
) -> Operation:
    """An attempt under `ticket`; result: that, 0 (under way elsewhere) or None (a cap)."""
    who = [clean(part) if type(part) is str else part for part in _CALLER(caller)]
    row = (ticket, *who, owner, pusd, limits.run, limits.phase, alone)
    return Operation(((_RESERVE, row),), _first, run=who[0])


def hopeless(caller: Caller, pusd: int, limits: Limits) -> Operation:
    """Whether an amount would not fit beside what is spent."""
    row = (clean(caller.run), clean(caller.phase), pusd, limits.run, limits.phase)
    statement = "SELECT NOT fits(%s, %s, %s, %s, %s, false)"
    return Operation(((statement, row),), _first)


def settle(
    ticket: int,
    run: str,
    mark: int,
    attempt: Attempt,
    response: Response | None,
    request: str | None,
) -> Operation:
    """Close an attempt; `mark` makes it happen once, however often it is sent."""
    return settled_again(_line(ticket, run, mark, attempt, response, request))


def book(
    ticket: int,
    caller: Caller,
    owner: str,
    mark: int,
    attempt: Attempt,
    response: Response | None,
    request: str | None,
) -> Operation:
    """An attempt that was made without us: opened and closed in one transaction."""
    [(_, row)] = reserve(ticket, caller, owner, 0, Limits(), False).statements
    line = _line(ticket, row[1], mark, attempt, response, request)
    return settled_again(line | {"opened": list(row)})


def _line(
    ticket: int,
    run: str,
    mark: int,
    attempt: Attempt,
    response: Response | None,
    request: str | None,
) -> dict[str, Any]:
    return {
        "ticket": ticket,
        "run": run,
        "mark": mark,
        "attempt": [list(_USAGE(attempt.usage)), *_rest(attempt)],
        "response": None if response is None else [list(_USAGE(response.usage)), *_said(response)],
        "request": request,
    }


def settled_again(line: dict[str, Any]) -> Operation:
    """The settlement that a kept line states."""
    ticket, mark, request = line["ticket"], line["mark"], line["request"]
    usage, pusd, uncertain, service, queue, error = line["attempt"]
    closed = (ticket, mark, usage, pusd, uncertain, service, queue, error)
    said: tuple[Any, ...] = _UNSAID
    if line["response"] is not None:
        usage, text, service, retry, finish, error, message, status = line["response"]
        plain = clean(text)
        raw = None if plain == text else text.encode(errors="surrogatepass")
        body = None if request is None else clean(request)
        rest = (service, retry, finish, error, clean(message), status)
        said = (True, body, plain, raw, usage, *rest)
    opened = ((_RESERVE, line["opened"]),) if "opened" in line else ()
    statements = (*opened, (_SETTLE, (*closed, *said)))
    return Operation(statements, _closed(ticket), line["run"], line, len(opened))


def release(ticket: int, run: str) -> Operation:
    """Withdraw an attempt."""

    def read(rows: list[Row], tries: int) -> None:
        if not rows[0][0] and tries == 1:
            raise LookupError(f"ticket {ticket}: no attempt under way")

    return Operation((("SELECT release(%s)", (ticket,)),), read, run=run)


def accounts() -> Operation:
    """All runs and phases, sorted."""
    return Operation(((_ACCOUNTS, ()),), lambda rows, _: [Account(*row) for row in rows])


def owners_under_way() -> Operation:
    """Owners of open attempts, and whether their lease is over."""
    return Operation((("SELECT * FROM owners_under_way()", ()),), lambda rows, _: rows)


def lose(owners: list[str]) -> Operation:
    """Their open attempts become lost."""
    return Operation((("SELECT lose(%s)", (owners,)),), _first)


def run_of(ticket: int) -> Operation:
    """The run of an attempt that another process opened; None: there is none."""
    statement = "SELECT run FROM attempts WHERE id = %s"
    return Operation(((statement, (ticket,)),), lambda rows, _: rows[0][0] if rows else None)


def clean(text: str) -> str:
    """Without lone surrogates and NUL, which PostgreSQL's text cannot hold."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode(errors="replace").decode().replace("\0", "\N{SYMBOL FOR NULL}")


def _first(rows: list[Row], _: int) -> Any:
    return rows[0][0]


def _closed(ticket: int) -> Callable[[list[Row], int], None]:
    def read(rows: list[Row], _: int) -> None:
        if not rows[0][0]:
            raise LookupError(f"ticket {ticket}: no attempt under way")

    return read


def _rest(a: Attempt) -> tuple[Any, ...]:
    return a.pusd, bool(a.uncertain), a.service_time, a.queue_time, a.error


def _said(r: Response) -> tuple[Any, ...]:
    return r.text, r.service_time, r.retry_time, r.finish, r.error, r.message, r.status
