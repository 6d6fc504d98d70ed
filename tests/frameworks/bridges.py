"""What must hold in every other system that carries our plans out, checked by the tests of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from abgnn.data.catalogue import Catalogue
from abgnn.data.framework import AnyFramework
from abgnn.data.resources import config_path
from abgnn.rollout import Caps, Executor, Plan, Recording, RolloutSettings, SimulatedClient
from datamodules import QuickQA
from tests.frameworks.tiny_openai import Server
from tests.servers.fixtures import Server as Stub

CATALOGUE = Catalogue.from_yaml(config_path("catalogues/paper.yaml"))
DATA = QuickQA()
QUERY = DATA.load()[0]
FEW = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

LLMS = """
currency: USD
defaults: {{base_url: "{url}", max_tokens: 100}}
backbones:
  - {{name: small, model: small-8b, type: standard, price_in: 0.05, price_out: 0.2,
     active_params_b: 8, benchmarks: {{math: {{GSM8K: 80}}}}}}
  - {{name: large, model: large-235b, type: standard, price_in: 4.0, price_out: 14,
     active_params_b: 22, benchmarks: {{math: {{GSM8K: 95}}}}}}
"""


def two_llms(server: Server) -> str:
    """The name of a catalogue of two backbones at a server, written to the current folder."""
    Path("llms.yaml").write_text(LLMS.format(url=server.url))
    return "llms.yaml"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def at(server: Server | Stub, **changes: object) -> Catalogue:
    """The paper's backbones, all of them at a server."""
    url = server.url if isinstance(server, Server) else server.base_url
    ours = [replace(b, base_url=url, api_key_env=None, **changes) for b in CATALOGUE]
    return Catalogue(tuple(ours))


def replay_finds_every_call(team: AnyFramework, plan: Plan, folder: str) -> None:
    """Replay inside the other system finds what our own executor has recorded, nothing else."""
    path = f"{folder}/calls.sqlite"
    recording = RolloutSettings(recording=Recording(path))
    with Executor(SimulatedClient(0), CATALOGUE, DATA, settings=recording) as runs:
        [ours] = runs.run([plan])
    replaying = RolloutSettings(recording=Recording(path, mode="replay"))
    with Executor(SimulatedClient(0), CATALOGUE, DATA, settings=replaying, framework=team) as runs:
        [theirs] = runs.run([plan])
    assert theirs.error is None
    assert theirs.answer == ours.answer
    assert [(c.agent, c.text, c.usage) for c in theirs.calls] == [
        (c.agent, c.text, c.usage) for c in ours.calls
    ]
    assert all(c.attempts == 0 for c in theirs.calls)
    assert theirs.cost == pytest.approx(ours.cost)
    assert theirs.latency >= ours.latency - 1e-9  # they wait for a level to end


def a_cap_holds(team: AnyFramework, plan: Plan) -> None:
    """A cap that admits no call: nothing is spent, and the outcome says why."""
    capped = RolloutSettings(caps=Caps(run_usd=1e-9, max_tokens=100))
    with Executor(SimulatedClient(0), CATALOGUE, DATA, settings=capped, framework=team) as runs:
        [outcome] = runs.run([plan])
    assert (outcome.kind, outcome.cost) == ("budget", 0)
