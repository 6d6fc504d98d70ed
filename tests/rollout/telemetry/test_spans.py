"""Spans and metrics of rollouts: their parents, what they say, and what they never say."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.framework import Message
from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.rollout import (
    CallError,
    Caps,
    Completion,
    Deadline,
    Executor,
    Messages,
    OpenAIClient,
    Outcome,
    Recording,
    RolloutSettings,
    Telemetry,
)
from abgnn.rollout.clients.trace_headers import TRACE_HEADERS
from abgnn.rollout.telemetry import conventions as names
from tests.rollout.helpers import Scripted, backbone, committee, plan, query
from tests.rollout.telemetry.conftest import Seen
from tests.rollout.test_guarded import QUICK, Remote, catalogue
from tests.servers.fixtures import running

ON = RolloutSettings(telemetry=Telemetry(otel=True), retry=QUICK)
PAIR = plan("ab", [(0, 1)])


def run(client: Scripted, *plans: Plan, settings: RolloutSettings = ON) -> list[Outcome]:
    with Executor(client, catalogue(), settings=settings) as executor:
        return executor.run(plans)


def test_a_rollout_its_agents_and_their_calls(seen: Seen) -> None:
    run(Scripted({"a": 2.0}), replace(PAIR, budget_usd=0.5, deadline_s=60.0))
    whole, (a, b) = seen.one("invoke_workflow"), seen.spans("invoke_agent")
    calls = seen.spans("chat")
    assert [whole.name, a.name] == ["invoke_workflow graph", "invoke_agent a"]
    assert [seen.parent(call).name for call in calls] == ["invoke_agent a", "invoke_agent b"]
    assert seen.parent(a) is seen.parent(b) is whole
    assert whole.parent is None
    assert {s.kind for s in (whole, a, b)} == {SpanKind.INTERNAL}
    assert {s.kind for s in calls} == {SpanKind.CLIENT}
    assert {s.instrumentation_scope.schema_url for s in seen.spans()} == {names.SCHEMA_URL}
    assert all(s.status.status_code is StatusCode.UNSET for s in seen.spans())

    said = dict(whole.attributes)
    assert json.loads(said.pop(names.PLAN))["agents"] == [["a", "small"], ["b", "small"]]
    assert said == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "graph",
        names.CALLS_ARE: "scripted",
        names.PHASE: "run",
        names.RUN: "default",
        names.QUERY: "q/0",
        names.SAMPLE: 0,
        names.CAP_USD: 0.5,
        names.DEADLINE_S: 60.0,
        names.COST: pytest.approx(4e-4),
        names.PAID: pytest.approx(4e-4),
        names.LATENCY_S: 3.0,
        names.CALLS: 2,
    }
    assert dict(calls[0].attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "small",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.response.finish_reasons": ("stop",),
        names.COST: pytest.approx(2e-4),
    }


def test_metrics_by_agent(seen: Seen) -> None:
    run(Scripted({"a": 2.0}), PAIR)
    points = {}
    data = seen.reader.get_metrics_data()
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.data.data_points:
            said = dict(point.attributes)
            value = getattr(point, "sum", None) or getattr(point, "value", None)
            points[metric.name, said["gen_ai.agent.name"], said.get("gen_ai.token.type")] = value
    assert points == {
        ("gen_ai.client.token.usage", "a", "input"): 100,
        ("gen_ai.client.token.usage", "a", "output"): 10,
        ("gen_ai.client.token.usage", "b", "input"): 100,
        ("gen_ai.client.token.usage", "b", "output"): 10,
        ("gen_ai.client.operation.duration", "a", None): 2.0,
        ("gen_ai.client.operation.duration", "b", None): 1.0,
        ("abgnn.cost.usd", "a", None): pytest.approx(2e-4),
        ("abgnn.cost.usd", "b", None): pytest.approx(2e-4),
    }


def everything(seen: Seen) -> str:
    return " ".join(f"{s.name} {dict(s.attributes)} {s.status.description}" for s in seen.spans())


def test_texts_only_if_asked_for(seen: Seen) -> None:
    secret = Query("ask/What is SECRET?", "What is SECRET?", "general")
    failing = plan("ab", [(0, 1)], of=secret)
    troubles = CallError("status", "no SECRET here", status=400)
    run(Scripted(), replace(PAIR, query=secret))
    run(Scripted(fails={"b": troubles}), failing)
    assert len(seen.spans("chat")) == 4
    for text in ("SECRET", "You are", "a0", "b0"):
        assert text not in everything(seen)
    seen.clear()
    texts = replace(ON, telemetry=Telemetry(otel=True, texts=True))
    run(Scripted(), replace(PAIR, query=secret), settings=texts)
    run(Scripted(fails={"b": troubles}), failing, settings=texts)
    for text in ("SECRET", "You are", "a0", "b0", "no SECRET here"):
        assert text in everything(seen)
    [system, user] = json.loads(seen.spans("chat")[0].attributes["gen_ai.input.messages"])
    assert (system["role"], user["role"]) == ("system", "user")
    assert user["parts"] == [{"type": "text", "content": "What is SECRET?"}]


def test_every_attempt_is_a_span_of_its_own(seen: Seen) -> None:
    troubles = [
        CallError("status", "full", status=503, usage=Usage()),
        CallError("timeout", "late", usage=None),
    ]
    run(Remote(troubles={"small": troubles}), plan("a", []))
    first, second, third = seen.spans("chat")
    agent = seen.one("invoke_agent")
    assert {seen.parent(s) is agent for s in (first, second, third)} == {True}
    errors = [s.attributes.get("error.type") for s in (first, second, third)]
    assert errors == ["503", "timeout", None]
    assert [s.attributes.get(names.ATTEMPT) for s in (first, second, third)] == [None, 2, 3]
    assert first.status.status_code is StatusCode.ERROR
    assert agent.status.status_code is StatusCode.UNSET, "the third attempt succeeded"
    # a reply that states no usage is billed at its worst case, and adds no tokens
    assert second.attributes[names.UNCERTAIN] is True
    assert "gen_ai.usage.input_tokens" not in second.attributes
    assert {p.sum for p in seen.points("gen_ai.client.token.usage")} == {100, 10}
    assert third.attributes["server.address"] == "test"
    assert third.attributes["server.port"] == 80


def test_recorded_replies_are_marked_and_cost_nothing(seen: Seen, tmp_path: Path) -> None:
    settings = replace(ON, recording=Recording(str(tmp_path / "calls.sqlite")))
    run(Scripted(), PAIR, settings=settings)
    seen.clear()
    run(Scripted(), PAIR, settings=settings)
    for call in seen.spans("chat"):
        assert call.attributes[names.CACHED] is True
        assert call.attributes[names.COST] == 0
        assert call.attributes["gen_ai.usage.input_tokens"] == 100
    assert len(seen.spans("chat")) == 2
    assert seen.one("invoke_workflow").attributes[names.PAID] == 0
    assert not seen.points("abgnn.cost.usd")


def test_a_failure_marks_its_agent_and_its_rollout(seen: Seen) -> None:
    wrong = CallError("empty", "no text", usage=Usage(100, 0))
    run(Scripted(fails={"a": wrong}), PAIR)
    for start in ("chat", "invoke_agent", "invoke_workflow"):
        span = seen.one(start)
        assert span.attributes["error.type"] == "empty"
        assert span.status.status_code is StatusCode.ERROR
    assert seen.one("invoke_workflow").attributes[names.COST] == pytest.approx(1e-4)


def test_a_call_that_no_cap_admits_is_no_attempt(seen: Seen) -> None:
    run(Scripted(), PAIR, settings=replace(ON, caps=Caps(query_usd=1e-9)))
    assert not seen.spans("chat")
    assert seen.one("invoke_agent").attributes["error.type"] == "budget"
    assert seen.one("invoke_workflow").attributes["error.type"] == "budget"


def test_agents_that_the_deadline_leaves_out(seen: Seen) -> None:
    slow = Scripted({"a": 100.0, "b": 1.0})
    [outcome] = run(slow, PAIR, settings=replace(ON, deadline=Deadline(10.0)))
    assert outcome.error is None
    assert seen.one("invoke_agent a").attributes["error.type"] == "deadline"
    whole = seen.one("invoke_workflow").attributes
    assert whole[names.LATE] == ("a",)
    assert "error.type" not in whole


def test_a_cancelled_rollout_leaves_no_span_open(seen: Seen) -> None:
    started = threading.Event()

    class Stuck(Scripted):
        async def complete(
            self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
        ) -> Completion:
            started.set()
            await asyncio.Event().wait()
            raise AssertionError

    with Executor(Stuck(), catalogue(), settings=ON) as executor:
        future = executor.submit(PAIR)
        assert started.wait(30)
        future.cancel()
        with pytest.raises(CancelledError):
            future.result()
    for start in ("chat", "invoke_agent", "invoke_workflow"):
        assert seen.one(start).attributes["error.type"] == "cancelled"
    assert not seen.points("gen_ai.client.operation.duration")


def test_fallbacks_play_in_the_same_turn(seen: Seen) -> None:
    client = Remote(troubles={"small": [CallError("status", "", status=500) for _ in range(9)]})
    with Executor(client, catalogue(fallback="large"), settings=ON) as executor:
        [outcome] = executor.run([plan("a", [])])
    assert outcome.error is None
    models = [s.attributes["gen_ai.request.model"] for s in seen.spans("chat")]
    assert models == ["small"] * 4 + ["large"]
    assert {seen.parent(s).name for s in seen.spans("chat")} == {"invoke_agent a"}
    assert "error.type" not in seen.one("invoke_agent").attributes


@dataclass
class Listening(Scripted):
    """Notes the trace context that would be sent along, and the current span, for every call."""

    sent: list[tuple[str, str, int]] = field(default_factory=list)

    def endpoint(self, backbone: Backbone) -> str | None:
        return "https://user:password@llm.example/v1 small"

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        before = TRACE_HEADERS.get()["traceparent"]
        await asyncio.sleep(0.001 * (len(query.id) % 3))
        current = trace.get_current_span().get_span_context().span_id
        assert TRACE_HEADERS.get()["traceparent"] == before
        self.sent.append((f"{query.id} {messages.role.name}", before, current))
        return await super().complete(backbone, messages, query=query, sample=sample)


def test_many_at_once_keep_their_parents_apart(seen: Seen) -> None:
    client = Listening(sleeps=False)
    plans = [plan("abcd", [(0, 3), (1, 3), (2, 3)], of=query(i)) for i in range(40)]
    run(client, *plans)
    calls = {s.context.span_id: s for s in seen.spans("chat")}
    assert len(calls) == len(client.sent) == 160
    for who, header, current in client.sent:
        call = calls[int(header.split("-")[2], 16)]
        assert current == call.context.span_id
        agent = seen.parent(call)
        whole = seen.parent(agent)
        role = agent.attributes["gen_ai.agent.name"]
        assert who == f"{whole.attributes[names.QUERY]} {role}"
    assert len({s.context.trace_id for s in seen.spans()}) == 40
    assert Counter(s.name for s in seen.spans("invoke_agent")) == {
        f"invoke_agent {r}": 40 for r in "abcd"
    }
    assert "password" not in everything(seen)
    assert {s.attributes["server.port"] for s in calls.values()} == {443}
    assert not TRACE_HEADERS.get()


def test_the_programs_own_span_is_the_parent(seen: Seen) -> None:
    with (
        Executor(Scripted(), catalogue(), settings=ON) as executor,
        trace.get_tracer("mine").start_as_current_span("mine"),
    ):
        executor.run([PAIR])
        asyncio.run(executor.arun([PAIR]))
        executor.submit(PAIR).result()
        remote = executor.origin({"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
        executor.submit(PAIR, origin=remote).result()
    mine = seen.one("mine")
    assert [seen.parent(s) for s in seen.spans("invoke_workflow")] == [mine] * 4


def test_a_request_that_is_not_sampled_says_so_to_the_provider(seen: Seen) -> None:
    client = Listening()
    with Executor(client, catalogue(), settings=ON) as executor:
        origin = executor.origin({"traceparent": f"00-{'a' * 32}-{'b' * 16}-00"})
        executor.submit(PAIR, origin=origin).result()
    assert not seen.spans()
    for _, header, _ in client.sent:
        version, trace_id, _, flags = header.split("-")
        assert (version, trace_id, int(flags, 16) & 1) == ("00", "a" * 32, 0)


def test_a_requests_context_and_budget(seen: Seen) -> None:
    with Executor(Scripted(), catalogue(), settings=ON) as executor:
        headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "tracestate": "x=1"}
        executor.submit(PAIR, origin=executor.origin(headers, 0.25, 9.0)).result()
        whole = seen.one("invoke_workflow")
        assert whole.parent is not None
        assert whole.parent.span_id == int("b" * 16, 16)
        assert {s.context.trace_id for s in seen.spans()} == {int("a" * 32, 16)}
        assert whole.attributes[names.BUDGET_USD] == 0.25
        assert whole.attributes[names.BUDGET_S] == 9.0
        seen.clear()
        unsampled = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-00"}
        executor.submit(PAIR, origin=executor.origin(unsampled)).result()
        assert not seen.spans()
        assert sum(p.count for p in seen.points("gen_ai.client.operation.duration")) == 2
        for wrong in ("", "00-zz-1-01", f"00-{'0' * 32}-{'b' * 16}-01", "a,b"):
            executor.submit(PAIR, origin=executor.origin({"traceparent": wrong})).result()
    assert [s.parent for s in seen.spans("invoke_workflow")] == [None] * 4


def header(span: ReadableSpan) -> str:
    its = span.context
    return f"00-{its.trace_id:032x}-{its.span_id:016x}-{its.trace_flags:02x}"


def test_the_openai_client_sends_the_context_along(seen: Seen) -> None:
    with (
        running(delay_s=0.001) as stub,
        Executor(OpenAIClient(), catalogue(base_url=stub.base_url), settings=ON) as executor,
    ):
        executor.run([PAIR])
        with Executor(OpenAIClient(), catalogue(base_url=stub.base_url)) as off:
            off.run([PAIR])
        sent = [line["traceparent"] for line in stub.log()]
    ids = [header(span) for span in seen.spans("chat")]
    assert sent == [*ids, None, None]
    assert {s.attributes["gen_ai.provider.name"] for s in seen.spans("chat")} == {"openai"}


class Elsewhere:
    """A framework that makes its calls itself."""

    def run(self, plan: Plan) -> list[Message]:
        return [
            Message(0, "from a", Usage(100, 10), 2.0),
            Message(1, "from b", Usage(100, 10), 1.0),
        ]


def test_calls_that_a_framework_made(seen: Seen) -> None:
    llms = Catalogue((backbone("small"),))
    with Executor(Scripted(), llms, settings=ON, framework=Elsewhere()) as executor:
        executor.run([PAIR])
    assert seen.one("invoke_workflow").attributes["gen_ai.workflow.name"] == "Elsewhere"
    calls = seen.spans("chat")
    assert [seen.parent(c).name for c in calls] == ["invoke_agent a", "invoke_agent b"]
    assert (calls[0].end_time or 0) - (calls[0].start_time or 0) >= 2e9
    assert seen.spans("chat")[0].attributes[names.COST] == pytest.approx(2e-4)


def test_a_committee_on_the_same_question_twice(seen: Seen) -> None:
    with Executor(Scripted(), catalogue(), settings=ON) as executor:
        executor.run([committee(), committee()], [0, 1], phase="train")
    wholes = seen.spans("invoke_workflow")
    assert [s.attributes[names.SAMPLE] for s in wholes] == [0, 1]
    assert {s.attributes[names.PHASE] for s in wholes} == {"train"}
    costs = seen.points("abgnn.cost.usd")
    assert {p.attributes[names.PHASE] for p in costs} == {"train"}
    assert len(costs) == 6
