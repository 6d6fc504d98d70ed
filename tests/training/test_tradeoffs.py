"""One policy for all budgets: taught at several λ's, asked at any."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer, seed_everything

from abgnn.errors import ConfigError
from abgnn.evaluation.rows import summarise
from abgnn.experiments.experiment import build
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance
from abgnn.planning import Budget
from abgnn.rollout import SimulatedClient
from abgnn.training import Reinforce, Tradeoffs
from abgnn.training.evaluate import evaluate
from datamodules import QuickQA

pytestmark = pytest.mark.xdist_group("tradeoffs")  # one worker teaches, once


def module(**kwargs: object) -> Reinforce:
    seed_everything(0, verbose=False)
    mas = BaseMAS("general", encoder="offline")
    policy = kwargs.pop("policy", None) or AgentBalance()
    return Reinforce(policy, mas, SimulatedClient(1), samples=2, **kwargs)  # type: ignore[arg-type]


def trainer(folder: Path, taught: Tradeoffs, **kwargs: object) -> Trainer:
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        default_root_dir=folder,
        callbacks=[taught],
        **kwargs,  # type: ignore[arg-type]
    )


def data() -> QuickQA:
    return QuickQA(n_train=8, n_val=4, batch_size=4)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Taught three points from profiles alone, then two steps of REINFORCE."""
    folder = tmp_path_factory.mktemp("tradeoffs")
    taught = Tradeoffs([(160.0, 2e-2), (10.0, 1e-3), (0.5, 1e-4)], steps=150)
    run = trainer(folder, taught, max_epochs=1, enable_checkpointing=False)
    run.fit(module(), datamodule=data())
    path = str(folder / "one.ckpt")
    run.save_checkpoint(path)
    return path


def test_one_checkpoint_serves_a_frontier(checkpoint: str) -> None:
    start = module()
    made = Reinforce.load_from_checkpoint(
        checkpoint, policy=start.policy, mas=start.mas, client=start.client, weights_only=False
    )
    policy, questions = made.policy, data()
    assert isinstance(policy, AgentBalance)
    questions.setup("test")
    asked = questions.queries("test")
    costs, teams = [], []
    with made.new_executor(questions) as executor:
        for budget in (4e-4, 1.2e-3, 2e-2):
            policy.set_budget(budget)
            outcomes = evaluate(policy, made.mas, executor, asked)
            row = summarise("", outcomes)
            costs.append(row.cost_usd)
            teams.append({o.plan.agents for o in outcomes})
    assert costs[0] < costs[1] < costs[2]  # measured (simulated) dollars rise with the budget
    assert not teams[0] & teams[2]
    assert len(set(made.policy.tradeoff.taught[:, 3].tolist())) >= 3  # type: ignore[union-attr]


def test_steps_are_at_the_points_and_the_end_is_at_the_experiment_s_own(tmp_path: Path) -> None:
    points = [(40.0, 5e-3), (0.0, 0.0)]
    made = module(lambda_tok=3.0, lambda_lat=2e-3)
    seen: list[tuple[float, float]] = []

    class Watch(Tradeoffs):
        def on_train_batch_start(self, *args: object) -> None:
            super().on_train_batch_start(*args)  # type: ignore[arg-type]
            seen.append((made.lambda_tok, made.lambda_lat))

    taught = Watch(points, steps=2)
    run = trainer(tmp_path, taught, max_epochs=4, enable_checkpointing=False)
    run.fit(made, datamodule=data())
    assert set(seen) == set(points)
    assert (made.lambda_tok, made.lambda_lat) == (3.0, 2e-3)
    assert made.policy.tradeoff.lambdas.tolist() == pytest.approx([3.0, 2e-3])  # type: ignore[union-attr]


def test_a_resumed_run_is_not_taught_again(tmp_path: Path, checkpoint: str) -> None:
    again = Tradeoffs([(160.0, 2e-2), (10.0, 1e-3), (0.5, 1e-4)])
    resumed, saved = module(), torch.load(checkpoint, weights_only=True)["state_dict"]
    trainer(tmp_path, again, max_epochs=2).fit(resumed, datamodule=data(), ckpt_path=checkpoint)
    assert again.reached is None
    taught = resumed.policy.tradeoff.taught  # type: ignore[union-attr]
    assert torch.equal(taught, saved["policy.tradeoff.taught"])
    assert len(taught) > 50


def test_operating_points_are_dense_where_the_bill_jumps(checkpoint: str) -> None:
    saved = torch.load(checkpoint, weights_only=True)["state_dict"]["policy.tradeoff.taught"]
    for axis, other in ((0, 1), (1, 0)):
        rows = saved[(saved[:, other] == 0) & (saved[:, axis] > 0)]
        rows = rows[rows[:, axis].argsort()]
        bill = rows[:, 3 + axis]  # dearer dollars, fewer dollars; dearer seconds, fewer seconds
        assert bool((bill[1:] <= 1.02 * bill[:-1]).all())
        steps = rows[1:, axis] / rows[:-1, axis]
        jumps = bill[:-1] / bill[1:]
        assert float(steps[jumps.argmax()]) < float(steps.max())
    both = saved[(saved[:, 0] > 0) & (saved[:, 1] > 0)]
    assert len(both) == 36


def test_wrong_points_policies_and_budgets(tmp_path: Path) -> None:
    for points in ([(1.0, 0.0)], [(1.0, 0.0), (1.0, 0.0)], [(1.0, 0.0), (-1.0, 0.0)], [(1.0,)]):
        with pytest.raises(ConfigError, match=r"Tradeoffs\.points"):
            Tradeoffs(points)
    with pytest.raises(ConfigError, match="texts"):
        Tradeoffs(texts=-1)
    run, other = (
        trainer(tmp_path, Tradeoffs(), max_epochs=0),
        module(policy=AgentBalance(conditioned=False)),
    )
    with pytest.raises(ConfigError, match="conditioned"):
        run.fit(other, datamodule=data())
    budgeted = module(budget=Budget(1e-3))
    with pytest.raises(ConfigError, match=r"model\.budget"):
        run.fit(budgeted, datamodule=data())


def test_packaged_mode(elsewhere: None) -> None:
    configs = ["simulated/general.yaml", "modes/one_policy.yaml"]
    experiment = build(configs, ["--trainer.logger=false"])
    assert experiment.model.policy.tradeoff is not None
    assert any(isinstance(c, Tradeoffs) for c in experiment.trainer.callbacks)  # type: ignore[attr-defined]
