"""What the ledger asks of the database: statements, how their rows are read, whose money moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from abgnn.data.backbone import Usage
from abgnn.rollout.ledger.base import Account, Attempt, Caller, Limits, Response
from abgnn.rollout.ledger.postgres_batches import reserved_types, settled_types

_CALLER = attrgetter(
    "run", "phase", "query", "sample", "round", "agent", "turn", "role", "backbone", "model",
    "key", "attempt",
)  # fmt: skip
_USAGE = attrgetter("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_PLACE = {"text": "%b", "bytea": "%b"}  # texts go as they are: else each quote would be escaped
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Form:
    """A statement, and where it stands among those of one transaction.

    Args:
        place: statements of lower places come first, so that freed money can be reserved at once.
        statement: SQL.
        together: all operations of this form go in one statement, each column as an array.
    """

    place: int
    statement: str
    together: bool = False

    @classmethod
    def of(cls, place: int, function: str, types: str) -> Form:
        """A function that takes each column as an array and returns a row for each row."""
        arrays = ", ".join(f"{_PLACE.get(kind, '%s')}::{kind}[]" for kind in types.split())
        return cls(place, f"SELECT * FROM {function}({arrays})", together=True)


SETTLE = Form.of(1, "settle_all", settled_types())
RELEASE = Form(2, "SELECT release(a) FROM unnest(%s::bigint[]) AS t(a)", together=True)
LEAVE = Form(2, "SELECT leave(%s, %s, %s)")
RESERVE = Form.of(3, "reserve_all", reserved_types())
LOOKUP = Form(
    4,
    """SELECT r.text, r.raw, r.prompt_tokens, r.completion_tokens, r.cached_tokens,
    r.reasoning_tokens, r.service_time, r.retry_time, r.finish, r.error, r.message, r.status
    FROM unnest(%b::text[]) WITH ORDINALITY AS asked(key, n)
    LEFT JOIN responses AS r ON r.key = asked.key ORDER BY asked.n""",
    together=True,
)
HOPELESS = Form(5, "SELECT NOT fits(%s, %s, %s, %s, %s, false)")
ACCOUNTS = Form(
    5,
    """SELECT run, phase, calls, spent, uncertain, reserved, lost FROM accounts
    ORDER BY run COLLATE "C", phase COLLATE "C\"""",
)
OWNERS = Form(5, "SELECT * FROM owners_under_way()")
LOSE = Form(5, "SELECT lose(%s)")
RUN_OF = Form(5, "SELECT run FROM attempts WHERE id = %s")
_UNSAID = (False, *[None] * 13)
_OPENED = len(reserved_types().split())


@dataclass(eq=False, slots=True)
class Operation:
    """One request of the ledger; its future gets the result.

    Args:
        form, row: statement and parameters.
        read: rows to result; a LookupError is the result's.
        run: whose money it moves; None: nobody's.
        line: of a settlement, what is kept on this machine while the database is away.
        opened: parameters of `RESERVE` that come first, for an attempt that is opened with it.
        tries: how often it was sent; beyond the first it may have been carried out already.
        until: when it is given up, on the monotonic clock, if the database stays away.
    """

    form: Form
    row: Row
    read: Callable[[list[Row], int], Any]
    run: str | None = None
    line: dict[str, Any] | None = None
    opened: Row | None = None
    until: float = 0.0
    tries: int = 0
    kept: bool = False
    future: Future[Any] = field(default_factory=Future)


def lookup(key: str) -> Operation:
    """A recorded response, or None."""

    def read(rows: list[Row], _: int) -> Response | None:
        if rows[0][0] is None:
            return None
        text, raw, prompt, completion, cached, reasoning, *rest = rows[0]
        if raw is not None:
            text = bytes(raw).decode(errors="surrogatepass")
        return Response(text, Usage(prompt, completion, cached, reasoning), *rest)

    return Operation(LOOKUP, (key,), read)


def reserve(
    ticket: int,
    caller: Caller,
    owner: str,
    pusd: int,
    limits: Limits,
    alone: bool,
    age: int | None = None,
) -> Operation:
    """An attempt under `ticket`; result: that, 0 (under way elsewhere) or None (a cap).

    `age`: when its rollout began, in ns of the database's clock, if it waits for its turn.
    """
    who = [clean(part) if type(part) is str else part for part in _CALLER(caller)]
    row = (ticket, *who, owner, pusd, limits.run, limits.phase, alone, age)
    return Operation(RESERVE, row, _first, run=who[0])


def leave(run: str, owner: str, age: int) -> Operation:
    """A rollout waits for money no more."""
    return Operation(LEAVE, (clean(run), owner, age), _first, run=clean(run))


def hopeless(caller: Caller, pusd: int, limits: Limits) -> Operation:
    """Whether an amount would not fit beside what is spent."""
    row = (clean(caller.run), clean(caller.phase), pusd, limits.run, limits.phase)
    return Operation(HOPELESS, row, _first)


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
    row = reserve(ticket, caller, owner, 0, Limits(), False).row
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
    closed = (ticket, mark, *usage, pusd, uncertain, float(service), float(queue), error)
    said: tuple[Any, ...] = _UNSAID
    if line["response"] is not None:
        usage, text, service, retry, finish, error, message, status = line["response"]
        plain = clean(text)
        raw = None if plain == text else text.encode(errors="surrogatepass")
        body = None if request is None else clean(request)
        rest = (float(service), float(retry), finish, error, clean(message), status)
        said = (True, body, plain, raw, *usage, *rest)
    row, opened = (*closed, *said), line.get("opened")
    if opened is not None and len(opened) < _OPENED:  # kept by an earlier version
        opened = [*opened, None]
    return Operation(SETTLE, row, _closed(ticket), line["run"], line, opened)


def release(ticket: int, run: str) -> Operation:
    """Withdraw an attempt."""

    def read(rows: list[Row], tries: int) -> None:
        if not rows[0][0] and tries == 1:
            raise LookupError(f"ticket {ticket}: no attempt under way")

    return Operation(RELEASE, (ticket,), read, run=run)


def accounts() -> Operation:
    """All runs and phases, sorted."""
    return Operation(ACCOUNTS, (), lambda rows, _: [Account(*row) for row in rows])


def owners_under_way() -> Operation:
    """Owners of open attempts, and whether their lease is over."""
    return Operation(OWNERS, (), lambda rows, _: rows)


def lose(owners: list[str]) -> Operation:
    """Their open attempts become lost."""
    return Operation(LOSE, (owners,), _first)


def run_of(ticket: int) -> Operation:
    """The run of an attempt that another process opened; None: there is none."""
    return Operation(RUN_OF, (ticket,), lambda rows, _: rows[0][0] if rows else None)


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
