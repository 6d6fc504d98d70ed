"""`abgnn recordings`: sums that are right, an export that holds every attempt, nothing changed."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from rich.console import Console

from abgnn.cli.main import main
from abgnn.cli.recordings import run
from abgnn.cli.table import find_command
from abgnn.errors import ConfigError
from abgnn.rollout.ledger.base import Attempt, Limits
from abgnn.rollout.ledger.read import Sums, attempts, summarise
from abgnn.rollout.ledger.sqlite import SqliteLedger
from abgnn.rollout.ledger.trace import trace_line
from tests.paths import ROOT
from tests.rollout.ledger.workers import caller, cost, reply

MICRO = 10**6  # picodollars of a millionth of a dollar
NIGHT = datetime(2025, 3, 1, 23, 59, 59, tzinfo=timezone.utc).timestamp()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Two runs, three phases, two backbones, a failure, a doubt, one lost, one under way."""
    path = tmp_path / "calls.sqlite"
    ledger = SqliteLedger(path)

    def book(key: str, attempt: Attempt, text: str | None, **who: str) -> None:
        ticket = ledger.reserve(caller(key, **who), 100 * MICRO, Limits())
        assert ticket is not None
        response = None if text is None else reply(text)
        ledger.settle(ticket, attempt, response, None if text is None else '{"model":"m"}')

    book("a", cost(3 * MICRO, tokens=10), "A")
    book("b", replace(cost(5 * MICRO, uncertain=True, tokens=20), error="timeout"), None)
    book("b", cost(7 * MICRO, tokens=30), "B \ud800", phase="val")
    book("c", cost(11 * MICRO, tokens=40), "C", run="s", backbone="large", model="large-1")
    lost = SqliteLedger(path)
    assert lost.reserve(caller("d"), 13 * MICRO, Limits())
    lost.close()
    assert ledger.reserve(caller("e", phase="test"), 17 * MICRO, Limits())
    db = sqlite3.connect(path)
    db.execute("UPDATE attempts SET started_at = ? + (id > 2) * 2", (NIGHT,))
    db.execute("UPDATE attempts SET ended_at = started_at + 1 WHERE ended_at IS NOT NULL")
    db.execute("UPDATE responses SET recorded_at = ?", (NIGHT + 3,))
    db.commit()
    db.close()
    yield path
    ledger.close()


def shown(*args: object, width: int = 120) -> str:
    out = io.StringIO()
    parsed = find_command("recordings").parser().read([str(a) for a in args])
    assert run(parsed, Console(file=out, width=width)) == 0
    return out.getvalue()


def test_sums(path: Path) -> None:
    found = summarise(path)
    assert (found.responses, found.failures, found.lost, found.under_way) == (3, 0, 1, 1)
    assert (found.first, found.last) == (NIGHT, NIGHT + 3)
    assert found.errors == {"timeout": 1}
    m = MICRO
    assert found.total == Sums(("all",), 4, 1, 100, 20, 21 * m, 5 * m, 13 * m, 17 * m)
    assert found.by_model == (
        Sums(("large-1", "large"), 1, 0, 40, 5, 11 * m, 0, 0, 0),
        Sums(("small-1", "small"), 3, 1, 60, 15, 10 * m, 5 * m, 13 * m, 17 * m),
    )
    assert found.by_phase == (
        Sums(("r", "test"), 0, 0, 0, 0, 0, 0, 0, 17 * m),
        Sums(("r", "train"), 2, 1, 30, 10, 3 * m, 5 * m, 13 * m, 0),
        Sums(("r", "val"), 1, 0, 30, 5, 7 * m, 0, 0, 0),
        Sums(("s", "train"), 1, 0, 40, 5, 11 * m, 0, 0, 0),
    )
    assert found.by_day == (
        Sums(("2025-03-01",), 2, 1, 30, 10, 3 * m, 5 * m, 0, 0),
        Sums(("2025-03-02",), 2, 0, 70, 10, 18 * m, 0, 13 * m, 17 * m),
    )


def test_sums_agree_with_the_accounts(path: Path) -> None:
    ledger = SqliteLedger(path, readonly=True)
    accounts = [
        (a.run, a.phase, a.spent, a.uncertain, a.lost, a.reserved) for a in ledger.accounts()
    ]
    ledger.close()
    groups = summarise(path).by_phase
    assert accounts == [(*g.names, g.spent, g.uncertain, g.lost, g.reserved) for g in groups]


def test_attempts_of_a_killed_run_are_shown_as_lost(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("UPDATE attempts SET owner = 'before - 1 1 x' WHERE state = 'open'")
    db.commit()
    db.close()
    found = summarise(path)
    assert (found.lost, found.under_way) == (2, 0)
    assert [line["state"] for line in attempts(path)] == ["settled"] * 4 + ["lost"] * 2


def test_tables(path: Path) -> None:
    text = shown(path)
    lines = [" ".join(line.replace("│", " ").split()) for line in text.splitlines()]
    assert any(line.startswith("first 2025-03-01T23:59:59.000+00:00 (") for line in lines)
    assert "responses 3" in lines
    assert "small-1 small 3 1 60 15 0.000010 0.000005 0.000013 0.000017" in lines
    assert "2025-03-02 2 0 70 10 0.000018 0 0.000013 0.000017" in lines
    assert "all 4 1 100 20 0.000021 0.000005 0.000013 0.000017" in lines
    assert "timeout 1" in lines


def test_names_steer_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "[red]calls.sqlite"
    ledger = SqliteLedger(path)
    who = caller(run="[bold]run[/]", phase="\x1b[2Jx", backbone="a\nb", model="\u202eevil")
    ticket = ledger.reserve(who, 1, Limits())
    assert ticket is not None
    ledger.settle(ticket, cost(1), reply(), "{}")
    ledger.close()
    text = shown(path, width=300)
    assert not {"\x1b", "\u202e"} & set(text)
    for name in ("[red]calls.sqlite", "[bold]run[/]", r"\x1b[2Jx", r"a\nb", r"\u202eevil"):
        assert name in text


def test_an_empty_recording(tmp_path: Path) -> None:
    SqliteLedger(tmp_path / "calls.sqlite").close()
    assert "responses" in shown(tmp_path / "calls.sqlite")
    assert shown(tmp_path / "calls.sqlite", "--export", "jsonl") == ""


def test_export_holds_every_attempt(path: Path, tmp_path: Path) -> None:
    text = shown(path, "--export", "jsonl", width=20)
    lines = [json.loads(line) for line in text.splitlines()]
    assert lines == list(attempts(path))
    out = tmp_path / "deep" / "trace.jsonl"
    assert "6 attempts" in shown(path, "--export", "jsonl", "--out", out)
    assert out.read_text() == text
    assert [line["state"] for line in lines] == ["settled"] * 4 + ["lost", "open"]
    second = lines[1]
    assert set(trace_line(caller(), cost(1))) <= set(second)  # named as in the trace of a run
    assert second == second | {
        "query": "q", "agent": 1, "role": "Critic", "backbone": "small", "phase": "train",
        "sample": 0, "attempt": 1, "prompt_tokens": 20, "cached_tokens": 2,
        "reasoning_tokens": 1, "completion_tokens": 5, "usd": 5e-6, "uncertain": True,
        "service_time": 1.5, "queue_time": 0.25, "error": "timeout", "key": "b",
        "started_at": "2025-03-01T23:59:59.000+00:00", "ended_at": "2025-03-02T00:00:00.000+00:00",
    }  # fmt: skip
    assert (lines[5]["usd"], lines[5]["uncertain"], lines[5]["reserved_usd"]) == (None, None, 17e-6)
    assert not {"request", "text"} & set(second)


def test_export_with_texts(path: Path) -> None:
    lines = [json.loads(s) for s in shown(path, "--export", "jsonl", "--texts").splitlines()]
    assert [line["text"] for line in lines] == ["A", "B \ud800", "B \ud800", "C", None, None]
    assert lines[0]["request"] == {"model": "m"}


def test_reading_changes_nothing(path: Path) -> None:
    before = {p.name: p.read_bytes() for p in path.parent.iterdir() if p.suffix != ".sqlite-shm"}
    assert f"{path.name}-wal" in before  # a run is under way
    shown(path)
    shown(path, "--export", "jsonl", "--texts")
    after = {p.name: p.read_bytes() for p in path.parent.iterdir() if p.suffix != ".sqlite-shm"}
    assert after == before


def test_what_cannot_be(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "none.sqlite"
    assert main(["recordings", str(missing)]) == 2
    assert "none.sqlite" in capsys.readouterr().err
    out = tmp_path / "kept.jsonl"
    out.write_text("kept")
    for args, field in [
        ([missing, "--export", "jsonl", "--out", out], "recording.path"),
        ([path, "--out", out], "--export"),
        ([path, "--texts"], "--export"),
        ([path, "--export", "jsonl", "--out", path], "--out"),
        ([path, "--export", "jsonl", "--out", tmp_path], "--out"),
    ]:
        with pytest.raises(ConfigError) as error:
            shown(*args)
        assert error.value.field == field
    assert out.read_text() == "kept"
    assert not missing.exists()
    assert summarise(path).responses == 3


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "calls.sqlite")
    for _ in range(300):
        ticket = ledger.reserve(caller(), 1, Limits())
        assert ticket is not None
        ledger.settle(ticket, cost(1))
    ledger.close()
    command = [sys.executable, "-m", "abgnn", "recordings", str(tmp_path / "calls.sqlite")]
    process = subprocess.Popen(
        [*command, "--export", "jsonl"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["query"] == "q"
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0
