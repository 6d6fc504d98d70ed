"""A plain network on [question; profile of an LLM]: what routing without a graph would use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from matched_cost import folds
from torch import Tensor, nn

from abgnn.data.arrays import Array
from abgnn.planning.questions import Questions

HIDDEN, EPOCHS, BATCH, DROPOUT, INNER = 64, 40, 256, 0.3, 2
EMBEDDING, TASK = 0.3, 3.0  # scales; chosen on the table's eight other tasks, as are the epochs


@dataclass(frozen=True)
class MlpScores:
    """P(right) of every LLM on every question.

    Args:
        at: of the questions to route, `[Q, M]`.
        left_out: of the training questions, by networks that have not seen them, `[n, M]`.
    """

    at: Array
    left_out: Array


def mlp_scores(
    train: Questions, test: Questions, score: Array, cost: Array, seed: int, epochs: int = EPOCHS
) -> MlpScores:
    """Trained on every answer to the training questions, `[n, M]`.

    A question is its embedding, its surface counts and its task where that is named; an LLM is its
    name, its mean score and the logarithm of its mean cost.
    """
    both = [_question(train, train), _question(train, test)]
    at = _fit(both[0], score, cost, both[1], seed, epochs)
    left_out, inner = np.empty_like(score), folds(len(score), INNER, seed)
    for k in range(INNER):
        out, rest = np.flatnonzero(inner == k), np.flatnonzero(inner != k)
        left_out[out] = _fit(both[0][rest], score[rest], cost[rest], both[0][out], seed, epochs)
    return MlpScores(at, left_out)


def _question(train: Questions, of: Questions) -> Tensor:
    names = sorted(set(train.kinds) - {""})
    kinds = np.array([[kind == name for name in names] for kind in of.kinds], dtype=float)
    mean, sd = train.counts.mean(0), np.maximum(train.counts.std(0), 1e-3)
    counts = np.clip((of.counts - mean) / sd, -5, 5)
    embedding = EMBEDDING * of.embedding * of.embedding.shape[1] ** 0.5
    parts = [embedding, counts, TASK * kinds.reshape(len(of), len(names))]
    return torch.as_tensor(np.concatenate(parts, 1), dtype=torch.float32)


def _profile(score: Array, cost: Array) -> Tensor:
    figures = np.stack([score.mean(0), np.log(cost.mean(0))], 1)
    figures = (figures - figures.mean(0)) / np.maximum(figures.std(0), 1e-6)
    both = np.concatenate([figures, np.eye(len(figures))], 1)
    return torch.as_tensor(both, dtype=torch.float32)


def _fit(x: Tensor, score: Array, cost: Array, at: Tensor, seed: int, epochs: int) -> Array:
    torch.manual_seed(seed)
    u, y = _profile(score, cost), torch.as_tensor(score, dtype=torch.float32)
    net = nn.Sequential(
        nn.Dropout(DROPOUT), nn.Linear(x.size(1) + u.size(1), HIDDEN), nn.GELU(),
        nn.Dropout(DROPOUT), nn.Linear(HIDDEN, 1),
    )  # fmt: skip
    rng, (n, m) = np.random.default_rng(seed), y.shape
    steps = epochs * (n * m // BATCH + 1)
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        q, llm = rng.integers(n, size=BATCH), rng.integers(m, size=BATCH)
        optimiser.zero_grad()
        logit = net(torch.cat([x[q], u[llm]], 1)).squeeze(1)
        torch.autograd.backward(F.binary_cross_entropy_with_logits(logit, y[q, llm]))
        optimiser.step()
        schedule.step()
    return _scores(net.eval(), at, u)


@torch.no_grad()
def _scores(net: nn.Module, at: Tensor, u: Tensor) -> Array:
    columns = [net(torch.cat([at, one.expand(len(at), -1)], 1)) for one in u]
    out: Array = torch.sigmoid(torch.cat(columns, 1)).double().numpy()
    return out
