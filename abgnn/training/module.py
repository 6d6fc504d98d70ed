"""`RolloutModule`: base class of modules trained from rollouts, as callbacks see them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan
from abgnn.data.query import Query, Task
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.decision import Choice
from abgnn.models.policy import Policy
from abgnn.planning.budgets import Budget
from abgnn.rollout.clients.base import Client
from abgnn.rollout.executor import Executor
from abgnn.rollout.in_flight import OnOutcome
from abgnn.rollout.settings import RolloutSettings
from abgnn.training.run_log import run_folder


class RolloutModule(LightningModule):
    """A policy and what executes its plans; subclasses define the training.

    Args:
        policy: chooses plans.
        mas: template graph and candidate backbones.
        client: makes the calls, simulated or live.
        rollout: recording, caps, deadline, retries.
        max_in_flight: rollouts at once.

    Attributes:
        lambda_tok, lambda_lat: reward lost per USD and per second of a query.
        budget: stated in place of the λ's, or None.
        calibration: a file that `abgnn calibrate` wrote, or None.
        outcomes, decision: of the last step.
        rollouts: number made in training (a buffer); spent_usd: USD for all of them.
    """

    lambda_tok: float
    lambda_lat: float
    budget: Budget | None
    calibration: str | None
    rollouts: Tensor
    spent_usd: Tensor

    def __init__(
        self,
        policy: Policy,
        mas: BaseMAS,
        client: Client,
        rollout: RolloutSettings,
        max_in_flight: int,
    ) -> None:
        super().__init__()
        self.policy, self.mas, self.client = policy, mas, client
        self.rollout_settings, self.max_in_flight = rollout, max_in_flight
        self.register_buffer("rollouts", torch.zeros((), dtype=torch.long))
        self.register_buffer("spent_usd", torch.zeros((), dtype=torch.float64))
        self.outcomes: list[Outcome] = []
        self.decision: Choice | None = None
        self.on_outcome: OnOutcome | None = None  # of every executor that is opened from then on
        self._executor: Executor | None = None

    @abstractmethod
    def set_tradeoff(self, lambda_tok: float, lambda_lat: float) -> None:
        """Set the λ's of the reward, and of a policy that is conditioned on them."""

    @property
    def label(self) -> str:
        """`simulated` or `live`: the first part of every logged name."""
        return self.client.label

    @property
    def watched(self) -> bool:
        """Whether anybody reads what a step logs: `log_every_n_steps=0` without a bar is nobody."""
        every: int = getattr(self.trainer, "log_every_n_steps", 1)
        return every > 0 or self.trainer.progress_bar_callback is not None

    @property
    def executor(self) -> Executor:
        """The executor of plans; exists from `setup` to `teardown` of a spending stage."""
        assert self._executor is not None, "setup() ran before the first rollout"
        return self._executor

    def setup(self, stage: str) -> None:
        """Attach the catalogue; before a spending stage check that every endpoint can be used."""
        if self._trainer is not None:
            self.mas.encode.to(str(self.trainer.strategy.root_device))
        self.policy.attach(self.mas.table)
        if stage != "predict":
            self._executor = self.new_executor(self._task(), self._settings())
            self._executor.check()

    def teardown(self, stage: str) -> None:
        if self._executor is not None:
            self._executor.close()
            self._executor = None

    def new_executor(self, task: Task, settings: RolloutSettings | None = None) -> Executor:
        """An executor for this module's client and catalogue; the caller closes it."""
        return Executor(
            self.client,
            self.mas.catalogue,
            task,
            settings=settings or self.rollout_settings,
            max_in_flight=self.max_in_flight,
            processes=self._trainer.world_size if self._trainer else 1,
            framework=self.mas.framework,
            on_outcome=self.on_outcome,
        )

    @torch.no_grad()
    def plans(self, queries: Sequence[Query]) -> list[Plan]:
        """The most probable plan of each query."""
        return self.decide(queries, 1, sample=False).plans()

    def decide(self, queries: Sequence[Query], samples: int, *, sample: bool) -> Choice:
        """The policy's choice for each query, `samples` times in a row."""
        batch = self.mas.batch(queries, samples).to(self.device)
        decision: Choice = self.policy(batch, sample=sample)
        return decision

    def _settings(self) -> RolloutSettings:
        """Settings of this run: live calls are traced in the run's folder."""
        live = any(self.client.endpoint(backbone) for backbone in self.mas.catalogue)
        if self.rollout_settings.trace or not live or not self.trainer.loggers:
            return self.rollout_settings
        folder = run_folder(self.trainer)
        if folder is None:
            return self.rollout_settings
        rank = f"-rank{self.global_rank}" if self.trainer.world_size > 1 else ""
        path = folder / f"trace{rank}.jsonl"
        return replace(self.rollout_settings, trace=str(path))

    def _task(self) -> Task:
        task = getattr(self.trainer, "datamodule", None)
        if not isinstance(task, Task):
            raise ConfigError("datamodule", task, "a datamodule with score() and specimen()")
        return task


def module_of(module: LightningModule) -> RolloutModule:
    """The `RolloutModule` that a callback is used with."""
    assert isinstance(module, RolloutModule), "these callbacks belong to modules with rollouts"
    return module
