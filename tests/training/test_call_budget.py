"""Training ends when its LLM calls are used up; warm starts and resumed runs count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback, LightningModule, Trainer

from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, FixedGraph
from abgnn.rollout import SimulatedClient
from abgnn.training import CallBudget, Reinforce
from abgnn.training.evaluate import evaluate
from abgnn.training.module import module_of
from datamodules import QuickQA


class Watch(Callback):
    """Calls of every step."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.steps.append(sum(len(o.calls) for o in module_of(pl_module).outcomes))


class Ahead(Callback):
    """Twenty calls before the first step, as a warm start makes them; and ten for a table."""

    def _ask(self, module: LightningModule, n: int, phase: str) -> None:
        made = module_of(module)
        alone = FixedGraph("Qwen3-8B", ["Knowledgeable Expert"])
        queries = QuickQA(n_train=n).queries("train")
        evaluate(alone, made.mas, made.executor, queries, phase=phase)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ask(pl_module, 20, "train")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._ask(pl_module, 10, "test")


def fit(mas: BaseMAS, budget: CallBudget, *others: Callback, **kwargs: Any) -> Trainer:
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=50,
        limit_val_batches=kwargs.pop("val", 0),
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[budget, *others],
    )
    module = Reinforce(AgentBalance(), mas, SimulatedClient(0), samples=2, fit_difficulty=False)
    trainer.fit(module, datamodule=QuickQA(n_train=8, n_val=4), **kwargs)
    return trainer


def test_the_step_that_uses_the_budget_up_is_the_last(mas: BaseMAS) -> None:
    budget, watch = CallBudget(100), Watch()
    fit(mas, budget, watch, val=1.0)  # validation's calls are none of training's
    assert budget.calls == sum(watch.steps) >= 100
    assert sum(watch.steps[:-1]) < 100
    assert len(watch.steps) > 2  # over several epochs


def test_calls_before_the_first_step_count(mas: BaseMAS) -> None:
    budget, watch = CallBudget(60), Watch()
    fit(mas, budget, watch, Ahead())
    assert budget.calls == 20 + sum(watch.steps)
    assert watch.steps


def test_a_warm_start_may_use_it_up(mas: BaseMAS) -> None:
    budget, watch = CallBudget(20), Watch()
    fit(mas, budget, watch, Ahead())
    assert (budget.calls, watch.steps) == (20, [])


def test_a_resumed_run_goes_on_counting(mas: BaseMAS, tmp_path: Path) -> None:
    first = CallBudget(60)
    path = tmp_path / "made.ckpt"
    fit(mas, first).save_checkpoint(path)
    second, watch = CallBudget(100), Watch()
    fit(mas, second, watch, ckpt_path=str(path), weights_only=False)
    assert second.calls == first.calls + sum(watch.steps)
    assert 0 < sum(watch.steps) < 100 - first.calls + max(watch.steps)


def test_a_negative_budget_is_named() -> None:
    with pytest.raises(ConfigError, match="max_calls: got -1"):
        CallBudget(-1)
