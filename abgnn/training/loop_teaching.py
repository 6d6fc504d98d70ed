"""A `LoopNet` is taught by a calibration, and judged again after REINFORCE."""

from __future__ import annotations

import numpy as np
import torch

from abgnn.graph.base_mas import BaseMAS
from abgnn.models.loop_knowledge import loop_knowledge
from abgnn.models.loop_net import LoopNet
from abgnn.planning.calibration import Calibration
from abgnn.training.loop_lessons import LoopCourse, LoopLessons
from abgnn.training.loop_validation import NOTHING, LoopReport, replayed, teach_loop_net


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
    lessons = lessons_of(policy)
    report = NOTHING if lessons is None else teach_loop_net(policy.net, lessons, course)
    policy.keep()  # whose residual is 0 where it was not clearly better
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
    """Keep what REINFORCE has made of the net if it is clearly better than what is kept, on
    questions that it has not learned from; the gain in accuracy less cost, and `course.sure`
    standard errors below it. Called after every epoch: so often it is looked at.
    """
    lessons = lessons_of(policy)
    if lessons is None:
        return 0.0, 0.0
    held = policy.taught.held
    at = np.flatnonzero([text in held for text in lessons.table.texts])
    if len(at) < 2:
        return 0.0, 0.0
    judged, prices = lessons.rows(at), lessons.prices(course.prices)
    gain = replayed(policy.net, judged, prices) - replayed(policy.kept, judged, prices)
    low = float(gain.mean() - course.sure * gain.std(ddof=1) / np.sqrt(len(gain)))
    if low > 0:
        policy.keep()
    return float(gain.mean()), low
