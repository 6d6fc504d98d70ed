"""`teach_plan_net`: a `PlanNet` learns the planner's forecasts on questions without answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from abgnn.data.arrays import Array
from abgnn.models.plan_net import PlanNet
from abgnn.planning.beliefs import Belief, Forecasts
from abgnn.planning.questions import Questions
from abgnn.training.course import PLAN_NET, Course

_CENTRED, _SCALE = 2.0, 100.0
_AHEAD = 200  # questions in whose forecasts budgets are looked up


def teach_plan_net(
    policy: PlanNet,
    forecasts: Forecasts,
    texts: Questions,
    course: Course = PLAN_NET,
    belief: Belief | None = None,
) -> float:
    r"""Regression on the planner's forecasts; returns the root mean squared error that is left.

    .. math:: 100 \, \big(\mathrm{MSE}(p) + 2 \, \mathrm{MSE}(p - \bar p)\big)

    with the mean over designs taken away in the second term: what decides is which design is
    better on a question. What is left in the mean of a design over the texts becomes its level;
    expected USD and seconds of teams get one factor per design.

    Args:
        policy: that knows its portfolio (`PlanNet.know`).
        forecasts: of its designs on the texts, `[Q, D]`.
        texts: Q questions.
        course: of the lessons.
        belief: about lone agents on the texts; None: what the policy believes itself.
    """
    learn = list(policy.net.parameters())
    optimiser = torch.optim.AdamW(learn, course.lr, weight_decay=course.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(course.steps, 1))
    rng = np.random.default_rng(course.seed)
    wanted = torch.as_tensor(forecasts.accuracy, dtype=torch.float32, device=learn[0].device)
    shown = policy.prepared(texts, belief)
    with torch.enable_grad():
        for _ in range(course.steps):
            at = torch.from_numpy(rng.choice(len(texts), min(course.texts, len(texts)), False))
            optimiser.zero_grad()
            loss = forecast_loss(policy.accuracy(shown.rows(at)), wanted[at])
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    known = policy.taught
    mine = policy.forecasts(texts, belief)
    slope = np.maximum(mine.accuracy * (1 - mine.accuracy), 1e-4)
    level = known.level + (forecasts.accuracy - mine.accuracy).mean(0) / slope.mean(0)  # [D]
    policy.know(replace(known, level=level, factor=_factors(mine, forecasts, known.factor)))
    ahead = policy.forecasts(texts, belief)
    few = np.linspace(0, len(texts) - 1, min(_AHEAD, len(texts))).astype(np.int64)
    kept = Forecasts(ahead.accuracy[few], ahead.usd[few], ahead.seconds[few])
    policy.know(replace(policy.taught, ahead=kept))
    return float(np.sqrt(np.square(ahead.accuracy - forecasts.accuracy).mean()))


def forecast_loss(accuracy: Tensor, wanted: Tensor) -> Tensor:
    """The loss of `teach_plan_net` for `[n, D]`."""
    away = accuracy - wanted
    centred = away - away.mean(1, keepdim=True)
    return _SCALE * (away.square().mean() + _CENTRED * centred.square().mean())


def _factors(mine: Forecasts, wanted: Forecasts, before: Array) -> Array:
    """Factors of USD and seconds, `[2, D]`."""
    pairs = ((wanted.usd, mine.usd), (wanted.seconds, mine.seconds))
    ratio = np.stack([a.mean(0) / np.maximum(b.mean(0), 1e-12) for a, b in pairs])
    return ratio * before
