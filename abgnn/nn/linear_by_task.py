"""`LinearByTask`: linear outputs per LLM, by weights that tasks share and weights of their own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_TASK, _SHARED, _OWN = 0.2, 1 / 30, 0.1


class LinearByTask(nn.Module):
    r"""For M outputs, one per LLM,

    .. math:: s_m(q) = \mu_m + t_{\tau m} + \langle w_m + v_{\tau m}, \varphi(q) \rangle

    Args:
        channels: F, width of the features.
        tasks: U; index U (or −1) stands for a task never seen.
        outputs: M.
        learned: whether gradient steps may change it. The parameters are then held in units in
            which steps of one size move the terms as a ridge prior would have it, with variances
            1/5 for t, 1/(30 F) for w and 1/(10 F) for v: a few steps leave the query part small.

    Parameters, or buffers where nothing is learned, all starting at 0: `mean [M]`,
    `task [U+1, M]`, `shared [F, M]`, `own [U+1, F, M]`.
    """

    mean: Tensor
    task: Tensor
    shared: Tensor
    own: Tensor

    def __init__(self, channels: int, tasks: int, outputs: int, learned: bool = True) -> None:
        super().__init__()
        self.units = (1.0, 1.0, 1.0)
        if learned:
            self.units = (_TASK**0.5, (_SHARED / channels) ** 0.5, (_OWN / channels) ** 0.5)
        shapes = {
            "mean": (outputs,),
            "task": (tasks + 1, outputs),
            "shared": (channels, outputs),
            "own": (tasks + 1, channels, outputs),
        }
        for name, shape in shapes.items():
            if learned:
                self.register_parameter(name, nn.Parameter(torch.empty(shape)))
            else:
                self.register_buffer(name, torch.empty(shape))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """All outputs are 0."""
        for values in (self.mean, self.task, self.shared, self.own):
            values.zero_()

    def forward(self, features: Tensor, task: Tensor) -> Tensor:
        """Outputs `[B, M]` of queries with features `[B, F]` and task indices `[B]`."""
        of_task, of_shared, of_own = self.units
        out: Tensor = self.mean + of_task * self.task[task]  # [B, M]
        out = out + of_shared * (features @ self.shared)
        for u in set(task.tolist()):  # a gather of `own` would be [B, F, M]
            rows = (task == u).nonzero().squeeze(-1)
            out = out.index_add(0, rows, of_own * (features[rows] @ self.own[u]))
        return out

    def extra_repr(self) -> str:
        (tasks, channels, outputs) = self.own.shape
        return f"channels={channels}, tasks={tasks - 1}, outputs={outputs}"
