"""From `TwoStageBeliefs` to the buffers of a router."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from abgnn.data.arrays import Array
from abgnn.nn.believed_scores import BelievedScores
from abgnn.nn.linear_by_task import LinearByTask
from abgnn.nn.task_bill import TaskBill
from abgnn.planning.bill_model import BillModel
from abgnn.planning.question_kernel import KernelFeatures, LinearForm
from abgnn.planning.two_stage_means import TwoStageMeans


@torch.no_grad()
def load_features(layer: BelievedScores, features: KernelFeatures) -> None:
    """How questions are read."""
    _copy(layer.centre, features.centre)
    _copy(layer.count_mean, features.count_mean)
    _copy(layer.count_sd, features.count_sd)


@torch.no_grad()
def load_means(layer: BelievedScores, means: TwoStageMeans, rows: Sequence[int]) -> None:
    """Predictions of accuracy; `rows`: the layer's index of each of the beliefs' kinds."""
    _load(layer.difficulty, means.difficulty, rows)
    _load(layer.ability, means.ability, rows)
    _copy(layer.ability.mean, means.level + means.ability.level)
    _copy(layer.slope, means.slope)
    _copy(layer.spread, np.array(means.spread))


@torch.no_grad()
def load_bill(layer: TaskBill, bill: BillModel, rows: Sequence[int]) -> None:
    """Expected bills; a task that the beliefs lack has an unknown kind's."""
    base = np.tile(bill.base[-1], (len(layer.base), 1))
    base[list(rows)] = bill.base[: len(rows)]
    _copy(layer.base, base)
    _copy(layer.slope, bill.slope)
    _copy(layer.least, bill.least)


def _load(layer: LinearByTask, form: LinearForm, rows: Sequence[int]) -> None:
    layer.reset_parameters()
    _copy(layer.mean, form.level)
    _copy(layer.shared, form.shared)
    layer.task[list(rows)] = torch.as_tensor(form.kind[: len(rows)]).to(layer.task)
    layer.own[list(rows)] = torch.as_tensor(form.own[: len(rows)]).to(layer.own)


def _copy(to: Tensor, values: Array) -> None:
    to.copy_(torch.as_tensor(values))
