"""A thousand closed loops on one event loop, and memory over many questions; scripted replies.

Six LLMs answer after 10 to 20 seconds that really pass, one of four letters. Loops start one after
the other over some seconds; then all are in flight. How late a reply is taken up is how much the
decisions of the others held it up. Then loops whose replies take no time run a thousand at once,
one thousand after the other, and memory is read after each tenth.

    python scripts/bench/loops_in_flight.py --loops 1000 --questions 20000
"""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
from rich.table import Table

from abgnn.console import make_console
from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.data.outcome import Usage
from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.resources import config_path
from abgnn.data.template import Role
from abgnn.models.programs import ClosedLoopProgram
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.rollout import Executor
from abgnn.rollout.clients.base import Completion, Messages
from tests.rollout.helpers import Bare

LLMS, SPREAD_S, AT_ONCE = 6, 10.0, 1000
ROLE = Role("Solver", "Answer.")


class Timed(Bare):
    """Replies after seconds that really pass, and notes how much later it went on.

    Args:
        seconds: least and most of them.
    """

    def __init__(self, seconds: tuple[float, float]) -> None:
        self.seconds, self.late = seconds, list[float]()
        self.under_way = self.most = 0
        self._rng = np.random.default_rng(0)

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        seconds = float(self._rng.uniform(*self.seconds))
        if seconds:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            due = time.perf_counter() + seconds
            await asyncio.sleep(seconds)
            self.late.append(time.perf_counter() - due)
            self.under_way -= 1
        key = "ABCD"[min(3, int(self._rng.exponential(0.8)))]
        return Completion(f"Answer: {key}", Usage(100, 10), 1.0, "stop")


def plans(n: int, names: list[str], seed: int) -> list[Plan]:
    """Of other numbers each."""
    rng, agents = np.random.default_rng(seed), tuple(Agent(ROLE, name, 80) for name in names)
    usd = tuple(float(x) for x in np.geomspace(1e-4, 2e-3, LLMS))
    out = []
    for i in range(n):
        accuracy = tuple(np.sort(rng.uniform(0.5, 0.95, LLMS)).tolist())
        program = ClosedLoopProgram(
            accuracy, usd, (1.0,) * LLMS, lambda_tok=60.0, model=AnswerModel(options=4)
        )
        out.append(Plan(Query(f"{seed}/{i}", "Which?", "general"), agents, (), 0, program=program))
    return out


def catalogue() -> Catalogue:
    return Catalogue.from_yaml(config_path("catalogues/paper.yaml"))


def in_flight(loops: int) -> list[str]:
    """Lateness of replies, milliseconds."""
    client, known = Timed((10.0, 20.0)), catalogue()
    with Executor(client, known) as runs:
        made = []
        for plan in plans(loops, known.names[:LLMS], 0):
            made.append(runs.submit(plan))
            time.sleep(SPREAD_S / loops)
        calls = sum(len(each.result().calls) for each in made)
    middle, high, most = 1e3 * np.quantile(client.late, (0.5, 0.95, 1.0))
    return [str(loops), str(client.most), str(calls), *(f"{x:.1f}" for x in (middle, high, most))]


def memory(questions: int) -> list[float]:
    """MiB resident after each tenth."""
    known, out = catalogue(), list[float]()
    with Executor(Timed((0.0, 0.0)), known) as runs:
        for start in range(0, questions, AT_ONCE):
            runs.run(plans(AT_ONCE, known.names[:LLMS], 1 + start), score=False)
            if (start + AT_ONCE) % (questions // 10) == 0:
                pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
                out.append(pages * 4096 / 2**20)
    return out


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--loops", type=int, default=1000)
    parser.add_argument("--questions", type=int, default=20_000, help="a multiple of 10,000")
    args = parser.parse_args()
    console = make_console()
    table = Table("loops", "calls at once", "calls", "late: median, ms", "95 %", "most")
    table.add_row(*in_flight(args.loops))
    console.print(table)
    start = time.process_time()
    resident = memory(args.questions)
    cpu = 1e3 * (time.process_time() - start) / args.questions
    console.print(f"{args.questions} questions, {cpu:.1f} ms of CPU each; MiB after each tenth:")
    console.print(" ".join(f"{x:.0f}" for x in resident))


if __name__ == "__main__":
    main()
