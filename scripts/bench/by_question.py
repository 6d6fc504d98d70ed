"""Plans by question against one mixture for all questions, in fresh simulated worlds.

In every world one calibration (320 rollouts on 80 questions) serves all: the planner's mixture
(`--blind`), the planner by question, PlanNet and AgentBalance taught by it without a call. They
answer the same other questions with the same luck at four cost budgets. Differences of accuracy
are paired by world, ± 95 %; use is of the stated budget. A finished world is kept and not run
again. With --loops: closed loops from the same calibration, too, and without readers and roles.
With --ceiling: what plans by question could gain if nothing had to be learned.

    python scripts/bench/by_question.py --domain general --first 2000 --worlds 8
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import torch
from by_question_ceiling import ceiling_table, gains
from by_question_loops import LOOPS, add_loops
from lightning.pytorch import seed_everything
from over_worlds import plus_minus
from rich.table import Table
from silent import trainer

sys.path.insert(0, str(Path(__file__).parents[2]))

from abgnn.console import make_console
from abgnn.data.arrays import Array
from abgnn.data.query import Query
from abgnn.evaluation.rows import summarise
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import Experiment, quiet
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import (
    AgentBalance,
    FixedGraph,
    PlannedMixture,
    PlannedQuestions,
    PlanNet,
    Policy,
)
from abgnn.planning import Budget, QuestionPlan
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.rollout import SimulatedClient
from abgnn.training import Reinforce, Teacher
from abgnn.training.evaluate import evaluate
from datamodules import MMLU, Arithmetic, HumanEval, QuickQA
from datamodules.question_set import QuestionSet

DATA = {"general": QuickQA, "math": Arithmetic, "code": HumanEval}
BUDGETS = {  # USD per question: Table 7's totals of the paper, divided by its questions
    "general": (4.6e-4, 8.5e-4, 2.1e-3, 4.9e-3),
    "math": (1.0e-3, 2.0e-3, 4.0e-3, 6.9e-3),
    "code": (6.0e-4, 1.2e-3, 2.4e-3, 5.0e-3),
}
BLIND, READS, STRICT = "mixture (blind)", "planner by question", "the same, strict"
NET, BALANCE = "PlanNet, taught", "AgentBalance, taught"
MMLU_TEST = 180  # questions
JUDGED = 1_000_000  # first sample of the test
Figures = dict[str, list[list[float]]]  # who → (accuracy, use, distinct plans) by budget


class World:
    """One seed: questions, luck, a calibration."""

    def __init__(self, args: object, seed: int) -> None:
        self.args, self.seed = args, seed
        self.domain: str = args.domain  # type: ignore[attr-defined]
        self.client = SimulatedClient(world_seed=seed, version=args.version)  # type: ignore[attr-defined]
        self.data = _data(args, seed)
        self.data.setup("test")
        copies: int = args.copies  # type: ignore[attr-defined]
        self.test: list[Query] = [
            replace(q, id=f"{q.id}~{k}") for q in self.data.queries("test") for k in range(copies)
        ]
        self.mas = BaseMAS(self.domain, encoder="offline")
        self.anyone = self.module(FixedGraph(self.mas.catalogue.names[0]))
        made = Experiment(self.anyone, self.data, trainer())
        self.known: Calibration = calibrate_experiment(made, args.rollouts, seed)  # type: ignore[attr-defined]

    def module(self, policy: Policy, **kwargs: object) -> Reinforce:
        return Reinforce(policy, self.mas, self.client, **kwargs)  # type: ignore[arg-type]

    def taught(self, policy: Policy, texts: int) -> Policy:
        """A policy after its lessons; no call is made."""
        with TemporaryDirectory() as folder:
            path = str(Path(folder) / "calibration.json")
            self.known.save(path)
            module = self.module(policy)
            trainer([Teacher(path, texts=texts)]).fit(module, datamodule=self.data)
        return module.policy

    def ceiling(self) -> dict[str, Array]:
        """What there is to gain, by what is known, at each budget."""
        designs = self.known.by_question().designs
        test = self.data.queries("test")
        return gains(self.seed, self.mas, test, designs, BUDGETS[self.domain])

    def judged(self, policy: Policy, cost: float) -> list[float]:
        """Accuracy, share of the budget, and how many different teams were sent."""
        with self.anyone.new_executor(self.data) as executor:  # a new module would set its λ's
            outcomes = evaluate(policy, self.mas, executor, self.test, first_sample=JUDGED)
        row = summarise("", outcomes)
        teams = {(o.plan.agents, o.plan.edges, o.plan.decision) for o in outcomes}
        return [row.performance, row.cost_usd / cost, float(len(teams))]


def _data(args: object, seed: int) -> QuestionSet:
    sizes = {"n_train": args.questions, "n_val": 4, "batch_size": 4, "seed": seed}  # type: ignore[attr-defined]
    path: str | None = args.mmlu  # type: ignore[attr-defined]
    if path is not None:
        return MMLU(path=path, n_test=MMLU_TEST, **sizes)
    return DATA[args.domain](**sizes)  # type: ignore[attr-defined]


def measured(args: object, seed: int) -> Figures:
    """Everybody at every budget, in one world."""
    seed_everything(seed, verbose=False)
    world = World(args, seed)
    out: Figures = {}
    for cost, who, policy in _policies(world, args.nets):  # type: ignore[attr-defined]
        out.setdefault(who, []).append(world.judged(policy, cost))
    if args.loops:  # type: ignore[attr-defined]
        add_loops(world.known, BUDGETS[world.domain], world.judged, (READS, STRICT), out)
    return out


def _policies(world: World, nets: bool) -> Iterator[tuple[float, str, Policy]]:
    taught: dict[str, Policy] = {}
    if nets:
        for who, policy in ((NET, PlanNet()), (BALANCE, AgentBalance())):
            taught[who] = world.taught(policy, 80)
    reads = QuestionPlan.of(world.known, Budget())
    for cost in BUDGETS[world.domain]:
        budget = Budget(cost)
        yield cost, BLIND, PlannedMixture(PlanFile.of(plan(world.known, budget), world.known))
        yield cost, READS, PlannedQuestions(reads.at(budget))
        yield cost, STRICT, PlannedQuestions(reads.at(Budget(cost, strict=True)))
        for who, policy in taught.items():
            policy.set_budget(cost_usd=cost)
            yield cost, who, policy


def shown(cells: Sequence[Figures], domain: str) -> Table:
    """Means over worlds, differences to the mixture ± 95 %."""
    table = Table(title=f"{domain}, {len(cells)} simulated worlds", title_justify="left")
    heads = [
        "who",
        "accuracy",
        "− mixture (points)",
        *(["− planner by question"] if LOOPS in cells[0] else []),
        *(f"{1e3 * c:g} mUSD" for c in BUDGETS[domain]),
    ]
    for head in (*heads, "use / budget", "worst world", "within", "teams"):
        table.add_column(head, justify="left" if head == "who" else "right")
    for who in cells[0]:
        mean_accuracy = mean(mean(row[0] for row in cell[who]) for cell in cells)
        rivals = [BLIND]
        if LOOPS in cells[0]:
            rivals.append(STRICT if "strict" in who else READS)
        away = [plus_minus(_points(cells, who, rival)) for rival in rivals]
        gains = [
            f"{100 * mean(cell[who][k][0] - cell[BLIND][k][0] for cell in cells):+.2f}"
            for k in range(len(BUDGETS[domain]))
        ]
        uses = [row[1] for cell in cells for row in cell[who]]
        worst = max(mean(row[1] for row in cell[who]) for cell in cells)
        teams = mean(row[2] for cell in cells for row in cell[who])
        table.add_row(
            who, f"{mean_accuracy:.3f}", *away, *gains, f"{mean(uses):.3f}",
            f"{worst:.2f}", f"{sum(use <= 1 for use in uses)} of {len(uses)}", f"{teams:.0f}",
        )  # fmt: skip
    return table


def _points(cells: Sequence[Figures], who: str, rival: str) -> list[float]:
    """By how much one is better than another, mean of the budgets, in every world."""
    return [
        100 * (mean(row[0] for row in cell[who]) - mean(row[0] for row in cell[rival]))
        for cell in cells
    ]


def main() -> None:
    """Measure what is missing, and print all."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--domain", choices=sorted(DATA), default="general")
    parser.add_argument("--first", type=int, default=2000, help="seed of the first world")
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--version", type=int, choices=(2, 3), default=3, help="of the worlds")
    parser.add_argument("--rollouts", type=int, default=320)
    parser.add_argument("--questions", type=int, default=80, help="of the training")
    parser.add_argument("--mmlu", metavar="FILE", help="MMLU's questions, for --domain general")
    parser.add_argument("--copies", type=int, default=6, help="of every test question")
    parser.add_argument("--nets", action="store_true", help="teach PlanNet and AgentBalance too")
    parser.add_argument("--loops", action="store_true", help="closed loops from committees, too")
    parser.add_argument("--ceiling", action="store_true", help="what there is to gain (version 3)")
    parser.add_argument("--out", default="runs/bench/by_question")
    args = parser.parse_args()
    if args.ceiling and args.version != 3:
        parser.error("--ceiling is of worlds of version 3")
    quiet()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    seeds = range(args.first, args.first + args.worlds)
    if args.ceiling:
        known = [World(args, seed).ceiling() for seed in seeds]
        make_console().print(ceiling_table(known, args.domain))
        return
    cells = []
    for seed in seeds:
        size = f"{args.rollouts}x{args.questions}-{'nets' if args.nets else 'planner'}"
        size = f"mmlu-{size}" if args.mmlu else size
        size = f"{size}-loops" if args.loops else size
        path = Path(args.out) / f"{args.domain}-v{args.version}-{size}-{seed}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(measured(args, seed)))
        cells.append(json.loads(path.read_text()))
    make_console().print(shown(cells, args.domain))


if __name__ == "__main__":
    main()
