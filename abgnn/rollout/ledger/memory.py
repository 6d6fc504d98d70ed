"""`MemoryLedger`: the money of one process, nothing recorded; for simulations above all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count

from abgnn.rollout.ledger.base import (
    Account,
    Attempt,
    Caller,
    Ledger,
    Limits,
    Response,
)


class _Money:
    """Sums of one phase, or of all phases of a run; picodollars."""

    __slots__ = ("calls", "lost", "reserved", "spent", "uncertain")

    def __init__(self) -> None:
        self.calls = self.spent = self.uncertain = self.reserved = self.lost = 0

    def fixed(self) -> int:
        """What is committed even if every attempt under way costs nothing."""
        return self.spent + self.uncertain + self.lost


class _Open:
    """An attempt under way, the sums that it counts in, and what is set aside for it."""

    __slots__ = ("lost", "phase", "pusd", "run")

    def __init__(self, phase: _Money, run: _Money, pusd: int) -> None:
        self.phase, self.run, self.pusd, self.lost = phase, run, pusd, False

    def free(self) -> None:
        """Give back what was set aside."""
        for money in (self.phase, self.run):
            if self.lost:
                money.lost -= self.pusd
            else:
                money.reserved -= self.pusd


class MemoryLedger(Ledger):
    """`Ledger` for one process; `lookup` finds nothing.

    A pickled copy starts with empty accounts: processes that must share a cap share `SqliteLedger`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tickets = count(1)
        self._open: dict[int, _Open] = {}
        self._phases: dict[tuple[str, str], _Money] = {}
        self._runs: dict[str, _Money] = {}

    def lookup(self, key: str) -> Response | None:
        """Always None."""
        return None

    def reserve(
        self, caller: Caller, pusd: int, limits: Limits, *, alone: bool = False
    ) -> int | None:
        """Open an attempt and set its worst case aside; its ticket, or None if a cap forbids it.

        There is no other process, so `alone` changes nothing.
        """
        at = (caller.run, caller.phase)
        with self._lock:
            phase, run = self._phases.get(at), self._runs.get(caller.run)
            if not _fits(run, pusd, limits.run) or not _fits(phase, pusd, limits.phase):
                return None
            if phase is None:
                phase = self._phases[at] = _Money()
            if run is None:
                run = self._runs[caller.run] = _Money()
            phase.reserved += pusd
            run.reserved += pusd
            ticket = next(self._tickets)
            self._open[ticket] = _Open(phase, run, pusd)
            return ticket

    def hopeless(self, caller: Caller, pusd: int, limits: Limits) -> bool:
        """Whether `pusd` would not fit even if every attempt under way cost nothing."""
        with self._lock:
            phase = self._phases.get((caller.run, caller.phase))
            run = self._runs.get(caller.run)
            pairs = ((run, limits.run), (phase, limits.phase))
            return not all(_fits(m, pusd, limit, _Money.fixed) for m, limit in pairs)

    def settle(
        self,
        ticket: int,
        attempt: Attempt,
        response: Response | None = None,
        request: str | None = None,
    ) -> None:
        """Release the reservation and book what the attempt cost; the response is not kept.

        Raises:
            LookupError: no such attempt is under way.
        """
        with self._lock:
            taken = self._taken(ticket)
            taken.free()
            for money in (taken.phase, taken.run):
                money.calls += 1
                if attempt.uncertain:
                    money.uncertain += attempt.pusd
                else:
                    money.spent += attempt.pusd

    def release(self, ticket: int) -> None:
        """Withdraw an attempt that was never dispatched; LookupError if none is under way."""
        with self._lock:
            self._taken(ticket).free()

    def accounts(self) -> list[Account]:
        """All runs and phases, sorted."""
        with self._lock:
            return [
                Account(run, phase, m.calls, m.spent, m.uncertain, m.reserved, m.lost)
                for (run, phase), m in sorted(self._phases.items())
            ]

    def close(self) -> None:
        """Attempts still under way count as lost, until someone settles them after all."""
        with self._lock:
            for taken in self._open.values():
                taken.free()
                taken.lost = True
                taken.phase.lost += taken.pusd
                taken.run.lost += taken.pusd

    def _taken(self, ticket: int) -> _Open:
        taken = self._open.pop(ticket, None)
        if taken is None:
            raise LookupError(f"ticket {ticket}: no attempt under way")
        return taken

    def __reduce__(self) -> tuple[Callable[[], MemoryLedger], tuple[()]]:
        return MemoryLedger, ()


def _committed(money: _Money) -> int:
    return money.spent + money.uncertain + money.lost + money.reserved


def _fits(
    money: _Money | None,
    pusd: int,
    limit: int | None,
    counted: Callable[[_Money], int] = _committed,
) -> bool:
    return limit is None or (counted(money) if money else 0) + pusd <= limit
