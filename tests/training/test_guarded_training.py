"""Training on recorded calls, under caps, and over several processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint

from abgnn.data.backbone import Backbone
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance
from abgnn.rollout import Caps, Completion, Messages, Recording, RolloutSettings, SimulatedClient
from abgnn.rollout.ledger.base import Account
from abgnn.rollout.ledger.sqlite import SqliteLedger
from abgnn.training import Reinforce
from datamodules import QuickQA


class Absent(SimulatedClient):
    """The same world on a day without network."""

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        raise AssertionError("a call was made")


def fitted(
    mas: BaseMAS,
    folder: Path,
    settings: RolloutSettings,
    client: SimulatedClient | None = None,
    **more: object,
) -> tuple[Reinforce, Trainer]:
    seed_everything(1, verbose=False)
    module = Reinforce(
        AgentBalance(upper_bound=2),
        mas,
        client or SimulatedClient(1),
        samples=4,
        lr=0.01,
        rollout=settings,
    )
    options: dict[str, object] = {
        "accelerator": "cpu",
        "max_epochs": 2,
        "num_sanity_val_steps": 0,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": folder,
        "logger": False,
        "callbacks": [ModelCheckpoint(folder / "checkpoints", save_last=True)],
    }
    trainer = Trainer(**{**options, **more})  # type: ignore[arg-type]
    trainer.fit(module, datamodule=QuickQA(n_train=8, n_val=4, n_test=4, batch_size=4))
    return module, trainer


def weights(module: Reinforce) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.policy.parameters()])


def accounts(path: Path) -> list[Account]:
    ledger = SqliteLedger(str(path), readonly=True)
    try:
        return ledger.accounts()
    finally:
        ledger.close()


def test_a_recorded_training_replays_bit_for_bit_and_free(mas: BaseMAS, tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    live, _ = fitted(mas, tmp_path / "a", RolloutSettings())
    kept, _ = fitted(mas, tmp_path / "b", RolloutSettings(recording=Recording(str(path))))
    before = accounts(path)
    replay = RolloutSettings(recording=Recording(str(path), "replay"))
    again, _ = fitted(mas, tmp_path / "c", replay, Absent(1))
    assert torch.equal(weights(kept), weights(live))
    assert torch.equal(weights(again), weights(kept))
    assert [(o.score, o.cost, o.latency, o.answer) for o in again.outcomes] == [
        (o.score, o.cost, o.latency, o.answer) for o in kept.outcomes
    ]
    assert float(kept.spent_usd) == pytest.approx(float(live.spent_usd), rel=0.2)
    assert float(kept.spent_usd) > 0
    assert float(again.spent_usd) == 0
    assert accounts(path) == before
    assert {a.phase for a in before} == {"train", "val"}, "billed apart"


def test_a_replay_that_lacks_calls_ends_the_training(mas: BaseMAS, tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    fitted(mas, tmp_path / "a", RolloutSettings(recording=Recording(str(path))), max_epochs=1)
    replay = RolloutSettings(recording=Recording(str(path), "replay"))
    with pytest.raises(ConfigError, match=r"rollout\.recording\.mode.*replay-or-live.*lacks"):
        fitted(mas, tmp_path / "b", replay, Absent(1), max_epochs=2)


def test_a_cap_ends_training_cleanly_with_a_checkpoint(mas: BaseMAS, tmp_path: Path) -> None:
    path, cap = tmp_path / "calls.sqlite", 0.02
    recording = Recording(str(path), "live")
    caps = Caps(run_usd=cap, max_tokens=32768)
    module, trainer = fitted(mas, tmp_path, RolloutSettings(recording, caps), max_epochs=50)
    assert trainer.global_step < 100, "it stopped early"
    assert sum(a.committed for a in accounts(path)) <= round(cap * 1e12)
    assert float(module.spent_usd) == pytest.approx(sum(a.spent for a in accounts(path)) / 1e12)
    assert torch.isfinite(weights(module)).all()
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == trainer.global_step
    more = RolloutSettings(recording, Caps(run_usd=2 * cap, max_tokens=32768))
    resumed, onward = fitted(mas, tmp_path / "more", more, max_epochs=50)  # twice the allowance
    assert onward.global_step > 0
    assert cap < float(resumed.spent_usd + module.spent_usd) <= 2 * cap


def test_a_phase_without_money_is_not_trained_on(mas: BaseMAS, tmp_path: Path) -> None:
    """All rollouts are refused: nothing is learned from that, weights stay as they are."""
    caps = Caps(phase_usd={"train": 0.0}, max_tokens=4096)
    module, trainer = fitted(mas, tmp_path, RolloutSettings(caps=caps), limit_val_batches=0)
    seed_everything(1, verbose=False)
    fresh = Reinforce(AgentBalance(upper_bound=2), mas, SimulatedClient(1))
    untouched = dict(fresh.policy.named_parameters())
    for name, value in module.policy.named_parameters():
        if not name.startswith("difficulty"):  # fitted to rated questions, without rollouts
            assert torch.equal(value, untouched[name]), name
    assert {o.kind for o in module.outcomes} == {"budget"}
    assert trainer.global_step == 1


RANKS = """
import sys, json
from pathlib import Path
from lightning.pytorch import Trainer, seed_everything
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance
from abgnn.rollout import Caps, Recording, RolloutSettings, SimulatedClient
from abgnn.training import Reinforce
from datamodules import QuickQA

path, cap = sys.argv[1], float(sys.argv[2])
seed_everything(0, verbose=False)
settings = RolloutSettings(Recording(path), Caps(run_usd=cap, max_tokens=32768))
mas = BaseMAS("general", encoder="offline")
policy = AgentBalance(upper_bound=2)
module = Reinforce(policy, mas, SimulatedClient(0), samples=4, rollout=settings)
trainer = Trainer(
    accelerator="cpu", devices=2, strategy="ddp", max_epochs=6, num_sanity_val_steps=0,
    logger=False,
    enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
    default_root_dir=Path(path).parent,
)
trainer.fit(module, datamodule=QuickQA(n_train=16, n_val=4, n_test=4, batch_size=4))
paid = sum(p.detach().double().sum().item() for p in module.policy.parameters())
print(json.dumps({"rank": trainer.global_rank, "usd": float(module.spent_usd), "sum": paid,
                  "steps": trainer.global_step}))
"""


@pytest.mark.slow
def test_ranks_share_one_ledger(tmp_path: Path) -> None:
    """Two DDP processes against one cap: both stop at the same step, and no cent is overspent."""
    path, cap = tmp_path / "calls.sqlite", 0.02
    script = tmp_path / "ranks.py"
    script.write_text(RANKS)
    done = subprocess.run(
        [sys.executable, str(script), str(path), str(cap)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ranks = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert sorted(r["rank"] for r in ranks) == [0, 1]
    assert ranks[0]["sum"] == ranks[1]["sum"], "the same weights everywhere"
    assert 0 < ranks[0]["steps"] == ranks[1]["steps"] < 12, "stopped together, before the end"
    committed = sum(a.committed for a in accounts(path))
    assert committed <= round(cap * 1e12)
    assert sum(r["usd"] for r in ranks) == pytest.approx(committed / 1e12)
