"""`PrunedTeam`: what AgentPrune and AgentDropout share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.models.policy import Policy
from abgnn.models.seeded import seeded
from abgnn.models.team import Cast, Team
from abgnn.nn.backbone_table import BackboneTable
from abgnn.nn.edge_distribution import EdgeDistribution, EdgeSample, Order, joined

Rounds = list[tuple[EdgeSample, EdgeSample]]
Inference = Literal["deterministic", "sampled"]


class PrunedTeam(Policy):
    """N agents on one LLM over R rounds; edges are drawn in training, pruned, and fixed then.

    Args:
        backbone: who plays all agents and the decision agent.
        n_agents, rounds: N and R.
        init_prob: probability of every edge before training.
        prune_at: steps at which edges are pruned.
        rate: share of the open edges that each pruning shuts.
        order: how candidate edges are walked.
        inference: whether edges are drawn when the policy is used.
        seed: of sampled inference.
        cast: which roles the agents play, see `cast_of`.
        early_exit: whether an agent that reads a program which passes the question's public
            examples hands it on without a call, as the release's code agents do.

    Raises:
        ConfigError: a value out of range; an LLM that the catalogue lacks, at `attach`.
    """

    steps: Tensor

    def __init__(
        self,
        backbone: str,
        n_agents: int,
        rounds: int,
        init_prob: float,
        prune_at: Sequence[int],
        rate: float,
        order: Order,
        inference: Inference,
        seed: int,
        cast: Cast,
        early_exit: bool,
    ) -> None:
        super().__init__()
        _check(n_agents, rounds, init_prob, rate, inference)
        self.backbone, self.n_agents, self.rounds = backbone, n_agents, rounds
        self.prune_at, self.rate = tuple(prune_at), rate
        self.inference, self.seed = inference, seed
        self.cast: Cast = cast
        self.early_exit = early_exit
        self.edges = EdgeDistribution(n_agents, order)
        self.start = math.log(init_prob / (1.0 - init_prob))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def attach(self, table: BackboneTable) -> None:
        if self.backbone not in table.names:
            raise ConfigError("policy.backbone", self.backbone, f"one of {list(table.names)}")
        super().attach(table)

    def team(self, template: Template) -> Team:
        """The agents that play in a template."""
        return Team(template, self.n_agents, self.backbone, self.cast, self.early_exit)

    @abstractmethod
    def graphs(self, size: int, *, sample: bool) -> Rounds:
        """Spatial and temporal edges of every round for `size` questions."""

    def drawn(self, queries: Sequence[Query], *, sample: bool) -> Rounds:
        """What is carried out: drawn in training, and as `inference` says when in use."""
        if sample or self.inference == "deterministic":
            return self.graphs(len(queries), sample=sample)
        alone = []
        for query in queries:  # a question's graph depends on nothing but itself
            with seeded(self.seed, query.id):
                alone.append(self.graphs(1, sample=True))
        return [
            (joined([spatial for spatial, _ in same]), joined([temporal for _, temporal in same]))
            for same in zip(*alone, strict=True)
        ]


def survivors(logits: Tensor) -> Tensor:
    """Logits in the same order, all of them above 0: what is open is kept."""
    fixed: Tensor = logits.detach() - logits.detach().min() + 1
    return fixed


def _check(n_agents: int, rounds: int, init_prob: float, rate: float, inference: str) -> None:
    for name, number in (("n_agents", n_agents), ("rounds", rounds)):
        if number < 1:
            raise ConfigError(f"policy.{name}", number, "an integer from 1")
    if not 0 < init_prob < 1:
        raise ConfigError("policy.init_prob", init_prob, "between 0 and 1")
    if not 0 <= rate <= 1:
        raise ConfigError("policy.rate", rate, "a share in [0, 1]")
    if inference not in ("deterministic", "sampled"):
        raise ConfigError("policy.inference", inference, "'deterministic' or 'sampled'")
