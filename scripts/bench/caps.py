"""How much of a cap is used, and how much beyond it: 256 rollouts at once, 50 times.

A realistic call: a prompt of about 1,200 characters, 250 tokens of answer on average where 1,024
are allowed, and a cap that pays for a few hundred such calls.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.rollout import (
    Agent,
    Caps,
    Completion,
    Executor,
    Messages,
    Plan,
    Recording,
    RolloutSettings,
)
from abgnn.rollout.ledger.money import cost, dollars
from tests.rollout.helpers import Scripted

BACKBONE = Backbone(
    *("small", "small", "standard", 0.1, 0.4, 8.0, {}), max_tokens=1024, max_concurrency=256
)
TEXT = (
    "A clinic must schedule five nurses over seven days so that nobody works twice in a row. " * 12
)


class Provider(Scripted):
    """Bills a prompt by its length, an answer by chance, after a moment; adds up what it bills."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng, self.billed = random.Random(seed), 0

    def endpoint(self, backbone: Backbone) -> str | None:
        return "http://bench"

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        await asyncio.sleep(self.rng.random() * 0.004)
        letters = sum(len(m["content"]) for m in messages.chat())
        usage = Usage(letters // 4, min(1024, 1 + int(self.rng.expovariate(1 / 250))))
        self.billed += cost(backbone, usage)
        return Completion("words " * (usage.completion_tokens // 2), usage, 0.002)


def plan(i: int) -> Plan:
    roles = [Role(name, f"You are the {name}.") for name in ("Expert", "Critic", "Decision Maker")]
    agents = tuple(Agent(role, "small") for role in roles)
    return Plan(Query(f"q/{i}", f"{i}. {TEXT}", "general"), agents, ((0, 2), (1, 2)), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=50)
    given = parser.parse_args()
    table = Table(
        *("cap", "books", "repetitions", "most overspent", "least used", "mean used"),
        *("least for answers", "rollouts answered"),
        title="256 rollouts at once against a cap",
    )
    for cap in (0.01, 0.05):
        for ledger in ("memory", "SQLite"):
            _add(table, cap, ledger, given.repetitions)
    Console(width=120).print(table)


def _add(table: Table, cap: float, ledger: str, repetitions: int) -> None:
    used, over, answers, answered = [], [], [], []
    for n in range(repetitions):
        with tempfile.TemporaryDirectory() as folder:
            path = None if ledger == "memory" else str(Path(folder) / "calls.sqlite")
            settings = RolloutSettings(Recording(path, "live"), Caps(run_usd=cap))
            provider = Provider(n)
            with Executor(provider, Catalogue((BACKBONE,)), settings=settings) as executor:
                outcomes = executor.run([plan(i) for i in range(256)])
        spent = dollars(provider.billed)
        used.append(spent / cap)
        over.append(spent - cap)
        fine = [o for o in outcomes if o.error is None]
        answers.append(sum(o.cost for o in fine) / cap)
        answered.append(len(fine))
    table.add_row(
        f"${cap}",
        ledger,
        str(repetitions),
        f"${max(max(over), 0.0):.6f}",
        f"{min(used):.1%}",
        f"{sum(used) / len(used):.1%}",
        f"{min(answers):.1%}",
        f"{sum(answered) / len(answered):.0f}",
    )


if __name__ == "__main__":
    main()
