"""`Tradeoffs`: one policy for all budgets, trained at several λ's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.models.agent_balance import AgentBalance
from abgnn.planning.calibration import Calibration
from abgnn.training.course import AGENT_BALANCE, POINTS, Pair
from abgnn.training.imitation import check_calibration
from abgnn.training.lessons import planner_of, teach, texts_of
from abgnn.training.module import RolloutModule, module_of
from abgnn.training.profiles_alone import profiles_alone

_log = logging.getLogger(__name__)


class Tradeoffs(Callback):
    """A conditioned AgentBalance learns every point by question, and REINFORCE at all of them.

    Before the first step the policy imitates what the planner would choose on each question for
    each (λ_tok, λ_lat); it keeps what the planner expects of its own plans there, in which
    `AgentBalance.set_budget` looks budgets up. Every training step is then at a point drawn for
    it; validation, tests and the end of training are at the λ's of the experiment.

    Args:
        points: pairs of λ_tok (per USD) and λ_lat (per second); None: from strict to free
            (`POINTS`: Table 6 of arXiv 2512.11426 and two more).
        calibration: a file that `abgnn calibrate` wrote; None: that of the experiment
            (`model.calibration`) if that file exists, or else profiles alone.
        texts, steps, lr: of the imitation, as for `Teacher`.
        seed: of what the imitation draws, and of the points that steps draw.

    Raises:
        ConfigError: fewer than two points or a negative λ; another policy than a conditioned
            AgentBalance; a calibration of other backbones or roles.
    """

    def __init__(
        self,
        points: Sequence[Sequence[float]] | None = None,
        calibration: str | None = None,
        texts: int = 0,
        steps: int = 600,
        lr: float = 3e-3,
        seed: int = 0,
    ) -> None:
        self.points = POINTS if points is None else tuple(_pair(p) for p in points)
        if len(set(self.points)) < 2:
            raise ConfigError("Tradeoffs.points", points, "two or more different points")
        if texts < 0:
            raise ConfigError("Tradeoffs.texts", texts, "a number of questions ≥ 0")
        self.calibration, self.texts = calibration, texts
        self.steps, self.lr, self.seed = steps, lr, seed
        self.reached: float | None = None
        self._own: Pair = (0.0, 0.0)
        self._done = False

    def state_dict(self) -> dict[str, Any]:
        return {"done": self._done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._done = bool(state_dict["done"])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = module_of(pl_module)
        policy = module.policy
        if not (isinstance(policy, AgentBalance) and policy.conditioned):
            name = type(policy).__name__
            raise ConfigError("policy", name, "AgentBalance(conditioned=True), for Tradeoffs")
        if module.budget is not None:
            raise ConfigError("model.budget", module.budget, "null: Tradeoffs draws the λ's")
        self._own = (module.lambda_tok, module.lambda_lat)
        if not self._done:
            self._teach(trainer, module, policy)
            self._done = True

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        drawn = np.random.default_rng((self.seed, trainer.global_step)).integers(len(self.points))
        module_of(pl_module).set_tradeoff(*self.points[int(drawn)])

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            module_of(pl_module).set_tradeoff(*self._own)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module_of(pl_module).set_tradeoff(*self._own)

    def _teach(self, trainer: Trainer, module: RolloutModule, policy: AgentBalance) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        train = data.queries("train")
        known = self._known(module, train)
        planner = planner_of(known, module.mas, train)
        course = replace(AGENT_BALANCE, steps=self.steps, lr=self.lr, seed=self.seed)
        queries = texts_of(data, self.texts)
        self.reached = teach(policy, module.mas, known, planner, queries, self.points, course)
        module.set_tradeoff(*self._own)
        _log.info(
            "trade-offs: %d points (probability per choice %.2f)", len(self.points), self.reached
        )

    def _known(self, module: RolloutModule, queries: Sequence[Query]) -> Calibration:
        """The calibration, if there is one, or the profiles alone."""
        path = self.calibration
        if path is None and module.calibration and Path(module.calibration).exists():
            path = module.calibration
        if path is None:
            return profiles_alone(module.mas, queries)
        known = Calibration.load(path)
        check_calibration("Tradeoffs.calibration", known, module.mas)
        return known


def _pair(point: Sequence[float]) -> Pair:
    if len(point) != 2 or min(point) < 0:
        raise ConfigError("Tradeoffs.points", list(point), "pairs of λ_tok ≥ 0 and λ_lat ≥ 0")
    tok, lat = point
    return float(tok), float(lat)
