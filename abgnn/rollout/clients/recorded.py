"""`RecordedClient`: answers from an outcome table, the recorded results of real LLMs.

No call is made and nothing is random; its results are labelled *recorded*.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.catalogue_yaml import suggest
from abgnn.data.query import Query, Task
from abgnn.data.recorded_text import recorded_score, with_score
from abgnn.errors import ConfigError
from abgnn.outcomes.cells import Missing
from abgnn.outcomes.layouts import Layout, read_outcomes
from abgnn.outcomes.table import OutcomeTable
from abgnn.rollout.clients.base import CallError, Completion, Messages
from abgnn.rollout.clients.recorded_bill import seconds_of, usage_of

VOTE = "Vote"


class RecordedClient:
    """LLMs whose score, tokens, cost and seconds are those that a table records.

    An agent that reads nothing answers with the outcome of (query, backbone): a first line with
    the score, below it the recorded key of its answer, else the response, if there is one. The
    role `Vote` calls no LLM: it costs nothing, takes no time, and answers with the median of the
    scores that it reads. With 0 and 1 that is the majority, ties 1/2. An agent of another role
    that reads others' answers has no recorded outcome: its call fails (`unrecorded`).

    The table is `path`'s, or else that of the bound task (`datamodules.Outcomes` has one).
    A backbone's column is found by its name, else by its model.

    Args:
        path, layout, tasks, llms, profiles, missing, allow_pickle: as in `read_outcomes`; the
            ids must be those of the questions asked.
    """

    label = "recorded"

    def __init__(
        self,
        path: str | None = None,
        layout: Layout = "auto",
        tasks: list[str] | Literal["paper"] | None = None,
        llms: list[str] | None = None,
        profiles: str | None = None,
        missing: Missing = "error",
        allow_pickle: bool = False,
    ) -> None:
        self.path, self.layout = path, layout
        self._reading: dict[str, Any] = {
            "tasks": tasks,
            "llms": llms,
            "profiles": profiles,
            "missing": missing,
            "allow_pickle": allow_pickle,
        }
        self._table: OutcomeTable | None = None
        self._row: dict[str, int] = {}

    @classmethod
    def of(cls, table: OutcomeTable) -> RecordedClient:
        """The client of a table in memory."""
        client = cls()
        client._use(table)
        return client

    @property
    def table(self) -> OutcomeTable:
        """The outcome table; a file is read on first use.

        Raises:
            ConfigError: there is none, or it cannot be read.
        """
        if self._table is None:
            if self.path is None:
                allowed = "a path, or a task with a table such as datamodules.Outcomes"
                raise ConfigError("RecordedClient.path", None, allowed)
            self._use(read_outcomes(self.path, self.layout, **self._reading))
        assert self._table is not None, "_use sets it"
        return self._table

    def check(self, backbones: Iterable[Backbone]) -> None:
        """Check that every backbone is an LLM of the table.

        Raises:
            ConfigError: one is not, or there is no table.
        """
        for backbone in backbones:
            self._column(backbone)

    def bind(self, task: Task) -> None:
        """Take the task's table, unless there is one already or a path is set."""
        table = None if self.path or self._table else getattr(task, "table", None)
        if isinstance(table, OutcomeTable):
            self._use(table)

    def endpoint(self, backbone: Backbone) -> str | None:
        """None: nothing is limited, nothing fails."""

    def request(self, backbone: Backbone, messages: Messages, query: Query) -> dict[str, Any]:
        """The call is identified by backbone and question."""
        parameters = {"client": repr(self), "query": query.id}
        return {"model": backbone.name, "messages": messages.chat(), "parameters": parameters}

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        """The recorded outcome, the same for every sample; or the votes' median.

        Raises:
            CallError: `unrecorded`: an unknown question, or an agent that reads others.
            ConfigError: an unknown backbone.
        """
        if messages.role.name == VOTE:
            return _vote([r.text for r in messages.received])
        if messages.received:
            what = f"{messages.role.name} reads others; only {VOTE} may, in a recorded world"
            raise CallError("unrecorded", what)
        table, m = self.table, self._column(backbone)
        if query.id not in self._row:
            raise CallError("unrecorded", f"the outcome table has no question {query.id}")
        q = self._row[query.id]
        texts = table.keys or table.responses
        text = with_score(float(table.score[q, m]), texts[q][m] if texts else "")
        usage = usage_of(table, q, m, backbone)
        return Completion(text, usage, seconds_of(table, q, m, backbone))

    async def aclose(self) -> None:
        """Nothing to free."""

    def __repr__(self) -> str:
        return f"RecordedClient({self.path or 'table'})"

    def _use(self, table: OutcomeTable) -> None:
        self._table = table
        self._row = {id: q for q, id in enumerate(table.ids)}
        self._columns = {name: m for m, name in enumerate(table.llms)}

    def _column(self, backbone: Backbone) -> int:
        llms = self.table.llms
        for name in (backbone.name, backbone.model):
            if name in self._columns:
                return self._columns[name]
        allowed = f"an LLM of the outcome table: {suggest(backbone.name, llms)}"
        raise ConfigError("backbone", backbone.name, allowed)


def _vote(texts: Sequence[str]) -> Completion:
    """The median of the votes; CallError without any."""
    if not texts:
        raise CallError("unrecorded", f"{VOTE} has no answers to count")
    return Completion(with_score(statistics.median(map(recorded_score, texts))), Usage(), 0.0)
