"""The books: both implementations alike, caps that hold, crashes that lose nothing."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import UnsupportedOperation
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abgnn.data.backbone import Usage
from abgnn.errors import ConfigError
from abgnn.rollout.ledger.base import (
    Account,
    Ledger,
    Limits,
    Response,
)
from abgnn.rollout.ledger.memory import MemoryLedger
from abgnn.rollout.ledger.owners import lives, this_process
from abgnn.rollout.ledger.schema import VERSION
from abgnn.rollout.ledger.sqlite import SqliteLedger
from tests.paths import ROOT
from tests.rollout.ledger.workers import (
    caller,
    cost,
    reply,
    spend,
    spend_together,
    total,
)

FREE = Limits()
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "calls.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    made = SqliteLedger(path)
    yield made
    made.close()


@pytest.fixture(params=["memory", "sqlite"])
def either(request: pytest.FixtureRequest, path: Path) -> Iterator[Ledger]:
    made: Ledger = MemoryLedger() if request.param == "memory" else SqliteLedger(path)
    yield made
    made.close()


def opened(ledger: Ledger, key: str = "k", pusd: int = 10, limits: Limits = FREE) -> int:
    ticket = ledger.reserve(caller(key), pusd, limits)
    assert ticket is not None
    return ticket


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    found = db.execute(query).fetchall()
    db.close()
    return found


def check_accounts(path: Path) -> None:
    """The accounts are the sums over the attempts, and what is settled is recorded."""
    sums = """SELECT run, phase, sum(state = 'settled'),
        sum(iif(state = 'settled' AND NOT uncertain, pusd, 0)),
        sum(iif(state = 'settled' AND uncertain, pusd, 0)),
        sum(iif(state = 'open', reserved, 0)), sum(iif(state = 'lost', reserved, 0))
        FROM attempts GROUP BY run, phase ORDER BY run, phase"""
    told = "(run, phase) IN (SELECT run, phase FROM attempts)"
    assert rows(path, f"SELECT * FROM accounts WHERE {told}") == rows(path, sums)
    money = "calls, spent, uncertain, reserved, lost"
    rest = rows(path, f"SELECT DISTINCT {money} FROM accounts WHERE NOT {told}")
    assert rest in ([], [(0, 0, 0, 0, 0)])
    unrecorded = """SELECT count(*) FROM attempts WHERE state = 'settled'
        AND key NOT IN (SELECT key FROM responses)"""
    assert rows(path, unrecorded) == [(0,)]


# what is recorded


def test_what_is_settled_is_found_again(ledger: SqliteLedger, path: Path) -> None:
    response = Response("42", Usage(7, 5, 2, 1), 1.25, 0.1, "length", "status", "sorry", 503)
    assert ledger.lookup("k") is None
    ticket = opened(ledger)
    assert ledger.lookup("k") is None
    ledger.settle(ticket, cost(3), response, '{"model":"m"}')
    again = SqliteLedger(path)
    for one in (
        ledger,
        again,
        pickle.loads(pickle.dumps(ledger)),
        SqliteLedger(path, readonly=True),
    ):
        assert one.lookup("k") == response
        assert one.lookup("other") is None
        one.close()
    assert rows(path, "SELECT key, model, sample, request FROM responses") == [
        ("k", "small-1", 0, '{"model":"m"}')
    ]


def test_a_key_is_recorded_once_and_anew(ledger: SqliteLedger, path: Path) -> None:
    for text in ("first", "second"):
        ledger.settle(opened(ledger), cost(3), reply(text), "{}")
    assert ledger.lookup("k") == reply("second")
    assert rows(path, "SELECT count(*) FROM responses") == [(1,)]
    assert rows(path, "SELECT count(*) FROM attempts") == [(2,)]
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
def test_every_text_comes_back(ledger: SqliteLedger, path: Path, text: str) -> None:
    who = caller(role=text[:99], query=text[:99], phase=text[:99])
    ticket = ledger.reserve(who, 10, Limits(10, 10))
    assert ticket is not None
    ledger.settle(ticket, cost(10), replace(reply(text), message=text[:99]), "{}")
    assert ledger.reserve(who, 1, Limits(phase=10)) is None
    ledger.close()
    found = SqliteLedger(path).lookup("k")
    assert found is not None
    assert found.text == text


# the money


def test_trace_of_an_attempt(ledger: SqliteLedger, path: Path) -> None:
    who = caller(sample=3, round=1, agent=4, turn=2, attempt=5)
    before = time.time()
    ticket = ledger.reserve(who, 10, FREE)
    assert ticket is not None
    ledger.settle(ticket, replace(cost(4, uncertain=True), error="timeout"))
    names = """run, phase, query, sample, round, agent, turn, role, backbone, model, key, attempt,
        state, reserved, pusd, uncertain, prompt_tokens, completion_tokens, cached_tokens,
        reasoning_tokens, service_time, queue_time, error, started_at, ended_at"""
    [(*row, began, ended)] = rows(path, f"SELECT {names} FROM attempts")
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


@given(OPS)
@settings(max_examples=60, deadline=None)
def test_both_give_the_same_answers(
    ops: list[tuple[str, tuple[str, str], int, int, Limits, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls.sqlite"
        pair: list[Ledger] = [MemoryLedger(), SqliteLedger(path)]
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
        check_accounts(path)


def ending(ledger: Ledger, op: str, ticket: int, bill: int) -> str:
    try:
        if op == "release":
            ledger.release(ticket)
        else:
            ledger.settle(ticket, cost(bill, uncertain=bill % 3 == 0), reply(), "{}")
    except LookupError:
        return "none under way"
    return op


def test_what_cannot_be_written_changes_nothing(ledger: SqliteLedger, path: Path) -> None:
    ticket = opened(ledger)
    with pytest.raises(OverflowError):
        ledger.settle(ticket, cost(4), replace(reply(), usage=Usage(2**70)), "{}")
    assert ledger.accounts() == [Account("r", "train", 0, 0, 0, 10, 0)]
    ledger.settle(ticket, cost(4), reply(), "{}")
    check_accounts(path)


# many at once


def test_threads_never_exceed_the_cap(either: Ledger) -> None:
    with ThreadPoolExecutor(8) as pool:
        spent = list(pool.map(lambda seed: spend(either, seed, 3000), range(8)))
    accounts = either.accounts()
    assert sum(a.calls for a in accounts) == sum(calls for calls, _ in spent) > 200
    assert sum(a.committed for a in accounts) == sum(paid for _, paid in spent) <= 3000
    assert {a.reserved for a in accounts} == {0}


def test_many_make_the_same_file(tmp_path: Path) -> None:
    start = threading.Barrier(8)

    def make(path: Path) -> int:
        start.wait()
        ledger = SqliteLedger(path)
        opened(ledger)
        ledger.close()
        return 1

    with ThreadPoolExecutor(8) as pool:
        for n in range(20):
            path = tmp_path / str(n) / "calls.sqlite"
            assert sum(pool.map(make, [path] * 8)) == 8
            assert rows(path, "SELECT count(*) FROM attempts") == [(8,)]


def test_processes_share_one_cap(path: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    crew = [
        context.Process(target=spend_together, args=(str(path), seed, 8000, start, str(tmp_path)))
        for seed in range(4)
    ]
    for process in crew:
        process.start()
    for process in crew:
        process.join()
    assert [process.exitcode for process in crew] == [0] * 4
    spent = [tuple(map(int, (tmp_path / str(seed)).read_text().split())) for seed in range(4)]
    assert sum(paid for _, paid in spent) <= 8000
    assert sum(calls > 0 for calls, _ in spent) > 1
    assert rows(path, "SELECT sum(calls), sum(spent + uncertain), sum(reserved) FROM accounts") == [
        (*map(sum, zip(*spent, strict=True)), 0)
    ]
    assert rows(path, "SELECT count(*) FROM attempts") == [(sum(calls for calls, _ in spent),)]
    check_accounts(path)


def caller_process(path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.rollout.ledger.workers", str(path)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def test_sigkill_loses_only_calls_in_flight(path: Path) -> None:
    draw = random.Random(0)
    said: list[str] = []
    for n in range(1, 11):
        process = caller_process(path)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(draw.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        said += (first + process.stdout.read()).decode().splitlines()
        process.wait()
        process.stdout.close()
        ledger = SqliteLedger(path)
        assert all(ledger.lookup(key) == reply(key) for key in said)
        [account] = ledger.accounts()
        assert account.reserved == 0
        assert 2 * n <= account.lost // 10 <= 3 * n
        assert len(said) <= account.calls <= len(said) + n
        ledger.close()
        check_accounts(path)


def test_reading_beside_a_writer(path: Path) -> None:
    process = caller_process(path)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        ledger = SqliteLedger(path, readonly=True)
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
def test_attempts_of_the_dead_are_lost_and_stay_committed(path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    boot, namespace, _, _, _ = this_process("").split(" ")
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    theirs = SqliteLedger(path, owner=f"{boot} {namespace} {child.pid} {started} x")
    ours = SqliteLedger(path)
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
    check_accounts(path)


@needs_proc
def test_who_lives() -> None:
    me = this_process("x")
    boot, namespace, pid, started, _ = me.split(" ")
    assert lives(me)
    assert lives(f"{boot} {namespace} {pid} 1 x") is False  # the PID is another's now
    assert lives(f"before {namespace} {pid} {started} x") is False
    assert lives(f"{boot} {namespace} {2**22 + 1} {started} x") is False
    assert lives(f"{boot} elsewhere {pid} {started} x") is None
    assert lives("someone") is None


def age(path: Path, seconds: float) -> None:
    db = sqlite3.connect(path)
    db.execute("UPDATE attempts SET started_at = started_at - ?", (seconds,))
    db.commit()
    db.close()


@needs_proc
def test_attempts_of_the_living_are_theirs_however_old(ledger: SqliteLedger, path: Path) -> None:
    ticket = opened(ledger)
    age(path, 1e6)
    other = SqliteLedger(path)
    assert not other.hopeless(caller(), 10, Limits(run=10))
    other.close()
    assert ledger.accounts() == [Account("r", "train", 0, 0, 0, 10, 0)]
    ledger.release(ticket)


def test_an_owner_nobody_can_ask_has_an_hour(path: Path) -> None:
    theirs = SqliteLedger(path, owner="someone")
    ticket = opened(theirs)
    ours = SqliteLedger(path)
    assert ours.accounts() == [Account("r", "train", 0, 0, 0, 10, 0)]
    age(path, 4000)
    opened(theirs, "young")
    SqliteLedger(path).close()
    assert ours.accounts() == [Account("r", "train", 0, 0, 0, 10, 10)]
    theirs.settle(ticket, cost(4), reply(), "{}")  # it did live
    assert ours.accounts() == [Account("r", "train", 1, 4, 0, 10, 0)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_fork_while_threads_write(ledger: SqliteLedger, path: Path) -> None:
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
    assert rows(
        path, "SELECT state, count(*) FROM attempts WHERE state <> 'settled' GROUP BY 1"
    ) == [
        ("lost", 4),
        ("open", 1),
    ]
    ledger.settle(mine, cost(1), reply(), "{}")
    check_accounts(path)


# the file


def test_reading_leaves_no_trace(ledger: SqliteLedger, path: Path) -> None:
    ledger.settle(opened(ledger), cost(4), reply(), "{}")
    ledger.close()
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    assert list(before) == ["calls.sqlite"]
    reader = SqliteLedger(path, readonly=True)
    assert reader.lookup("k") == reply()
    assert not reader.hopeless(caller(), 1, FREE)
    assert {p.name: p.read_bytes() for p in path.parent.iterdir()} == before
    for text in ("other", "third"):  # a writer comes, and goes again
        ledger.settle(opened(ledger), cost(4), reply(text), "{}")
        assert reader.lookup("k") == reply(text)
        ledger.close()
        assert reader.lookup("k") == reply(text)
    reader.close()


def newer(path: Path) -> None:
    SqliteLedger(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()


def foreign(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE attempts (x)")
    db.commit()
    db.close()


BAD: dict[str, Callable[[Path], object]] = {
    "another SQLite database": foreign,
    "not a database": lambda p: p.write_text("once upon a time, " * 99),
    "this is a folder": lambda p: p.mkdir(),
    f"layout {VERSION}": newer,
}


@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("what", BAD)
def test_a_file_that_is_no_recording(tmp_path: Path, what: str, readonly: bool) -> None:
    path = tmp_path / "calls #1?.sqlite"
    BAD[what](path)
    before = path.read_bytes() if path.is_file() else b""
    expected = "existing recording" if readonly and path.is_dir() else what
    with pytest.raises(ConfigError, match=f"recording.path: got .*{expected}"):
        SqliteLedger(path, readonly=readonly)
    assert before == (path.read_bytes() if path.is_file() else b"")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    nul: list[str | Path] = [tmp_path / "nul\0", tmp_path / "nul\0" / "calls"]
    for bad in (*nul, "", tmp_path / "file" / "calls", "/proc/calls.sqlite"):
        with pytest.raises(ConfigError, match=r"recording\.path"):
            SqliteLedger(bad)
    for bad in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(ConfigError, match=r"recording\.path"):
            SqliteLedger(bad, readonly=True)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    SqliteLedger(tmp_path / "file").close()  # an empty file will do


@pytest.fixture
def nobody(tmp_path: Path) -> Iterator[Path]:
    """A folder of our own as somebody whom file modes bind."""
    if not hasattr(os, "geteuid"):
        pytest.skip("needs file modes")
    folder, was = Path(tempfile.mkdtemp(dir="/tmp")), os.geteuid()
    folder.chmod(0o777)
    if was == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(was)
    shutil.rmtree(folder)


def test_files_that_must_not_be_touched(nobody: Path) -> None:
    path = nobody / "mine" / "calls.sqlite"
    ledger = SqliteLedger(path)
    ledger.settle(opened(ledger), cost(4), reply(), "{}")
    ledger.close()
    path.chmod(0o400)
    with pytest.raises(ConfigError, match="can be written"):
        SqliteLedger(path)
    for leftover in path.parent.glob("*-*"):
        leftover.unlink()
    path.parent.chmod(0o500)
    assert SqliteLedger(path, readonly=True).lookup("k") == reply()
    path.chmod(0o600)
    for bad in (path, path.parent / "other", path.parent / "deep" / "other"):
        with pytest.raises(ConfigError, match=r"recording\.path"):
            SqliteLedger(bad)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    path.parent.chmod(0o000)
    for readonly in (False, True):
        with pytest.raises(ConfigError, match=r"recording\.path"):
            SqliteLedger(path, readonly=readonly)
    path.parent.chmod(0o700)


def test_a_recording_that_vanishes(ledger: SqliteLedger, path: Path) -> None:
    ledger.close()
    reader = SqliteLedger(path, readonly=True)
    path.unlink()
    with pytest.raises(ConfigError, match="existing"):
        reader.lookup("k")
    assert not path.exists()
