"""Thousands of calls through the real client; three in ten meet a fault of some kind."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from abgnn.data.catalogue import Catalogue
from abgnn.rollout import Caps, Executor, OpenAIClient, Plan, Recording, Retry, RolloutSettings
from abgnn.rollout.ledger.sqlite import SqliteLedger
from tests.rollout.helpers import Letters, backbone, plan, query
from tests.rollout.test_faults import EXPECTED, OK
from tests.servers.faults import FAULTS
from tests.servers.fixtures import Server, spawned

KEY = "sk-planted-9f3a1c"
STALLING = ("hang", "slow", "slow-headers", "endless", "gzip-bomb", "huge")  # rarer: they take long
_WEIGHT = {kind: 0.2 if kind in STALLING else 1.0 for kind in FAULTS}
SHARES = {kind: 0.3 * weight / sum(_WEIGHT.values()) for kind, weight in _WEIGHT.items()}
TIMEOUT_S = 15.0  # a good reply never takes so long, on a busy machine either; a stalled one does
ROLES = ("Expert", "Searcher", "Historian", "Decision Maker")
EDGES = ((0, 3), (1, 3), (2, 3))


def storm_plan(i: int) -> Plan:
    return plan(ROLES, EDGES, of=query(i))


def books_of(path: Path) -> tuple[Counter[str], list[tuple[object, ...]]]:
    """Sums over attempts, and the recorded keys."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as file:
        rows = file.execute(
            "SELECT uncertain, COUNT(*), SUM(prompt_tokens), SUM(completion_tokens), SUM(pusd)"
            " FROM attempts GROUP BY uncertain"
        ).fetchall()
        keys = file.execute("SELECT key, COUNT(*) FROM responses GROUP BY key").fetchall()
    sums: Counter[str] = Counter()
    for uncertain, *values in rows:
        kind = "uncertain" if uncertain else "certain"
        for name, value in zip(("attempts", "prompt", "completion", "pusd"), values, strict=True):
            sums[f"{kind}_{name}"] += value
    return sums, keys


def charged(log: list[dict[str, object]]) -> Counter[str]:
    """What the server charged, by whether its reply says so."""
    sums: Counter[str] = Counter()
    for line in log:
        fault = line["fault"]
        billed = OK[2] if fault is None else EXPECTED[str(fault)][2]
        kind = "uncertain" if billed == "unknown" else "certain"
        sums[f"{kind}_attempts"] += 1
        sums[f"{kind}_prompt"] += line["prompt_tokens"]  # type: ignore[operator]
        sums[f"{kind}_completion"] += line["completion_tokens"]  # type: ignore[operator]
    return sums


@pytest.mark.timing
@pytest.mark.timeout(900)
@pytest.mark.parametrize("rollouts", [150, pytest.param(1500, marks=pytest.mark.slow)])
def test_fault_storm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollouts: int) -> None:
    monkeypatch.setenv("STORM_KEY", KEY)
    many = rollouts == 1500
    with spawned("--delay", "0.005", "--key", KEY, "--faults", json.dumps(SHARES)) as server:
        outcomes, sums, keys = weather(tmp_path, server, rollouts)
        log = server.log()
        told = charged(log)
    assert len(log) >= 10 / 3 * rollouts
    met = Counter(str(line["fault"]) for line in log if line["fault"] is not None)
    assert set(met) >= set(FAULTS) - set(() if many else STALLING), "all were met"
    assert 0.25 < sum(met.values()) / len(log) < 0.35

    assert [o.plan.query.id for o in outcomes] == [f"q/{i}" for i in range(rollouts)]
    assert all((o.error is None) == (o.kind is None) for o in outcomes)
    assert not [o.error for o in outcomes if o.kind == "internal"], "no crash behind a type"
    # every fault that has a kind of its own was the end of some rollout; retries mend the others
    ends = {None, "malformed", "empty", "filter", "usage"} | ({"oversize"} if many else set())
    assert {o.kind for o in outcomes} >= ends

    # certain: equal to the token and the picodollar; uncertain: as many, and at least as much
    for name in ("attempts", "prompt", "completion"):
        assert sums[f"certain_{name}"] == told[f"certain_{name}"], name
    assert (
        sums["certain_pusd"] == told["certain_prompt"] * 10**6 + told["certain_completion"] * 10**7
    )
    assert sums["uncertain_attempts"] == told["uncertain_attempts"]
    assert sums["uncertain_prompt"] >= told["uncertain_prompt"]
    assert sums["uncertain_completion"] >= told["uncertain_completion"]
    paid = sum(o.paid for o in outcomes)
    assert paid == pytest.approx((sums["certain_pusd"] + sums["uncertain_pusd"]) / 1e12)

    calls = sum(len(o.calls) for o in outcomes)
    assert len(keys) == calls
    assert {n for _, n in keys} == {1}, "nothing recorded twice"
    assert no_key_in(tmp_path)


def weather(folder: Path, server: Server, rollouts: int) -> tuple[list, Counter[str], list]:  # type: ignore[type-arg]
    path = folder / "calls.sqlite"
    settings = RolloutSettings(
        recording=Recording(str(path)),
        caps=Caps(run_usd=100.0),
        retry=Retry(attempts=3, base_s=0.01, max_s=0.05),
        trace=str(folder / "trace.jsonl"),
    )
    one = backbone(
        "small", base_url=server.base_url, api_key_env="STORM_KEY", max_tokens=64,
        max_concurrency=32,
    )  # fmt: skip
    client = OpenAIClient(TIMEOUT_S)
    with Executor(client, Catalogue((one,)), Letters(), settings=settings) as executor:
        executor.check()
        outcomes = executor.run([storm_plan(i) for i in range(rollouts)])
    sums, keys = books_of(path)
    return outcomes, sums, keys


def no_key_in(folder: Path) -> bool:
    """Whether no file of a run holds the planted key."""
    files = [Path(base) / name for base, _, names in os.walk(folder) for name in names]
    assert len(files) >= 2
    return not any(KEY.encode() in file.read_bytes() for file in files)


def test_the_books_agree_with_themselves(tmp_path: Path) -> None:
    """Accounts are the sums of their attempts, after faults too."""
    with spawned("--delay", "0.002", "--faults", '{"500": 0.2, "no-usage": 0.2}') as server:
        outcomes, sums, _ = weather_of(tmp_path, server)
    ledger = SqliteLedger(str(tmp_path / "calls.sqlite"), readonly=True)
    try:
        [account] = ledger.accounts()
    finally:
        ledger.close()
    assert account.spent == sums["certain_pusd"]
    assert account.uncertain == sums["uncertain_pusd"] > 0
    assert (account.reserved, account.lost) == (0, 0)
    assert len(outcomes) == 40


def weather_of(folder: Path, server: Server) -> tuple[list, Counter[str], list]:  # type: ignore[type-arg]
    os.environ["STORM_KEY"] = "any"
    try:
        return weather(folder, server, 40)
    finally:
        del os.environ["STORM_KEY"]
