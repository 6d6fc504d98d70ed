"""`PolicySource`: what plans questions, with the deployment to answer them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from abgnn.errors import ConfigError
from abgnn.experiments.deployment import Deployment
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.reading_plan import ReadingPlan

if TYPE_CHECKING:
    from abgnn.experiments.trained import Trained


@dataclass(frozen=True, slots=True)
class PolicySource:
    """Something that can plan questions, with the deployment to answer them.

    Args:
        deployment: client, backbones, roles, settings.
        trained: a policy that chooses plans, or None.
        plan: a plan file that chooses them, or None; question_plan: one that reads the question,
            and perhaps the answers.
        calibration: what plans the budgets of single questions; None: they are bounds.
        device: where the policy and the encoder of questions run.
        model: section `model` of the config or checkpoint that it was made from, from which it can
            be saved; None: its parts were made in Python.
        certificate: what `abgnn certify --out` wrote of it, or None.
    """

    deployment: Deployment
    trained: Trained | None = None
    plan: PlanFile | None = None
    calibration: Calibration | None = None
    question_plan: ReadingPlan | None = None
    device: str = "cpu"
    model: Mapping[str, Any] | None = None
    certificate: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        names = self.deployment.mas.catalogue.names
        roles = [role.name for role in self.deployment.mas.template.roles]
        for plan in (self.plan, self.question_plan):
            if plan is not None:
                plan.check(names, roles)
        if self.calibration is not None:
            for name in self.calibration.profile.names:
                if name not in names:
                    raise ConfigError("calibration: backbone", name, ", ".join(names))
            for role in self.calibration.template.roles:
                if role.name not in roles:
                    raise ConfigError("calibration: role", role.name, ", ".join(roles))


def reads_questions(calibration: Calibration | None) -> bool:
    """Whether its plans read the question, for which it must be encoded."""
    return calibration is not None and calibration.questions is not None
