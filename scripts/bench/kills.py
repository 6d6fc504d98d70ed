"""A recorded training run, killed with SIGKILL at 20 random moments and started again each time.

Compares its final books with those of an uninterrupted run, and counts on the server what was
asked twice: nothing but what was in flight at a kill.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.rollout.ledger.killing import Ledger, compare
from tests.servers.fixtures import spawned


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--questions", type=int, default=24)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, spawned("--delay", "0.03") as server:
        seen = compare(Path(folder), server, "training", given.questions, given.kills)
    table = Table(
        "run", "calls", "prompt", "completion", "USD", "recorded", "lost", "lost, at most"
    )
    _add(table, "uninterrupted", seen.whole)
    _add(table, f"killed {given.kills} times", seen.killed)
    console = Console(width=110)
    console.print(table)
    console.print(
        f"books equal: {seen.killed.settled == seen.whole.settled}; same weights: "
        f"{seen.same_result}; requests {seen.requests}, of which asked twice {seen.twice} "
        f"(in flight at a kill: {seen.killed.lost})"
    )


def _add(table: Table, name: str, ledger: Ledger) -> None:
    calls, prompt, completion, _, responses = (f"{v:,}" for v in ledger.settled)
    lost = f"${ledger.lost_pusd / 1e12:.6f}"
    usd = f"{ledger.pusd / 1e12:.6f}"
    table.add_row(name, calls, prompt, completion, usd, responses, str(ledger.lost), lost)


if __name__ == "__main__":
    main()
