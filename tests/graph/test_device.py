"""Encoder and policy run where `--device` says; no tensor is made on a device of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.cli.main import main
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.graph.device import available, device_of, usable_device
from abgnn.graph.encoders import TextEncoder
from abgnn.models import AgentBalance, FixedGraph, MasRouter, Policy, RandomGraph
from abgnn.planning.plan_file import NamedDesign, PlanFile
from abgnn.serve.sources import load_any
from abgnn.training.advantage import LeaveOneOut
from abgnn.training.evaluate import most_probable
from abgnn.training.loss import reinforce_loss
from tests.paths import ROOT

QUERIES = [Query(f"q/{i}", f"What is {i}?", "general", "B") for i in range(3)]
ABSENT = next(name for name in ("cuda", "mps", "xpu") if name not in available())


@pytest.mark.parametrize("name", [ABSENT, "cuda:99", "gpu", "cpu:3", ""])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(ConfigError, match=r"--device: got .*allowed: what this machine has: cpu"):
        usable_device(name)


def test_the_cpu_is_always_there() -> None:
    assert usable_device("cpu") == torch.device("cpu")
    assert available()[0] == "cpu"


@pytest.mark.parametrize("command", [["run", "What?"], ["serve", "--port", "0"]])
def test_commands_refuse_it_before_anything_is_loaded(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--config", "nowhere.yaml", "--device", ABSENT]) == 2
    assert f"--device: got {ABSENT!r}" in capsys.readouterr().err


def test_a_command_runs_on_the_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "What?", "--config", "simulated/general.yaml", "--device", "cpu"]) == 0
    assert "on the critical path" in capsys.readouterr().out


def test_a_device_for_nothing_is_refused(tmp_path: Path) -> None:
    design = NamedDesign(1.0, (("Mathematician", "Qwen3-8B"),), (), None)
    PlanFile((design,), "simulated", None, True, {}, {}, {}).write(tmp_path / "plan.json")
    with pytest.raises(ConfigError, match=r"--device.*neither policy nor encoder"):
        load_any(tmp_path / "plan.json", "simulated/general.yaml", None, "cpu")


class Moved(TextEncoder):
    """Notes where its model is sent."""

    sent: str | None = None

    def _load(self) -> Any:
        outer = self

        class Model:
            def to(self, device: str) -> None:
                outer.sent = device

            def encode(self, texts: Sequence[str], **options: Any) -> Tensor:
                return torch.ones(len(texts), 4)

        return Model()


def test_a_loaded_encoder_moves() -> None:
    encoder = Moved("any", cache=None)
    assert encoder(["a"]).device.type == "cpu"
    assert encoder.to("meta") is encoder
    assert (encoder.sent, encoder.device) == ("meta", "meta")
    assert encoder(["b"]).device.type == "cpu", "embeddings come back"


class Elsewhere(RandomGraph):
    """A policy on a device that computes nothing: it notes where its batch is."""

    seen: torch.device | None = None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("here", torch.zeros(1, device="meta"))

    def forward(self, batch: Batch, **options: Any) -> Any:
        self.seen = batch.query_embed.device
        assert batch.batch.device == batch.edge_index.device == self.seen
        return _NoPlans()


class _NoPlans:
    def plans(self) -> list[object]:
        return []


def test_batches_go_where_the_policy_is(mas: BaseMAS) -> None:
    policy = Elsewhere()
    assert device_of(policy).type == "meta"
    assert most_probable(policy, mas, QUERIES) == []
    assert policy.seen == torch.device("meta")


MADE: dict[str, Callable[[BaseMAS], Policy]] = {
    "AgentBalance": lambda mas: AgentBalance(384),
    "AgentBalance, conditioned": lambda mas: AgentBalance(384, conditioned=True),
    "MasRouter": lambda mas: MasRouter(384),
    "FixedGraph": lambda mas: FixedGraph(mas.table.names[0], edges="chain"),
    "RandomGraph": lambda mas: RandomGraph(),
}


@pytest.mark.parametrize("name", MADE)
def test_tensors_are_made_where_the_batch_is(name: str, mas: BaseMAS) -> None:
    """Whatever is made without a device of its own would be on `meta`, and fit nothing."""
    policy = MADE[name](mas)
    policy.attach(mas.table)
    batch = mas.batch(QUERIES, 2)
    policy(batch, sample=True)  # what is made once is made
    with torch.device("meta"):
        decision = policy(batch, sample=True)
    assert len(decision.plans()) == 6
    if any(p.requires_grad for p in policy.parameters()):
        reward = torch.rand(6)
        with torch.device("meta"):
            reinforce_loss(decision, reward, LeaveOneOut(), 2, lambda_len=0.2).backward()
        assert any(p.grad is not None for p in policy.parameters())


def test_no_device_is_written_into_the_layers() -> None:
    written = re.compile(r"""\.cuda\(|["'](?:cuda|mps)["':]|device=["']cpu["']""")
    allowed = {"abgnn/graph/device.py", "abgnn/models/fixed.py"}
    places = []
    for room in ("nn", "models", "transforms", "graph", "training"):
        for path in sorted((ROOT / "abgnn" / room).rglob("*.py")):
            if str(path.relative_to(ROOT)) not in allowed:
                code = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
                lines = code.splitlines()
                places += [f"{path.name}: {line}" for line in lines if written.search(line)]
    assert not places
