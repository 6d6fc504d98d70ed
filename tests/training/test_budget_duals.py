"""Stated budgets in training: λ's from the planner, dual steps, checkpoints, TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, FixedGraph
from abgnn.planning import Budget
from abgnn.rollout import SimulatedClient
from abgnn.training import BudgetDuals, Reinforce, Teacher
from abgnn.training.budget_duals import starting_prices, stepped, used
from abgnn.training.profiles_alone import profiles_alone
from datamodules import QuickQA


def module(budget: Budget | None, calibration: str | None = None) -> Reinforce:
    seed_everything(0, verbose=False)
    mas = BaseMAS("general", encoder="offline")
    policy, client = AgentBalance(), SimulatedClient(1)
    return Reinforce(policy, mas, client, samples=2, budget=budget, calibration=calibration)


def trainer(folder: Path, **kwargs: object) -> Trainer:
    return Trainer(
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        log_every_n_steps=1,
        default_root_dir=folder,
        **kwargs,  # type: ignore[arg-type]
    )


def data() -> QuickQA:
    return QuickQA(n_train=24, n_val=4, batch_size=4)


def test_budgets_are_checked_by_name() -> None:
    for field, budget in {
        "cost": {"cost_usd": 0.0},
        "latency": {"latency_s": -1.0},
        "margin": {"cost_usd": 1.0, "margin": 0.0},
        "quantile": {"latency_s": 1.0, "quantile": 1.0},
    }.items():
        with pytest.raises(ConfigError, match=field):
            Budget(**budget)  # type: ignore[arg-type]
    assert Budget(1.0).aim == 0.99
    assert Budget(1.0, strict=True).aim == 0.93


def test_use_is_a_mean_or_a_quantile() -> None:
    seen = [(0.001, float(s)) for s in range(101)]
    assert used(Budget(0.002, 25.0), seen) == pytest.approx((0.5, 2.0))
    assert used(Budget(None, 95.0, 0.95), seen) == pytest.approx((0.0, 1.0))


def test_dual_steps_follow_the_use_and_are_clipped() -> None:
    assert stepped((10.0, 0.1), (0.97, 0.97), 0.97, 0.1) == pytest.approx((10.0, 0.1))
    more, less = stepped((10.0, 0.1), (1.2, 0.5), 0.97, 0.1)
    assert more > 10.0
    assert less < 0.1
    far, nothing = stepped((10.0, 0.0), (1e9, 0.0), 0.97, 0.1)
    assert far == pytest.approx(10.0 * 2.718281828**0.1)
    assert nothing == 0.0


def test_prices_start_within_what_the_policy_may_do() -> None:
    made = module(None)
    questions = data()
    questions.setup("fit")
    known = profiles_alone(made.mas, questions.queries("train"))
    tight, loose = (starting_prices(Budget(cost), known, made.policy) for cost in (3e-4, 5e-3))
    assert tight[0] > 3 * loose[0] > 0
    assert tight[1] == loose[1] == 0.0
    both = starting_prices(Budget(1e-3, 30.0, 0.95), known, FixedGraph("Qwen3-8B"))
    assert min(both) > 0


@pytest.mark.parametrize(("cost", "rises"), [(1e-5, True), (1.0, False)])
def test_training_moves_the_price_towards_the_budget(
    tmp_path: Path, cost: float, rises: bool
) -> None:
    made = module(Budget(cost))
    run = trainer(tmp_path, max_epochs=1, logger=TensorBoardLogger(tmp_path))
    run.fit(made, datamodule=data())
    folder = run.log_dir
    assert folder is not None
    events = EventAccumulator(folder).Reload()
    prices = [e.value for e in events.Scalars("simulated/train/lambda/cost_usd")]
    assert (prices[-1] > prices[0]) is rises
    violation = events.Scalars("simulated/train/violation/cost_usd")[-1].value
    slack = events.Scalars("simulated/train/slack/cost_usd")[-1].value
    assert (violation > 0) is rises
    assert (slack < 0) is rises
    assert made.lambda_tok == pytest.approx(prices[-1], rel=1e-6)
    assert made.policy.prior is not None
    assert float(made.policy.prior.lambda_tok) == pytest.approx(prices[-1], rel=1e-5)
    with pytest.raises(KeyError):
        events.Scalars("simulated/train/lambda/latency_s")  # no such budget


def test_a_resumed_run_goes_on_with_its_prices(tmp_path: Path) -> None:
    budget = Budget(1e-5, 5.0)
    first = trainer(tmp_path, max_epochs=1, logger=False)
    before = module(budget)
    first.fit(before, datamodule=data())
    path = str(tmp_path / "a.ckpt")
    first.save_checkpoint(path)
    after = module(budget)
    trainer(tmp_path, max_epochs=1, logger=False).fit(after, datamodule=data(), ckpt_path=path)
    assert (after.lambda_tok, after.lambda_lat) == (before.lambda_tok, before.lambda_lat)
    again = Reinforce.load_from_checkpoint(
        path, policy=AgentBalance(), mas=before.mas, client=before.client, weights_only=False
    )
    assert again.lambda_tok == before.lambda_tok  # judged by what it was trained for


@pytest.mark.slow
def test_a_calibration_that_is_there_teaches(tmp_path: Path) -> None:
    made = module(Budget(1e-3), str(tmp_path / "c.json"))
    kinds = [type(c) for c in made.configure_callbacks()]
    assert kinds == [BudgetDuals]
    questions = data()
    questions.setup("fit")
    profiles_alone(made.mas, questions.queries("train")).save(tmp_path / "c.json")
    kinds = [type(c) for c in made.configure_callbacks()]
    assert kinds == [BudgetDuals, Teacher]
    run = trainer(tmp_path, max_epochs=0, logger=False, enable_checkpointing=False)
    run.fit(made, datamodule=questions)
    (teacher,) = [c for c in run.callbacks if isinstance(c, Teacher)]  # type: ignore[attr-defined]
    assert teacher.reached is not None
    assert module(None).configure_callbacks() == []


def test_from_the_command_line(elsewhere: None) -> None:
    flags = ["--trainer.logger=false", "--model.budget.cost_usd=0.001"]
    flags += ["--model.budget.latency_s=20", "--model.budget.strict=true"]
    made = build(["simulated/general.yaml"], flags).model
    assert made.budget == Budget(0.001, 20.0, strict=True)
    assert made.calibration == "runs/calibration-simulated-general.json"
    paper = build(["simulated/general.yaml", "modes/paper.yaml"], flags[:1]).model
    assert paper.calibration is None


class _Ranks:
    """A strategy of two ranks: what the other one has is added."""

    def __init__(self, *other: float) -> None:
        self.strategy = self
        self.other = torch.tensor(other)

    def reduce(self, mine: torch.Tensor, reduce_op: str) -> torch.Tensor:
        assert reduce_op == "sum"
        return mine + self.other


@pytest.mark.filterwarnings("ignore:You are trying to `self.log")
def test_ranks_step_together_weighed_by_their_rollouts() -> None:
    made = module(Budget(1.0, margin=1.0))
    duals = BudgetDuals(Budget(1.0, margin=1.0))
    duals.lambdas = (10.0, 0.0)
    few: Any = _Ranks(7 * 2.0, 0.0, 7.0)
    duals.on_train_batch_end(few, made, None, None, 0)
    assert duals.lambdas == (10.0, 0.0)  # seven rollouts are too few, none of them ours
    duals._seen.extend([(0.5, 1.0)] * 2)
    many: Any = _Ranks(8 * 2.0, 0.0, 8.0)
    duals.on_train_batch_end(many, made, None, None, 1)
    assert duals.lambdas[0] == pytest.approx(10 * ((2 * 0.5 + 8 * 2.0) / 10) ** 0.1)
    assert made.lambda_tok == duals.lambdas[0]


def test_a_calibration_of_other_backbones_is_refused(tmp_path: Path) -> None:
    questions, few = data(), BaseMAS("general", encoder="offline", exclude=["Qwen3-8B"], n_pools=2)
    questions.setup("fit")
    profiles_alone(few, questions.queries("train")).save(tmp_path / "c.json")
    made = module(Budget(1e-3), str(tmp_path / "c.json"))
    run = trainer(tmp_path, max_epochs=0, logger=False, enable_checkpointing=False)
    both = "'Qwen3-1.7B-thinking', 'Qwen3-8B-thinking'.*allowed.*'Qwen3-8B', "
    with pytest.raises(ConfigError, match=f"calibration: got .*{both}"):
        run.fit(made, datamodule=questions)
