"""Spans of jobs arrive from the processes and Ray tasks that ran them, whoever ends those."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from abgnn.experiments.jobs.blocks import Blocks
from abgnn.experiments.jobs.processes import LocalProcesses
from abgnn.experiments.jobs.ray_tasks import ray_tasks
from abgnn.experiments.jobs.scheduler import Scheduler
from abgnn.rollout.settings import RolloutSettings, Telemetry
from tests.experiments.jobs.work import scripted
from tests.rollout.helpers import committee
from tests.servers.otlp import receiver

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("elsewhere")]


def executed(scheduler: Scheduler) -> None:
    """Every rollout arrives once, with its calls, though this process has set nothing up."""
    with receiver() as otlp:
        settings = RolloutSettings(telemetry=Telemetry(otel=True, endpoint=otlp.url))
        blocks = Blocks(scheduler, partial(scripted, settings), settings)
        outcomes = blocks.run([committee(i) for i in range(40)])  # three blocks
        spans = otlp.get("spans")
    assert all(outcome.error is None for outcome in outcomes)
    rollouts = [span for span in spans if span["name"].startswith("invoke_workflow")]
    assert {span["attributes"]["abgnn.query.id"] for span in rollouts} == {
        outcome.plan.query.id for outcome in outcomes
    }
    assert len(rollouts) == len(outcomes)
    chats = [span for span in spans if span["name"].startswith("chat ")]
    assert len(chats) == sum(len(outcome.calls) for outcome in outcomes)


def test_local_processes_send_their_spans() -> None:
    executed(LocalProcesses(2))


@pytest.mark.timing
@pytest.mark.timeout(900)
@pytest.mark.skipif(find_spec("ray") is None, reason="extra `ray` is missing")
def test_ray_tasks_send_their_spans() -> None:
    with ray_tasks() as tasks:
        executed(tasks)
