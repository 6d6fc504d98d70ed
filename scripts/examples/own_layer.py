# %% [markdown]
# # A layer of your own
#
# Every part of the policy is a message-passing layer that may be replaced. Here the gate, which
# decides which agents stay (Eq 6), gets to see its neighbours once more. It trains through the same
# Lightning Trainer as the packaged one. *Simulated*.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from abgnn.experiments.experiment import quiet
from abgnn.graph import BaseMAS
from abgnn.models import AgentBalance
from abgnn.nn import AgentGate
from abgnn.rollout import SimulatedClient
from abgnn.training import Reinforce
from datamodules import QuickQA

quiet()  # Lightning's messages about itself


# %%
class DeepGate(AgentGate):
    """A gate with one more hidden layer under its logit."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__(channels, bias=-0.5)
        self.mlp = nn.Sequential(nn.Linear(channels, channels), nn.GELU())

    def forward(self, h: Tensor, batch: Tensor, agent: Tensor, num_graphs: int) -> Tensor:
        return super().forward(h + self.mlp(h), batch, agent, num_graphs)  # [A]


# %% [markdown]
# The Trainer is Lightning's own, and so are callbacks: this one keeps the training reward.


# %%
class Rewards(Callback):
    """The mean reward of every training batch."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        self.seen.append(float(trainer.callback_metrics["simulated/train/reward"]))


def train(gate: AgentGate | None) -> list[float]:
    """Rewards of the batches of one short training run."""
    seed_everything(0, verbose=False)
    mas = BaseMAS("general", catalogue="catalogues/paper.yaml", encoder="offline")
    module = Reinforce(
        AgentBalance(upper_bound=2, gate=gate),
        mas,
        SimulatedClient(world_seed=0),
        lambda_tok=10.0,
        lambda_lat=1e-3,
    )
    rewards = Rewards()
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        num_sanity_val_steps=0,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[rewards],
    )
    trainer.fit(module, datamodule=QuickQA(n_train=48, batch_size=4))
    print(module.policy.gate, f"last ten batches: {np.mean(rewards.seen[-10:]):.3f} (simulated)")
    return rewards.seen


# %%
curves = {"AgentGate": train(None), "DeepGate": train(DeepGate())}

# %% [markdown]
# Two runs of 24 batches show that the layer trains, not which one is better: that takes seeds and
# intervals, as `abgnn compare` makes them.

# %%
figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for name, rewards in curves.items():
    ax.plot(np.convolve(rewards, np.ones(5) / 5, "valid"), label=name)
ax.set(xlabel="batch", ylabel="reward, mean of 5 batches", title="training reward (simulated)")
ax.legend(frameon=False)
Path("runs").mkdir(exist_ok=True)
figure.savefig("runs/own_layer.png", dpi=90)
