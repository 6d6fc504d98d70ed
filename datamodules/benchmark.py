"""The base of published benchmarks: rows from the hub or from local files, parsed to queries."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from datamodules.hub import Hub, hub_rows
from datamodules.question_set import QuestionSet
from datamodules.rows import Row, local_rows

_log = logging.getLogger(__name__)


class Benchmark(QuestionSet):
    """A published benchmark: questions without examples (few-shot free), dealt into own splits.

    Rows come from local files if `path` is given, else from the hub. A subclass states `HUB` and
    how one row becomes a query. A text that occurs twice is used once, so that no two splits
    share a question.

    Args:
        path: a file (jsonl, json, csv) or a folder of such files; None: the hub.
        dataset: another dataset on the hub with the same columns; then state its revision.
        revision: commit on the hub; None: the pinned one.
        subsets: configurations of the hub's dataset; None: the benchmark's.
        split: the upstream split to read, of the hub or of a folder; all splits are dealt from it.
        splits: n_train, n_val, n_test, batch_size, seed, limit, see `QuestionSet`.

    Raises:
        ConfigError: see `hub_rows`, `local_rows`; a row that cannot be used, an id twice.
    """

    HUB: ClassVar[Hub]
    CSV_COLUMNS: ClassVar[Sequence[str] | None] = None

    def __init__(
        self,
        *,
        path: str | None = None,
        dataset: str | None = None,
        revision: str | None = None,
        subsets: list[str] | None = None,
        split: str = "test",
        **splits: Any,
    ) -> None:
        super().__init__(**splits)
        if dataset not in (None, self.HUB.dataset) and revision is None:
            raise ConfigError(self._field("revision"), None, f"a commit of {dataset}")
        if not split:
            raise ConfigError(self._field("split"), split, "an upstream split such as test")
        self.path, self.split = path, split
        self.hub = Hub(
            dataset or self.HUB.dataset,
            revision or self.HUB.revision,
            tuple(subsets or self.HUB.subsets),
            self.HUB.streaming,
        )

    @abstractmethod
    def parse(self, row: Row) -> Query | None:
        """The query of a row; None: the row is no question that can be judged.

        Raises:
            ConfigError: a missing column, no answer, a value that cannot be read.
        """

    def load(self) -> list[Query]:
        """Every query of the source, in its order, each id and each text once."""
        queries = list(_distinct(self._parsed()))
        if not queries:
            raise ConfigError(self._field("path"), self.path or self.hub.dataset, "any questions")
        return queries

    def rows(self) -> Iterable[Row]:
        """The rows of the source."""
        if self.path is not None:
            return local_rows(self.path, self.split, self.CSV_COLUMNS)
        return hub_rows(self.hub, self.split)

    def _parsed(self) -> Iterator[Query]:
        places: dict[str, str] = {}
        skipped: list[str] = []
        for row in self.rows():
            query = self.parse(row)
            if query is None:
                skipped.append(row.where)
                continue
            if query.id in places:
                allowed = f"every id once; it is also at {places[query.id]}"
                raise ConfigError(f"{row.where}: id", query.id, allowed)
            places[query.id] = row.where
            yield query
        if skipped:
            name = type(self).__name__
            _log.warning("%s: %d rows cannot be judged: %s", name, len(skipped), skipped)


def _distinct(queries: Iterable[Query]) -> Iterator[Query]:
    """The first query of every text."""
    first: dict[str, str] = {}
    for query in queries:
        if query.text in first:
            _log.info("%s asks the same as %s and is left out", query.id, first[query.text])
            continue
        first[query.text] = query.id
        yield query
