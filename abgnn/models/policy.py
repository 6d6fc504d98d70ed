"""`Policy`: the base of all policies, from a batch of query graphs to a `Choice`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import nn
from torch_geometric.data import Batch

from abgnn.errors import ConfigError
from abgnn.models.decision import Choice
from abgnn.nn.backbone_table import BackboneTable


class Policy(nn.Module, ABC):
    """Base of all policies. The catalogue is attached, not learned (see `BackboneTable`).

    Attributes:
        reads_questions: whether decisions depend on the questions' embeddings; where they do not,
            questions need not be encoded when only a plan is wanted.
    """

    reads_questions: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._table: BackboneTable | None = None

    @property
    def table(self) -> BackboneTable:
        """The catalogue in use."""
        if self._table is None:
            raise ConfigError("policy.table", None, "attach(table) before the first forward")
        return self._table

    def attach(self, table: BackboneTable) -> None:
        """Use this catalogue from now on; weights stay as they are."""
        self._table = table

    def set_tradeoff(self, lambda_tok: float, lambda_lat: float) -> None:
        """Tell a policy that cares (a warm start) the λ's of Eq 9, per USD and per second."""
        return

    def after_step(self, step: int) -> None:
        """Called after training step `step`, counted from 1: what prunes does so here."""
        return

    @abstractmethod
    def forward(self, batch: Batch, *, sample: bool) -> Choice:
        """Decide.

        Args:
            batch: B query graphs.
            sample: draw from the policy, or take the most probable choices.
        """
