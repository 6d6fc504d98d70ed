"""A plan by question, or of closed loops, as a table, and what is expected of it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from abgnn.planning.closed_loop.loop_plan import LoopPlan, loop_uses
from abgnn.planning.question_plan import QuestionPlan
from abgnn.planning.reading_plan import ReadingPlan

_ROWS = 12


def show_reading_plan(plan: ReadingPlan, console: Console) -> None:
    """Teams by question, or whom closed loops ask."""
    if isinstance(plan, QuestionPlan):
        show_question_plan(plan, console)
    else:
        show_loop_plan(plan, console)


def show_loop_plan(plan: LoopPlan, console: Console) -> None:
    """Whom loops may ask, whose answer stood where a calibration was replayed, expectations."""
    title = f"closed loops from {plan.calibration['rollouts']} calibration rollouts ({plan.label})"
    table = Table(title=title, title_justify="left")
    uses = loop_uses(plan)
    stands = ["its answer stands"] if any(use.stands is not None for use in uses) else []
    for head in ("agent", "candidate", *stands, "accuracy alone", "mUSD", "s"):
        table.add_column(head, justify="left" if head == "agent" else "right")
    for use in uses:
        shares = [f"{of:.0%}" for of in (use.candidate, use.stands) if of is not None]
        figures = (f"{use.accuracy:.3f}", f"{1e3 * use.usd:.3g}", f"{use.seconds:.3g}")
        table.add_row(use.name, *shares, *figures)
    console.print(table)
    console.print(f"{plan.expected['calls']:.2f} calls per question")
    _expectations(plan, console)


def show_question_plan(plan: QuestionPlan, console: Console) -> None:
    """The teams that training questions get, the expected means, and their 90 % intervals."""
    rollouts = plan.calibration["rollouts"]
    source = f"{rollouts} calibration rollouts" if rollouts else "no rollout"
    table = Table(title=f"plan by question from {source} ({plan.label})", title_justify="left")
    heads = ["share", *([f"mostly ({plan.by})"] if plan.kinds else []), "team"]
    for head in (*heads, "accuracy", "mUSD", "s"):
        text = head == "team" or head.startswith("mostly")
        table.add_column(head, justify="left" if text else "right")
    template, names, used = plan.planner.template, plan.planner.backbones, plan.used()
    for part in used[:_ROWS]:
        table.add_row(
            f"{part.share:.0%}",
            *([", ".join(part.kinds)] if plan.kinds else []),
            part.design.describe(template, names),
            f"{part.forecast.accuracy:.3f}",
            f"{1e3 * part.forecast.usd:.3g}",
            f"{part.forecast.seconds:.3g}",
        )
    console.print(table)
    if len(used) > _ROWS:
        console.print(f"and {len(used) - _ROWS} teams more, for {_rest(plan):.0%} of the questions")
    _expectations(plan, console)


def _rest(plan: QuestionPlan) -> float:
    return sum(part.share for part in plan.used()[_ROWS:])


def _expectations(plan: ReadingPlan, console: Console) -> None:
    cost, wait = plan.budget["cost_usd"], plan.budget["latency_s"]
    budgets = [f"{1e3 * cost:g} mUSD" if cost else "", f"{wait:g} s" if wait else ""]
    expected = plan.expected
    console.print(
        f"expected: accuracy {expected['accuracy']:.3f}, {1e3 * expected['cost_usd']:.3g} mUSD, "
        f"{expected['latency_s']:.3g} s per question; "
        f"budget {' and '.join(b for b in budgets if b) or 'none'}"
    )
    accuracy, usd, seconds = plan.predicted.accuracy, plan.predicted.usd, plan.predicted.seconds
    console.print(
        f"means over the next {plan.predicted.queries} questions, 90 % in the model: accuracy "
        f"{accuracy.low:.3f} … {accuracy.high:.3f}, {1e3 * usd.low:.3g} … {1e3 * usd.high:.3g} "
        f"mUSD, {seconds.low:.3g} … {seconds.high:.3g} s"
    )
    if not plan.feasible:
        console.print(
            "the model expects no plan to meet these budgets; this one comes nearest", style="red"
        )
    console.print(f"beliefs: {plan.planner.about}", highlight=False)
    console.print(
        "Expectations are for ranking and a little optimistic: `abgnn certify` measures them."
    )
