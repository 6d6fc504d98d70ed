"""A trace through the server: from a request to the provider, and to an OTLP receiver."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

import openai
import yaml

from abgnn.planning.plan_file import NamedDesign, PlanFile
from tests.serve.http.helpers import KEY
from tests.serve.http.test_whole import command
from tests.servers.fixtures import spawned
from tests.servers.otlp import receiver

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ROLES = ("Knowledgeable Expert", "Wiki Searcher")


def plan_and_config(folder: Path, url: str) -> tuple[str, str]:
    """Two role agents and a decision agent on the stub; failing calls are tried again at once."""
    agents = tuple((role, "small") for role in ROLES)
    design = NamedDesign(1.0, agents, (ROLES,), "small")
    PlanFile((design,), "live", None, True, {}, {}, {}).write(folder / "plan.json")
    small = {
        "name": "small",
        "model": "stub-8b",
        "type": "standard",
        "price_in": 1.0,
        "price_out": 10.0,
        "active_params_b": 8,
        "benchmarks": {"general": {"MMLU": 70.0}},
        "base_url": url,
        "api_key_env": "STUB_KEY",
        "max_tokens": 64,
    }
    model = {
        "mas": {
            "domain": "general",
            "catalogue": str(folder / "llms.yaml"),
            "encoder": "offline",
            "n_pools": 1,
        },
        "client": {"class_path": "abgnn.rollout.OpenAIClient"},
        "rollout": {"retry": {"base_s": 0.001, "max_s": 0.002}},
    }
    catalogue = {"currency": "USD", "backbones": [small]}
    (folder / "llms.yaml").write_text(yaml.safe_dump(catalogue))
    (folder / "config.yaml").write_text(yaml.safe_dump({"model": model}))
    return str(folder / "plan.json"), str(folder / "config.yaml")


@pytest.mark.slow
def test_a_trace_from_the_request_to_the_provider(tmp_path: Path) -> None:
    with receiver() as otlp, spawned("--delay", "0.001", "--key", KEY) as stub:
        plan, config = plan_and_config(tmp_path, stub.base_url)
        options = ("--plan", plan, "--config", config, "--otel-endpoint", otlp.url)
        keys = {"STUB_KEY": KEY, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20abc"}
        with command(*options, **keys) as (process, url):
            with openai.OpenAI(base_url=url, api_key="any", max_retries=0) as client:
                done = client.chat.completions.create(
                    model="abgnn",
                    messages=[{"role": "user", "content": "What [[fault:503*1]] is a quark?"}],
                    extra_headers={
                        "traceparent": f"00-{TRACE}-{PARENT}-01",
                        "baggage": "secret=1",
                        "x-abgnn-cost-usd": "0.5",
                    },
                )
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=60)
        spans, points, headers = otlp.get("spans"), otlp.get("metrics"), otlp.get("headers")
        log = stub.log()
    assert done.choices[0].message.content
    assert process.returncode == 0, out

    # every attempt's request carried its own chat span's id
    chats = {span["id"]: span for span in spans if span["name"] == "chat stub-8b"}
    sent = [line["traceparent"].split("-") for line in log]
    assert [(version, trace, flags) for version, trace, _, flags in sent] == [
        ("00", TRACE, "01")
    ] * 6
    assert {span for _, _, span, _ in sent} == set(chats)
    for line, (_, _, span, _) in zip(log, sent, strict=True):
        assert chats[span]["error"] == (line["status"] == 503)

    # from the caller's span down
    known = {span["id"]: span for span in spans}
    [whole] = [span for span in spans if span["parent"] == PARENT]
    assert whole["name"] == "invoke_workflow graph"
    assert whole["attributes"]["abgnn.budget.usd"] == 0.5
    assert {span["trace"] for span in spans} == {TRACE}
    for chat in chats.values():
        agent = known[chat["parent"]]
        assert agent["name"].startswith("invoke_agent ")
        assert agent["parent"] == whole["id"]
        assert chat["attributes"]["server.address"] == "127.0.0.1"
        assert (chat["scope"], chat["schema"]) == (
            "abgnn",
            "https://opentelemetry.io/schemas/1.41.1",
        )
        assert chat["resource"]["service.name"] == "abgnn"

    # the provider's own account, in spans and metrics
    billed = [line for line in log if line["status"] == 200]
    prompt = sum(line["prompt_tokens"] for line in billed)
    tokens = {"input": 0.0, "output": 0.0}
    for point in points:
        if point["name"] == "gen_ai.client.token.usage":
            tokens[point["attributes"]["gen_ai.token.type"]] += point["value"]
    assert tokens["input"] == prompt
    assert tokens["output"] == sum(line["completion_tokens"] for line in billed)
    usd = sum(p["value"] for p in points if p["name"] == "abgnn.cost.usd")
    assert usd == pytest.approx((tokens["input"] + 10 * tokens["output"]) * 1e-6)
    assert usd == pytest.approx(whole["attributes"]["abgnn.cost.usd"])

    # keys and texts are nowhere but where they belong
    assert all(h["authorization"] == "Basic abc" for h in headers)
    for secret in (KEY, "quark", "secret", "Basic"):
        assert secret not in json.dumps([spans, points]), secret
    assert KEY not in out
