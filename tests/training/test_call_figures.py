"""What TensorBoard shows of calls, and the trace that a live run leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from abgnn.data.backbone import Backbone
from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance
from abgnn.rollout import CallError, Completion, Messages, Retry, RolloutSettings, SimulatedClient
from abgnn.training import CallFigures, Reinforce
from datamodules import QuickQA


class Bumpy(SimulatedClient):
    """An endpoint whose every third attempt is refused, and whose replies try to break out."""

    calls = 0

    def endpoint(self, backbone: Backbone) -> str | None:
        return f"http://somewhere/{backbone.model}"

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        self.calls += 1
        if self.calls % 3 == 0:
            raise CallError("status", "HTTP 503 [bold]\x1b[31m```", status=503)
        return await super().complete(backbone, messages, query=query, sample=sample)


@pytest.fixture(scope="module")
def run(mas: BaseMAS, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reinforce]:
    folder = tmp_path_factory.mktemp("figures")
    seed_everything(0, verbose=False)
    retry = RolloutSettings(retry=Retry(base_s=0.0, max_s=0.0))
    module = Reinforce(AgentBalance(upper_bound=2), mas, Bumpy(1), samples=4, rollout=retry)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        logger=TensorBoardLogger(folder, name="run", default_hp_metric=False),
        callbacks=[CallFigures(every_n_steps=1)],
    )
    trainer.fit(module, datamodule=QuickQA(n_train=8, n_val=4, n_test=4, batch_size=4))
    return Path(trainer.log_dir or ""), module


def test_calls_retries_errors_and_phases_are_drawn(run: tuple[Path, Reinforce]) -> None:
    folder, module = run
    events = EventAccumulator(str(folder))
    events.Reload()

    def last(tag: str) -> float:
        return float(events.Scalars(f"simulated/{tag}")[-1].value)

    assert last("train/calls/retried") > 0
    assert last("train/calls/errors/status") > 0
    assert last("train/calls/tokens/prompt") > 0
    assert last("val/calls/attempts") >= 4
    paid = last("spent_usd/train") + last("spent_usd/val")
    assert paid == pytest.approx(float(module.spent_usd), rel=1e-5)
    assert last("spent_usd/val") > 0
    assert any("service_s/p95/" in tag for tag in events.Tags()["scalars"])
    text = events.Tensors("simulated/train/trace/text_summary")[-1].tensor_proto.string_val[0]
    assert b"on the critical path" in text
    assert b"\x1b" not in text


def test_a_live_run_leaves_a_trace_beside_its_figures(run: tuple[Path, Reinforce]) -> None:
    lines = [json.loads(line) for line in (run[0] / "trace.jsonl").read_text().splitlines()]
    assert {line["phase"] for line in lines} == {"train", "val"}
    assert {line["attempt"] for line in lines} >= {1, 2}
    assert {line["error"] for line in lines} == {None, "status"}
    assert sum(line["usd"] for line in lines) == pytest.approx(float(run[1].spent_usd))
