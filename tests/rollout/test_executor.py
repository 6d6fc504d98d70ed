"""Order, clocks, money and faults of plan execution, with clients that play by script."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.rollout import CallError, Completion, Executor, Messages, Outcome, Plan
from abgnn.rollout.loop import EventLoopThread
from tests.rollout.helpers import Letters, Scripted, plan, query

DIAMOND = plan("abcd", [(0, 1), (0, 2), (1, 3), (2, 3)])


@dataclass
class Waiting(Scripted):
    """The slow one ends when the third of the short branch has, and not before."""

    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        if messages.role.name == "slow":
            await asyncio.wait_for(self.done.wait(), 60)
        completion = await super().complete(backbone, messages, query=query, sample=sample)
        if messages.role.name == "q3":
            self.done.set()
        return completion


def execute(client: Scripted, catalogue: Catalogue, *plans: Plan) -> list[Outcome]:
    with Executor(client, catalogue) as executor:
        return executor.run(plans)


def test_diamond_critical_path_and_clock(catalogue: Catalogue) -> None:
    client = Scripted({"a": 2.0, "b": 3.0, "c": 5.0, "d": 0.5})
    (outcome,) = execute(client, catalogue, DIAMOND)
    assert [(c.role, c.start, c.end) for c in outcome.calls] == [
        ("a", 0.0, 2.0),
        ("b", 2.0, 5.0),
        ("c", 2.0, 7.0),
        ("d", 7.0, 7.5),
    ]
    assert outcome.latency == 7.5
    assert outcome.answer == "d0"
    assert outcome.usage == Usage(400, 40)
    assert outcome.cost == pytest.approx(4 * (100 * 1.0 + 10 * 10.0) * 1e-6)
    assert outcome.wall_time < 7.5, "seconds of a script do not pass"


def test_what_agents_are_told(catalogue: Catalogue) -> None:
    client = Scripted()
    shuffled = replace(DIAMOND, edges=((2, 3), (1, 3), (0, 2), (0, 1)))
    execute(client, catalogue, shuffled)
    told = dict(client.told)
    assert [(r.role, r.text) for r in told["d"].received] == [("b", "b0"), ("c", "c0")]
    assert told["a"].received == ()
    system, user = told["d"].chat()
    assert system == {"role": "system", "content": "You are d."}
    assert user["content"] == "Question 0?\n\n[b] answered:\nb0\n\n[c] answered:\nc0"


def test_prompt_suffix_of_the_backbone_ends_the_user_message(catalogue: Catalogue) -> None:
    client = Scripted()
    quiet = Catalogue(tuple(replace(b, prompt_suffix="/no_think") for b in catalogue))
    execute(client, quiet, plan("a", []))
    assert client.told[0][1].chat()[1]["content"].endswith("\n\n/no_think")


def test_lone_agent_answers(catalogue: Catalogue) -> None:
    (outcome,) = execute(Scripted({"a": 4.0}), catalogue, plan("a", []))
    assert (outcome.answer, outcome.latency, len(outcome.calls)) == ("a0", 4.0, 1)


def test_rounds_read_the_previous_round_and_decide_once(catalogue: Catalogue) -> None:
    client = Scripted({"a": 1.0, "b": 10.0, "d": 0.5})
    debate = plan("abd", [(0, 2), (1, 2)], temporal_edges=((0, 1), (1, 0)), rounds=3)
    (outcome,) = execute(client, catalogue, debate)
    starts = [(c.round, c.role, c.start) for c in outcome.calls]
    assert starts == [
        (0, "a", 0.0),
        (0, "b", 0.0),
        (1, "a", 10.0),  # after b of round 0
        (1, "b", 1.0),  # after a of round 0
        (2, "a", 11.0),
        (2, "b", 11.0),
        (2, "d", 21.0),
    ]
    assert outcome.latency == 21.5
    last = [m for role, m in client.told if role == "a"][-1]
    assert [(r.role, r.earlier) for r in last.received] == [("b", True)]
    assert "[b] answered in the previous round:" in last.chat()[1]["content"]
    (decision,) = [m for role, m in client.told if role == "d"]
    assert [r.earlier for r in decision.received] == [False, False]


def test_starts_as_soon_as_its_own_predecessors_end(catalogue: Catalogue) -> None:
    """The short branch must not wait for the long one, level by level."""
    client = Waiting({"slow": 0.3, "q": 0.05, "q2": 0.05, "q3": 0.05, "d": 0.0})
    roles = ["slow", "q", "q2", "q3", "d"]
    with Executor(client, catalogue) as executor:
        (outcome,) = executor.run([plan(roles, [(1, 2), (2, 3), (3, 4), (0, 4)])])
    assert outcome.error is None, "q, q2 and q3 all ended while the slow one was still at work"
    assert outcome.latency == pytest.approx(0.3)


def test_many_in_flight_but_no_more_than_allowed(catalogue: Catalogue) -> None:
    client = Scripted({"a": 0.02}, sleeps=True)
    plans = [plan("a", [], of=query(i)) for i in range(60)]
    with Executor(client, catalogue, max_in_flight=20) as executor:
        outcomes = executor.run(plans, samples=list(range(60)))
    assert client.most == 20
    assert [o.answer for o in outcomes] == [f"a{i}" for i in range(60)]
    assert [o.sample for o in outcomes] == list(range(60))


def test_failing_call_costs_its_rollout_only(
    catalogue: Catalogue, call_error: Callable[[str], CallError]
) -> None:
    client = Scripted({"a": 2.0}, fails={"b": call_error("HTTP 500"), "x": KeyError("bug")})
    good = plan("ad", [(0, 1)])
    with Executor(client, catalogue, Letters()) as executor:
        failed, fine, buggy = executor.run([DIAMOND, good, plan("x", [])])
    assert failed.error == "b (small): status: HTTP 500"
    assert (failed.answer, failed.score) == ("", 0.0)
    assert "d" not in [c.role for c in failed.calls], "nothing new after the failure"
    billed = {c.role: c.cost for c in failed.calls}
    assert billed["b"] == pytest.approx(1e-4), "the failing call was billed for its prompt"
    assert failed.cost == pytest.approx(sum(billed.values()))
    assert fine.error is None
    assert buggy.error is not None
    assert "KeyError: 'bug'" in buggy.error


def test_calls_in_flight_are_awaited_and_counted_after_a_failure(catalogue: Catalogue) -> None:
    client = Scripted({"b": 0.0, "c": 0.1}, fails={"b": CallError("timeout", "late")}, sleeps=True)
    (outcome,) = execute(client, catalogue, plan("bcd", [(0, 2), (1, 2)]))
    assert [(c.role, c.error) for c in outcome.calls] == [("b", "timeout: late"), ("c", None)]
    assert outcome.usage == Usage(100, 10)


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (plan("abd", [(0, 1), (1, 0), (1, 2)]), "edges"),
        (plan("ad", [(0, 2)]), "edges"),
        (plan("ad", [(-1, 1)]), "edges"),
        (plan("ad", [(0, 1), (0, 1)]), "edges"),
        (plan("ad", [(1, 0)]), "edges"),
        (plan("ad", [(0, 1)], decision=2), "decision"),
        (plan("ad", [(0, 1)], rounds=0), "rounds"),
        (plan("ad", [(0, 1)], temporal_edges=((0, 1),), rounds=2), "temporal_edges"),
        (plan("ad", [(0, 1)], temporal_edges=((0, 7),), rounds=2), "temporal_edges"),
        (plan("ad", [(0, 1)], on="unheard-of"), "agents[0].backbone"),
        (plan("", [], decision=0), "agents"),
    ],
)
def test_broken_plan_is_found_before_anything_is_dispatched(
    catalogue: Catalogue, broken: Plan, field: str
) -> None:
    client = Scripted()
    with pytest.raises(ConfigError) as caught:
        execute(client, catalogue, DIAMOND, broken)
    assert caught.value.field == f"Plan(q/0).{field}"
    assert client.told == []


def test_samples_must_match_plans(catalogue: Catalogue) -> None:
    with Executor(Scripted(), catalogue) as executor, pytest.raises(ConfigError, match="samples"):
        executor.run([DIAMOND], samples=[0, 1])


def test_check_asks_for_the_backbones_in_use(catalogue: Catalogue) -> None:
    client = Scripted()
    with Executor(client, catalogue) as executor:
        executor.check([plan("ad", [(0, 1)], on=["thinker", "small"])])
        assert client.checked == ["small", "thinker"]
        executor.check()
        assert client.checked == ["small", "large", "thinker"]


def test_scores_once_per_distinct_answer_off_the_loop(catalogue: Catalogue) -> None:
    threads: list[str] = []

    class Slow(Letters):
        def score(self, query: Query, response: str) -> float:
            threads.append(threading.current_thread().name)
            time.sleep(0.02)
            return float(response == "a1")

    with Executor(Scripted(), catalogue, Slow()) as executor:
        outcomes = executor.run([plan("a", [])] * 40, samples=[0, 1] * 20)
        assert [o.score for o in outcomes] == [0.0, 1.0] * 20
        assert executor.run([plan("a", [])], score=False)[0].score == 0.0
    assert len(threads) == 2
    assert "abgnn-rollout" not in threads


def test_scorer_that_raises_spoils_one_outcome(catalogue: Catalogue) -> None:
    class Picky(Letters):
        def score(self, query: Query, response: str) -> float:
            return 1.0 / int(query.id[-1])

    with Executor(Scripted(), catalogue, Picky()) as executor:
        bad, good = executor.run([plan("a", [], of=query(i)) for i in (0, 1)])
    assert bad.error is not None
    assert bad.error.startswith("score: ZeroDivisionError: ")
    assert bad.score == 0.0
    assert bad.cost > 0
    assert (good.error, good.score) == (None, 1.0)


def test_permuting_agents_changes_nothing_but_their_order(catalogue: Catalogue) -> None:
    client, rng = Scripted({"a": 2.0, "b": 3.0, "c": 5.0}), random.Random(0)
    for _ in range(5):
        to = rng.sample(range(4), 4)
        permuted = replace(
            DIAMOND,
            agents=tuple(DIAMOND.agents[to.index(i)] for i in range(4)),
            edges=tuple((to[u], to[v]) for u, v in DIAMOND.edges),
            decision=to[DIAMOND.decision],
        )
        one, other = execute(client, catalogue, DIAMOND, permuted)
        assert (one.answer, one.latency, one.cost) == (other.answer, other.latency, other.cost)
        by_role = [{c.role: (c.start, c.text) for c in o.calls} for o in (one, other)]
        assert by_role[0] == by_role[1]


def test_arun_and_run_work_inside_a_running_loop(catalogue: Catalogue) -> None:
    async def notebook() -> list[float]:
        with Executor(Scripted(), catalogue) as executor:
            here = executor.run([DIAMOND])  # as in a notebook cell: blocks, does not break
            there = await executor.arun([DIAMOND, DIAMOND])
        return [o.latency for o in here + there]

    assert asyncio.run(notebook()) == [3.0, 3.0, 3.0]


def test_cancelling_arun_cancels_the_calls(catalogue: Catalogue) -> None:
    client = Scripted({"a": 30.0}, sleeps=True)

    async def cancelled() -> None:
        with Executor(client, catalogue) as executor:
            task = asyncio.ensure_future(executor.arun([plan("a", [])] * 3))
            while client.running < 3:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while client.running:
                await asyncio.sleep(0.01)

    asyncio.run(cancelled())
    assert client.running == 0


def test_close_is_idempotent_and_final(catalogue: Catalogue) -> None:
    client = Scripted()
    executor = Executor(client, catalogue)
    executor.run([DIAMOND])
    executor.close()
    executor.close()
    assert client.closed == 1
    with pytest.raises(RuntimeError, match="closed"):
        executor.run([DIAMOND])


def test_loop_refuses_to_wait_for_itself() -> None:
    loop = EventLoopThread()

    async def inner() -> None:
        loop.run(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="own thread"):
        loop.run(inner())
    loop.close()
    loop.close()


def test_plan_survives_json(catalogue: Catalogue) -> None:
    before = plan("abd", [(0, 2), (1, 2)], temporal_edges=((0, 1),), rounds=2)
    after = Plan.from_dict(json.loads(json.dumps(before.to_dict())))
    bare = replace(before, query=replace(before.query, answer=""))
    assert after == bare
    assert hash(after) == hash(bare)
    assert "a0 -.-> a1" in after.to_mermaid()


def test_no_plans_no_outcomes(catalogue: Catalogue) -> None:
    assert execute(Scripted(), catalogue) == []


def test_chain_of_a_thousand_agents(catalogue: Catalogue) -> None:
    size = 1000
    roles = [f"r{i}" for i in range(size)]
    (outcome,) = execute(Scripted(), catalogue, plan(roles, [(i, i + 1) for i in range(size - 1)]))
    assert outcome.latency == size
