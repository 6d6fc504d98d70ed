"""`abgnn run`: one question, planned, executed and shown as a trace."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from abgnn.cli.arguments import parse
from abgnn.cli.sources import BOUNDS, SOURCES, source_of
from abgnn.rollout.trace_tree import printable, trace_tree
from abgnn.serve.sources import Bounds
from abgnn.serve.system import System


def command(args: Sequence[str], console: Console) -> int:
    """Answer one question; 1 if the rollout failed."""
    given = parse(
        "run",
        "Plan and execute one question; shows the trace with tokens, dollars and seconds.",
        {
            "question": (str, ..., "what to ask"),
            **SOURCES,
            "--cost": (float, None, "budget of the question in USD, see `abgnn.System`"),
            "--latency": (float, None, "budget of the question in seconds"),
            **BOUNDS,
        },
        args,
    )
    with System(source_of(given), bounds=Bounds.of(given)) as system:
        outcome = system.run(given.question, cost_usd=given.cost, latency_s=given.latency)
    console.print(trace_tree(outcome, system.label))
    said = outcome.answer or f"failed: {outcome.error}"
    console.print(printable(said), markup=False, highlight=False)
    return 0 if outcome.error is None else 1
