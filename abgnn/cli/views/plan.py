"""A mixture of teams as a table, and what is expected of it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from abgnn.planning.budgets import Mixture
from abgnn.planning.calibration import Calibration
from abgnn.planning.predictive import Prediction


def show_plan(
    mixture: Mixture, ahead: Prediction, calibration: Calibration, console: Console
) -> None:
    """The table, the expected means with the budgets, and their 90 % intervals."""
    source = (
        f"{calibration.rollouts} calibration rollouts" if calibration.rollouts else "no rollout"
    )
    table = Table(title=f"plan from {source} ({calibration.label})", title_justify="left")
    for head in ("share", calibration.by or "kind", "team", "accuracy", "mUSD", "s"):
        if head != "kind" or calibration.by:
            left = head in ("team", calibration.by)
            table.add_column(head, justify="left" if left else "right")
    for part in sorted(mixture.parts, key=lambda p: p.group):
        design, forecast = part.candidate.design, part.candidate.forecast
        table.add_row(
            f"{part.share:.0%}",
            *([part.group] if calibration.by else []),
            design.describe(calibration.template, calibration.profile.names),
            f"{forecast.accuracy:.3f}",
            f"{1e3 * forecast.usd:.3g}",
            f"{forecast.seconds:.3g}",
        )
    console.print(table)
    most = mixture.budget.quantile
    of = f" for {most:.0%} of the queries" if most else ""
    budget = [
        f"{1e3 * mixture.cost_usd:g} mUSD" if mixture.cost_usd else "",
        f"{mixture.latency_s:g} s{of}" if mixture.latency_s else "",
    ]
    console.print(
        f"expected: accuracy {mixture.accuracy:.3f}, {1e3 * mixture.usd:.3g} mUSD, "
        f"{mixture.seconds:.3g} s per query; "
        f"budget {' and '.join(b for b in budget if b) or 'none'}"
    )
    accuracy, usd, seconds = ahead.accuracy, ahead.usd, ahead.seconds
    console.print(
        f"means over the next {ahead.queries} queries, 90 % in the model: accuracy "
        f"{accuracy.low:.3f} … {accuracy.high:.3f}, {1e3 * usd.low:.3g} … {1e3 * usd.high:.3g} "
        f"mUSD, {seconds.low:.3g} … {seconds.high:.3g} s"
    )
    if not mixture.feasible:
        console.print(
            "the model expects no plan to meet these budgets; this one comes nearest", style="red"
        )
    console.print(
        "Expectations are for ranking and a little optimistic: `abgnn certify` measures them."
    )
