"""`LoopProblem`: all that a closed loop needs to know of one question, as plain data."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.answer_tree import AnswerTree, State, answer_tree, canonical
from abgnn.planning.closed_loop.readers import Readers

MOST_LLMS, MOST_CALLS = 8, 4
FULL, PROTOTYPE = (4, 3, 2, 1), (3, 2, 1, 1)
_LEAST, _TINY = 1e-6, 1e-300
_NEVER_FREE = 1e-7  # of a call, in accuracy: what changes nothing is not worth a call


def call_prices(usd: Array, seconds: Array, lambda_tok: float, lambda_lat: float) -> Array:
    """λ_tok c + λ_lat t of calls `[..., M]`, in accuracy, and hardly anything more.

    The rest, at most 3e-7, grows with a call's shares of the dearest and of the slowest. Without
    it, where no budget binds, rounding would decide whether a call is made that changes nothing,
    and which of two LLMs of equal worth is asked first.
    """
    share = sum(bill / np.maximum(bill.max(-1, keepdims=True), _TINY) for bill in (usd, seconds))
    price: Array = lambda_tok * usd + lambda_lat * seconds + _NEVER_FREE * (1 + share)
    return price


class Asked(NamedTuple):
    """One answer.

    Args:
        llm: index of the LLM.
        key: of its answer; None: it has none.
        form: bin of the answer's form; None: not read.
    """

    llm: int
    key: Hashable | None
    form: int | None = None


@dataclass(frozen=True, eq=False)
class LoopProblem:
    """
    Args:
        names: of M candidates, at most 8.
        accuracy: P(right) of each, `[M]`.
        usd, seconds: expected, of one call of each, `[M]`.
        model: how answers go together.
        lambda_tok, lambda_lat: prices of a USD and of a second, in accuracy.
        families: of like weights, M names; empty: every LLM is its own.
        no_key: P(no key | wrong) of each, `[M]`; None: hardly ever.
        form_right, form_wrong: P(bin | right) and P(bin | wrong), `[M, B]`; None: forms are not
            read.
        keys: whether answers can be compared; else each of them may be right.
        most_calls: at most 4.
        depths: calls looked ahead after 0, 1, 2, … answers; the last one holds from there on.
        parallel: whether the first two may be asked at once where that is worth more.
        readers: who may read all answers and give the one that stands; None: nobody.
        final: a and b of P(right) = σ(a logit p + b), of the most probable answer.
        hardness: how fast the logarithms of USD and seconds fall with a question's ease, `[2, M]`
            (`hardness.py`); None: not at all. What is expected of a loop goes by it; decisions go
            by mean bills.

    Raises:
        ConfigError: shapes that differ, a number out of range.
    """

    names: tuple[str, ...]
    accuracy: Array
    usd: Array
    seconds: Array
    model: AnswerModel
    lambda_tok: float
    lambda_lat: float = 0.0
    families: tuple[str, ...] = ()
    no_key: Array | None = None
    form_right: Array | None = None
    form_wrong: Array | None = None
    keys: bool = True
    most_calls: int = MOST_CALLS
    depths: tuple[int, ...] = FULL
    parallel: bool = True
    readers: Readers | None = None
    final: tuple[float, float] = (1.0, 0.0)
    hardness: Array | None = None

    def __post_init__(self) -> None:
        n = len(self.names)
        if not 1 <= n <= MOST_LLMS:
            raise ConfigError("LoopProblem.names", n, f"from 1 to {MOST_LLMS} LLMs")
        for field in ("accuracy", "usd", "seconds"):
            values = getattr(self, field)
            if values.shape != (n,) or not np.isfinite(values).all():
                raise ConfigError(f"LoopProblem.{field}", values, f"{n} finite numbers")
        if self.families and len(self.families) != n:
            raise ConfigError("LoopProblem.families", len(self.families), f"{n} names, or none")
        if not 0 <= self.most_calls <= MOST_CALLS:
            raise ConfigError("LoopProblem.most_calls", self.most_calls, f"0 to {MOST_CALLS}")
        if not self.depths or min(self.depths) < 0:
            raise ConfigError("LoopProblem.depths", self.depths, "at least one number from 0")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def price(self) -> Array:
        """Of a call, in accuracy, `[M]`: see `call_prices`."""
        return call_prices(self.usd, self.seconds, self.lambda_tok, self.lambda_lat)

    @property
    def calls(self) -> int:
        """The most answers that there can be."""
        return min(self.most_calls, len(self))

    @property
    def bins(self) -> int:
        """Forms that an answer can have; 1: forms are not read."""
        return 1 if self.form_right is None else self.form_right.shape[1]

    @property
    def tree(self) -> AnswerTree:
        return answer_tree(len(self), self.calls, self.bins, self.keys)

    def horizon(self, n: int) -> int:
        """Up to how many answers are looked ahead to after n."""
        return min(n + self.depths[min(n, len(self.depths) - 1)], self.calls)

    @cached_property
    def attractions(self) -> Array:
        """α of each, `[M]`."""
        return self.model.attractions(self.accuracy)

    @property
    def pulls(self) -> Array:
        """ρ of every column's LLM; for no key, what it makes of a wrong answer with one, `[C]`."""
        pull = np.repeat(self.model.pull(self.attractions), self.bins)
        if not self.keys:
            return pull
        form = 1.0 if self.form_wrong is None else self.form_wrong[:, 0]
        silent = self._silent / ((1 - self._silent) * self.model.low(self.attractions) * form)
        return np.concatenate([pull, silent])

    @property
    def _silent(self) -> Array:
        none = np.zeros(len(self)) if self.no_key is None else self.no_key
        return np.clip(none, _LEAST, 1 - _LEAST)

    @cached_property
    def columns(self) -> tuple[Array, Array, Array]:
        """P(answer of a column and right), P(and wrong), `[C, N]` each, and weights `[N]`; of
        columns with a key.

        The second is of a certain key that does not attract. Without keys it is P(answer of a
        column), right or wrong.
        """
        families = self.families or self.names
        ability, weights = self.model.joint_nodes(self.accuracy, families)
        m, n = ability.shape
        right = np.ones((m, 1)) if self.form_right is None else self.form_right
        wrong = np.ones((m, 1)) if self.form_wrong is None else self.form_wrong
        is_right = (right[:, :, None] * ability[:, None]).reshape(-1, n)
        is_wrong = (wrong[:, :, None] * (1 - ability)[:, None]).reshape(-1, n)
        if not self.keys:
            return is_right, is_right + is_wrong, weights
        keyed = (1 - self._silent) * self.model.low(self.attractions)
        return is_right, is_wrong * np.repeat(keyed, right.shape[1])[:, None], weights

    def state(self, answers: Sequence[Asked]) -> State:
        """Of the tree, after these answers; without keys each stands for itself."""
        named = [(self.column(a), a.key if self.keys else a.llm) for a in answers]
        return canonical(named)

    def place(self, answers: Sequence[Asked]) -> int:
        """Index of that state in its level."""
        return self.tree.index[self.state(answers)]

    def column(self, answer: Asked) -> int:
        """Of the tree."""
        if self.keys and answer.key is None:
            return len(self) * self.bins + answer.llm
        return answer.llm * self.bins + (answer.form or 0 if self.bins > 1 else 0)
