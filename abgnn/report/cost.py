"""What the runs cost, as far as files say; kinds that may hold the same calls are not added."""

from __future__ import annotations

from collections.abc import Sequence

from abgnn.planning.belief_table import BeliefTable
from abgnn.report.markup import Html, tag
from abgnn.report.records import Points, Rivals, Runs, Spend


def cost_lines(runs: Runs) -> list[Html]:
    """A sentence per label, and one on what no file says."""
    parts = _known(runs)
    lines = []
    for label in dict.fromkeys(label for label, _, _ in parts):
        said = [f"{what} {_usd(usd)}" for of, what, usd in parts if of == label]
        kind = "Cost in simulated money, of which none was paid: " if label == "simulated" \
            else f"Cost ({label}): "  # fmt: skip
        lines.append(tag("p", kind, tag("strong", "; ".join(said)), ".", class_="cost"))
    unknown = [r.path for r in runs.of(Rivals)]
    unknown += [p.path for p in runs.of(Points) if p.spent_usd is None and not _beside(p, runs)]
    if unknown:
        text = f"What the evaluations in {_some(unknown)} cost is not in these files."
        lines.append(tag("p", text, class_="cost"))
    if not parts and not unknown:
        lines.append(tag("p", "What it cost is not in these files.", class_="cost"))
    return lines


def _known(runs: Runs) -> list[tuple[str, str, float]]:
    """(label, what, USD): sums over files of a kind."""
    sums: dict[tuple[str, str], list[float]] = {}
    for beliefs in runs.of(BeliefTable):
        sums.setdefault((beliefs.label, "calibration"), []).append(beliefs.spent_usd)
    for points in runs.of(Points):
        if points.spent_usd is not None:
            sums.setdefault((points.label, "comparison"), []).append(points.spent_usd)
    for spend in runs.of(Spend):
        usd = sum(p.usd + p.uncertain for p in spend.phases)
        kind = "trace" if spend.path.endswith(".jsonl") else "recording"
        sums.setdefault((spend.label, kind), []).append(usd)
    return [(label, _counted(what, values), sum(values)) for (label, what), values in sums.items()]


def _counted(what: str, values: Sequence[float]) -> str:
    most = ", at most," if what in ("trace", "recording") else ""
    return f"{len(values)} {what}{'s' if len(values) > 1 else ''}{most}"


def _beside(points: Points, runs: Runs) -> bool:
    """Whether a quickstart's table of the same folder is named already."""
    folder = points.path.rpartition("/")[0]
    return any(r.path.rpartition("/")[0] == folder for r in runs.of(Rivals))


def _usd(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 0.1 else f"${usd:.3g}"


def _some(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"
