"""`AnswerTable`: what LLMs answered to training questions, and what it cost."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from abgnn.data.arrays import Array, Index, Mask
from abgnn.errors import ConfigError
from abgnn.planning.lone_outcomes import LoneOutcomes

NO_KEY = -1


@dataclass(frozen=True, eq=False)
class AnswerTable:
    """n questions × M LLMs.

    Args:
        llms: M names.
        keys: code of each answer's key, equal within a question where answers are equal, −1 where
            an answer has none, `[n, M]`.
        right: score in [0, 1]; nan where an LLM has not answered, `[n, M]`.
        usd, seconds: of the call, `[n, M]`.
        options: of each question; 0: open, `[n]`.
        tasks, texts: of each question, n.
        families: of like weights, M names; empty: every LLM is its own.
        forms: bins of the answers' forms; −1 where there is none, `[n, M]`; None: not read.
        features: how each answer is written (`abgnn.data.answer_form`), `[n, M, F]`; None: unknown.

    Raises:
        ConfigError: shapes that differ, or not one answer.
    """

    llms: tuple[str, ...]
    keys: Index
    right: Array
    usd: Array
    seconds: Array
    options: Index
    tasks: tuple[str, ...]
    texts: tuple[str, ...]
    families: tuple[str, ...] = ()
    forms: Index | None = None
    features: Array | None = None

    def __post_init__(self) -> None:
        n, m = len(self.texts), len(self.llms)
        shapes = dict.fromkeys(("keys", "right", "usd", "seconds"), (n, m))
        for field, shape in shapes.items():
            if getattr(self, field).shape != shape:
                allowed = f"{shape}, questions × LLMs"
                raise ConfigError(f"AnswerTable.{field}", getattr(self, field).shape, allowed)
        lengths = {"options": n, "tasks": n, "families": m if self.families else 0}
        for field, length in lengths.items():
            if len(getattr(self, field)) != length:
                raise ConfigError(f"AnswerTable.{field}", len(getattr(self, field)), str(length))
        if not self.answered.any():
            raise ConfigError("AnswerTable.right", "no answer", "at least one answer")

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def answered(self) -> Mask:
        """`[n, M]`."""
        answered: Mask = ~np.isnan(self.right)
        return answered

    @property
    def has_keys(self) -> bool:
        """Whether any answer has one."""
        return bool((self.keys[self.answered] != NO_KEY).any())

    @property
    def agreement(self) -> float:
        """Share of the pairs of right answers to one question whose keys are equal; 1 where there
        is no pair. Keys that are read badly, or not at all, make it small."""
        right = np.nan_to_num(self.right) >= 0.5
        pairs = right[:, :, None] & right[:, None, :] & ~np.eye(len(self.llms), dtype=bool)
        same = (self.keys[:, :, None] == self.keys[:, None, :]) & (self.keys >= 0)[:, :, None]
        return float((same & pairs).sum() / pairs.sum()) if pairs.any() else 1.0

    def task_means(self, bill: Array) -> Array:
        """Mean bill of each LLM on the task, shrunk to its overall one by one call, `[n, M]`."""
        called = ~np.isnan(bill)
        known = np.where(called, bill, 0.0)
        everyone = known.sum() / max(called.sum(), 1)
        overall = known.sum(0) + everyone * (called.sum(0) == 0)
        overall = overall / np.maximum(called.sum(0), 1)
        out = np.empty(bill.shape)
        of = np.array(self.tasks)
        for task in dict.fromkeys(self.tasks):
            rows = of == task
            out[rows] = (known[rows].sum(0) + overall) / (called[rows].sum(0) + 1)
        return out

    def without_keys(self) -> AnswerTable:
        """The same answers, which cannot be compared."""
        return replace(self, keys=np.full_like(self.keys, NO_KEY))

    @property
    def family_of(self) -> tuple[str, ...]:
        """Every LLM's."""
        return self.families or self.llms

    @property
    def outcomes(self) -> LoneOutcomes:
        """Without keys."""
        return LoneOutcomes(self.right, self.usd, self.seconds)

    def rows(self, at: Index | Mask) -> AnswerTable:
        """Those of some questions."""
        index = np.arange(len(self))[at]
        arrays = ("keys", "right", "usd", "seconds", "options", "forms", "features")
        cut: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[index]
            for name in arrays
        }
        tasks = tuple(self.tasks[i] for i in index)
        return replace(self, tasks=tasks, texts=tuple(self.texts[i] for i in index), **cut)


def key_codes(keys: Sequence[Sequence[Hashable | None]]) -> Index:
    """Codes of the keys of every question's answers, `[n, M]`; −1 for None."""
    rows = []
    for row in keys:
        codes: dict[Hashable, int] = {}
        rows.append([NO_KEY if k is None else codes.setdefault(k, len(codes)) for k in row])
    return np.array(rows, dtype=np.int64)
