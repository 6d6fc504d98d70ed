"""`TaskScores`: how well each LLM answers a query, from its task and a low-capacity query term."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class TaskScores(nn.Module):
    r"""Linear scores with a prior that shrinks the query part towards the task's mean.

    .. math:: \hat s_m(q) = \mu_m + t_{\tau m} + \langle w_m + v_{\tau m}, \varphi(q) \rangle

    with :math:`t \sim N(0, 1/5)`, :math:`w \sim N(0, a/30)`, :math:`v \sim N(0, a/10)` in units of
    one score's noise: ridge regression, where a task's mean weighs as much as the overall mean
    after five observations, and queries of one task share more than those of two.

    Parameters hold each term in units of its prior's standard deviation (that of a query term
    per :math:`\sqrt F`), so that gradient steps of one size move every term as the prior would
    have it, and a few of them leave the query part small.

    Args:
        channels: F, width of the features.
        tasks: U; index U stands for a task never seen, which has the overall mean.
        backbones: M.
        task_var, shared_var, own_var: the prior's variances.

    Parameters: `mean [M]`, `task [U+1, M]`, `shared [F, M]`, `own [U+1, F, M]`; all start at 0.
    Buffer: `centre [F]`, mean features of the observed queries.
    """

    centre: Tensor

    def __init__(
        self,
        channels: int,
        tasks: int,
        backbones: int,
        task_var: float = 0.2,
        shared_var: float = 1 / 30,
        own_var: float = 0.1,
    ) -> None:
        super().__init__()
        self.task_var, self.shared_var, self.own_var = task_var, shared_var, own_var
        self.task_unit = task_var**0.5
        self.shared_unit, self.own_unit = (
            (shared_var / channels) ** 0.5,
            (own_var / channels) ** 0.5,
        )
        self.mean = nn.Parameter(torch.empty(backbones))
        self.task = nn.Parameter(torch.empty(tasks + 1, backbones))
        self.shared = nn.Parameter(torch.empty(channels, backbones))
        self.own = nn.Parameter(torch.empty(tasks + 1, channels, backbones))
        self.register_buffer("centre", torch.zeros(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Every LLM is equal on every query."""
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor, task: Tensor) -> Tensor:
        """Scores `[B, M]` of queries with features `[B, F]` and task indices `[B]`."""
        phi = features - self.centre  # [B, F]
        out: Tensor = self.mean + self.task_unit * self.task[task]  # [B, M]
        out = out + self.shared_unit * (phi @ self.shared)
        for u in set(task.tolist()):  # a gather of `own` would be [B, F, M]
            rows = (task == u).nonzero().squeeze(-1)
            out = out.index_add(0, rows, self.own_unit * (phi[rows] @ self.own[u]))
        return out

    @torch.no_grad()
    def fit(
        self, features: Tensor, task: Tensor, score: Tensor, scales: Sequence[float] = (0.0, 1.0)
    ) -> float:
        """Posterior means given observed scores, in place; returns the query part's scale a.

        The scale is the largest whose leave-one-out error is within one standard error of the
        least; errors are of the scores' differences between LLMs, which alone decide a choice.
        0 falls back to shrunk task means.

        Args:
            features: `[n, F]`.
            task: indices `[n]`.
            score: every LLM on every query, `[n, M]`.
            scales: candidates for a.
        """
        centre, mean = features.mean(0), score.mean(0)
        phi, rest = features - centre, score - mean  # [n, F], [n, M]
        same = (task[:, None] == task).to(phi.dtype)  # [n, n]
        query = (phi @ phi.T).mul_(self.shared_var + self.own_var * same)
        fits = [_ridge(self.task_var * same + a * query, rest) for a in scales]
        least = min((error for error, _ in fits), key=lambda error: float(error.mean()))
        able = [i for i, (error, _) in enumerate(fits) if _close(error - least)]
        best = max(able, key=lambda i: scales[i])
        a, dual = scales[best], fits[best][1]  # dual [n, M]
        task_sum = torch.zeros_like(self.task).index_add(0, task, dual)
        own = torch.zeros_like(self.own)
        for u in set(task.tolist()):
            own[u] = a * self.own_var * phi[task == u].T @ dual[task == u]
        self.centre.copy_(centre)
        self.mean.copy_(mean)
        self.task.copy_(self.task_var / self.task_unit * task_sum)
        self.shared.copy_(a * self.shared_var / self.shared_unit * phi.T @ dual)
        self.own.copy_(own / self.own_unit)
        return a

    def extra_repr(self) -> str:
        (tasks, channels, backbones) = self.own.shape
        return f"channels={channels}, tasks={tasks - 1}, backbones={backbones}"


def _close(excess: Tensor) -> bool:
    """Whether errors `[n]` in excess of the least are within a standard error of none."""
    spread = excess.std(unbiased=False) / len(excess) ** 0.5
    return bool(excess.mean() <= spread)


def _ridge(kernel: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    """Leave-one-out errors between LLMs `[n]`, and dual weights `[n, M]`, under unit noise."""
    kernel.diagonal().add_(1.0)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(kernel))
    dual = inverse @ rest  # [n, M]
    left_out = dual / inverse.diagonal().unsqueeze(1)  # residuals with the query left out
    return (left_out - left_out.mean(1, keepdim=True)).square().mean(1), dual
