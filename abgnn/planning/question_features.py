"""`QuestionFeatures`: from a question's text to the few numbers φ that the outcome model reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import softmax

from abgnn.data.arrays import Array
from abgnn.planning.questions import Questions

COUNT_WEIGHT, CLIP = 0.5, 5.0
NEAR = 0.06  # temperature of cosines, where a kind is not known
_FEWEST, _MOST, _MOST_BY_KIND, _PER_FEATURE = 8, 32, 16, 5


@dataclass(frozen=True)
class QuestionFeatures:
    r"""Principal components of [embedding ‖ .5/√22 · standardised surface counts], and kinds.

    Fitted to training questions: centred on them, with mean :math:`|\varphi|^2 = 1` over them.

    Args:
        centre: of the embeddings, `[H]`.
        count_mean, count_sd: `[22]`.
        components: `[F, H + 22]`; `[F, (1 + G)(H + 22)]` where every kind has components of its
            own, too.
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
        cls,
        questions: Questions,
        role_embedding: Array,
        features: int | None = None,
        *,
        by_kind: bool = False,
    ) -> QuestionFeatures:
        """
        Args:
            questions: of the training.
            role_embedding: unit rows, `[S, H]`.
            features: F; None: one for five questions, 8 to 32, or to 16 by kind.
            by_kind: let a text say one thing in one kind of questions and another in another, as
                `Kernel` does.
        """
        n = len(questions)
        most = _MOST_BY_KIND if by_kind else _MOST
        wanted = min(max(n // _PER_FEATURE, _FEWEST), most) if features is None else features
        centre = questions.embedding.mean(0)
        count_mean = questions.counts.mean(0)
        count_sd = np.maximum(questions.counts.std(0), 1e-3)
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
        made = cls(
            centre, count_mean, count_sd, np.zeros((0, 0)), difficulty, role_embedding, level,
            names, _unit(np.array(near).reshape(len(names), len(centre))),
            np.array(affinity).reshape(len(names), len(role_embedding)),
        )  # fmt: skip
        whole = made._whole(questions, by_kind=by_kind)
        _, values, rows = np.linalg.svd(whole, full_matrices=False)
        kept = min(wanted, int((values > 1e-6 * max(values[:1].sum(), 1e-12)).sum()))
        components = rows[:kept]
        size = float(np.square(whole @ components.T).sum(1).mean()) if kept else 1.0
        return replace(made, components=components / np.sqrt(size))

    @property
    def size(self) -> int:
        """F."""
        return len(self.components)

    def phi(self, questions: Questions) -> Array:
        """φ, `[Q, F]`."""
        joined = len(self.centre) + len(self.count_mean)
        whole = self._whole(questions, by_kind=self.components.shape[1] > joined)
        out: Array = whole @ self.components.T
        return out

    def _whole(self, questions: Questions, *, by_kind: bool) -> Array:
        """What components are of; with `by_kind` once for all questions, and once for each kind."""
        whole = _joined(questions, self.centre, self.count_mean, self.count_sd)
        if not by_kind:
            return whole
        kind = self.kind(questions)
        return np.concatenate([whole, *(whole * column[:, None] for column in kind.T)], 1)

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
