"""A table of recorded answers as a calibration, which teaches policies to choose lone LLMs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from graph_taught import NETS, Setting, budgeted
from routing import LLMROUTER, PRICES, Dealt

from abgnn.data.arrays import Array, Index
from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.questions import questions_of
from abgnn.outcomes.catalogue import catalogue_of, write_catalogue
from abgnn.outcomes.layouts import read_outcomes
from abgnn.outcomes.table import OutcomeTable
from abgnn.planning import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.design import Design
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior
from abgnn.rollout import RecordedClient

TEACHER = "planner by question"
NAMED = "subject"  # entry of the questions' `meta` that is their task


class Texts(Dealt):
    """The questions of a table without what names their task."""

    def queries(self, split: str) -> list[Query]:  # type: ignore[override]
        return [replace(query, meta={}) for query in super().queries(split)]  # type: ignore[arg-type]


@dataclass(frozen=True)
class Recorded:
    """An outcome table, with its LLMs as a catalogue, each alone in one role."""

    path: Path
    table: OutcomeTable
    mas: BaseMAS

    @classmethod
    def of(cls, folder: Path) -> Recorded:
        path, prices = folder / LLMROUTER, folder / PRICES
        table = read_outcomes(path, tasks="paper", profiles=prices)
        with TemporaryDirectory() as place:
            catalogue = Path(place) / "llms.yaml"
            write_catalogue(catalogue_of(table, prices, domain="general"), catalogue, LLMROUTER)
            mas = BaseMAS(
                catalogue=str(catalogue),
                template="templates/routing.yaml",
                encoder="offline",
                n_pools=1,
            )
        return cls(path, table, mas)

    @property
    def column(self) -> list[int]:
        """Where the catalogue's LLMs stand in the table."""
        return [list(self.table.llms).index(name) for name in self.mas.catalogue.names]

    def data(self, train: Index, test: Index, *, named: bool) -> Dealt:
        kind = Dealt if named else Texts
        return kind(str(self.path), self.table, train, test, 0)

    def calibration(self, data: Dealt, train: Index, *, named: bool) -> Calibration:
        """Every answer of every LLM to the training questions."""
        queries, n, m = data.queries("train"), len(train), len(self.mas.catalogue)
        profile = Prior.of(self.mas.catalogue, self.mas.domain)
        questions = questions_of(self.mas, queries, NAMED if named else None)
        nothing, hard = np.zeros(n * m), questions.difficulty
        cost = self.table.cost[train][:, self.column].ravel()
        observed = Observations(
            np.repeat(np.arange(n), m),
            np.tile(np.arange(m), n),
            np.zeros(n * m, dtype=np.int64),
            self.table.score[train][:, self.column].ravel(),
            nothing, nothing, cost, np.full(n * m, 1.0), np.full(n * m, profile.answer_tokens),
            (hard - hard.mean()) / max(float(hard.std()), 1e-6),
            np.zeros(n, dtype=np.int64),
        )  # fmt: skip
        return Calibration(
            "recorded", self.mas.domain, profile, self.mas.template, (tuple(range(m)),), observed,
            n * m, 0.0, questions=questions, encoder=self.mas.encode.model,
            role_embedding=self.mas.role_embed.double().numpy(),
        )  # fmt: skip

    def chosen(
        self,
        train: Index,
        test: Index,
        budgets: Sequence[float],
        *,
        named: bool,
        steps: int | None = None,
    ) -> dict[str, list[list[int]]]:
        """Columns of the table that the planner and its pupils choose, `[4][q]` each."""
        data = self.data(train, test, named=named)
        known = self.calibration(data, train, named=named)
        setting = Setting(RecordedClient.of(self.table), self.mas, data, 0)
        planner, queries = known.by_question(), data.queries("test")
        questions, out = setting.questions(queries, known), {}
        out[TEACHER] = [
            [self._of(planner.designs[d]) for d in planner.choose(questions, *prices)]
            for prices in (planner.prices(Budget(b)) for b in budgets)
        ]
        for who in NETS:
            policy = setting.taught(who, known, steps=steps)
            out[who] = []
            for budget in budgets:
                budgeted(policy, budget)
                out[who].append([self._of(d) for d in setting.designs(policy, queries)])
        return out

    def _of(self, design: Design) -> int:
        return self.column[design.agents[0][1]]


def one_hot(choice: Sequence[int], llms: int) -> Array:
    """`[Q]` → `[Q, M]`."""
    out: Array = np.eye(llms)[list(choice)]
    return out
