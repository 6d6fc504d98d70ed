"""Recordings are read alike in files and databases, and copied between them without a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from abgnn.cli.main import main
from abgnn.errors import ConfigError
from abgnn.rollout.ledger.base import Attempt, Ledger, Limits
from abgnn.rollout.ledger.copying import copy_recording
from abgnn.rollout.ledger.read import Sums, attempts, summarise
from tests.rollout.ledger.places import Place, check_accounts
from tests.rollout.ledger.workers import caller, cost, reply

TEXTS = ("plain", "a\0b", "\ud800 alone", "日本 🧮")


def fill(place: Place) -> Ledger:
    """Replies of all kinds, a failure, a doubt, one lost, one under way; the ledger stays open."""
    ledger = place.open()

    def book(key: str, attempt: Attempt, text: str | None, **who: str) -> None:
        ticket = ledger.reserve(caller(key, **who), 100, Limits())
        assert ticket is not None
        ledger.settle(ticket, attempt, None if text is None else reply(text), '{"model":"m"}')

    for i, text in enumerate(TEXTS):
        book(str(i), cost(i, tokens=10), text, phase="val" if i else "train")
    book("x", replace(cost(5, uncertain=True), error="timeout"), None)
    dead = place.open()
    assert dead.reserve(caller("dead"), 13, Limits())
    dead.close()
    assert ledger.reserve(caller("y", phase="test"), 17, Limits())
    return ledger


def test_sums_of_either_kind(place: Place) -> None:
    ledger = fill(place)
    seen = summarise(place.path)
    assert (seen.responses, seen.failures, seen.lost, seen.under_way) == (4, 0, 1, 1)
    assert seen.errors == {"timeout": 1}
    assert seen.total == Sums(("all",), 5, 1, 47, 25, 6, 5, 13, 17)
    accounts = [(a.run, a.phase, a.spent, a.uncertain, a.lost) for a in ledger.accounts()]
    by_phase = [(*s.names, s.spent, s.uncertain, s.lost) for s in seen.by_phase]
    assert accounts == by_phase
    assert [day.calls for day in seen.by_day] == [5] or len(seen.by_day) == 2  # midnight passed
    ledger.close()


def test_there_and_back(new_place: Callable[[], Place], tmp_path: Path) -> None:
    here, there, back = Place(str(tmp_path / "here.sqlite")), new_place(), new_place()
    fill(here).close()  # what was under way is lost with its process
    assert copy_recording(here.path, there.path) == 7
    assert copy_recording(there.path, back.path) == 7
    for place in (there, back):
        check_same(here, place)


def check_same(here: Place, there: Place) -> None:
    first, again = summarise(here.path), summarise(there.path)
    assert replace(again, size=0) == replace(first, size=0)
    lines = [list(attempts(place.path, texts=True)) for place in (here, there)]
    assert lines[0] == lines[1]
    ledger = there.open()
    assert ledger.lookup("3") == reply("日本 🧮")
    assert [ledger.lookup(str(i)) for i in range(4)] == [reply(text) for text in TEXTS]
    ticket = ledger.reserve(caller("new"), 1, Limits(run=100))  # and it can be gone on with
    assert ticket
    ledger.settle(ticket, cost(1), reply(), "{}")
    ledger.close()


def test_what_is_not_copied(place: Place, tmp_path: Path) -> None:
    ledger = fill(place)
    with pytest.raises(ConfigError, match=r"FROM: .*no run writes to right now"):
        copy_recording(place.path, str(tmp_path / "new.sqlite"))
    ledger.close()
    fill(Place(str(tmp_path / "full.sqlite"))).close()
    with pytest.raises(ConfigError, match=r"TO: .*new or empty"):
        copy_recording(place.path, str(tmp_path / "full.sqlite"))
    with pytest.raises(ConfigError, match="existing recording"):
        copy_recording(str(tmp_path / "none.sqlite"), place.path)
    check = summarise(str(tmp_path / "full.sqlite"))
    assert check.total is not None
    assert check.total.calls == 5


def test_the_command(place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(place).close()
    copy = tmp_path / "copy.sqlite"
    assert main(["recordings", "copy", place.path, str(copy)]) == 0
    assert "7 attempts" in capsys.readouterr().out
    for path in (place.path, str(copy)):
        assert main(["recordings", path]) == 0
        assert "$" in (shown := capsys.readouterr().out) or "USD" in shown
        assert main(["recordings", path, "--export", "jsonl", "--texts"]) == 0
        assert capsys.readouterr().out.count("\n") == 7
    assert main(["recordings", "copy", place.path]) == 2
    assert "FROM TO" in capsys.readouterr().err


def test_check_accounts_of_a_copy(new_place: Callable[[], Place]) -> None:
    """The copy's accounts are the sums of its attempts."""
    here, there = new_place(), new_place()
    ledger = here.open()
    ticket = ledger.reserve(caller("k"), 9, Limits())
    assert ticket is not None
    ledger.settle(ticket, cost(4), reply(), "{}")
    ledger.close()
    copy_recording(here.path, there.path)
    check_accounts(there)
    assert there.open().accounts() == here.open().accounts()
