"""Lone calls under a `QuestionModel`: logits of drawn parameters, and beliefs in closed form."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.special import expit

from abgnn.data.arrays import Array, Mask
from abgnn.planning.quadrature import NODES, WEIGHTS
from abgnn.planning.question_calls import Seen
from abgnn.planning.question_layout import QuestionLayout

_LEAST, _STEPS = 1e-4, 12


class LoneCalls:
    """logit P(right) of every (role, backbone) that reads no message, without u.

    Args:
        layout: of the parameters.
        theta: R draws, `[R, size]`.
        thinks: of the backbones, `[M]`.
    """

    def __init__(self, layout: QuestionLayout, theta: Array, thinks: Mask) -> None:
        self.layout = layout
        part = layout.parts(theta)
        think = thinks.astype(float)
        s, m = layout.slots, layout.backbones
        draws = len(theta)
        whole = (draws, s, m)

        def spread(values: Array, axes: str) -> Array:
            """`[R, (S), (M)]` to `[R, S, M]`."""
            shape = [draws, s if "s" in axes else 1, m if "m" in axes else 1]
            return np.broadcast_to(values.reshape(shape), whole)

        level = part["intercept"][:, :, None] + part["thinking"][:, :, None] * think
        level = level + spread(part["ability"], "m") + spread(part["role"], "s")
        level = level + spread(part["role_thinking"], "s") * think
        columns = [level, spread(part["difficulty"], "")]
        columns += [spread(part["kind_affinity"], ""), spread(part["affinity"], "")]
        for g in range(layout.kinds):
            kind = spread(part["kind"][:, g], "") + spread(part["kind_backbone"][:, g], "m")
            columns.append(kind + spread(part["kind_role"][:, g], "s"))
        for f in range(layout.features):
            own = spread(part["question"][:, f], "") + spread(part["question_backbone"][:, f], "m")
            own = own + spread(part["question_thinking"][:, f], "") * think
            columns.append(own + spread(part["question_role"][:, f], "s"))
        self.weight = np.stack(columns, -1).astype(np.float32)  # [R, S, M, K]

    def regressors(self, seen: Seen) -> Array:
        """`[S, Q, K]`."""
        q, s = len(seen), self.layout.slots
        common = np.concatenate([seen.kind, seen.phi], 1)  # [Q, G+F]
        out = np.empty((s, q, 4 + common.shape[1]), dtype=np.float32)
        out[:, :, 0], out[:, :, 1] = 1.0, seen.difficulty
        out[:, :, 2], out[:, :, 3] = seen.between.T, seen.own.T
        out[:, :, 4:] = common
        return out

    def logits(self, regressors: Array, slot: int, backbone: int) -> Array:
        """`[R, Q]` of one role and backbone."""
        out: Array = self.weight[:, slot, backbone] @ regressors[slot].T
        return out

    def moments(self, regressors: Array) -> tuple[Array, Array]:
        """Mean and standard deviation over draws, `[Q, S, M]` each."""
        s, q, _ = regressors.shape
        mean, variance = np.empty((2, q, s, self.layout.backbones))
        for j in range(s):
            x = regressors[j]  # [Q, K]
            mean[:, j] = x @ self._centre[j].T
            variance[:, j] = (x @ self._covariance[j] * x).sum(-1).T  # [M, Q, K] summed
        return mean, np.sqrt(np.maximum(variance, 0))

    @cached_property
    def _centre(self) -> Array:
        """Mean weights, `[S, M, K]`."""
        centre: Array = self.weight.mean(0)
        return centre

    @cached_property
    def _covariance(self) -> Array:
        """Of the weights, over draws, `[S, M, K, K]`."""
        away = np.moveaxis(self.weight - self._centre, 0, 2)  # [S, M, R, K]
        out: Array = np.swapaxes(away, 2, 3) @ away / np.float32(len(self.weight))
        return out


def left_out_shift(
    layout: QuestionLayout, left_out: Array, thinks: Mask, seen: Seen, chunk: int = 64
) -> Array:
    """By how much lone logits on a question change if its own answers are left out, `[Q, S, M]`.

    Args:
        layout: of θ.
        left_out: change of θ, `[Q, size]`.
        thinks: of the backbones, `[M]`.
        seen: of the same questions.
    """
    out = np.empty((len(seen), layout.slots, layout.backbones))
    for start in range(0, len(seen), chunk):
        rows = slice(start, start + chunk)
        lone = LoneCalls(layout, left_out[rows], thinks)
        out[rows] = np.einsum("qsmk,sqk->qsm", lone.weight, lone.regressors(seen.rows(rows)))
    return out


def expected_accuracy(mean: Array, sd: Array, query_sd: float) -> Array:
    """E sigmoid of N(mean, sd² + query_sd²)."""
    total = np.sqrt(sd**2 + query_sd**2)
    out = np.zeros_like(mean)
    for node, weight in zip(NODES, WEIGHTS / WEIGHTS.sum(), strict=True):
        out += weight * expit(mean + total * node)
    return out


def logit_of(accuracy: Array, sd: Array, query_sd: float) -> Array:
    """The mean at which `expected_accuracy` is this; the inverse in its first argument."""
    total = np.sqrt(sd**2 + query_sd**2)
    wanted = np.clip(accuracy, _LEAST, 1 - _LEAST)
    mean = np.log(wanted / (1 - wanted)) * np.sqrt(1 + np.pi / 8 * total**2)
    for _ in range(_STEPS):
        at, slope = np.zeros_like(mean), np.zeros_like(mean)
        for node, weight in zip(NODES, WEIGHTS / WEIGHTS.sum(), strict=True):
            p = expit(mean + total * node)
            at += weight * p
            slope += weight * p * (1 - p)
        mean = mean + np.clip((wanted - at) / slope, -1, 1)
    return mean
