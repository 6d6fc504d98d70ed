"""The SQLite file: who may open it, what it refuses, who is dead; see also `test_contract.py`."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from abgnn.errors import ConfigError
from abgnn.rollout.ledger.base import Account, Limits
from abgnn.rollout.ledger.owners import lives, this_process
from abgnn.rollout.ledger.schema import VERSION
from abgnn.rollout.ledger.sqlite import SqliteLedger
from tests.rollout.ledger.workers import caller, cost, reply

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


def opened(ledger: SqliteLedger, key: str = "k", pusd: int = 10, limits: Limits = FREE) -> int:
    ticket = ledger.reserve(caller(key), pusd, limits)
    assert ticket is not None
    return ticket


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
