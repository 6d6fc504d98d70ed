"""The features of calls under `QuestionLayout`: X with logit P(right) = X θ + u."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior
from abgnn.planning.question_features import QuestionFeatures
from abgnn.planning.question_layout import QuestionLayout
from abgnn.planning.questions import Questions

STRONG = 0.8  # a message's effect at first, in logits


@dataclass(frozen=True)
class Seen:
    """What the outcome model reads of Q questions.

    Args:
        phi: `[Q, F]`; difficulty: standardised, `[Q]`.
        kind: how far each question is of each kind, `[Q, G]`.
        between, own: nearness to the roles' texts, of the kind and beyond it, `[Q, S]`.
        shift: what is added to the logits of lone calls, `[Q, S, M]`: for training questions, what
            takes away what their own answers have taught; for any, what leads to other beliefs
            than the model's (`LoneBeliefs`); None: nothing.
        usd, seconds: of a lone call in any role, `[Q, M]`; None: as the bills say.
    """

    phi: Array
    difficulty: Array
    kind: Array
    between: Array
    own: Array
    shift: Array | None = None
    usd: Array | None = None
    seconds: Array | None = None

    @classmethod
    def of(cls, features: QuestionFeatures, questions: Questions) -> Seen:
        kind = features.kind(questions)
        between, own = features.affinity(questions, kind)
        difficulty = features.standard_difficulty(questions)
        return cls(features.phi(questions), difficulty, kind, between, own)

    def __len__(self) -> int:
        return len(self.phi)

    def joined(self, other: Seen) -> Seen:
        """These questions and others behind them."""
        shifts = [seen.shift for seen in (self, other)]
        like = next((shift for shift in shifts if shift is not None), None)
        joined = None
        if like is not None:
            none = [np.zeros((len(seen), *like.shape[1:])) for seen in (self, other)]
            joined = np.concatenate(
                [b if a is None else a for a, b in zip(shifts, none, strict=True)]
            )
        return Seen(
            np.concatenate([self.phi, other.phi]),
            np.concatenate([self.difficulty, other.difficulty]),
            np.concatenate([self.kind, other.kind]),
            np.concatenate([self.between, other.between]),
            np.concatenate([self.own, other.own]),
            joined,
            _joined(self.usd, other.usd),
            _joined(self.seconds, other.seconds),
        )

    def rows(self, at: Index | slice) -> Seen:
        """Some of the questions."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Seen(**{name: value[at] for name, value in values.items() if value is not None})


def _joined(a: Array | None, b: Array | None) -> Array | None:
    """Of two parts that one planner has read: both or none."""
    return None if a is None or b is None else np.concatenate([a, b])


def call_features(
    layout: QuestionLayout, observed: Observations, seen: Seen, profile: Prior
) -> Array:
    """X `[n, size]` of observed calls."""
    n, rows = len(observed), np.arange(len(observed))
    m, j, q = observed.backbone, observed.slot, observed.query
    thinks = profile.thinks[m].astype(float)
    x = np.zeros((n, layout.size))
    block = {name: x[:, at] for name, at in layout.slices().items()}  # views
    block["intercept"][:, 0], block["thinking"][:, 0] = 1.0, thinks
    block["ability"][rows, m] = 1.0
    block["role"][rows, j], block["role_thinking"][rows, j] = 1.0, thinks
    block["difficulty"][:, 0] = seen.difficulty[q]
    block["kind_affinity"][:, 0], block["affinity"][:, 0] = seen.between[q, j], seen.own[q, j]
    kind = seen.kind[q]  # [n, G]
    block["kind"][:] = kind
    _outer(block["kind_backbone"], kind, m, layout.backbones)
    _outer(block["kind_role"], kind, j, layout.slots)
    phi = seen.phi[q]  # [n, F]
    block["question"][:], block["question_thinking"][:] = phi, phi * thinks[:, None]
    _outer(block["question_backbone"], phi, m, layout.backbones)
    _outer(block["question_role"], phi, j, layout.slots)
    _messages(layout, block, observed, profile)
    return x


def _outer(out: Array, values: Array, column: Index, columns: int) -> None:
    """Put values `[n, K]` into block `[n, K · columns]`, in each row's own column."""
    n, k = values.shape
    out.reshape(n, k, columns)[np.arange(n), :, column] = values


def _messages(
    layout: QuestionLayout, block: dict[str, Array], observed: Observations, profile: Prior
) -> None:
    reads = observed.n_messages > 0
    good = np.where(reads, observed.share_right, 0.0)
    bad = np.where(reads, 1 - observed.share_right, 0.0)
    able = profile.capability[observed.backbone]
    rows, decides = np.arange(len(observed)), (observed.slot == layout.slots - 1).astype(int)
    for k, term in enumerate((good, good * able, bad, bad * able)):
        block["messages"][rows, 4 * decides + k] = term
    crowd = np.where(reads, np.log2(1 + observed.n_messages) - 1, 0.0)
    block["crowd"][rows, 2 * decides] = crowd * good
    block["crowd"][rows, 2 * decides + 1] = crowd * bad
    block["reader"][rows, observed.backbone] = STRONG * (good - bad)
