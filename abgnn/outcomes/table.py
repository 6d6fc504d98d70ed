"""`OutcomeTable`: recorded outcomes of several LLMs on the same questions; numpy only.

Readers of known layouts are in `layouts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError

ARRAYS = ("score", "cost", "prompt_tokens", "completion_tokens", "latency")
Texts = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class OutcomeTable:
    """Scores, dollars, tokens and seconds of M LLMs on Q questions.

    Args:
        ids: unique, `[Q]`.
        texts: the questions as the LLMs were asked, `[Q]`.
        tasks: benchmark of each question (or subject, where the table has one only), `[Q]`.
        llms: names, `[M]`.
        score: in [0, 1], `[Q, M]`.
        cost: USD per call, `[Q, M]`; nan where the table does not say.
        prompt_tokens, completion_tokens: per call, `[Q, M]`; nan where it does not say.
        latency: seconds per call, `[Q, M]`; nan where it does not say.
        responses: what the LLMs wrote, Q tuples of M texts; empty where the table does not say.
        keys: what their answers come down to, Q tuples of M texts, "" where one has no key; empty
            where the table does not say.
        options: how many each question gives to choose from, 0 where it is open, `[Q]`; empty
            where the table does not say.

    Raises:
        ConfigError: shapes that do not fit, an id twice, a score outside [0, 1] or missing.
    """

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    tasks: tuple[str, ...]
    llms: tuple[str, ...]
    score: Array
    cost: Array
    prompt_tokens: Array
    completion_tokens: Array
    latency: Array
    responses: Texts = ()
    keys: Texts = ()
    options: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        shape = (len(self.ids), len(self.llms))
        for name in ARRAYS:
            if getattr(self, name).shape != shape:
                raise ConfigError(f"OutcomeTable.{name}", getattr(self, name).shape, str(shape))
        if not len(self.texts) == len(self.tasks) == shape[0]:
            sizes = (len(self.texts), len(self.tasks))
            raise ConfigError("OutcomeTable.texts, tasks", sizes, f"one per id, {shape[0]}")
        for name in ("responses", "keys"):
            rows = getattr(self, name)
            if rows and (len(rows), {*map(len, rows)}) != (shape[0], {shape[1]}):
                raise ConfigError(f"OutcomeTable.{name}", len(rows), f"texts as {shape}")
        if self.options and len(self.options) != shape[0]:
            raise ConfigError("OutcomeTable.options", len(self.options), f"one per id, {shape[0]}")
        if len(set(self.ids)) < len(self.ids):
            twice = next(i for n, i in enumerate(self.ids) if i in self.ids[:n])
            raise ConfigError("OutcomeTable.ids", twice, "every id once")
        bad = ~((self.score >= 0) & (self.score <= 1))  # nan too
        if bad.any():
            q, m = np.argwhere(bad)[0]
            field = f"OutcomeTable.score[{self.ids[q]}, {self.llms[m]}]"
            raise ConfigError(field, float(self.score[q, m]), "a number from 0 to 1")

    @property
    def ease(self) -> Array:
        """Mean score over LLMs, `[Q]` (Appendix F)."""
        ease: Array = self.score.mean(1)
        return ease

    def rows(self, keep: Sequence[int] | NDArray[np.bool_] | NDArray[np.int64]) -> OutcomeTable:
        """The table of some questions, by index or mask."""
        index = np.arange(len(self.ids))[np.asarray(keep)]
        fields: dict[str, Any] = {name: getattr(self, name)[index] for name in ARRAYS}
        for name in ("ids", "texts", "tasks", "responses", "keys", "options"):
            values = getattr(self, name)
            fields[name] = tuple(values[i] for i in index) if values else ()
        return replace(self, **fields)

    def only(self, llms: Sequence[str]) -> OutcomeTable:
        """The table of some LLMs, in the order given.

        Raises:
            ConfigError: one that the table lacks.
        """
        for llm in llms:
            if llm not in self.llms:
                raise ConfigError("OutcomeTable.llms", llm, ", ".join(self.llms))
        index = [self.llms.index(llm) for llm in llms]
        fields: dict[str, Any] = {name: getattr(self, name)[:, index] for name in ARRAYS}
        for name in ("responses", "keys"):
            fields[name] = tuple(tuple(row[m] for m in index) for row in getattr(self, name))
        return replace(self, llms=tuple(llms), **fields)
