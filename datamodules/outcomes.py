"""Outcomes: the questions of an outcome table, answered by `abgnn.rollout.RecordedClient`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from abgnn.data.open_key import open_key
from abgnn.data.query import Query
from abgnn.data.recorded_text import recorded_score, split_score, with_score
from abgnn.errors import ConfigError
from abgnn.outcomes.catalogue import domain_of_task
from abgnn.outcomes.cells import Missing
from abgnn.outcomes.layouts import Layout, read_outcomes
from abgnn.outcomes.table import OutcomeTable
from datamodules.question_set import QuestionSet

DOMAINS = ("general", "math", "code")
WHERE = (
    "an outcome table, for example LLMRouter's (github.com/ulab-uiuc/LLMRouter) or RouteLLM's; "
    "set data.init_args.path, or abgnn frontier --path FILE"
)


class Outcomes(QuestionSet):
    """Questions whose answers by several LLMs are recorded; splits are stratified by task.

    `meta`: subject (the task), row (in `table`), options (to choose from, where the table says). A
    response is scored by what the table says of it, which a recorded client writes into it; the
    gold answers are not needed.

    Args:
        path, layout, tasks, llms, profiles, missing, allow_pickle: as in
            `abgnn.outcomes.layouts.read_outcomes`; the file is read when first asked for.
        domain: of all queries; None: each by its task (`domain_of_task`).
        splits: n_train, n_val, n_test, batch_size, seed, limit, see `QuestionSet`.
    """

    domain: ClassVar[str] = "general"

    def __init__(
        self,
        path: str,
        layout: Layout = "auto",
        tasks: list[str] | Literal["paper"] | None = None,
        llms: list[str] | None = None,
        profiles: str | None = None,
        missing: Missing = "error",
        allow_pickle: bool = False,
        domain: Literal["general", "math", "code"] | None = None,
        **splits: Any,
    ) -> None:
        super().__init__(**splits)
        if domain is not None and domain not in DOMAINS:
            raise ConfigError("Outcomes.domain", domain, " | ".join(DOMAINS))
        self.path, self.layout, self.tasks, self.llms = path, layout, tasks, llms
        self.profiles, self.missing, self.allow_pickle = profiles, missing, allow_pickle
        self.one_domain = domain

    @cached_property
    def table(self) -> OutcomeTable:
        """The recorded outcomes.

        Raises:
            ConfigError: no such file, or see `read_outcomes`.
        """
        for name, path in (("path", self.path), ("profiles", self.profiles)):
            if path is not None and not Path(path).is_file():
                raise ConfigError(f"Outcomes.{name}", path, f"an existing file: {WHERE}")
        return read_outcomes(
            self.path,
            self.layout,
            allow_pickle=self.allow_pickle,
            tasks=self.tasks,
            llms=self.llms,
            profiles=self.profiles,
            missing=self.missing,
        )

    def load(self) -> list[Query]:
        """The table's rows in its order."""
        table = self.table
        return [
            Query(
                id=id,
                text=text,
                domain=self.one_domain or domain_of_task(task),
                meta={"subject": task, "row": q, **self._options(q)},
            )
            for q, (id, text, task) in enumerate(
                zip(table.ids, table.texts, table.tasks, strict=True)
            )
        ]

    def score(self, query: Query, response: str) -> float:
        """What the table says of the response."""
        return recorded_score(response)

    def key(self, query: Query, response: str) -> str:
        """The recorded key, or what a recorded text comes down to; never the line with the score.

        "" where the table has neither: such answers cannot be compared.
        """
        _, text = split_score(response)
        if self.table.keys:
            return text.strip()
        return open_key(text) if self.table.responses else ""

    def specimen(self, query: Query, *, correct: bool) -> str:
        """A response that is recorded as right or wrong."""
        return with_score(float(correct))

    def _options(self, row: int) -> dict[str, int]:
        return {"options": self.table.options[row]} if self.table.options else {}
