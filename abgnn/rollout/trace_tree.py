"""A rollout as a tree of its calls, with tokens, dollars and seconds.

Markup and control characters in prompts and replies are shown, not interpreted.
"""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from abgnn.data.outcome import CallRecord, Outcome

_SHOWN = 200


def trace_tree(outcome: Outcome, label: str) -> Tree:
    """The calls of a rollout under its question, then the decisions of a closed loop."""
    plan = outcome.plan
    tree = Tree(
        f"{escape(repr(plan.query.text[:80]))} ({label}): {len(outcome.calls)} calls, "
        f"${outcome.cost:.6f} ({_paid(outcome)}), {outcome.latency:.2f} s on the critical path, "
        f"{outcome.wall_time:.2f} s in all"
    )
    for call in outcome.calls:
        mark = " (answer)" if call.agent == plan.decision and not outcome.steps else ""
        node = tree.add(
            f"[bold]{escape(call.role)}[/] on {escape(call.backbone)}{mark}: "
            f"{_tokens(call)}, ${call.cost:.6f}, {call.start:.2f}–{call.end:.2f} s{_notes(call)}"
        )
        reads = [plan.agents[u].role.name for u, v in plan.edges if v == call.agent]
        if reads and not call.turn:
            node.add(f"reads {escape(', '.join(reads))}")
        node.add(escape(printable(call.error or call.text)[:_SHOWN]))
    names = [agent.backbone for agent in plan.agents]
    for step in outcome.steps:
        tree.add(f"[italic]{escape(step.words(names))}[/]")
    for agent in outcome.late:
        tree.add(f"[bold]{escape(plan.agents[agent].role.name)}[/]: late, the answer lacks it")
    return tree


def trace_text(outcome: Outcome, label: str) -> str:
    """The tree as plain text, 120 columns wide."""
    console = Console(width=120, no_color=True, force_terminal=False)
    with console.capture() as capture:
        console.print(trace_tree(outcome, label))
    return capture.get()


def printable(text: str) -> str:
    """Text without terminal control characters (escape sequences, carriage returns, bells)."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def _paid(outcome: Outcome) -> str:
    recorded = sum(map(_is_recorded, outcome.calls))
    return f"paid ${outcome.paid:.6f}, {recorded} calls recorded" if recorded else "paid"


def _tokens(call: CallRecord) -> str:
    usage = call.usage
    of = [f"{usage.cached_tokens} cached"] if usage.cached_tokens else []
    of += [f"{usage.reasoning_tokens} reasoning"] if usage.reasoning_tokens else []
    more = f" ({', '.join(of)})" if of else ""
    return f"{usage.prompt_tokens}+{usage.completion_tokens} tokens{more}"


def _notes(call: CallRecord) -> str:
    """What was unusual about a call."""
    notes = []
    if call.attempts == 0:
        notes.append("recorded" if _is_recorded(call) else "not made")
    if call.attempts > 1:
        notes.append(f"{call.attempts} attempts, {call.retry_time:.2f} s lost")
    if call.queue_time >= 0.01:
        notes.append(f"queued {call.queue_time:.2f} s")
    if call.tool_time:
        notes.append(f"tool {call.tool_time:.2f} s")
    if call.finish == "length":
        notes.append("cut at max_tokens")
    return f" [dim]({'; '.join(notes)})[/]" if notes else ""


def _is_recorded(call: CallRecord) -> bool:
    return call.attempts == 0 and call.kind not in ("budget", "circuit", "unrecorded")
