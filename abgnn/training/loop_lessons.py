"""`teach_loop_net`: a net learns what answers say beyond the closed form, by replay; no call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from abgnn.data.arrays import Array, Index
from abgnn.models.loop_values import NetBatch, NetReplay, View, net_batches, worth_of
from abgnn.nn.loop_state_net import LoopStateNet
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.candidates import price_grid
from abgnn.planning.closed_loop.counterfactual import Counterfactual, exact_values
from abgnn.planning.closed_loop.prior import text_folds
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Answers, Replay

SCALES = (0.25, 0.5, 1.0)
_UNVISITED = 0.1  # weight of a state in which no closed loop of the prices decides


@dataclass(frozen=True, slots=True)
class LoopCourse:
    """
    Args:
        steps: of AdamW, for the posterior; ask_steps: for the values of asking.
        questions: per step.
        lr, weight_decay: of AdamW; the learning rate falls to 0 by a half cosine.
        folds: of the cross-validation that decides how much of the residual is used.
        sure: standard errors by which the left-out gain must be above 0.
        prices: at how many prices it is learned and judged.
        seed: of what steps draw.
    """

    steps: int = 300
    ask_steps: int = 200
    questions: int = 24
    lr: float = 3e-3
    weight_decay: float = 0.1
    folds: int = 5
    sure: float = 2.0
    prices: int = 5
    seed: int = 0


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


@dataclass(frozen=True, eq=False)
class LoopLessons:
    """Questions all of whose answers are known.

    Args:
        problems: with accuracies that have not seen the questions' own answers.
        table: the answers.
        view: what the net reads of them.
    """

    problems: Sequence[LoopProblem]
    table: AnswerTable
    view: View

    def rows(self, at: Index) -> LoopLessons:
        """Some of the questions."""
        def view(index, batch):  # type: ignore[no-untyped-def]
            return self.view(at[index], batch)

        return LoopLessons([self.problems[i] for i in at], self.table.rows(at), view)

    def replay(self, net: LoopStateNet | None, scale: float = 1.0) -> Replay:
        """Of the closed form, or with a net's residual."""
        if net is None:
            return Replay(self.problems, self.table)
        return NetReplay(self.problems, self.table, net, self.view, scale)

    def prices(self, count: int) -> list[float]:
        """Prices at which the closed form's bills lie between those of the cheapest and the
        dearest candidate."""
        usd = np.stack([np.sort(p.usd)[[0, -1]] for p in self.problems]).mean(0)
        grid = price_grid(np.concatenate([p.usd for p in self.problems]))
        run = self.replay(None)
        spent = np.array([run(price).usd.mean() for price in grid])
        able = np.flatnonzero((spent > 1.02 * usd[0]) & (spent < usd[1]))
        if len(able) < count:
            able = np.arange(len(grid))
        chosen = able[np.linspace(0, len(able) - 1, count).round().astype(int)]
        return [float(p) for p in grid[chosen]]


def teach_loop_net(
    net: LoopStateNet, lessons: LoopLessons, course: LoopCourse = LoopCourse()
) -> LoopReport:
    """Teach a net, and decide by cross-validation how much of what it says is used.

    Left-out gains are of nets that were taught on the other folds of questions, by text. The net
    keeps weights of all questions if they are clearly positive, else its residual is 0 again.
    """
    prices = lessons.prices(course.prices)
    report = cross_validated(net, lessons, prices, course)
    net.reset_parameters()
    if report.scale:
        fit_residual(net, lessons, prices, course)
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
            return LoopReport(0.0, (0.0,) * len(SCALES), (0.0,) * len(SCALES))
        net.reset_parameters()
        fit_residual(net, lessons.rows(rest), prices, course)
        before = _utility(lessons.rows(out).replay(None), prices)
        for i, scale in enumerate(SCALES):
            gain[i, out] = _utility(lessons.rows(out).replay(net, scale), prices) - before
    mean = gain.mean(1)
    error = gain.std(1, ddof=1) / n**0.5 if n > 1 else np.full(len(SCALES), np.inf)
    best = int(mean.argmax())
    scale = SCALES[best] if mean[best] > course.sure * error[best] else 0.0
    return LoopReport(scale, tuple(mean.tolist()), tuple(error.tolist()))


def _utility(replay: Replay, prices: Sequence[float]) -> Array:
    """Score less what it cost, in the mean over prices, `[Q]`."""
    runs = [(price, replay(price)) for price in prices]
    out: Array = np.mean([run.right - price * run.usd for price, run in runs], 0)
    return out


def fit_residual(
    net: LoopStateNet, lessons: LoopLessons, prices: Sequence[float], course: LoopCourse
) -> None:
    """First the posterior, then, with that, the values of asking."""
    torch.manual_seed(course.seed)
    groups = net_batches(lessons.problems, net, lessons.view)
    answers = lessons.replay(None).answers
    made = [
        (batch, Counterfactual.of(batch, [answers[q] for q in index])) for index, batch in groups
    ]
    learn_posterior(net, made, prices, course)
    learn_asking(net, made, prices, course)


def learn_posterior(
    net: LoopStateNet,
    made: Sequence[tuple[NetBatch, Counterfactual]],
    prices: Sequence[float],
    course: LoopCourse,
) -> None:
    r"""Cross-entropy of every key in every state of the replayed questions.

    .. math:: -\sum_{q, S} w_{qS} \sum_k \big[y_k \log \hat p_k + (1 - y_k) \log (1 - \hat p_k)\big],
        \quad \hat p_k = \sigma(\mathrm{logit} \, P(k) + r_k)

    with w the share of prices at which a closed loop decides in S, and .1 elsewhere.
    """
    learn = [p for name, p in net.named_parameters() if not name.startswith(("lin_a", "lin_v"))]
    optimiser = torch.optim.AdamW(learn, course.lr, weight_decay=course.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(course.steps, 1))
    rng = np.random.default_rng(course.seed)
    sizes = np.array([len(batch.problems) for batch, _ in made], dtype=float)
    weights = [_weights(batch, known, prices) for batch, known in made]
    with torch.enable_grad():
        for _ in range(course.steps):
            i = int(rng.choice(len(made), p=sizes / sizes.sum()))
            n = len(made[i][0].problems)
            rows = rng.choice(n, min(course.questions, n), replace=False)
            optimiser.zero_grad()
            torch.autograd.backward(_key_loss(net, *made[i], rows, weights[i][rows]))
            optimiser.step()
            schedule.step()


def _weights(batch: NetBatch, known: Counterfactual, prices: Sequence[float]) -> Array:
    closed = batch.closed
    runs = [
        exact_values(known, closed.weights, closed.policy(price), price).visited for price in prices
    ]
    visited = np.mean(runs, 0)
    out: Array = (1 - _UNVISITED) * visited + _UNVISITED
    return out


def _key_loss(
    net: LoopStateNet, batch: NetBatch, known: Counterfactual, rows: Index, weight: Array
) -> Tensor:
    sets = np.flatnonzero(known.sizes > 0)
    q, u = np.repeat(rows, len(sets)), np.tile(sets, len(rows))
    begin = np.array(batch.states.table.begin)
    s = begin[known.sizes[u]] + known.state[q, u]
    graph = batch.states.graph(batch.posterior, q, s)
    most = batch.posterior.shape[2]
    residual = net.keys(net(graph), graph.group, most)  # [G, H]
    p = torch.from_numpy(batch.posterior[q, s])
    there = torch.from_numpy(np.arange(most) < known.groups[q, u][:, None])
    odds = torch.logit(p.clamp(1e-6, 1 - 1e-6)).float() + residual
    right = torch.from_numpy(known.right[q, u]).float()
    each = F.binary_cross_entropy_with_logits(odds, right, reduction="none")
    of = torch.from_numpy(weight[:, sets].reshape(-1, 1)).float() * there
    return (each * of).sum() / of.sum().clamp(min=1e-9)


def learn_asking(
    net: LoopStateNet,
    made: Sequence[tuple[NetBatch, Counterfactual]],
    prices: Sequence[float],
    course: LoopCourse,
) -> None:
    r"""Regression of what asking has come to on what it was foreseen to, beside stopping.

    .. math:: \sum w \big((G_m - G_{stop}) - (V_m - V_{stop}) - r_m\big)^2

    with exact returns G under the corrected policy, and only where a loop of the price decides;
    before any answer, where there is no stopping, beside the mean over LLMs.
    """
    parts = [_ask_material(batch, known, price) for batch, known in made for price in prices]
    g, worth, wanted, there = (torch.cat(column) for column in zip(*parts, strict=True))
    if not len(g):
        return
    learn = [p for name, p in net.named_parameters() if name.startswith(("lin_a", "lin_v"))]
    optimiser = torch.optim.AdamW(learn, course.lr, weight_decay=course.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(course.ask_steps, 1))
    with torch.enable_grad():
        for _ in range(course.ask_steps):
            optimiser.zero_grad()
            away = (net.asks(g, worth) - wanted) * there
            torch.autograd.backward(away.square().sum() / there.sum().clamp(min=1))
            optimiser.step()
            schedule.step()


def _ask_material(
    batch: NetBatch, known: Counterfactual, price: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """g `[n, M, D]`, worth `[n, M, 3]`, what to add `[n, M]` and whether it can be asked."""
    with torch.no_grad():
        values = batch.values(price)
    exact = exact_values(known, batch.weights, batch.policy(price), price)
    money = torch.from_numpy(price * batch.bills[0])
    out = []
    for n in range(len(values.choice) - 1):
        rows = known.rows(n)
        q, u = np.nonzero(exact.visited[:, rows])
        state = known.state[q, rows[u]]
        foreseen = values.choice[n][q, state]  # [n, 1 + M]
        stop = foreseen[:, :1] if n else torch.zeros(len(q), 1, dtype=torch.float64)
        there = torch.isfinite(foreseen[:, 1:])
        gain = torch.from_numpy(exact.ask[q, rows[u]] - exact.stop[q, rows[u]][:, None])
        wanted = torch.where(there, gain - (foreseen[:, 1:] - stop), torch.zeros_like(gain))
        if not n:
            wanted = wanted - wanted.sum(1, keepdim=True) / there.sum(1, keepdim=True)
        begin = batch.states.table.begin[n]
        g = batch.reading.state[torch.from_numpy(q), torch.from_numpy(begin + state)]
        worth = worth_of(stop, foreseen[:, None, 1:], money[q])[:, 0]
        out.append((g, worth, wanted.float(), there.float()))
    columns = [torch.cat(column) for column in zip(*out, strict=True)]
    return columns[0], columns[1], columns[2], columns[3]
