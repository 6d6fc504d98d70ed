"""`results/tables.md`: every table of the study, each below what it was made of."""

from __future__ import annotations

from pathlib import Path

from .rows import RESULTS, Made, rows_of
from .study_tables import StudyTable, study_tables

PAGE = RESULTS / "tables.md"
_HEAD = """\
# The study's tables

Made by `scripts/bench/tables` from the CSV files beside it, which `scripts/bench/study` writes. ±
is the half width of a 95 % interval over worlds, questions and seeds together (Student's t), of
paired differences where two methods are compared. A table shows the seeds that all of its methods
have.
"""


def page(folder: Path = RESULTS) -> str:
    """The page's text; tables without rows are left out."""
    sections = [_section(table, folder) for table in study_tables().values()]
    return "\n".join([_HEAD, *(section for section in sections if section)])


def _section(table: StudyTable, folder: Path) -> str:
    rows = [row for part in table.parts for row in rows_of(part, folder).all]
    if not rows:
        return ""
    try:
        text = table.render()
    except KeyError:  # no seed of a part that it needs is complete
        return ""
    return f"## {table.title}\n\n{_stamps(table, rows)}\n\n{text}\n"


def _stamps(table: StudyTable, rows: list[Made]) -> str:
    """Commit, seeds, calls, dollars."""
    jobs = {(row.key, row.inputs): row for row in rows}.values()
    paid = sum(job.paid_usd for job in jobs)
    calls = sum(row.calls * row.rollouts for row in rows)
    seeds = sorted({row.seed for row in rows})
    hours = sum(job.seconds for job in jobs) / 3600
    days = sorted({row.day for row in rows})
    sources = ", ".join(sorted({row.source for row in rows}))
    parts = ", ".join(f"`{part}`" for part in table.parts)
    return (
        f"{sources}; {parts}; commits {', '.join(sorted({row.commit for row in rows}))}; "
        f"{' to '.join(dict.fromkeys((days[0], days[-1])))}; seeds {seeds[0]} to {seeds[-1]}; "
        f"{len(jobs):,} jobs, {calls:,.0f} calls to judge, ${paid:,.2f} {sources}, "
        f"{hours:.1f} hours of one core"
    )
