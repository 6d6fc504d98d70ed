"""`teach_loop_net`: left-out questions decide how much of a residual closed loops use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from abgnn.data.arrays import Array
from abgnn.models.loop_values import NetReplay
from abgnn.nn.loop_state_net import LoopStateNet
from abgnn.planning.closed_loop.prior import text_folds
from abgnn.planning.closed_loop.replay import Replay
from abgnn.training.loop_lessons import LOOP_NET, LoopCourse, LoopLessons
from abgnn.training.loop_residual import fit_residual

SCALES = (0.25, 0.5, 1.0)


@dataclass(frozen=True)
class LoopReport:
    """What the cross-validation has said.

    Args:
        scale: what the residual is multiplied by; 0: the closed form stays as it is.
        gains: left-out gain in accuracy less cost, in the mean over the prices, of each of
            `SCALES`; errors: their standard errors over the questions.
    """

    scale: float
    gains: tuple[float, ...]
    errors: tuple[float, ...]

    def words(self) -> str:
        """As a sentence."""
        best = int(np.argmax(self.gains))
        low, high = (100 * (self.gains[best] + z * self.errors[best]) for z in (-1.96, 1.96))
        gain = f"{100 * self.gains[best]:+.2f} points [{low:+.2f}, {high:+.2f}], left out"
        if self.scale:
            return f"residual × {self.scale:g}: {gain}"
        return f"closed form as it is: the best residual, × {SCALES[best]:g}, adds {gain}"


NOTHING = LoopReport(0.0, (0.0,) * len(SCALES), (0.0,) * len(SCALES))


def teach_loop_net(
    net: LoopStateNet, lessons: LoopLessons, course: LoopCourse = LOOP_NET
) -> LoopReport:
    """Teach a net, and decide by cross-validation how much of what it says is used.

    Left-out gains are of nets that were taught on the other folds of questions, by text. The net
    keeps weights of all questions if they are clearly positive, else its residual is 0 again.
    """
    prices = lessons.prices(course.prices)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(course.seed)
        report = cross_validated(net, lessons, prices, course)
        net.reset_parameters()
        if report.scale:
            fit_residual(net, lessons, prices, course)
            net.scale_residual(report.scale)
    return report


def cross_validated(
    net: LoopStateNet, lessons: LoopLessons, prices: Sequence[float], course: LoopCourse
) -> LoopReport:
    """The left-out gain of every scale; the net is left with weights of the last fold."""
    n = len(lessons.problems)
    fold = text_folds(lessons.table.texts, course.folds)
    gain = np.zeros((len(SCALES), n))
    for k in np.unique(fold):
        rest, out = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        if not len(rest):
            return NOTHING
        net.reset_parameters()
        fit_residual(net, lessons.rows(rest), prices, course)
        before = replayed(None, lessons.rows(out), prices)
        held = lessons.rows(out).replay(net)
        for i, scale in enumerate(SCALES):
            gain[i, out] = _utility(scaled(held, scale), prices) - before
    mean = gain.mean(1)
    error = gain.std(1, ddof=1) / n**0.5 if n > 1 else np.full(len(SCALES), np.inf)
    best = int(mean.argmax())
    scale = SCALES[best] if mean[best] > course.sure * error[best] else 0.0
    return LoopReport(scale, tuple(mean.tolist()), tuple(error.tolist()))


def scaled(replay: Replay, scale: float) -> Replay:
    """Of the same net with another scale."""
    assert isinstance(replay, NetReplay)
    made = replace(replay, scale=scale)
    kept = [(index, batch.scaled(scale)) for index, batch in replay.net_batches]
    made.__dict__.update(net_batches=kept, answers=replay.answers)
    return made


def _utility(replay: Replay, prices: Sequence[float]) -> Array:
    """Score less what it cost, in the mean over prices, `[Q]`."""
    runs = [(price, replay(price)) for price in prices]
    out: Array = np.mean([run.right - price * run.usd for price, run in runs], 0)
    return out


def replayed(net: LoopStateNet | None, lessons: LoopLessons, prices: Sequence[float]) -> Array:
    """Score less what it cost on each question, in the mean over prices, `[Q]`."""
    return _utility(lessons.replay(net), prices)
