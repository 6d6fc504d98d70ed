"""`Policy`: the base of all policies, from a batch of query graphs to a `Choice`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn
from torch_geometric.data import Batch

from abgnn.errors import ConfigError
from abgnn.models.decision import Choice
from abgnn.models.operating_point import OperatingPoint
from abgnn.nn.backbone_table import BackboneTable
from abgnn.planning.calibration import Calibration
from abgnn.planning.design import PlanSpace


class Policy(nn.Module, ABC):
    """Base of all policies. The catalogue is attached, not learned (see `BackboneTable`).

    Attributes:
        reads_questions: whether decisions depend on the questions' embeddings; where they do not,
            questions need not be encoded when only a plan is wanted.
        own_roles: whether its plans have roles of their own, not the experiment's.
    """

    reads_questions: ClassVar[bool] = True
    own_roles: ClassVar[bool] = False

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

    @property
    def teachable(self) -> bool:
        """Whether it can be taught the planner's designs (`forward` takes an `action`)."""
        return False

    @property
    def conditioned(self) -> bool:
        """Whether the λ's of `set_tradeoff` are an input of its decisions, so that one set of
        weights can serve all budgets."""
        return False

    @property
    def operating_points(self) -> tuple[OperatingPoint, ...]:
        """λ's that it was taught, or can be set to, with what its teacher expects there."""
        return ()

    def point_at(self, lambda_tok: float, lambda_lat: float) -> OperatingPoint | None:
        """What is expected at these λ's; None: nobody knows."""
        here = (lambda_tok, lambda_lat)
        known = (p for p in self.operating_points if (p.lambda_tok, p.lambda_lat) == here)
        return next(known, None)

    @property
    def has_operating_points(self) -> bool:
        """Whether `set_budget` can choose among operating points that it was taught."""
        return bool(self.operating_points)

    @property
    def operating_point(self) -> tuple[float, float]:
        """λ_tok per USD and λ_lat per second that decisions depend on; 0 where they do not."""
        return 0.0, 0.0

    def pool_log_prob(self, difficulty: Tensor) -> Tensor:
        """log p of every pool at difficulties `[B]`, `[B, P]`, of a policy that is teachable.

        Raises:
            ConfigError: the policy selects no pools.
        """
        raise ConfigError("policy", type(self).__name__, "a policy that selects pools")

    def set_budget(
        self, cost_usd: float | None = None, latency_s: float | None = None, aim: float = 0.99
    ) -> tuple[float, float]:
        """Choose the operating point for budgets per query; returns its λ_tok and λ_lat.

        Args:
            cost_usd, latency_s: means per query; None: any.
            aim: share of the budgets that may be used by expectation (0.93 if strict).

        Raises:
            ConfigError: the policy was taught no operating points, or none keeps the budgets.
        """
        allowed = "AgentBalance(conditioned=True) that the callback Tradeoffs has taught, or "
        allowed += "PlanNet that Teacher has taught"
        raise ConfigError("policy.set_budget", (cost_usd, latency_s), allowed)

    def plan_space(self, calibration: Calibration) -> PlanSpace:
        """The plans that it can choose among: here any backbones together, lone agents too."""
        return calibration.everything

    def choice_logits(self, x: Tensor, edge_index: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """Logits of its choices by kind, differentiable in x, for `abgnn.models.Explainable`;
        empty if it has none.

        Args:
            x: node features of the graphs, `[N, F]`.
            edge_index: `[2, E]`.
            batch: the graphs with everything else.
        """
        return {}

    def log_prob_of(self, choice: Choice) -> Tensor | None:
        """log p `[B]` of a choice made before, under the weights as they are now; None if it
        cannot be computed again."""
        return None

    def predicted(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor] | None:
        """Score, USD and seconds on every query of all that can be chosen (LLMs or designs),
        `[B, C]` each, of a policy that has learned to predict them; else None."""
        return None

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
