"""What other processes do in the tests of the books; light to import, runnable as a script."""

from __future__ import annotations

import os
import random
import sys
from multiprocessing.synchronize import Barrier
from pathlib import Path

from abgnn.data.backbone import Usage
from abgnn.rollout.ledger.base import (
    Attempt,
    Caller,
    Ledger,
    Limits,
    Response,
)
from abgnn.rollout.ledger.opening import open_ledger


def caller(key: str = "k", *, run: str = "r", phase: str = "train", **changes: object) -> Caller:
    """An attempt of one agent."""
    names: dict[str, object] = {"query": "q", "sample": 0, "round": 0, "agent": 1, "turn": 0}
    names |= {"role": "Critic", "backbone": "small", "model": "small-1", "key": key}
    return Caller(run=run, phase=phase, **(names | changes))  # type: ignore[arg-type]


def cost(pusd: int, *, uncertain: bool = False, tokens: int = 7) -> Attempt:
    """How it ended."""
    return Attempt(Usage(tokens, 5, 2, 1), pusd, uncertain, 1.5, 0.25, None)


def reply(text: str = "42") -> Response:
    """What it said."""
    return Response(text, Usage(7, 5, 2, 1), 1.5, 0.5)


def total(ledger: Ledger) -> int:
    """Committed over all accounts, as one read."""
    return sum(account.committed for account in ledger.accounts())


def spend(ledger: Ledger, seed: int, cap: int) -> tuple[int, int]:
    """Call until nothing fits any more: calls and money of ours; the cap must hold all along."""
    draw, calls, paid, i = random.Random(seed), 0, 0, 0
    limits = Limits(run=cap)
    while True:
        worst = draw.randint(1, 20)
        ticket = ledger.reserve(caller(f"{seed}-{i}", phase=str(seed % 3)), worst, limits)
        assert total(ledger) <= cap
        i += 1
        if ticket is None:
            if ledger.hopeless(caller(phase=str(seed % 3)), worst, limits):
                return calls, paid
        elif draw.random() < 0.1:
            ledger.release(ticket)
        else:
            bill = draw.randint(0, worst)
            ledger.settle(ticket, cost(bill, uncertain=bill % 2 == 1), reply(f"{seed}-{i}"), "{}")
            calls, paid = calls + 1, paid + bill
            assert total(ledger) <= cap


def spend_together(path: str, seed: int, cap: int, start: Barrier, results: str) -> None:
    """One of several processes that open a new file at the same moment."""
    start.wait()
    ledger = open_ledger(path)
    calls, paid = spend(ledger, seed, cap)
    ledger.close()
    Path(results, str(seed)).write_text(f"{calls} {paid}")


def call_forever(path: str) -> None:
    """Reserve and settle, three attempts under way; says on stdout what was settled."""
    ledger, open_tickets, i = open_ledger(path), list[tuple[int, str]](), 0
    while True:
        key = f"{os.getpid()}-{i}"
        ticket = ledger.reserve(caller(key), 10, Limits(run=10**9))
        assert ticket is not None
        open_tickets.append((ticket, key))
        if len(open_tickets) == 3:
            ticket, key = open_tickets.pop(0)
            ledger.settle(ticket, cost(4), reply(key), "{}")
            os.write(1, f"{key}\n".encode())
        i += 1


if __name__ == "__main__":
    call_forever(sys.argv[1])
