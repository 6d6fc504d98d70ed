"""Runs that are killed: rollouts alone, or a whole training; a line is printed when they are done.

    python -m tests.rollout.ledger.runs_to_kill rollouts|training FILE URL SIZE

SIZE is rollouts, or training questions.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from abgnn.data.catalogue import Catalogue
from abgnn.rollout import Caps, Executor, OpenAIClient, Recording, RolloutSettings
from tests.rollout.helpers import backbone, committee

CATALOGUE = """
currency: USD
defaults: {{base_url: "{url}", max_tokens: 64, max_concurrency: 8}}
backbones:
  - {{name: small, model: small, type: standard, price_in: 1, price_out: 10, active_params_b: 8,
      benchmarks: {{general: {{MMLU-Redux: 70}}}}}}
  - {{name: large, model: large, type: standard, price_in: 1, price_out: 10, active_params_b: 8,
      benchmarks: {{general: {{MMLU-Redux: 72}}}}}}
"""


def rollouts(settings: RolloutSettings, url: str, size: int) -> str:
    one = backbone("small", base_url=url, max_tokens=64, max_concurrency=8)
    with Executor(OpenAIClient(), Catalogue((one,)), settings=settings) as executor:
        outcomes = executor.run([committee(i, 3) for i in range(size)])
    return f"{len(outcomes)} failed {[o.error for o in outcomes if o.error is not None]}"


def training(settings: RolloutSettings, url: str, size: int) -> str:
    """Reward without seconds: a live run's are never the same twice, and plans follow rewards."""
    from lightning.pytorch import Trainer, seed_everything

    from abgnn.graph.base_mas import BaseMAS
    from abgnn.models import AgentBalance
    from abgnn.training import Reinforce
    from datamodules import QuickQA

    with tempfile.TemporaryDirectory() as folder:
        catalogue = Path(folder) / "two.yaml"
        catalogue.write_text(CATALOGUE.format(url=url))
        mas = BaseMAS("general", str(catalogue), encoder="offline", n_pools=1)
        seed_everything(0, verbose=False)
        policy = AgentBalance(init="paper", min_agents=2)
        module = Reinforce(
            policy, mas, OpenAIClient(), lambda_lat=0.0, samples=4, lr=0.01, rollout=settings
        )
        options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = Trainer(accelerator="cpu", max_epochs=1, num_sanity_val_steps=0, **options)
        trainer.fit(module, datamodule=QuickQA(n_train=size, n_val=4, n_test=4, batch_size=4))
    weights = sum(float(p.detach().double().abs().sum()) for p in policy.parameters())
    return f"{int(module.rollouts)} failed [] weights {weights:.12f}"


def main(kind: str, path: str, url: str, size: int) -> None:
    settings = RolloutSettings(Recording(path), Caps(run_usd=10.0))
    run = {"rollouts": rollouts, "training": training}[kind]
    sys.stdout.write(f"done {run(settings, url, size)}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
