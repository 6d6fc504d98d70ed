"""Beliefs about one question as a table."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from abgnn.data.arrays import Array
from abgnn.planning.beliefs import Belief
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.lone_calls import expected_accuracy
from abgnn.planning.questions import Questions

_MIDDLE = 1.645  # standard deviations of the middle 90 %
_NEAR = 0.25


def show_beliefs(
    planner: QuestionPlanner,
    belief: Belief,
    questions: Questions,
    slot: int,
    label: str,
    console: Console,
) -> None:
    """Every LLM in one role, the likeliest first; then what the question is taken for."""
    role = planner.roles[slot]
    table = Table(title=f"alone as {role} ({label})", title_justify="left")
    for head in ("LLM", "right", "90 %", "mUSD", "s"):
        table.add_column(head, justify="left" if head == "LLM" else "right", no_wrap=True)
    accuracy, usd, seconds = (x[0, slot] for x in (belief.accuracy, belief.usd, belief.seconds))
    low, high = _interval(planner, belief, slot)
    for m in np.argsort(-accuracy):
        table.add_row(
            planner.backbones[m],
            f"{accuracy[m]:.2f}",
            f"{low[m]:.2f} … {high[m]:.2f}",
            f"{1e3 * usd[m]:.3g}",
            f"{seconds[m]:.3g}",
        )
    console.print(table)
    features = planner.model.features
    if features.kinds:
        kind = features.kind(questions)[0]
        shown = [f"{features.kinds[g]} {kind[g]:.0%}" for g in np.argsort(-kind)[:3]]
        near = [text for text, g in zip(shown, np.sort(-kind)[:3], strict=True) if -g > 0.05]
        console.print(f"taken for: {', '.join(near)}", highlight=False)
    hard = float(features.standard_difficulty(questions)[0])
    word = "harder" if hard > _NEAR else "easier" if hard < -_NEAR else "about as hard"
    than = "as" if word.startswith("about") else "than"
    console.print(f"it reads {word} {than} the mean calibration question ({hard:+.1f} sd)")
    console.print(f"beliefs: {planner.about}", highlight=False)
    console.print("The interval is what is not known of the LLM, not the luck of one answer.")


def _interval(planner: QuestionPlanner, belief: Belief, slot: int) -> tuple[Array, Array]:
    """P(right) with the LLM's own logit at either end, averaged over the question's luck."""
    mean, sd = belief.logit[0, slot], belief.logit_sd[0, slot]
    spread = planner.model.query_sd
    zero = np.zeros_like(sd)
    low = expected_accuracy(mean - _MIDDLE * sd, zero, spread)
    return low, expected_accuracy(mean + _MIDDLE * sd, zero, spread)
