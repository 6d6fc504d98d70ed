"""Off, nothing of OpenTelemetry is loaded; on without the extra, or wrongly, is a clear error."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest

from abgnn.cli.main import main
from abgnn.errors import ConfigError
from abgnn.rollout import Executor, RolloutSettings, Telemetry
from abgnn.rollout.telemetry import switch
from tests.paths import ROOT
from tests.rollout.helpers import Scripted
from tests.rollout.test_guarded import catalogue

ON = RolloutSettings(telemetry=Telemetry(otel=True))
_WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Absent())
"""
_OFF = """
from abgnn.rollout import Executor
from tests.rollout.helpers import Scripted, committee
from tests.rollout.test_guarded import catalogue
with Executor(Scripted(), catalogue()) as executor:
    assert executor.origin({"traceparent": "x"}) is None
    assert executor.run([committee()])[0].error is None
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
_FORKED = """
import os
from abgnn.rollout.telemetry.provider import FreshIds
ids, (reader, writer) = FreshIds(), os.pipe()
ids.generate_span_id()
if os.fork() == 0:
    os.write(writer, str(ids.generate_span_id()).encode())
    os._exit(0)
os.wait()
assert int(os.read(reader, 100)) != ids.generate_span_id()
"""
_MINE = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.trace import TracerProvider
from abgnn.rollout import Telemetry
from abgnn.rollout.telemetry.switch import set_up
mine = TracerProvider()
trace.set_tracer_provider(mine)
set_up(Telemetry(otel=True))
assert trace.get_tracer_provider() is mine
assert type(metrics.get_meter_provider()).__name__ == "_ProxyMeterProvider"
"""


def python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True
    )


def test_off_needs_no_opentelemetry() -> None:
    ran = python(_WITHOUT + _OFF)
    assert ran.returncode == 0, ran.stderr


def test_off_loads_none_where_it_is_installed() -> None:
    ran = python("import sys\n" + _OFF)
    assert ran.returncode == 0, ran.stderr


def test_the_programs_own_providers_stay() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    ran = python(_MINE, OTEL_METRICS_EXPORTER="none")
    assert ran.returncode == 0, ran.stderr


def test_without_the_extra_nothing_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "_installed", lambda module: False)
    client = Scripted()
    with pytest.raises(ConfigError, match=r"rollout\.telemetry\.otel.*abgnn\[otel\]"):
        Executor(client, catalogue(), settings=ON)
    assert not client.told


def test_the_command_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(switch, "_installed", lambda module: "exporter" not in module)
    assert main(["run", "What?", "--config", "simulated/general.yaml", "--otel"]) == 2
    assert "pip install 'abgnn[otel]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["localhost:4318", "ftp://host", "http://", "https://me:hunter2@host/otel", "//x"]
)
def test_endpoints_that_are_wrong(url: str) -> None:
    with pytest.raises(ConfigError, match=r"telemetry\.endpoint") as wrong:
        Telemetry(otel=True, endpoint=url)
    assert "hunter2" not in str(wrong.value)


def test_flags_add_to_a_config() -> None:
    config = Telemetry(otel=True, endpoint="http://here:1")
    assert Telemetry(otel=True, texts=True).over(config) == Telemetry(True, True, "http://here:1")
    assert Telemetry(True, endpoint="http://there:2").over(config).endpoint == "http://there:2"


def test_a_runs_seed_repeats_no_id() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from abgnn.rollout.telemetry.provider import FreshIds

    ids = set()
    for _ in range(2):
        random.seed(0)
        ids |= {FreshIds().generate_trace_id(), FreshIds().generate_span_id()}
    assert len(ids) == 4
    state = random.getstate()
    FreshIds().generate_trace_id()
    assert random.getstate() == state, "nor does it disturb the run's own draws"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_repeats_no_id() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    ran = python(_FORKED)
    assert ran.returncode == 0, ran.stderr


def test_a_resource_is_written_as_json_once_not_for_every_span(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk import resources
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from abgnn.rollout.telemetry.provider import new_tracers

    tracers = new_tracers("http://127.0.0.1:9")
    ended = list[ReadableSpan]()
    for name in "ab":
        span = tracers.get_tracer("test").start_span(name)
        assert isinstance(span, Span)
        ended.append(span)  # never ended: nothing is sent
    written = list[object]()
    monkeypatch.setattr(resources, "dumps", lambda *told, **_: written.append(told) or "")
    [of_resource] = encode_spans(ended).resource_spans  # the same resource for both
    assert [span.name for span in of_resource.scope_spans[0].spans] == ["a", "b"]
    assert written == []
    names = {pair.key: pair.value.string_value for pair in of_resource.resource.attributes}
    assert names["service.name"] == "abgnn"
    tracers.shutdown()
