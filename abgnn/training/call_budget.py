"""`CallBudget`: stops training after a number of LLM calls, the same for every method."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from abgnn.data.outcome import CallRecord
from abgnn.errors import ConfigError
from abgnn.training.module import module_of


class CallBudget(Callback):
    """Stops training after the step with which `max_calls` LLM calls were made.

    It counts the calls of training steps, and those that callbacks after it make before the first
    step (a warm start, which may use up the budget); put it first. The last step is
    finished, so that `calls` may exceed the budget by less than one step. Checkpoints keep the
    count, and a resumed run continues it.

    Args:
        max_calls: LLM calls.

    Attributes:
        calls: how many were made.
    """

    def __init__(self, max_calls: int) -> None:
        if max_calls < 0:
            raise ConfigError("CallBudget.max_calls", max_calls, "a number of LLM calls ≥ 0")
        self.max_calls, self.calls = max_calls, 0
        self._starting = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        executor = module_of(pl_module).executor
        on_call = executor.on_call

        def count(record: CallRecord) -> None:
            self.calls += self._starting
            if on_call is not None:
                on_call(record)

        self._starting, executor.on_call = True, count

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._starting = False  # from here on only steps are counted
        self._stop_if_spent(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.calls += sum(len(outcome.calls) for outcome in module_of(pl_module).outcomes)
        self._stop_if_spent(trainer)

    def state_dict(self) -> dict[str, Any]:
        return {"calls": self.calls}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.calls = int(state_dict["calls"])

    def _stop_if_spent(self, trainer: Trainer) -> None:
        if self.calls >= self.max_calls:
            trainer.should_stop = True
