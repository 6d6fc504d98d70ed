"""`LoopFeatures`: what the net of `LoopNet` reads of questions and of those who may be asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.closed_loop.batch import LoopBatch
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.questions import Questions

TEXT, KIND, CODE, ROLE, PROFILE = 8, 8, 8, 8, 2
QUESTION, AGENT = TEXT + KIND, 3 + 2 + PROFILE + CODE + ROLE
_TEXT, _KIND = 1.0, 1.5


@dataclass(frozen=True)
class LoopFeatures:
    """
    Args:
        names: of the A agents.
        agent: profile ‖ code of the LLM ‖ role of each, `[A, 20]`: mean logit and mean log USD,
            published logit, whether it thinks.
        kinds: of questions, sorted.
        centre, components: of embeddings, `[H]` and `[H, 8]`.
        mean, sd: of logit p̂, log USD and log seconds over the calibration, `[3]`.
        links: edges of the template between the agents' roles, `[A, A]`.
    """

    names: tuple[str, ...]
    agent: Array
    kinds: tuple[str, ...]
    centre: Array
    components: Array
    mean: Array
    sd: Array
    links: Array

    @classmethod
    def of(
        cls,
        questions: Questions,
        problems: Sequence[LoopProblem],
        names: Sequence[str],
        llms: Sequence[str] | None = None,
        roles: Array | None = None,
        profile: Array | None = None,
        links: Array | None = None,
    ) -> LoopFeatures:
        """From a calibration.

        Args:
            questions: of it.
            problems: theirs.
            names: of all agents; llms: theirs, None: each is its own.
            roles: components of their roles' texts, `[A, 8]`; profile: published figures,
                `[A, 2]`; None: 0.
            links: of the template.
        """
        figures = np.concatenate([_figures(p) for p in problems])  # [·, 3]
        of = np.concatenate([[names.index(name) for name in p.names] for p in problems])
        mean, sd = figures.mean(0), np.maximum(figures.std(0), 1e-3)
        own = np.zeros((len(names), 2))
        for a in np.unique(of):
            own[a] = ((figures[of == a] - mean) / sd).mean(0)[:2]
        count = len(names)
        parts = (
            own,
            np.zeros((count, PROFILE)) if profile is None else profile,
            codes_of(names if llms is None else llms),
            np.zeros((count, ROLE)) if roles is None else roles,
        )
        centre = questions.embedding.mean(0)
        return cls(
            tuple(names),
            np.concatenate(parts, 1),
            tuple(sorted(set(questions.kinds))),
            centre,
            _components(questions.embedding - centre),
            mean,
            sd,
            np.zeros((count, count), dtype=bool) if links is None else links,
        )

    def question(self, questions: Questions) -> Array:
        """x, `[Q, 16]`."""
        text = _TEXT * (questions.embedding - self.centre) @ self.components  # [Q, 8]
        code = unit_codes(len(self.kinds), KIND)
        place = {kind: k for k, kind in enumerate(self.kinds)}
        nothing = np.zeros(KIND)
        kind = [code[place[k]] if k in place else nothing for k in questions.kinds]
        return np.concatenate([text, _KIND * np.array(kind).reshape(-1, KIND)], 1)

    def candidates(self, batch: LoopBatch) -> tuple[Array, Array]:
        """u of the candidates of a batch, `[Q, M, 23]`, and links, `[Q, M, M]`."""
        place = {name: a for a, name in enumerate(self.names)}
        at = np.array([[place[name] for name in p.names] for p in batch.problems])  # [Q, M]
        figures = np.stack([_figures(p) for p in batch.problems])
        shown = (figures - self.mean) / self.sd
        agent = np.concatenate([np.clip(shown, -4, 4), self.agent[at]], 2)
        return agent, self.links[at[:, :, None], at[:, None]]

    def view(self, questions: Questions) -> LoopView:
        """Of problems, one of each question, in this order."""
        return LoopView(self, self.question(questions))


@dataclass(frozen=True)
class LoopView:
    """What the net reads of Q questions with x `[Q, 16]`, and of their candidates."""

    features: LoopFeatures
    x: Array

    def __call__(self, index: Index, batch: LoopBatch) -> tuple[Array, Array, Array]:
        return (self.x[index], *self.features.candidates(batch))


def _figures(problem: LoopProblem) -> Array:
    """Logit p̂, log USD, log seconds, `[M, 3]`."""
    p = np.clip(problem.accuracy, 1e-3, 1 - 1e-3)
    logs = [np.log(np.maximum(v, 1e-12)) for v in (problem.usd, problem.seconds)]
    return np.stack([np.log(p / (1 - p)), *logs], 1)


def _components(away: Array) -> Array:
    """Directions in which embeddings differ most, `[H, 8]`, scaled to a variance of 1."""
    _, values, rows = np.linalg.svd(away, full_matrices=False)
    kept = min(TEXT, len(values))
    out = np.zeros((away.shape[1], TEXT))
    sd = values[:kept] / max(len(away), 1) ** 0.5
    out[:, :kept] = (rows[:kept] / np.maximum(sd, 1e-6)[:, None]).T
    return out


def codes_of(names: Sequence[str]) -> Array:
    """One code per different name, `[A, 8]`."""
    place = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return unit_codes(len(place), CODE)[[place[name] for name in names]]


def unit_codes(count: int, width: int) -> Array:
    """Rows of length 1: unit vectors, or random ones of more than `width`."""
    if count <= width:
        return np.eye(width)[:count]
    drawn = np.random.default_rng(0).standard_normal((count, width))
    out: Array = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return out
