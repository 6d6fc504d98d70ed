"""`Choice` and `Decision`: what a policy chose for a batch, with log-probabilities and plans."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.outcome import Outcome
from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.template import Template

FACTORS = ("pool", "match", "gate", "edges")


@dataclass(frozen=True)
class Action:
    """The sampled tuple D of Eq 10, before agents are forced and edges pruned.

    Shapes: pool `[B]`, backbone `[N]`, gate `[N]` bool, edge `[E]` bool.
    """

    pool: Tensor
    backbone: Tensor
    gate: Tensor
    edge: Tensor


class Choice(ABC):
    """A policy's choices for B queries with their log-probabilities, as training needs them.

    Attributes:
        log_probs: log-probability by factor, `[B, F]`.
        entropies: entropy of each factor given the choices before it, `[B, F]`.
        penalty: what Eq 11 punishes with λ_len, `[B]`; zero where paths are not limited.
    """

    log_probs: Tensor
    entropies: Tensor
    penalty: Tensor

    @property
    @abstractmethod
    def factors(self) -> tuple[str, ...]:
        """Names of the F factors."""

    @abstractmethod
    def plans(self) -> list[Plan]:
        """One plan per query."""

    def executed(self, outcomes: Sequence[Outcome]) -> Choice:
        """The same once its plans have been carried out, where that says which choices counted."""
        return self

    @property
    def extra_loss(self) -> Tensor | None:
        """A scalar that is added to the loss: regularisers, variational terms."""
        return None

    @property
    def figures(self) -> dict[str, float]:
        """Means over the batch, for TensorBoard."""
        return {}

    @property
    def log_prob(self) -> Tensor:
        """log p of the action, `[B]`."""
        return self.log_probs.sum(-1)

    @property
    def entropy(self) -> Tensor:
        """Sum of the factors' entropies, `[B]`."""
        return self.entropies.sum(-1)


@dataclass(frozen=True)
class PlannedChoice(Choice):
    """A choice whose plans are made already.

    Args:
        planned: one plan per query, B of them.
        names: of the F factors.
        log_probs, entropies: `[B, F]`.
        loss: scalar added to the loss, if any, or what makes it when it is asked for.
        shown: figures for TensorBoard, or what makes them when they are asked for.
    """

    planned: Sequence[Plan]
    names: tuple[str, ...]
    log_probs: Tensor
    entropies: Tensor
    loss: Tensor | Callable[[], Tensor] | None = None
    shown: Mapping[str, float] | Callable[[], Mapping[str, float]] = field(default_factory=dict)
    penalty: Tensor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "penalty", self.log_probs.new_zeros(len(self.log_probs)))

    @property
    def factors(self) -> tuple[str, ...]:
        return self.names

    def plans(self) -> list[Plan]:
        return list(self.planned)

    @property
    def extra_loss(self) -> Tensor | None:
        return self.loss if self.loss is None or isinstance(self.loss, Tensor) else self.loss()

    @property
    def figures(self) -> dict[str, float]:
        return dict(self.shown() if callable(self.shown) else self.shown)


@dataclass(frozen=True)
class Decision(Choice):
    """A policy's choice for B graphs with N nodes and E admissible edges, by the layers of Eq 3–8.

    Args:
        asked: the graphs it was made for.
        names: backbone names; `action.backbone` indexes them.
        action: what was sampled, and what the log-probability is of.
        keep: agents that take part, decision agent included, bool `[N]`.
        edge_mask: messages among kept role agents after hop-limit pruning, bool `[E]`.
        hop_limit: in hops, `[B]`.
        log_probs: log-probability by factor, `[B, 4]` (pool, match, gate, edges).
        entropy_of: makes `entropies` `[B, 4]`, which few ask for: each given the choices before it.
        penalty: hops of the longest path before pruning beyond the limit, `[B]`.
        decision_reads: what the decision agent reads: all kept agents, or the sinks.
        features: makes `batch` of `asked`, with `x` and `backbone` of every agent.
    """

    asked: Batch
    names: tuple[str, ...]
    action: Action
    keep: Tensor
    edge_mask: Tensor
    hop_limit: Tensor
    log_probs: Tensor
    entropy_of: Callable[[], Tensor]
    penalty: Tensor
    decision_reads: Literal["all", "sinks"] = "all"
    features: Callable[[Batch], Batch] | None = None

    @cached_property
    def batch(self) -> Batch:
        """The graphs that it was made for, with the features of what was chosen, if it has any."""
        return self.asked if self.features is None else self.features(self.asked)

    @property
    def entropies(self) -> Tensor:  # type: ignore[override]
        """Entropy of each factor, `[B, 4]`."""
        return self.entropy_of()

    @property
    def pool(self) -> Tensor:
        """Selected resource tier, `[B]`."""
        return self.action.pool

    @property
    def backbone(self) -> Tensor:
        """Backbone of every agent, `[N]`."""
        return self.action.backbone

    @property
    def factors(self) -> tuple[str, ...]:
        return FACTORS

    @property
    def figures(self) -> dict[str, float]:
        """The limit of Eq 8 in hops, and what lies beyond it."""
        return {
            "hop_limit": float(self.hop_limit.detach().mean()),
            "hop_penalty": float(self.penalty.detach().mean()),
        }

    def plans(self) -> list[Plan]:
        """One plan per graph."""
        ptr: list[int] = self.asked.ptr.tolist()
        keep: list[bool] = self.keep.tolist()
        backbone: list[int] = self.backbone.tolist()
        pairs: list[list[list[int]]] = [[] for _ in range(len(ptr) - 1)]
        kept = self.edge_mask.nonzero().squeeze(-1)
        kept_edges = self.asked.edge_index.index_select(1, kept)  # [2, kept]
        owner = self.asked.batch.index_select(0, kept_edges[0]).tolist()
        for graph, u, v in zip(owner, *kept_edges.tolist(), strict=True):
            pairs[graph].append([u - ptr[graph], v - ptr[graph]])
        return [
            _plan(
                query,
                template,
                [i for i in range(end - start) if keep[start + i]],
                [self.names[m] for m in backbone[start:end]],
                edges,
                self.decision_reads,
            )
            for query, template, start, end, edges in zip(
                self.asked.query, self.asked.template, ptr[:-1], ptr[1:], pairs, strict=True
            )
        ]


def _plan(
    query: Query,
    template: Template,
    kept: list[int],
    backbones: list[str],
    edges: list[list[int]],
    decision_reads: str,
) -> Plan:
    """The plan of one graph; role agents in the template's order, the decision agent last."""
    roles = [i for i in kept if i != template.decision]
    place = {role: i for i, role in enumerate(roles)}
    agents = [Agent(template.roles[i], backbones[i]) for i in roles]
    links = [(place[u], place[v]) for u, v in edges]
    if template.decision not in kept:  # a lone agent: its answer is the answer
        return Plan.team(query, agents, links)
    decision = Agent(template.roles[template.decision], backbones[template.decision])
    read = {u for u, _ in links} if decision_reads == "sinks" else set()  # by role agents
    senders = [i for i in range(len(roles)) if i not in read]
    return Plan.team(query, agents, links, decision, senders)
