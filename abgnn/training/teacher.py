"""`Teacher`: imitation of the planner's design, before the first REINFORCE step."""

from __future__ import annotations

import logging
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from abgnn.errors import ConfigError
from abgnn.planning import Design
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.search import Candidate, Searcher
from abgnn.training.imitation import Lesson, action_of, check_calibration, imitate, some
from abgnn.training.module import module_of

_log = logging.getLogger(__name__)
_DEARER, _TRIES = 1.6, 16


class Teacher(Callback):
    """AgentBalance learns, by imitation, to choose the planner's design for its λ's.

    The design is searched inside the outcome model of a calibration (`abgnn calibrate`), within
    the pools that the policy may use. No rollout is made; REINFORCE then corrects the policy on
    live rewards, without bias. It is done once per policy: a resumed run does not repeat it. For
    stated budgets (`Reinforce(budget=…)`) it is a design that keeps them by itself (`within`).

    Args:
        calibration: a file that `abgnn calibrate` wrote, of the same backbones and roles.
        confidence: imitation ends when the policy gives each single choice of a design this
            probability in the (geometric) mean and its most probable plan is the design; the rest
            is for exploration.
        steps: of Adam, at most.
        lr: its learning rate.

    Raises:
        ConfigError: another policy than AgentBalance, or a calibration of other backbones or
            roles than the experiment's.
    """

    def __init__(
        self,
        calibration: str,
        confidence: float = 0.9,
        steps: int = 600,
        lr: float = 3e-3,
    ) -> None:
        if not 0 < confidence < 1:
            raise ConfigError("Teacher.confidence", confidence, "between 0 and 1")
        self.calibration, self.confidence = calibration, confidence
        self.steps, self.lr = steps, lr
        self.design: Design | None = None
        self._done = False

    def state_dict(self) -> dict[str, Any]:
        return {"done": self._done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._done = bool(state_dict["done"])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = module_of(pl_module)
        policy = module.policy
        if not policy.teachable:
            raise ConfigError("policy", type(policy).__name__, "AgentBalance, for Teacher")
        if self._done:
            return
        calibration = Calibration.load(self.calibration)
        check_calibration("Teacher.calibration", calibration, module.mas)
        queries = trainer.datamodule.queries("train")  # type: ignore[attr-defined]
        space = policy.plan_space(calibration)
        searcher = Searcher(calibration.model(), space)
        prices = (module.lambda_tok, module.lambda_lat)
        if module.budget is None:
            self.design = searcher.best(*prices).design
        else:
            self.design = within(searcher, module.budget, prices).design
        batch = module.mas.batch(some(queries)).to(pl_module.device)
        lesson = Lesson(None, action_of(batch, self.design, space.pools))
        reached = imitate(policy, batch, [lesson], self.confidence, self.steps, self.lr)
        self._done = True
        described = self.design.describe(calibration.template, calibration.profile.names)
        _log.info("teacher: %s (probability per choice %.2f)", described, reached)


def within(searcher: Searcher, budget: Budget, lambdas: tuple[float, float]) -> Candidate:
    """The best design at the first prices, from λ's on upwards, whose design keeps the budgets.

    At the prices of a mixture one design lies below the budgets and an equally good one above
    them; a policy that chooses a single design must not choose that one.
    """
    candidate = searcher.best(*lambdas)
    for _ in range(_TRIES):
        uses = iter(budget.uses(searcher, candidate))
        stated = (budget.cost_usd is not None, budget.latency_s is not None)
        over = [known and next(uses) > budget.aim for known in stated]
        if not any(over):
            break
        tok, lat = (x * _DEARER if o else x for x, o in zip(lambdas, over, strict=True))
        lambdas = (tok, lat)
        candidate = searcher.best(*lambdas)
    return candidate
