"""`QuestionFeatures`: from a question's text to the few numbers φ that the outcome model reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from abgnn.data.arrays import Array
from abgnn.planning.questions import Questions

COUNT_WEIGHT, CLIP = 0.5, 5.0
NEAR = 0.06  # temperature of cosines, where a kind is not known
_FEWEST, _MOST, _PER_FEATURE = 8, 32, 5


@dataclass(frozen=True)
class QuestionFeatures:
    r"""Principal components of [embedding ‖ .5/√22 · standardised surface counts], and kinds.

    Fitted to training questions: centred on them, with mean :math:`|\varphi|^2 = 1` over them.

    Args:
        centre: of the embeddings, `[H]`.
        count_mean, count_sd: `[22]`.
        components: `[F, H + 22]`.
        difficulty: mean and standard deviation of the questions' difficulty.
        role_embedding: unit rows, `[S, H]`.
        role_level: mean cosine of each role with the training questions, `[S]`.
        kinds: names of G kinds.
        kind_centre: mean embedding of each kind less `centre`, unit rows, `[G, H]`.
        kind_affinity: how much nearer a kind is to a role's text than the mean question, `[G, S]`.
    """

    centre: Array
    count_mean: Array
    count_sd: Array
    components: Array
    difficulty: tuple[float, float]
    role_embedding: Array
    role_level: Array
    kinds: tuple[str, ...]
    kind_centre: Array
    kind_affinity: Array

    @classmethod
    def fit(
        cls, questions: Questions, role_embedding: Array, features: int | None = None
    ) -> QuestionFeatures:
        """
        Args:
            questions: of the training.
            role_embedding: unit rows, `[S, H]`.
            features: F; None: one for five questions, 8 to 32.
        """
        n = len(questions)
        wanted = min(max(n // _PER_FEATURE, _FEWEST), _MOST) if features is None else features
        centre = questions.embedding.mean(0)
        count_mean = questions.counts.mean(0)
        count_sd = np.maximum(questions.counts.std(0), 1e-3)
        whole = _joined(questions, centre, count_mean, count_sd)  # [Q, H+22]
        _, values, rows = np.linalg.svd(whole, full_matrices=False)
        kept = min(wanted, int((values > 1e-6 * max(values[:1].sum(), 1e-12)).sum()))
        components = rows[:kept]
        size = float(np.square(whole @ components.T).sum(1).mean()) if kept else 1.0
        difficulty = float(questions.difficulty.mean()), float(questions.difficulty.std())
        difficulty = difficulty[0], difficulty[1] if difficulty[1] > 1e-6 else 1.0
        cosine = questions.embedding @ role_embedding.T  # [Q, S]
        level = cosine.mean(0)
        away = _centred(cosine, level)
        names = tuple(sorted(set(questions.kinds) - {""}))
        kinds = np.array(questions.kinds)
        names = names if len(names) > 1 else ()
        affinity = [away[kinds == name].mean(0) for name in names]
        near = [(questions.embedding[kinds == name] - centre).mean(0) for name in names]
        return cls(
            centre, count_mean, count_sd, components / np.sqrt(size), difficulty,
            role_embedding, level, names,
            _unit(np.array(near).reshape(len(names), len(centre))),
            np.array(affinity).reshape(len(names), len(role_embedding)),
        )  # fmt: skip

    @property
    def size(self) -> int:
        """F."""
        return len(self.components)

    def phi(self, questions: Questions) -> Array:
        """φ, `[Q, F]`."""
        whole = _joined(questions, self.centre, self.count_mean, self.count_sd)
        out: Array = whole @ self.components.T
        return out

    def standard_difficulty(self, questions: Questions) -> Array:
        """`[Q]`, with mean 0 and standard deviation 1 over the training questions."""
        mean, sd = self.difficulty
        return (questions.difficulty - mean) / sd

    def kind(self, questions: Questions) -> Array:
        """How far each question is of each kind, `[Q, G]`; rows sum to 1.

        A question whose kind is not known is of those that it is near to.
        """
        if not self.kinds:
            return np.zeros((len(questions), 0))
        cosine = _unit(questions.embedding - self.centre) @ self.kind_centre.T
        out: Array = softmax(cosine / NEAR, axis=1)
        place = {name: g for g, name in enumerate(self.kinds)}
        for q, name in enumerate(questions.kinds):
            if name in place:
                out[q] = 0.0
                out[q, place[name]] = 1.0
        return out

    def affinity(self, questions: Questions, kind: Array) -> tuple[Array, Array]:
        """Nearness to the roles' texts beyond the mean: of the kind, and of the question beyond
        its kind, `[Q, S]` each."""
        own = _centred(questions.embedding @ self.role_embedding.T, self.role_level)
        between = kind @ self.kind_affinity
        return between, own - between


def _unit(rows: Array) -> Array:
    out: Array = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return out


def _joined(questions: Questions, centre: Array, count_mean: Array, count_sd: Array) -> Array:
    counts = np.clip((questions.counts - count_mean) / count_sd, -CLIP, CLIP)
    weight = COUNT_WEIGHT / np.sqrt(counts.shape[1])
    return np.concatenate([questions.embedding - centre, weight * counts], 1)


def _centred(cosine: Array, level: Array) -> Array:
    """Less each role's level and each question's own mean over roles, `[Q, S]`."""
    away = cosine - level
    out: Array = away - away.mean(1, keepdims=True)
    return out
