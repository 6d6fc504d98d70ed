"""`abgnn run`: one question, planned, executed and shown as a trace."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.tree import Tree

from abgnn.errors import ConfigError
from abgnn.experiment import build
from abgnn.query import OpenQuestion, Query
from abgnn.rollout.executor import Executor
from abgnn.rollout.plan import Outcome
from abgnn.training.reinforce import Reinforce


def load(checkpoint: str | None, config: str | None) -> Reinforce:
    """A trained policy from a checkpoint, or the untrained one of a config."""
    if (checkpoint is None) == (config is None):
        raise ConfigError("--checkpoint / --config", (checkpoint, config), "exactly one of the two")
    if config is not None:
        return build([config], ["--trainer.logger=false"]).model
    assert checkpoint is not None
    if not Path(checkpoint).is_file():
        raise ConfigError("--checkpoint", checkpoint, "an existing file")
    return Reinforce.load_from_checkpoint(checkpoint, map_location="cpu")


def ask(question: str, checkpoint: str | None, config: str | None, console: Console) -> int:
    """Answer one question; 1 if the rollout failed."""
    module = load(checkpoint, config)
    task = OpenQuestion()
    module.client.bind(task)
    module.client.check(module.mas.catalogue)
    module.policy.attach(module.mas.table)
    query = Query(id=f"ask/{question}", text=question, domain=module.mas.domain)
    executor = Executor(module.client, module.mas.catalogue, task)
    try:
        [outcome] = executor.run(module.plans([query]), score=False)
    finally:
        executor.close()
    console.print(trace(outcome, module.label))
    console.print(outcome.answer or f"failed: {outcome.error}", markup=False)
    return 0 if outcome.error is None else 1


def trace(outcome: Outcome, label: str) -> Tree:
    """Who said what, read from whom, with tokens, dollars and seconds."""
    plan = outcome.plan
    tree = Tree(
        f"{plan.query.text[:80]!r} ({label}): {len(outcome.calls)} calls, "
        f"${outcome.cost:.6f}, {outcome.latency:.2f} s"
    )
    for call in outcome.calls:
        reads = [plan.agents[u].role.name for u, v in plan.edges if v == call.agent]
        mark = " (answer)" if call.agent == plan.decision else ""
        node = tree.add(
            f"[bold]{call.role}[/] on {call.backbone}{mark}: "
            f"{call.usage.prompt_tokens}+{call.usage.completion_tokens} tokens, "
            f"${call.cost:.6f}, {call.start:.2f}–{call.start + call.service_time:.2f} s"
        )
        if reads:
            node.add(f"reads {', '.join(reads)}")
        node.add((call.error or call.text[:200]).replace("[", r"\["))
    return tree
