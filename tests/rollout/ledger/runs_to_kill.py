"""Runs that are killed: rollouts alone, or a whole training; a line is printed when they are done.

    python -m tests.rollout.ledger.runs_to_kill rollouts|training FILE URL SIZE [--first N] ...

SIZE is rollouts, or training questions; FILE is a recording, of a database too.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections import Counter
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


def rollouts(settings: RolloutSettings, url: str, size: int, first: int, rpm: int | None) -> str:
    """With a digest of all that was answered and what it cost."""
    limits = {"max_tokens": 64, "max_concurrency": 64 if rpm else 8, "rpm": rpm}
    one = backbone("small", base_url=url, **limits)
    with Executor(OpenAIClient(), Catalogue((one,)), settings=settings) as executor:
        outcomes = executor.run([committee(first + i, 3) for i in range(size)])
    facts = [(o.answer, o.usage, [(c.text, c.usage) for c in o.calls]) for o in outcomes]
    digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
    failed = Counter(o.kind for o in outcomes if o.error is not None)
    return f"{len(outcomes)} failed {sorted(failed.items())} digest {digest}"


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["rollouts", "training"])
    parser.add_argument("path")
    parser.add_argument("url")
    parser.add_argument("size", type=int)
    parser.add_argument("--first", type=int, default=0, help="number of the first question")
    parser.add_argument("--cap", type=float, default=10.0, help="USD of the run")
    parser.add_argument("--rpm", type=int)
    parser.add_argument("--mode", default="replay-or-live")
    args = parser.parse_args()
    settings = RolloutSettings(Recording(args.path, args.mode), Caps(run_usd=args.cap))
    if args.kind == "training":
        told = training(settings, args.url, args.size)
    else:
        told = rollouts(settings, args.url, args.size, args.first, args.rpm)
    sys.stdout.write(f"done {told}\n")


if __name__ == "__main__":
    main()
