"""`results/tables.md`: every table of the study, each below what it was made of."""

from __future__ import annotations

from collections.abc import Sequence

from .printed import PRINTED, read_printed
from .rows import RESULTS, Made
from .study_tables import StudyTable, study_tables

PAGE = RESULTS / "tables.md"
CASES = {3: "figure6-simulated.png", 2: "figure6-v2-simulated.png"}
CASES_BEFORE = (2, "figure6-simulated.png")  # of 0.1.0, among what it printed
_HEAD = """\
# The study's tables

Made by `scripts/bench/tables` from the CSV files beside it, which `scripts/bench/study` writes. ±
is the half width of a 95 % interval over worlds, questions and seeds together (Student's t), of
paired differences where two methods are compared; a table of one seed has none, and shows nothing.
A table shows the seeds that all of its methods have.

Within a budget every method has the best mixture of at most so many of its own points as the config
says, chosen on the questions that judge. Who has more to choose from gains by it: single LLMs and
self-consistency, which learn nothing, and methods with a run per LLM. Rows that plan have a point
for each budget.
"""


def page() -> str:
    """The page's text; tables without a complete seed are left out."""
    sections = [_section(table) for table in study_tables().values()]
    sections += [_cases(version, name) for version, name in CASES.items()]
    return "\n".join([_HEAD, *(section for section in sections if section)])


def _section(table: StudyTable) -> str:
    rows = table.rows()
    blocks = [stamps(table.parts, rows), table.render()] if rows else []
    for name in table.printed:
        before = read_printed(PRINTED / f"{name}.csv")
        made = f"{before.stamps['commit']}, {before.stamps['date']}"
        blocks += [f"As 0.1.0 printed it ({made}):", before.markdown()]
    return "\n\n".join([f"## {table.title}", *blocks]) + "\n" if blocks else ""


def _cases(version: int, name: str) -> str:
    """Figure 6 as a picture."""
    title = f"Figure 6 (simulated, world version {version})"
    made = "Plans on the lowest and the highest budget, as `abgnn cases` draws them."
    blocks = [f"## {title}", made, f"![{title}]({name})"]
    if version == CASES_BEFORE[0]:
        blocks += ["As 0.1.0 drew it:", f"![{title}, 0.1.0](printed/{CASES_BEFORE[1]})"]
    return "\n\n".join(blocks) + "\n"


def stamps(names: Sequence[str], rows: Sequence[Made]) -> str:
    """Of which parts a table is; commits, days, seeds, calls, dollars, hours of its rows."""
    jobs = {row.inputs: row for row in rows}.values()  # one may have rows of several keys
    paid = sum(job.paid_usd for job in jobs)
    calls = sum(row.calls * row.rollouts for row in rows)
    seeds = sorted({row.seed for row in rows})
    hours = sum(job.seconds for job in jobs) / 3600
    days = sorted({row.day for row in rows})
    sources = ", ".join(sorted({row.source for row in rows}))
    parts = ", ".join(f"`{name}`" for name in names)
    return (
        f"{sources}; {parts}; commits {', '.join(sorted({row.commit for row in rows}))}; "
        f"{' to '.join(dict.fromkeys((days[0], days[-1])))}; seeds {seeds[0]} to {seeds[-1]}; "
        f"{len(jobs):,} jobs, {calls:,.0f} calls to judge, ${paid:,.2f} {sources}, "
        f"{hours:.1f} hours of one core"
    )
