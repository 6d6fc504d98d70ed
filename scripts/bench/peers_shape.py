"""What the per-query renderings share: one question at a time, choices drawn one by one.

They are in their authors' released shape, re-implemented by us from the equations: a forward per
question, Python loops over agents and pairs, every log-probability a term of a running sum, texts
embedded beforehand. Their repositories were not run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.models.policy import Policy

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Question:
    """What a policy is asked: a question and its embedding `[H]`, roles `[T, H]` of a template."""

    query: Query
    embed: Tensor
    roles: Tensor
    template: Template


@dataclass(slots=True)
class Rendered:
    """One question's plan, the log-probability of what was drawn, and what joins the loss."""

    plan: Plan
    log_prob: Tensor
    loss: Tensor | None = None
    penalty: Tensor = field(default_factory=lambda: torch.zeros(()))


Rendering = Callable[[Policy, Question], Rendered]


def draw(log_prob: Tensor, value: int | None, *, sample: bool) -> tuple[int, Tensor]:
    """One of C choices `[C]`, or the one that is judged, and its log-probability."""
    if value is None:
        chances = log_prob.detach().exp()
        value = int(torch.multinomial(chances, 1) if sample else chances.argmax())
    return value, log_prob[value]


def flip(logit: Tensor, value: bool | None, *, sample: bool) -> tuple[bool, Tensor]:
    """Yes or no with probability σ(logit), or what is judged, and its log-probability."""
    p = torch.sigmoid(logit)
    if value is None:
        value = bool(torch.rand(1).item() < p) if sample else bool(p > 0.5)
    return value, torch.log(p) if value else torch.log(1 - p)


def walk(
    logits: Tensor, able: Sequence[Sequence[bool]], value: set[Pair] | None, *, acyclic: bool = True
) -> tuple[set[Pair], Tensor]:
    """Edges `(u, v)` by walking all pairs `[N, N]` row by row past those that close a cycle."""
    n = len(able)
    edges: set[Pair] = set()
    readers: list[list[int]] = [[] for _ in range(n)]
    log_prob = logits.new_zeros(())
    for u in range(n):
        for v in range(n):
            if not able[u][v] or (acyclic and _reaches(readers, v, u)):
                continue
            wanted = None if value is None else (u, v) in value
            taken, term = flip(logits[u, v], wanted, sample=True)
            log_prob = log_prob + term
            if taken:
                edges.add((u, v))
                readers[u].append(v)
    return edges, log_prob


def _reaches(readers: Sequence[Sequence[int]], start: int, goal: int) -> bool:
    """Whether messages lead from one agent to another, by a search in depth."""
    seen, waiting = {start}, [start]
    while waiting:
        at = waiting.pop()
        if at == goal:
            return True
        for v in readers[at]:
            if v not in seen:
                seen.add(v)
                waiting.append(v)
    return False


def as_matrix(edges: set[Pair], n: int) -> Tensor:
    """Edges as `[N, N]` bool."""
    matrix = torch.zeros(n, n, dtype=torch.bool)
    for u, v in edges:
        matrix[u, v] = True
    return matrix
