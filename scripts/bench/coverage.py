"""How often the bounds of certificates hold (1,000 repetitions, stated 95 %).

Every world has a few teams with known shares, and draws of score, USD and seconds for a query
that gets a team. A repetition makes plans as `abgnn certify` does (`spread`), draws outcomes and
certifies. `low` and `high` say how often the true mean is above the one and below the other bound;
`as in use` is the control: plans drawn by shares alone, all queries alike, each bound at 95 %.
`together` says how often both budgets' bounds hold, and over three looks at ever more queries.

    python scripts/bench/coverage.py --repetitions 1000 --queries 36 120
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from abgnn.console import make_console
from abgnn.data.backbone import Usage
from abgnn.data.outcome import Outcome
from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.evaluation.bounds import mean_bounds
from abgnn.evaluation.certificate import Certificate, certify
from abgnn.experiments.certify_parts import spread
from abgnn.planning.plan_file import NamedDesign, PlanFile

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]  # n rows of score, USD, seconds
AGENTS = (Agent(Role("Expert", "Answer."), "a"),)
LIMIT = 12.0  # seconds, of the share within


@dataclass(frozen=True)
class World:
    """Teams: their shares, and what a query with each of them brings."""

    name: str
    shares: tuple[float, ...]
    teams: tuple[Draw, ...]

    def truth(self) -> Array:
        """Means of score, USD, seconds, and the share within the limit, `[4]`."""
        rng = np.random.default_rng(99)
        rows = [team(rng, 1_000_000) for team in self.teams]
        means = [[*r.mean(0), (r[:, 2] <= LIMIT).mean()] for r in rows]
        return np.array(self.shares) @ np.array(means)


def team(right: float, usd: float, spread: float, seconds: float, samples: int = 1) -> Draw:
    """Right with a chance that depends on the question; log-normal USD and seconds."""

    def draw(rng: np.random.Generator, n: int) -> Array:
        chance = np.full(n, right) if right in (0, 1) else rng.beta(3 * right, 3 - 3 * right, n)
        score = rng.binomial(samples, chance) / samples
        size = rng.normal(0, spread, n)
        wait = np.exp(0.6 * size + rng.normal(0, 0.3, n))
        return np.stack([score, usd * np.exp(size), seconds * wait], 1)

    return draw


def two_ways(rng: np.random.Generator, n: int) -> Array:
    """A team that stops early on seven questions of ten."""
    early = rng.random(n) < 0.7
    rows = [team(0.8, 1.0, 0.4, 3.0)(rng, n), team(0.7, 5.0, 0.4, 9.0)(rng, n)]
    return np.where(early[:, None], *rows)


WORLDS = (
    World("one team", (1.0,), (team(0.8, 1.0, 0.5, 4.0),)),
    World("one team, long tails", (1.0,), (team(0.8, 1.0, 1.0, 4.0),)),
    World("one team, stops early", (1.0,), (two_ways,)),
    World("all right", (1.0,), (team(1, 1.0, 0.5, 4.0),)),
    World("nearly all right", (1.0,), (team(0.985, 1.0, 0.5, 4.0),)),
    World("score of 4 samples", (1.0,), (team(0.8, 1.0, 0.5, 4.0, 4),)),
    World("half and half", (0.5, 0.5), (team(0.7, 1.0, 0.5, 3.0), team(0.9, 6.0, 0.5, 9.0))),
    World("3 % at 40 times", (0.97, 0.03), (team(0.8, 1.0, 0.5, 4.0), team(0.95, 40, 0.5, 60))),
    World(
        "62, 35, 3 % at 1, 2, 40",
        (0.62, 0.35, 0.03),
        (team(0.7, 1.0, 0.6, 3.0), team(0.8, 2.0, 0.6, 5.0), team(1, 40.0, 0.8, 60.0)),
    ),
    World("1 % at 100 times", (0.99, 0.01), (team(0.8, 1.0, 0.5, 4.0), team(0.9, 100, 0.7, 60))),
)  # fmt: skip


def certificate(
    world: World, n: int, rng: np.random.Generator, truth: Array, share: bool, look: int = 1
) -> Certificate:
    """Of one repetition."""
    designs = tuple(
        NamedDesign(s, (("Expert", f"llm{i}"),), (), None) for i, s in enumerate(world.shares)
    )
    plan = PlanFile(designs, "simulated", None, True, {}, {}, {})
    queries = [Query(f"{rng.integers(2**40)}/{i}", "?", "general") for i in range(n)]
    chosen, strata = spread(plan, queries)
    places = np.array([designs.index(d) for d in chosen])
    made = outcomes(queries, _rows(world, places, rng))
    budget: dict[str, float] = {"latency_s": LIMIT, "share": 0.5}
    if not share:
        budget = {"cost_usd": 2 * truth[1], "latency_s": 2 * truth[2]}
    seed = int(rng.integers(2**31))
    return certify(made, strata=strata, seed=seed, look=look, **budget)  # type: ignore[arg-type]


def outcomes(queries: Sequence[Query], rows: Array) -> list[Outcome]:
    """As if executed."""
    return [
        Outcome(Plan(q, AGENTS, (), 0), "x", float(r[0]), Usage(), float(r[1]), r[2], r[2], ())
        for q, r in zip(queries, rows, strict=True)
    ]


def _rows(world: World, places: NDArray[np.int64], rng: np.random.Generator) -> Array:
    rows = np.array([t(rng, len(places)) for t in world.teams])  # [teams, n, 3]
    return np.asarray(rows[places, np.arange(len(places))])


def measured(world: World, n: int, repetitions: int, seed: int) -> list[list[str]]:
    """Rows of the table."""
    rng, truth = np.random.default_rng(seed), world.truth()
    held = {name: np.zeros((repetitions, 2), bool) for name in NAMES}
    wide = {name: np.zeros((repetitions, 2)) for name in NAMES}
    both, blind = np.zeros(repetitions, bool), np.zeros((repetitions, 2))
    for k in range(repetitions):
        made = [certificate(world, n, rng, truth, share) for share in (False, True)]
        cost, wait, within = *made[0].findings, *made[1].findings
        shown = (made[0].accuracy[1:], (cost.low, cost.high), (wait.low, wait.high),
                 (within.low, within.high))  # fmt: skip
        for name, (low, high), true in zip(NAMES, shown, truth, strict=True):
            held[name][k], wide[name][k] = (low <= true, true <= high), (low, high)
        both[k] = cost.high >= truth[1] and wait.high >= truth[2]
        drawn = rng.choice(len(world.teams), n, p=world.shares)
        blind[k] = mean_bounds(_rows(world, drawn, rng)[:, 1], 0.95, k)
    rows = []
    for name, true in zip(NAMES, truth, strict=True):
        low, high = held[name].mean(0)
        bounds = np.median(wide[name], axis=0)
        row = [world.name, str(n), name, f"{low:.3f}", f"{high:.3f}", "", *_figures(true, bounds)]
        if name == "USD":
            row[5] = f"{both.mean():.3f}"
            control = np.median(blind, axis=0)
            row += [f"{(blind[:, 1] >= true).mean():.3f}", f"{control[1] / true:.2f}"]
        rows.append(row)
    return rows


NAMES = ("score", "USD", "seconds", "share within")


def _figures(true: float, bounds: Array) -> list[str]:
    return [f"{true:.3f}", f"{bounds[0] / true:.2f}", f"{bounds[1] / true:.2f}"]


def looks(world: World, n: int, repetitions: int, seed: int) -> float:
    """How often both budgets' bounds hold at each of three looks, n queries more every time."""
    rng, truth, held = np.random.default_rng(seed), world.truth(), 0
    for _ in range(repetitions):
        made = [certificate(world, k * n, rng, truth, False, k) for k in (1, 2, 3)]
        held += all(
            f.low <= t <= f.high for c in made for f, t in zip(c.findings, truth[1:], strict=False)
        )
    return held / repetitions


def main() -> None:
    """Measure and print all."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--queries", type=int, nargs="+", default=[36, 120])
    parser.add_argument("--looks", type=int, default=200, help="repetitions of three looks")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    table = Table("world", "n", "of", "low", "high", "together", "truth", "low/truth", "high/truth",
                  "as in use", "high/truth", title="stated 95 % (simulated)")  # fmt: skip
    for world in WORLDS:
        for n in args.queries:
            for row in measured(world, n, args.repetitions, args.seed):
                table.add_row(*row)
    console = make_console()
    console.print(table)
    if args.looks:
        held = looks(WORLDS[8], args.queries[0], args.looks, args.seed)
        console.print(f"three looks, two budgets, low and high bounds all hold: {held:.3f}")


if __name__ == "__main__":
    main()
