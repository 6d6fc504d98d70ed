"""What a report is made of: one record per recognised file. Paths are as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from abgnn.data.plan import Plan
from abgnn.evaluation.rows import Row
from abgnn.planning.belief_table import BeliefTable

UNKNOWN = "origin not stated"


@dataclass(frozen=True, slots=True)
class PointRow(Row):
    """One evaluated policy of a method, with the seed of its questions where there are several."""

    method: str = ""
    seed: str = ""


@dataclass(frozen=True, slots=True)
class Points:
    """points.csv of a frontier or comparison, or the results of unfinished jobs.

    `budgets` (USD) and `waits` (seconds) are the comparison's, where its jobs state them, and
    `spent_usd` is what all rollouts of those jobs took; None: no file says.
    """

    path: str
    label: str
    rows: tuple[PointRow, ...]
    budgets: tuple[float, ...] = ()
    waits: tuple[float, ...] = ()
    spent_usd: float | None = None


@dataclass(frozen=True, slots=True)
class HeldOut:
    """held_out.csv of a training run."""

    path: str
    label: str
    rows: tuple[PointRow, ...]


@dataclass(frozen=True, slots=True)
class RivalRow:
    """A method at a budget: what it reached and spent, and what the first method is above it.

    None: nothing of it is that cheap, or it is the first method itself.
    """

    method: str
    budget_usd: float
    accuracy: float | None
    cost_usd: float | None
    ahead: float | None
    half: float | None


@dataclass(frozen=True, slots=True)
class Rivals:
    """table.csv of `abgnn quickstart`: the first method beside the others, paired by question."""

    path: str
    label: str
    rows: tuple[RivalRow, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table that is shown as it is."""

    path: str
    label: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class CompareTable:
    """table.csv of a comparison: method → column → (mean, half width, mark), shares."""

    path: str
    label: str
    cells: Mapping[str, Mapping[str, tuple[float, float, str]]]


@dataclass(frozen=True, slots=True)
class PlanPart:
    """A share of the queries and the team that answers them."""

    share: float
    group: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A file of `abgnn plan`; the figures are None where the file has none.

    `digest` is of the file, as certificates name it.
    """

    path: str
    label: str
    parts: tuple[PlanPart, ...]
    feasible: bool
    by: str
    budget: Mapping[str, float | None]
    expected: Mapping[str, float | None]
    predicted: Mapping[str, tuple[float, float]]
    queries: int
    digest: str = ""


@dataclass(frozen=True, slots=True)
class PredictedPlans:
    """plans.jsonl of `abgnn predict`: different plans, with the number of questions."""

    path: str
    label: str
    plans: tuple[tuple[Plan, int], ...]


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A file of `abgnn certify`; findings are (name, budget, value, low, high, verdict).

    `confidence` is of all budgets together, `each` of each bound (the same before there was one).
    `subject` is what was judged; it may be empty.
    """

    path: str
    label: str
    verdict: str
    findings: tuple[tuple[str, float, float, float, float, str], ...]
    accuracy: tuple[float, float, float]
    confidence: float
    each: float
    look: int
    n: int
    seed: str
    priced: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """Attempts of one phase of one run; dollars, `uncertain` at most."""

    run: str
    phase: str
    calls: int
    failed: int
    tokens: int
    usd: float
    uncertain: float


@dataclass(frozen=True, slots=True)
class Spend:
    """Dollars by phase and calls by backbone, from a recording or a trace."""

    path: str
    label: str
    phases: tuple[Phase, ...]
    calls: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Configuration:
    """A run's config.yaml."""

    path: str
    label: str
    text: str


Record = (
    Points
    | HeldOut
    | Rivals
    | Grid
    | CompareTable
    | BeliefTable
    | PlanRecord
    | PredictedPlans
    | CertificateFile
    | Spend
    | Configuration
)


@dataclass(frozen=True, slots=True)
class Notice:
    """A file that could not be read, or not in full."""

    path: str
    text: str


@dataclass(slots=True)
class Runs:
    """Everything that was recognised, in the order of the files; `others` are the rest."""

    records: list[Record] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def of(self, kind: type[Any]) -> list[Any]:
        """The records of one kind."""
        return [record for record in self.records if isinstance(record, kind)]

    @property
    def labels(self) -> tuple[str, ...]:
        """Where the figures come from, sorted; files that state nothing count only if all do."""
        seen = {record.label for record in self.records}
        return tuple(sorted(seen - {UNKNOWN} or seen))
