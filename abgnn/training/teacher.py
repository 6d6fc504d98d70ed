"""`Teacher`: imitation of the planner, question by question, before the first REINFORCE step."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from abgnn.errors import ConfigError
from abgnn.models.loop_net import LoopNet
from abgnn.models.plan_net import PlanNet
from abgnn.planning.calibration import Calibration
from abgnn.training.budget_duals import BudgetDuals
from abgnn.training.course import AGENT_BALANCE, PLAN_NET, POINTS, Course
from abgnn.training.imitation import check_calibration
from abgnn.training.lessons import planner_of, teach, texts_of
from abgnn.training.loop_lessons import LOOP_NET, LoopCourse
from abgnn.training.loop_teaching import judge_loops, teach_loops
from abgnn.training.loop_validation import LoopReport
from abgnn.training.module import RolloutModule, module_of

_log = logging.getLogger(__name__)


class Teacher(Callback):
    """A policy learns what the planner by question would choose, before any rollout.

    The planner is the outcome model of a calibration (`abgnn calibrate`), which forecasts designs
    on every question. `PlanNet` learns these forecasts, `LoopNet` from a replay of the answers
    what the closed form has missed (nothing, where left-out questions are not clearly better for
    it), AgentBalance the best designs that it can choose, at the experiment's λ's; if it is
    conditioned on the λ's, at those of `POINTS`, too. Questions need no answers for it and no call
    is made; REINFORCE then corrects the policy on live rewards. It is done once per policy: a
    resumed run does not repeat it. For stated budgets (`Reinforce(budget=…)`) the λ's are those
    at which the planner's choices keep them.

    Args:
        calibration: a file that `abgnn calibrate` wrote, of the same backbones and roles.
        texts: further questions of the datamodule, none of the test, that are learned on beside
            the training questions; only their texts are read.
        steps: of AdamW; None: 400 for `PlanNet`, 100 for `LoopNet`, 500 for AgentBalance.
        lr: its learning rate; None: .01 for `LoopNet`, .003 for the others.
        seed: of what steps draw.

    Raises:
        ConfigError: another policy than these, or a calibration of other backbones or roles than
            the experiment's.
    """

    def __init__(
        self,
        calibration: str,
        texts: int = 0,
        steps: int | None = None,
        lr: float | None = None,
        seed: int = 0,
    ) -> None:
        if texts < 0:
            raise ConfigError("Teacher.texts", texts, "a number of questions ≥ 0")
        if steps is not None and steps < 0:
            raise ConfigError("Teacher.steps", steps, "a number ≥ 0, or null")
        self.calibration, self.texts = calibration, texts
        self.steps, self.lr, self.seed = steps, lr, seed
        self.reached: float | None = None
        self.report: LoopReport | None = None  # of a `LoopNet`
        self.verdict = ""  # on a `LoopNet`, in words
        self.known: Calibration | None = None  # what is in the file, where it has been read
        self._done = False

    def state_dict(self) -> dict[str, Any]:
        return {"done": self._done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._done = bool(state_dict["done"])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = module_of(pl_module)
        policy = module.policy
        if not policy.teachable:
            allowed = "PlanNet, LoopNet or AgentBalance, for Teacher"
            raise ConfigError("policy", type(policy).__name__, allowed)
        if self._done:
            return
        calibration = self.known or Calibration.load(self.calibration)
        if isinstance(policy, LoopNet):  # whose plans have the calibration's own roles
            self._teach_loops(module, policy, calibration)
            return
        check_calibration("Teacher.calibration", calibration, module.mas)
        data = trainer.datamodule  # type: ignore[attr-defined]
        planner = planner_of(calibration, module.mas, data.queries("train"))
        if module.budget is not None:
            _set_prices(trainer, module, planner.prices(module.budget))
        own = (module.lambda_tok, module.lambda_lat)
        points = tuple(dict.fromkeys((own, *POINTS))) if policy.conditioned else (own,)
        course = self._course(PLAN_NET if isinstance(policy, PlanNet) else AGENT_BALANCE)
        queries = texts_of(data, self.texts)
        self.reached = teach(policy, module.mas, calibration, planner, queries, points, course)
        module.set_tradeoff(*own)
        self._done = True
        what = "error of forecasts" if isinstance(policy, PlanNet) else "probability per choice"
        _log.info("teacher: %d designs, %s %.3f", len(planner.designs), what, self.reached)

    def _teach_loops(
        self, module: RolloutModule, policy: LoopNet, calibration: Calibration
    ) -> None:
        self.report = teach_loops(policy, module.mas, calibration, self._loop_course)
        if module.budget is not None:
            point = policy.set_budget(module.budget.cost_usd, module.budget.latency_s)
            _set_prices(module.trainer, module, point)
        else:
            policy.set_tradeoff(module.lambda_tok, module.lambda_lat)
        self._done = True
        self.verdict = self.report.words()
        _log.info("teacher: %s", self.verdict)

    @property
    def _loop_course(self) -> LoopCourse:
        steps = LOOP_NET.steps if self.steps is None else self.steps
        lr = LOOP_NET.lr if self.lr is None else self.lr
        return replace(LOOP_NET, steps=steps, lr=lr, seed=self.seed)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """What REINFORCE has made of closed loops decides only where left-out questions say so."""
        module = module_of(pl_module)
        if isinstance(module.policy, LoopNet) and module.policy.knowledge is not None:
            gain, low = judge_loops(module.policy, self._loop_course)
            values = {"gain": gain, "gain_low": low, "trusted": float(module.policy.trusted)}
            pl_module.log_dict({f"{module.label}/loop/{k}": v for k, v in values.items()})
            used = "is used" if low > 0 else "is not used"
            words = f"{100 * gain:+.2f} points on left-out questions, at least {100 * low:+.2f}"
            _log.info("REINFORCE has added %s: it %s", words, used)
            before = self.verdict.split("\n")[0]
            self.verdict = f"{before}\nREINFORCE has added {words}: it {used}".strip()

    def _course(self, course: Course) -> Course:
        steps = course.steps if self.steps is None else self.steps
        lr = course.lr if self.lr is None else self.lr
        return replace(course, steps=steps, lr=lr, seed=self.seed)


def _set_prices(trainer: Trainer, module: RolloutModule, prices: tuple[float, float]) -> None:
    """λ's of the planner by question, from which `BudgetDuals` goes on."""
    module.set_tradeoff(*prices)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, BudgetDuals):
            callback.lambdas = prices
