"""The tables of the study by name: what stands above each, and of which parts it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

from abgnn.errors import ConfigError

from . import headline, paper, versions, worlds
from .figures import Shown, shown_parts
from .rows import Made, rows_of

VERSIONS = {"": "world version 3", "-v2": "world version 2"}
BY_BUDGET = {
    "headline-llmrouter": ("recorded-llmrouter", "Routing among LLMRouter's nine LLMs (recorded)"),
    "headline-live": ("headline-live", "SmolLM2-135M asked in three ways, arithmetic (live)"),
}
PRINTED = {
    "table1-v2": (versions.BEFORE,),
    "areas-v2": ("compare-areas",),
    "table2-v2": ("compare-plugins", "compare-plugins-paired"),
    "table3-v2": ("compare-ablations",),
    "figure4-v2": ("inductive",),
}
"""What 0.1.0 printed, by the table of today that is in its world."""


@dataclass(frozen=True, slots=True)
class StudyTable:
    """A table of the study.

    Args:
        title: above it.
        parts: names of the parts that it is made of.
        render: its Markdown, where there are rows.
        rows: those that it is made of; of a comparison, of the seeds that are complete.
        printed: names of tables that 0.1.0 printed of the same.
    """

    title: str
    parts: tuple[str, ...]
    render: Callable[[], str]
    rows: Callable[[], Sequence[Made]]
    printed: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The table.

        Raises:
            ConfigError: it has no rows.
        """
        if not self.rows():
            allowed = "one with a complete seed in scripts/bench/results: scripts/bench/study"
            raise ConfigError("table", self.title, allowed)
        return self.render()


@cache
def parts_there() -> Mapping[str, Mapping[str, Shown]]:
    """All parts with a complete seed, read once."""
    return shown_parts()


def study_tables() -> dict[str, StudyTable]:
    """By the name that a README's marker has."""
    sizes = [f"headline-{d}-{n}" for d in headline.DOMAINS for n in headline.SIZES]
    title = "Points over the mixture of single LLMs, mean of four budgets of USD (simulated)"
    made = {
        "headline-160": _table(
            "Why would I use this? 160 rollouts: points over the mixture of single LLMs, mean of "
            "four budgets of USD; USD to the best LLM's accuracy, over that LLM's (simulated)",
            [f"headline-{domain}-160" for domain in headline.DOMAINS],
            headline.short_table,
        ),
        "headline": _table(title, sizes, headline.simulated_table),
        "headline-recorded": _table(
            "The same on recorded answers of real LLMs",
            list(headline.RECORDED),
            headline.recorded_table,
        ),
        "worlds": _table(
            "Where does ours stop being best? (simulated)", list(worlds.WORLDS), worlds.worlds_table
        ),
    }
    for domain in headline.DOMAINS:
        title = f"{domain}, 160 rollouts: percent within each budget (simulated)"
        made[f"headline-{domain}"] = _of_budgets(title, f"headline-{domain}-160")
    for name, (part, title) in BY_BUDGET.items():
        made[name] = _of_budgets(f"{title}: percent within each budget", part)
    made["versions"] = _table(
        "Table 1 then and now: percent within a budget of USD, mean of four; 0.1.0 in world "
        "version 2 → 0.2.0 in version 2 → in version 3 (simulated)",
        [f"table1-{d}{v}" for d in headline.DOMAINS for v in VERSIONS],
        versions.versions_table,
    )
    for version, words in VERSIONS.items():
        made |= _of_paper(version, f"simulated, {words}")
    return made


def _of_budgets(title: str, part: str) -> StudyTable:
    return _table(title, [part], headline.budgets_table, part)


def _of_paper(version: str, words: str) -> dict[str, StudyTable]:
    def by_domain(name: str) -> list[str]:
        return [f"{name}-{domain}{version}" for domain in headline.DOMAINS]

    tables = {
        "table1": _table(f"Table 1 ({words})", by_domain("table1"), paper.table1, version),
        "areas": _table(
            f"Share of the clairvoyant's area ({words})", by_domain("table1"), paper.areas, version
        ),
        "table2": _table(f"Table 2 ({words})", [f"table2{version}"], paper.table2, version),
        "table3": _table(f"Table 3 ({words})", by_domain("table3"), paper.table3, version),
        "figure4": StudyTable(
            f"Figure 4 ({words})",
            (f"figure4{version}",),
            partial(paper.figure4, version),
            lambda: rows_of(f"figure4{version}").all,
        ),
        "figure5": _table(f"Figure 5 ({words})", [f"figure5{version}"], paper.figure5, version),
    }
    named = {f"{name}{version}": table for name, table in tables.items()}
    return {name: replace(t, printed=PRINTED.get(name, ())) for name, t in named.items()}


def _table(title: str, parts: list[str], render: Callable[..., str], *more: str) -> StudyTable:
    def rows() -> list[Made]:
        there = [parts_there()[part] for part in parts if part in parts_there()]
        return [row for systems in there for shown in systems.values() for row in shown.rows]

    return StudyTable(title, tuple(parts), lambda: render(parts_there(), *more), rows)
