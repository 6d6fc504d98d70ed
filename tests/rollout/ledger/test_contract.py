"""What every ledger keeps to, in memory, in a file and in a database: the same tests for all.

Caps hold, a crash loses nothing, threads, processes and forks share one recording.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import UnsupportedOperation
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abgnn.data.backbone import Usage
from abgnn.rollout.ledger.base import Account, Ledger, Limits, Response
from abgnn.rollout.ledger.memory import MemoryLedger
from abgnn.rollout.ledger.owners import this_process
from abgnn.rollout.ledger.postgres_url import is_url
from tests.paths import ROOT
from tests.rollout.ledger.places import Place, check_accounts, new_schema
from tests.rollout.ledger.workers import caller, cost, reply, spend, spend_together, total
from tests.servers.postgres import Postgres

FREE = Limits()
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def opened(ledger: Ledger, key: str = "k", pusd: int = 10, limits: Limits = FREE) -> int:
    ticket = ledger.reserve(caller(key), pusd, limits)
    assert ticket is not None
    return ticket


# what is recorded


def test_what_is_settled_is_found_again(ledger: Ledger, place: Place) -> None:
    response = Response("42", Usage(7, 5, 2, 1), 1.25, 0.1, "length", "status", "sorry", 503)
    assert ledger.lookup("k") is None
    ticket = opened(ledger)
    assert ledger.lookup("k") is None
    ledger.settle(ticket, cost(3), response, '{"model":"m"}')
    again = place.open()
    for one in (
        ledger,
        again,
        pickle.loads(pickle.dumps(ledger)),
        place.open(readonly=True),
    ):
        assert one.lookup("k") == response
        assert one.lookup("other") is None
        one.close()
    assert place.rows("SELECT key, model, sample, request FROM responses") == [
        ("k", "small-1", 0, '{"model":"m"}')
    ]


def test_a_key_is_recorded_once_and_anew(ledger: Ledger, place: Place) -> None:
    for text in ("first", "second"):
        ledger.settle(opened(ledger), cost(3), reply(text), "{}")
    assert ledger.lookup("k") == reply("second")
    assert place.rows("SELECT count(*) FROM responses") == [(1,)]
    assert place.rows("SELECT count(*) FROM attempts") == [(2,)]
    assert ledger.accounts() == [Account("r", "train", 2, 6, 0, 0, 0)]


def test_without_response_only_money_is_booked(either: Ledger) -> None:
    either.settle(opened(either), replace(cost(3), error="timeout"))
    assert either.lookup("k") is None
    assert either.accounts() == [Account("r", "train", 1, 3, 0, 0, 0)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\0b",
        "\ud800 alone \udfff",
        "\x1b[31m\u202e\ufeff",
        "日本 🧮 é\u0301",
        "x" * 10_000_000,
    ],
    ids=["empty", "nul", "surrogates", "controls", "many", "10MB"],
)
def test_every_text_comes_back(ledger: Ledger, place: Place, text: str) -> None:
    who = caller(role=text[:99], query=text[:99], phase=text[:99])
    ticket = ledger.reserve(who, 10, Limits(10, 10))
    assert ticket is not None
    ledger.settle(ticket, cost(10), replace(reply(text), message=text[:99]), "{}")
    assert ledger.reserve(who, 1, Limits(phase=10)) is None
    ledger.close()
    found = place.open().lookup("k")
    assert found is not None
    assert found.text == text


# the money


def test_trace_of_an_attempt(ledger: Ledger, place: Place) -> None:
    who = caller(sample=3, round=1, agent=4, turn=2, attempt=5)
    before = time.time()
    ticket = ledger.reserve(who, 10, FREE)
    assert ticket is not None
    ledger.settle(ticket, replace(cost(4, uncertain=True), error="timeout"))
    names = """run, phase, query, sample, round, agent, turn, role, backbone, model, key, attempt,
        state, reserved, pusd, uncertain, prompt_tokens, completion_tokens, cached_tokens,
        reasoning_tokens, service_time, queue_time, error, started_at, ended_at"""
    [(*row, began, ended)] = place.rows(f"SELECT {names} FROM attempts")
    who_row = ["r", "train", "q", 3, 1, 4, 2, "Critic", "small", "small-1", "k", 5]
    assert row == [*who_row, "settled", 10, 4, 1, 7, 5, 2, 1, 1.5, 0.25, "timeout"]
    assert isinstance(began, float)
    assert isinstance(ended, float)
    assert before <= began <= ended <= time.time()


def test_caps_of_run_and_phase(either: Ledger) -> None:
    limits = Limits(run=100, phase=60)
    first = either.reserve(caller(phase="train"), 60, limits)
    assert first is not None
    assert either.reserve(caller(phase="train"), 1, limits) is None
    assert either.reserve(caller(phase="val"), 41, limits) is None
    assert either.reserve(caller(phase="val"), 40, limits) is not None
    assert either.reserve(caller(phase="test"), 1, limits) is None
    assert either.reserve(caller(phase="test"), 0, limits) is not None
    assert either.reserve(caller(run="other"), 60, limits) is not None
    either.settle(first, cost(20))
    assert either.reserve(caller(phase="train"), 40, limits) is not None


def test_a_bill_above_the_worst_case_is_booked_whole(either: Ledger) -> None:
    either.settle(opened(either, pusd=10, limits=Limits(run=10)), cost(25))
    assert total(either) == 25
    assert either.reserve(caller(), 0, Limits(run=10)) is None


def test_hopeless_is_what_no_attempt_under_way_can_change(either: Ledger) -> None:
    limits = Limits(run=100, phase=50)
    either.settle(opened(either, pusd=30), cost(20))
    either.settle(opened(either, pusd=30), cost(10, uncertain=True))
    under_way = opened(either, pusd=20)
    assert either.reserve(caller(), 20, limits) is None
    assert not either.hopeless(caller(), 20, limits)
    assert either.hopeless(caller(), 21, limits)
    assert not either.hopeless(caller(phase="val"), 50, limits)
    assert either.hopeless(caller(phase="val"), 71, Limits(run=100))
    assert not either.hopeless(caller(), 10**17, FREE)
    either.settle(under_way, cost(20))
    assert either.hopeless(caller(), 1, limits)


def test_a_ticket_closes_once(either: Ledger) -> None:
    released, settled, other = opened(either), opened(either), opened(either)
    either.release(released)
    either.settle(settled, cost(3))
    fresh = opened(either)  # not the number that was released
    assert len({released, settled, other, fresh}) == 4
    for ticket in (released, settled, 999):
        with pytest.raises(LookupError, match=str(ticket)):
            either.release(ticket)
        with pytest.raises(LookupError, match=str(ticket)):
            either.settle(ticket, cost(3))
    assert either.accounts() == [Account("r", "train", 1, 3, 0, 20, 0)]


def test_closing_gives_attempts_under_way_up_until_they_are_settled(either: Ledger) -> None:
    settled, released = opened(either), opened(either)
    either.close()
    either.close()
    assert either.accounts() == [Account("r", "train", 0, 0, 0, 0, 20)]
    either.settle(settled, cost(3), reply(), "{}")
    either.release(released)
    assert either.accounts() == [Account("r", "train", 1, 3, 0, 0, 0)]


Op = tuple[str, tuple[str, str], int, int, Limits, int]
OPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "reserve", "settle", "settle", "release", "hopeless", "close"]),
        st.sampled_from([("a", "train"), ("a", "val"), ("b", "train")]),
        st.integers(0, 40),
        st.integers(0, 60),
        st.sampled_from([Limits(), Limits(run=100), Limits(phase=50), Limits(100, 50)]),
        st.integers(0, 9),
    ),
    max_size=40,
)


@given(ops=OPS)
@settings(max_examples=60, deadline=None)
def test_sqlite_gives_the_same_answers_as_memory(ops: list[Op]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        same_answers(ops, Place(f"{folder}/calls.sqlite"))


@pytest.mark.xdist_group("postgres")
def test_postgres_gives_the_same_answers_as_memory(postgres: Postgres) -> None:
    @given(ops=OPS)
    @settings(max_examples=12, deadline=None)
    def check(ops: list[Op]) -> None:
        same_answers(ops, new_schema(postgres))

    check()


def same_answers(ops: list[Op], place: Place) -> None:
    pair: list[Ledger] = [MemoryLedger(), place.open()]
    tickets: list[list[int]] = []
    for i, (op, (run, phase), worst, bill, limits, which) in enumerate(ops):
        who = caller(str(i), run=run, phase=phase)
        mine = tickets[which % len(tickets)] if tickets else [0, 0]
        if op == "reserve":
            got = [b.reserve(who, worst, limits) for b in pair]
            assert (got[0] is None) == (got[1] is None)
            if got[0] is not None:
                tickets.append([t for t in got if t is not None])
        elif op == "hopeless":
            first, second = (b.hopeless(who, worst, limits) for b in pair)
            assert first == second
        elif op == "close":
            for b in pair:
                b.close()
        else:
            ends = [ending(b, op, t, bill) for b, t in zip(pair, mine, strict=True)]
            assert ends[0] == ends[1]
        assert pair[0].accounts() == pair[1].accounts()
    pair[1].close()
    check_accounts(place)


def ending(ledger: Ledger, op: str, ticket: int, bill: int) -> str:
    try:
        if op == "release":
            ledger.release(ticket)
        else:
            ledger.settle(ticket, cost(bill, uncertain=bill % 3 == 0), reply(), "{}")
    except LookupError:
        return "none under way"
    return op


def test_what_cannot_be_written_changes_nothing(ledger: Ledger, place: Place) -> None:
    ticket = opened(ledger)
    with pytest.raises(OverflowError):
        ledger.settle(ticket, cost(4), replace(reply(), usage=Usage(2**70)), "{}")
    assert ledger.accounts() == [Account("r", "train", 0, 0, 0, 10, 0)]
    ledger.settle(ticket, cost(4), reply(), "{}")
    check_accounts(place)


# many at once


def test_threads_never_exceed_the_cap(either: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        spent = list(pool.map(lambda seed: spend(either, seed, 3000), range(8)))
    accounts = either.accounts()
    assert sum(a.calls for a in accounts) == sum(calls for calls, _ in spent) > 200
    assert sum(a.committed for a in accounts) == sum(paid for _, paid in spent) <= 3000
    assert {a.reserved for a in accounts} == {0}


def test_many_make_the_same_recording(new_place: Callable[[], Place]) -> None:
    start = threading.Barrier(8)

    def make(place: Place) -> int:
        start.wait()
        ledger = place.open()
        opened(ledger)
        ledger.close()
        return 1

    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            place = new_place()
            assert sum(pool.map(make, [place] * 8)) == 8
            assert place.rows("SELECT count(*) FROM attempts") == [(8,)]


def test_processes_share_one_cap(place: Place, tmp_path: Path) -> None:
    context, cap = multiprocessing.get_context("spawn"), 2000 if is_url(place.path) else 8000
    start = context.Barrier(4)
    crew = [
        context.Process(target=spend_together, args=(place.path, seed, cap, start, str(tmp_path)))
        for seed in range(4)
    ]
    for process in crew:
        process.start()
    for process in crew:
        process.join()
    assert [process.exitcode for process in crew] == [0] * 4
    spent = [tuple(map(int, (tmp_path / str(seed)).read_text().split())) for seed in range(4)]
    assert sum(paid for _, paid in spent) <= cap
    assert sum(calls > 0 for calls, _ in spent) > 1
    assert place.rows("SELECT sum(calls), sum(spent + uncertain), sum(reserved) FROM accounts") == [
        (*map(sum, zip(*spent, strict=True)), 0)
    ]
    assert place.rows("SELECT count(*) FROM attempts") == [(sum(calls for calls, _ in spent),)]
    check_accounts(place)


def caller_process(place: Place) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.rollout.ledger.workers", place.path]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def test_sigkill_loses_only_calls_in_flight(place: Place) -> None:
    draw = random.Random(0)
    said: list[str] = []
    for n in range(1, 11):
        process = caller_process(place)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(draw.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        said += (first + process.stdout.read()).decode().splitlines()
        process.wait()
        process.stdout.close()
        ledger = place.open()
        assert all(ledger.lookup(key) == reply(key) for key in said)
        [account] = ledger.accounts()
        assert account.reserved == 0
        assert 2 * n <= account.lost // 10 <= 3 * n
        assert len(said) <= account.calls <= len(said) + n
        ledger.close()
        check_accounts(place)


def test_reading_beside_a_writer(place: Place) -> None:
    process = caller_process(place)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        ledger = place.open(readonly=True)
        calls: list[int] = []
        while len(calls) < 20 or calls[-1] == calls[0]:
            key = process.stdout.readline().decode().strip()
            assert ledger.lookup(key) == reply(key)
            [account] = ledger.accounts()
            calls.append(account.calls)
        assert calls == sorted(calls)
        with pytest.raises(UnsupportedOperation, match="reading only"):
            ledger.reserve(caller(), 1, FREE)
        ledger.close()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# dead owners


@needs_proc
def test_attempts_of_the_dead_are_lost_and_stay_committed(place: Place) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    boot, namespace, _, _, _ = this_process("").split(" ")
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    theirs = place.open(owner=f"{boot} {namespace} {child.pid} {started} x")
    ours = place.open()
    opened(theirs, "theirs", 60)
    opened(ours, "ours", 30)
    limits = Limits(run=100)
    assert not ours.hopeless(caller(), 70, limits)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, not buried
    assert ours.accounts() == [Account("r", "train", 0, 0, 0, 90, 0)]
    assert ours.hopeless(caller(), 70, limits)
    assert not ours.hopeless(caller(), 40, limits)
    assert ours.accounts() == [Account("r", "train", 0, 0, 0, 30, 60)]
    child.communicate()
    check_accounts(place)


def age(place: Place, seconds: float) -> None:
    place.change(f"UPDATE attempts SET started_at = started_at - {seconds}")
    if is_url(place.path):
        place.change(f"UPDATE owners SET beat = beat - {seconds}")


@needs_proc
def test_attempts_of_the_living_are_theirs_however_old(ledger: Ledger, place: Place) -> None:
    ticket = opened(ledger)
    age(place, 1e6)
    other = place.open()
    assert not other.hopeless(caller(), 10, Limits(run=10))
    other.close()
    assert ledger.accounts() == [Account("r", "train", 0, 0, 0, 10, 0)]
    ledger.release(ticket)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_fork_while_threads_write(ledger: Ledger, place: Place) -> None:
    """The child's connection is its own, and its end does not touch the parent's attempts."""
    mine, stop = opened(ledger, "mine"), threading.Event()

    def write() -> None:
        while not stop.is_set():
            ledger.settle(opened(ledger, "busy"), cost(0), reply(), "{}")

    writer = threading.Thread(target=write)
    writer.start()
    statuses = []
    for i in range(5):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                if i > 0:  # the first only closes what it never used
                    ledger.settle(opened(ledger, f"child {i}"), cost(5), reply(f"child {i}"), "{}")
                    opened(ledger, "left open")
                ledger.close()
                status = 0
            finally:
                os._exit(status)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    stop.set()
    writer.join()
    assert statuses == [0] * 5
    assert ledger.lookup("child 4") == reply("child 4")
    states = "SELECT state, count(*) FROM attempts WHERE state <> 'settled' GROUP BY 1"
    assert sorted(place.rows(states)) == [("lost", 4), ("open", 1)]
    ledger.settle(mine, cost(1), reply(), "{}")
    check_accounts(place)
