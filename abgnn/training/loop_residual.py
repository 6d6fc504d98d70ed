"""`fit_residual`: a net learns what answers say beyond the closed form, by replay; no call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from abgnn.data.arrays import Array, Index
from abgnn.models.loop_values import NetBatch, device_of, net_batches
from abgnn.nn.loop_state_net import LoopStateNet
from abgnn.planning.closed_loop.counterfactual import Counterfactual, exact_values
from abgnn.training.loop_lessons import LoopCourse, LoopLessons

_UNVISITED = 0.1  # weight of a state in which no closed loop of the prices decides


def fit_residual(
    net: LoopStateNet, lessons: LoopLessons, prices: Sequence[float], course: LoopCourse
) -> None:
    """Teach the posterior, from which the values of asking follow.

    r_m, the residual on the value of asking m itself, is left to REINFORCE: regressed on exact
    returns of 160 questions it lost up to two points on others.
    """
    groups = net_batches(lessons.problems, net, lessons.view)
    answers = lessons.replay(None).answers
    made = [
        (batch, Counterfactual.of(batch, [answers[q] for q in index])) for index, batch in groups
    ]
    learn_posterior(net, made, prices, course)


def learn_posterior(
    net: LoopStateNet,
    made: Sequence[tuple[NetBatch, Counterfactual]],
    prices: Sequence[float],
    course: LoopCourse,
) -> None:
    r"""Cross-entropy of every key in every state of the replayed questions.

    .. math:: \sum_{q, S} w_{qS} \sum_k \big[-y_k \log \hat p_k - (1 - y_k) \log (1 - \hat p_k)
        + \rho \, r_k^2\big], \quad \hat p_k = \sigma(\mathrm{logit} \, P(k) + r_k)

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
            loss = key_loss(net, *made[i], rows, weights[i][rows], course.ridge)
            torch.autograd.backward(loss)
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


def key_loss(
    net: LoopStateNet,
    batch: NetBatch,
    known: Counterfactual,
    rows: Index,
    weight: Array,
    ridge: float,
) -> Tensor:
    """The loss of `learn_posterior` for some questions, with weights `[n, U]`."""
    sets = np.flatnonzero(known.sizes > 0)
    q, u = np.repeat(rows, len(sets)), np.tile(sets, len(rows))
    begin = np.array(batch.states.table.begin)
    s = begin[known.sizes[u]] + known.state[q, u]
    graph = batch.states.graph(batch.posterior, q, s).to(device_of(net))
    most = batch.posterior.shape[2]
    residual = net.keys(net(graph), graph.group, most).cpu()  # [G, H]
    p = torch.from_numpy(batch.posterior[q, s])
    there = torch.from_numpy(np.arange(most) < known.groups[q, u][:, None])
    odds = torch.logit(p.clamp(1e-6, 1 - 1e-6)).float() + residual
    right = torch.from_numpy(known.right[q, u]).float()
    each = F.binary_cross_entropy_with_logits(odds, right, reduction="none")
    each = each + ridge * residual.square()
    of = torch.from_numpy(weight[:, sets].reshape(-1, 1)).float() * there
    return (each * of).sum() / of.sum().clamp(min=1e-9)
