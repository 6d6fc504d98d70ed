"""`QuestionSet`: seeded, disjoint, stratified splits as lists of `Query`; knows no PyTorch."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import ClassVar, Literal

from abgnn.data.query import Query
from abgnn.data.specimens import split_header
from abgnn.errors import ConfigError

Split = Literal["train", "val", "test", "predict"]
SPLITS: tuple[Split, ...] = ("train", "val", "test", "predict")


class QuestionSet(ABC):
    """A question set: it deals Queries into splits and judges responses (`abgnn.data.query.Task`).

    The rule of the splits: `seed` puts the whole set into one order whose every stretch has
    nearly the mix of the set. Train is dealt from its front, validation from its back, test from
    just before validation. So train depends on (seed, n_train) alone and grows by appending,
    validation on (seed, n_val), test on (seed, n_val, n_test): more training queries never
    change the others, but for `n_test=None` (all that remain), which they shorten. Predict is
    test. A subclass implements `load`, `score` and `specimen`; for Lightning see
    `datamodules.QuestionDataModule`.

    Args:
        n_train: training queries.
        n_val: validation queries.
        n_test: test queries; None for all that remain.
        batch_size: queries per batch, in every split.
        seed: of the order and of the shuffling of the training queries.
        limit: queries of that order to deal with, from its front; None for all.

    Raises:
        ConfigError: a size is negative, or more queries are asked for than exist (at `setup`).
    """

    domain: ClassVar[str]

    def __init__(
        self,
        n_train: int = 40,
        n_val: int = 20,
        n_test: int | None = None,
        batch_size: int = 4,
        seed: int = 0,
        limit: int | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        for name, size in (("n_train", n_train), ("n_val", n_val), ("n_test", n_test)):
            if size is not None and size < 0:
                raise ConfigError(self._field(name), size, "an integer >= 0")
        if batch_size < 1:
            raise ConfigError(self._field("batch_size"), batch_size, "an integer >= 1")
        self.n_train, self.n_val, self.n_test = n_train, n_val, n_test
        if limit is not None and limit < 1:
            raise ConfigError(self._field("limit"), limit, "an integer >= 1")
        self.batch_size, self.seed, self.limit = batch_size, seed, limit
        self._splits: dict[Split, list[Query]] = {}

    def save_hyperparameters(self, *, logger: bool = True) -> None:
        """Nothing here; Lightning's own where the questions are a datamodule."""
        return

    @abstractmethod
    def load(self) -> list[Query]:
        """Every query of the set, with unique ids, in an order that only the set decides."""

    @abstractmethod
    def score(self, query: Query, response: str) -> float:
        """How right a response is, in [0, 1]; may block, and is safe in any thread."""

    @abstractmethod
    def specimen(self, query: Query, *, correct: bool) -> str:
        """A short response that `score` judges 1 (correct) or 0; always the same one."""

    def key(self, query: Query, response: str) -> str:
        """The key of a response in a vote: equal keys are equal votes. Here its text.

        A simulated response's header is no part of it; subclasses read letters, numbers, code.
        """
        return " ".join(split_header(response)[1].split())

    def setup(self, stage: str | None = None) -> None:
        """Deal the splits, once, whatever the stage."""
        if self._splits:
            return
        queries = stratified_order(self.load(), self.seed)[: self.limit]
        n = len(queries)
        self._check_sizes(n)
        end = n - self.n_val
        start = self.n_train if self.n_test is None else end - self.n_test
        test = queries[start:end]
        self._splits = {
            "train": queries[: self.n_train],
            "val": queries[end:],
            "test": test,
            "predict": test,
        }

    def queries(self, split: Split) -> list[Query]:
        """The queries of a split, in a fixed order (a new list each time)."""
        if split not in SPLITS:
            raise ConfigError("split", split, " | ".join(SPLITS))
        self.setup()
        return list(self._splits[split])

    def _check_sizes(self, n: int) -> None:
        left = n
        for name in ("n_train", "n_val", "n_test"):
            size: int | None = getattr(self, name)
            if size is None:
                continue
            if size > left:
                allowed = f"at most {left} ({n} queries exist, {n - left} are in other splits)"
                raise ConfigError(self._field(name), size, allowed)
            left -= size

    def _field(self, name: str) -> str:
        return f"{type(self).__name__}.{name}"


def stratified_order(queries: Sequence[Query], seed: int) -> list[Query]:
    """A seeded order whose every stretch has nearly the mix of levels and subjects of the whole.

    Greedy: the next query comes from the stratum (level, subject) that is most behind, counted
    by its level, its subject and itself: argmin of the sum of (taken + 1) / size over the three.

    Args:
        queries: any order; the result depends on it and on the seed only.
        seed: of the order inside each stratum, and of ties between strata.
    """
    rng = random.Random(seed)
    strata: dict[tuple[Hashable, ...], list[Query]] = defaultdict(list)
    size: Counter[tuple[str, Hashable]] = Counter()
    for query in queries:
        strata[query.meta.get("level"), query.meta.get("subject")].append(query)
    for key, members in strata.items():
        rng.shuffle(members)
        size.update({tag: len(members) for tag in _tags(key)})
    taken: Counter[tuple[str, Hashable]] = Counter()
    order: list[Query] = []
    while strata:
        key = min(
            strata,
            key=lambda k: (sum((taken[t] + 1) / size[t] for t in _tags(k)), rng.random()),
        )
        order.append(strata[key].pop())
        taken.update(_tags(key))
        if not strata[key]:
            del strata[key]
    return order


def _tags(key: tuple[Hashable, ...]) -> tuple[tuple[str, Hashable], ...]:
    return ("level", key[0]), ("subject", key[1]), ("both", key)
