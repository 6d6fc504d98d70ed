"""Rollouts under guard: recordings, caps, deadlines, retries, fallbacks, seen from the executor."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.rollout import (
    Breaker,
    CallError,
    Caps,
    Completion,
    Deadline,
    Executor,
    Messages,
    Outcome,
    Recording,
    Retry,
    RolloutSettings,
)
from abgnn.rollout.ledger.sqlite import SqliteLedger
from tests.rollout.helpers import Letters, Scripted, backbone, committee, plan, query

QUICK = Retry(attempts=4, base_s=0.001, max_s=0.002)


@dataclass
class Remote(Scripted):
    """An endpoint: `troubles` are raised one after the other, per backbone, before it answers."""

    troubles: dict[str, list[CallError]] = field(default_factory=dict)
    calls: int = 0

    def endpoint(self, backbone: Backbone) -> str | None:
        return f"http://test/{backbone.model}"

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        self.calls += 1
        waiting = self.troubles.get(backbone.name)
        if waiting:
            raise waiting.pop(0)
        return await super().complete(backbone, messages, query=query, sample=sample)


def catalogue(**changes: object) -> Catalogue:
    return Catalogue(
        (
            backbone("small", max_tokens=20, **changes),
            backbone("large", max_tokens=20, price_out=20.0),
        )
    )


def run(
    client: Scripted,
    plans: Sequence[object],
    settings: RolloutSettings | None = None,
    *,
    of: Catalogue | None = None,
    phase: str = "run",
    samples: Sequence[int] | None = None,
) -> tuple[list[Outcome], Executor]:
    with Executor(client, of or catalogue(), Letters(), settings=settings) as executor:
        outcomes = executor.run(list(plans), samples, phase=phase)  # type: ignore[arg-type]
    return outcomes, executor


def recorded(path: Path, mode: str = "replay-or-live", **more: object) -> RolloutSettings:
    return RolloutSettings(
        recording=Recording(str(path / "calls.sqlite"), mode),  # type: ignore[arg-type]
        retry=QUICK,
        **more,  # type: ignore[arg-type]
    )


def facts(outcomes: Iterable[Outcome]) -> list[tuple[object, ...]]:
    """All that learning sees of outcomes, and all that was said."""
    return [
        (
            *(o.answer, o.score, o.usage, o.cost, o.latency, o.error, o.kind, o.late),
            *((c.text, c.usage, c.service_time, c.start, c.error, c.backbone) for c in o.calls),
        )
        for o in outcomes
    ]


def spent(path: Path) -> dict[str, tuple[int, int]]:
    """Phase → attempts and picodollars for certain."""
    ledger = SqliteLedger(str(path / "calls.sqlite"), readonly=True)
    try:
        return {a.phase: (a.calls, a.spent) for a in ledger.accounts()}
    finally:
        ledger.close()


# recordings


def test_a_replay_repeats_every_outcome_and_calls_nobody(tmp_path: Path) -> None:
    plans = [committee(i, 3) for i in range(5)]
    failing = {"Critic": CallError("empty", "no text", usage=Usage(7, 0))}
    plans.append(plan(["Critic", "Decision Maker"], [(0, 1)], of=query(9)))
    first, _ = run(Remote(fails=failing), plans, recorded(tmp_path))
    silent = Remote(fails={r: RuntimeError("called") for r in ("Historian", "Decision Maker")})
    again, _ = run(silent, plans, recorded(tmp_path, "replay"))
    assert facts(again) == facts(first)
    assert silent.calls == 0
    assert first[-1].kind == "empty"
    assert sum(o.paid for o in first) > 0
    assert sum(o.paid for o in again) == 0


def test_only_what_is_not_recorded_is_called_and_paid(tmp_path: Path) -> None:
    plans = [committee(i, 2) for i in range(4)]
    run(Remote(), plans[:2], recorded(tmp_path))
    client = Remote()
    outcomes, _ = run(client, plans, recorded(tmp_path))
    assert client.calls == 6
    assert [o.paid > 0 for o in outcomes] == [False, False, True, True]
    assert all(o.cost == outcomes[0].cost for o in outcomes)


def test_another_sample_is_another_call_and_another_prompt_too(tmp_path: Path) -> None:
    client = Remote()
    run(client, [committee(0, 1)] * 2, recorded(tmp_path), samples=[0, 1])
    assert client.calls == 4
    run(client, [committee(1, 1)], recorded(tmp_path))
    assert client.calls == 6


def test_like_calls_of_concurrent_rollouts_are_paid_once(tmp_path: Path) -> None:
    client = Remote(sleeps=True, seconds={"Knowledgeable Expert": 0.05})
    outcomes, _ = run(client, [committee(0, 1)] * 8, recorded(tmp_path))
    assert client.calls == 2
    assert sum(o.paid > 0 for o in outcomes) >= 1
    assert sum(o.paid for o in outcomes) == pytest.approx(outcomes[0].cost)


def test_twins_in_one_plan_are_calls_of_their_own(tmp_path: Path) -> None:
    twins = plan(["Critic", "Critic", "Decision Maker"], [(0, 2), (1, 2)])
    client = Remote()
    run(client, [twins], recorded(tmp_path))
    assert client.calls == 3
    run(client, [twins], recorded(tmp_path))
    assert client.calls == 3


def test_record_calls_again_and_live_keeps_only_the_books(tmp_path: Path) -> None:
    client = Remote()
    for mode, calls in (("live", 2), ("record", 4), ("record", 6), ("replay-or-live", 6)):
        run(client, [committee(0, 1)], recorded(tmp_path, mode))
        assert client.calls == calls, mode
    assert spent(tmp_path)["run"] == (6, 6 * 200_000_000)


def test_a_replay_that_lacks_a_call_says_so(tmp_path: Path) -> None:
    run(Remote(), [committee(0, 1)], recorded(tmp_path))
    [outcome], _ = run(Remote(), [committee(1, 1)], recorded(tmp_path, "replay"))
    assert (outcome.kind, outcome.cost) == ("unrecorded", 0)


def test_passing_failures_are_tried_again_by_a_later_run(tmp_path: Path) -> None:
    lost = Remote(troubles={"small": [CallError("connection", "reset") for _ in range(4)]})
    [outcome], _ = run(lost, [plan(["Critic"], [])], recorded(tmp_path))
    assert (outcome.kind, lost.calls) == ("connection", 4)
    [same], _ = run(Remote(), [plan(["Critic"], [])], recorded(tmp_path, "replay"))
    assert facts([same]) == facts([outcome])
    [better], _ = run(lost, [plan(["Critic"], [])], recorded(tmp_path))
    assert (better.error, lost.calls) == (None, 5)


def test_phases_are_billed_apart(tmp_path: Path) -> None:
    for phase, n in (("train", 3), ("val", 1)):
        run(Remote(), [committee(n, 1)] * n, recorded(tmp_path, "live"), phase=phase)
    assert {p: calls for p, (calls, _) in spent(tmp_path).items()} == {"train": 6, "val": 2}


# retries, circuit, fallback


def test_a_retry_is_billed_if_billed_and_is_no_latency() -> None:
    troubles = [
        CallError("status", "busy", status=503, service_time=2.0),
        CallError("timeout", "late", usage=None, service_time=3.0),
    ]
    client = Remote(troubles={"small": troubles})
    [outcome], executor = run(client, [plan(["Critic"], [])], RolloutSettings(retry=QUICK))
    [call] = outcome.calls
    assert (outcome.error, call.attempts, client.calls) == (None, 3, 3)
    assert outcome.latency == call.service_time == 1.0
    assert call.retry_time >= 5.0
    # the time-out may have been billed: at most its prompt, byte for token, and all of max_tokens
    assert call.usage.completion_tokens == 10 + 20
    assert call.usage.prompt_tokens > 100 + len("You are Critic.")
    assert outcome.cost == outcome.paid == pytest.approx(call.usage.prompt_tokens * 1e-6 + 30e-5)
    [account] = executor.ledger.accounts()
    assert account.calls == 3
    assert account.spent == 200_000_000
    assert account.spent + account.uncertain == round(outcome.cost * 1e12)


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (CallError("status", "bad", status=400), 1),
        (CallError("status", "no", status=404), 1),
        (CallError("malformed", "?", usage=None), 1),
        (CallError("empty", "", usage=Usage(5, 0)), 1),
        (CallError("status", "slow down", status=429), 4),
        (CallError("status", "conflict", status=409), 4),
        (CallError("status", "late", status=408), 4),
        (CallError("status", "down", status=500), 4),
        (CallError("connection", "reset"), 4),
        (CallError("status", "wait", status=429, retry_after=1e4), 1),
    ],
    ids=str,
)
def test_what_is_tried_again(error: CallError, calls: int) -> None:
    client = Remote(troubles={"small": [error] * 10})
    [outcome], _ = run(client, [plan(["Critic"], [])], RolloutSettings(retry=QUICK))
    assert client.calls == calls
    assert outcome.kind == error.kind


def test_retries_end_with_the_deadline() -> None:
    troubles = [CallError("status", "busy", status=503, service_time=4.0)] * 10
    client = Remote(troubles={"small": troubles})
    settings = RolloutSettings(retry=replace(QUICK, attempts=10), deadline=Deadline(10.0))
    [outcome], _ = run(client, [plan(["Critic"], [])], settings)
    assert client.calls == 3, "4 s, 8 s, and the third ends after the deadline"
    assert outcome.kind == "status"


def test_an_open_circuit_spares_the_endpoint_and_the_fallback_plays(tmp_path: Path) -> None:
    down = [CallError("connection", "refused") for _ in range(100)]
    client = Remote(troubles={"small": down})
    settings = recorded(tmp_path, breaker=Breaker(failures=4, cooldown_s=60))
    plans = [plan(["Critic"], [], of=query(i)) for i in range(6)]
    outcomes, _ = run(client, plans, settings, of=catalogue(fallback="large"))
    assert [o.error for o in outcomes] == [None] * 6
    assert {o.calls[-1].backbone for o in outcomes} == {"large"}
    assert len(down) >= 100 - 4 - 6, "the endpoint was left alone"
    again, _ = run(
        Remote(), plans, replace(settings, recording=replace(settings.recording, mode="replay")),
        of=catalogue(fallback="large"),
    )  # fmt: skip
    assert facts(again) == facts(outcomes)


def test_an_open_circuit_without_fallback_is_a_typed_outcome() -> None:
    client = Remote(troubles={"small": [CallError("status", "down", status=502)] * 100})
    settings = RolloutSettings(retry=Retry(attempts=1), breaker=Breaker(failures=3))
    plans = [plan(["Critic"], [], of=query(i)) for i in range(10)]
    with Executor(client, catalogue(max_concurrency=1), Letters(), settings=settings) as executor:
        outcomes = executor.run(plans)
    assert [o.kind for o in outcomes] == ["status"] * 3 + ["circuit"] * 7


def test_concurrency_of_an_endpoint_is_bounded() -> None:
    client = Remote(sleeps=True, seconds={"Critic": 0.01})
    plans = [plan(["Critic"], [], of=query(i)) for i in range(30)]
    outcomes, _ = run(client, plans, of=catalogue(max_concurrency=3))
    assert client.most == 3
    waits = [o.calls[0].queue_time for o in outcomes]
    assert max(waits) > 0.05, "waiting is told"
    assert max(o.latency for o in outcomes) == 0.01, "and is no latency"


def test_what_is_begun_gets_done_before_anything_new_is_begun() -> None:
    client = Remote(sleeps=True, seconds={"Knowledgeable Expert": 0.002, "Decision Maker": 0.002})
    plans = [committee(i, 1) for i in range(40)]
    run(client, plans, of=catalogue(max_concurrency=4))
    asked = [m.question for _, m in client.told]
    begun = 0
    for i, question in enumerate(asked):
        begun += question not in asked[:i]
        assert begun - sum(asked[:i].count(q) == 2 for q in set(asked[:i])) <= 2 * 4


# deadline


def test_late_agents_are_cut_and_the_decision_answers_from_what_is_there() -> None:
    seconds = {"fast": 1.0, "slow": 50.0, "after slow": 1.0, "judge": 2.0}
    client = Scripted(seconds=seconds)
    roles = ["fast", "slow", "after slow", "judge"]
    p = plan(roles, [(0, 3), (1, 2), (1, 3), (2, 3)])
    [outcome], _ = run(client, [p], RolloutSettings(deadline=Deadline(10.0, answer_share=0.3)))
    assert outcome.error is None
    assert outcome.late == (1, 2)
    assert outcome.latency == 9.0, "cut at 7 s, judged for 2 s"
    told = dict(client.told)
    assert [r.role for r in told["judge"].received] == ["fast"]
    assert "after slow" not in told, "it would have started at the deadline"


def test_a_really_slow_call_is_cancelled() -> None:
    client = Remote(sleeps=True, seconds={"slow": 30.0, "judge": 0.0})
    p = plan(["slow", "judge"], [(0, 1)])
    [outcome], executor = run(client, [p], RolloutSettings(deadline=Deadline(0.2)))
    assert outcome.wall_time < 5
    assert (outcome.error, outcome.late, client.running) == (None, (0,), 0)
    assert outcome.calls[0].kind == "deadline"
    assert outcome.calls[0].usage.completion_tokens == 20, "it may be billed in full"
    assert outcome.cost > 0
    assert executor.ledger.accounts()[0].uncertain > 0


def test_a_decision_that_is_late_is_a_typed_outcome() -> None:
    client = Scripted(seconds={"judge": 11.0})
    [outcome], _ = run(client, [plan(["judge"], [])], RolloutSettings(deadline=Deadline(10.0)))
    assert (outcome.kind, outcome.score) == ("deadline", 0)
    assert outcome.cost > 0, "what was used is billed"


def test_a_recorded_call_meets_the_same_deadline(tmp_path: Path) -> None:
    client = Remote(seconds={"slow": 8.0, "judge": 1.0})
    plans = [plan(["slow", "judge"], [(0, 1)])]
    free, _ = run(client, plans, recorded(tmp_path))
    tight = recorded(tmp_path, deadline=Deadline(10.0, 0.3))
    [cut], _ = run(client, plans, tight)
    assert (free[0].late, cut.late, cut.latency) == ((), (0,), 8.0)
    assert client.calls == 3, "the judge has not been asked without the slow one before"
    [again], _ = run(
        Remote(), plans, replace(tight, recording=replace(tight.recording, mode="replay"))
    )
    assert facts([again]) == facts([cut])


# caps


def test_a_query_cap_stops_one_rollout_and_no_other() -> None:
    # a call costs 2e-4 USD; its worst case is below 6e-4
    settings = RolloutSettings(caps=Caps(query_usd=1.8e-3))
    outcomes, _ = run(Scripted(), [committee(0, 5), committee(1, 1), committee(2, 5)], settings)
    assert [o.kind for o in outcomes] == [None, None, None]
    settings = RolloutSettings(caps=Caps(query_usd=9e-4))
    outcomes, executor = run(Scripted(), [committee(0, 5), committee(1, 1)], settings)
    assert [o.kind for o in outcomes] == ["budget", None]
    assert outcomes[0].cost <= 9e-4
    assert executor.exhausted is None


def test_parallel_agents_of_one_query_wait_for_money_rather_than_fail() -> None:
    roles = [*"abcdefgh", "judge"]
    star = plan(roles, [(i, 8) for i in range(8)])
    client = Scripted(sleeps=True, seconds=dict.fromkeys(roles, 0.01))
    settings = RolloutSettings(caps=Caps(query_usd=2.6e-3))
    [outcome], _ = run(client, [star], settings)
    assert outcome.error is None
    assert outcome.cost == pytest.approx(9 * 2e-4)
    assert client.most < 8, "not all at once"


def test_an_exhausted_run_is_told_by_name(tmp_path: Path) -> None:
    settings = recorded(tmp_path, "live", caps=Caps(run_usd=2e-3, phase_usd={"val": 1e-6}))
    with Executor(Remote(), catalogue(), Letters(), settings=settings) as executor:
        [refused] = executor.run([plan(["Critic"], [])], phase="val")
        assert refused.kind == "budget"
        assert "for val" in str(executor.exhausted)
        outcomes = executor.run([plan(["Critic"], [], of=query(i)) for i in range(30)])
    assert {o.kind for o in outcomes} == {None, "budget"}
    assert sum(o.cost for o in outcomes) <= 2e-3
    [late], _ = run(Remote(), [plan(["Critic"], [])] * 1, settings)
    assert late.kind == "budget", "a later start of the same run has what is left, and no more"
    other = replace(settings, recording=replace(settings.recording, run="other"))
    [fresh], _ = run(Remote(), [plan(["Critic"], [])], other)
    assert fresh.error is None


def test_caps_need_a_worst_case_and_processes_a_file() -> None:
    caps = RolloutSettings(caps=Caps(run_usd=1.0))
    endless = Catalogue((backbone("small"),))
    with pytest.raises(ConfigError, match=r"Backbone\(small\)\.max_tokens.*None"):
        Executor(Scripted(), endless, settings=caps)
    Executor(Scripted(), endless, settings=RolloutSettings(caps=Caps(1.0, max_tokens=9))).close()
    with pytest.raises(ConfigError, match=r"recording\.path"):
        Executor(Scripted(), catalogue(), settings=caps, processes=2)


@pytest.mark.parametrize("shared", [False, True], ids=["memory", "sqlite"])
def test_a_cap_storm_never_overspends(tmp_path: Path, shared: bool) -> None:
    """50 × 256 rollouts at once against a cap that about a tenth of them fit in."""
    rng = random.Random(0)
    used, answered = [], []
    for n in range(50):
        cap = 0.012
        settings = RolloutSettings(caps=Caps(run_usd=cap), retry=QUICK)
        if shared:
            settings = replace(settings, recording=Recording(str(tmp_path / f"{n}.db"), "live"))
        client = Storm(random.Random(rng.random()))
        plans = [committee(i, 1) for i in range(256 if not shared else 64)]
        with Executor(client, catalogue(max_concurrency=256), settings=settings) as executor:
            outcomes = executor.run(plans)
            total = sum(a.committed for a in executor.ledger.accounts())
        assert total <= round(cap * 1e12), "overspent"
        assert client.spent <= round(cap * 1e12), "overspent at the endpoint"
        assert client.spent == sum(a.spent for a in executor.ledger.accounts())
        assert {o.kind for o in outcomes} == {None, "budget"}
        used.append(client.spent / (cap * 1e12))
        fine = sum(sum(c.cost for c in o.calls) for o in outcomes if o.error is None)
        answered.append(fine * 1e12 / client.spent)
    assert min(used) > 0.8, f"at least {min(used):.3f} of the cap was used"
    assert min(answered) > 0.7, f"at least {min(answered):.3f} of it for answers"


@dataclass
class Storm(Remote):
    """Bills anything up to the limit, after a moment, and adds up what it billed."""

    rng: random.Random = field(default_factory=random.Random)
    spent: int = 0

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng, self.spent = rng, 0

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        await asyncio.sleep(self.rng.random() * 0.002)
        usage = Usage(self.rng.randint(20, 60), self.rng.randint(1, 20))
        self.spent += usage.prompt_tokens * 1_000_000 + usage.completion_tokens * 10_000_000
        return Completion("words", usage, 0.001)


# trace


def test_every_attempt_is_traced_and_nothing_said_is(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    client = Remote(troubles={"small": [CallError("status", "busy", status=503)]})
    settings = recorded(tmp_path, trace=str(path))
    run(client, [committee(0, 1)], settings, phase="train")
    run(client, [committee(0, 1)], settings, phase="train")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(x["role"], x["attempt"], x["error"]) for x in lines] == [
        ("Knowledgeable Expert", 1, "status"),
        ("Knowledgeable Expert", 2, None),
        ("Decision Maker", 1, None),
        ("Knowledgeable Expert", 0, None),
        ("Decision Maker", 0, None),
    ]
    assert {(x["phase"], x["query"], x["sample"], x["backbone"]) for x in lines} == {
        ("train", "q/0", 0, "small")
    }
    assert [x["usd"] for x in lines] == [0, 2e-4, 2e-4, 0, 0]
    assert "Question" not in path.read_text()
