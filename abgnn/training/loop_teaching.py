"""A `LoopNet` is taught by a calibration, and judged again after REINFORCE."""

from __future__ import annotations

import numpy as np
import torch

from abgnn.graph.base_mas import BaseMAS
from abgnn.models.loop_knowledge import loop_knowledge
from abgnn.models.loop_net import LoopNet
from abgnn.planning.calibration import Calibration
from abgnn.training.loop_lessons import LoopCourse, LoopLessons
from abgnn.training.loop_validation import SCALES, LoopReport, replayed_gain, teach_loop_net

_NOTHING = LoopReport(0.0, (0.0,) * len(SCALES), (0.0,) * len(SCALES))


def teach_loops(
    policy: LoopNet, mas: BaseMAS, calibration: Calibration, course: LoopCourse
) -> LoopReport:
    """Closed loops of a calibration, and what its replay says beyond them; no call is made.

    Where not every candidate has answered every question, or there is nothing to learn, the
    policy is the closed form.

    Raises:
        ConfigError: a calibration without the keys of answers.
    """
    policy.know(loop_knowledge(calibration, mas))
    policy.net.reset_parameters()
    policy.trusted.fill_(False)
    policy.scale.fill_(1.0)
    lessons = lessons_of(policy)
    report = _NOTHING if lessons is None else teach_loop_net(policy.net, lessons, course)
    if report.scale:
        policy.scale.fill_(report.scale)
        policy.trusted.fill_(True)
    return report


def lessons_of(policy: LoopNet) -> LoopLessons | None:
    """Of the calibration that the policy goes by; None: it has gaps."""
    made = policy.taught.lessons()
    if made is None:
        return None
    problems, table, rows = made
    return LoopLessons(problems, table, policy.taught.view_of(rows))


@torch.no_grad()
def judge_loops(policy: LoopNet, course: LoopCourse) -> tuple[float, float]:
    """Trust what the policy has become only if a replay of the calibration is clearly better for
    it; the gain in accuracy less cost, and `course.sure` standard errors below it.

    REINFORCE may have learned on the same questions: the test can keep from harm, it proves
    nothing.
    """
    lessons = lessons_of(policy)
    if lessons is None or not _corrects(policy):
        policy.trusted.fill_(False)
        return 0.0, 0.0
    each = replayed_gain(policy.net, lessons, float(policy.scale), course)
    low = float(each.mean() - course.sure * each.std(ddof=1) / np.sqrt(len(each)))
    policy.trusted.fill_(low > 0)
    return float(each.mean()), low


def _corrects(policy: LoopNet) -> bool:
    """Whether its residual is anything but 0."""
    starts = (policy.net.lin_w, policy.net.lin_v)
    return any(bool(p.abs().max() > 0) for layer in starts for p in layer.parameters())
