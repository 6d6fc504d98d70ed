"""`abgnn cases`: plans for an easy, a medium and a hard question on two budgets (section 4.6)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from abgnn.data.outcome import Outcome
from abgnn.data.query import Query
from abgnn.difficulty.scale import standard_difficulty
from abgnn.errors import ConfigError
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.compare.config import Comparison, arguments
from abgnn.experiments.compare.job import QUIET
from abgnn.experiments.experiment import Experiment, build
from abgnn.experiments.loop_paths import beliefs_of, graph_of, path_of, words_of
from abgnn.experiments.loops import LOOPS, LoopsAt, loops_for
from abgnn.experiments.trained import from_checkpoint
from abgnn.models.planned_questions import PlannedQuestions
from abgnn.models.policy import Policy
from abgnn.planning.budgets import Budget
from abgnn.planning.question_plan import QuestionPlan
from abgnn.plots.cases import draw_cases
from abgnn.plots.decision_graph import draw_decision_graph
from abgnn.training.evaluate import evaluate

PLANNER = "planner"


@dataclass(frozen=True, slots=True)
class Case:
    """A system's plan for one question on one budget, executed.

    Args:
        system: planner, or the policy's class (with its file's name if there are several).
        budget: what a query may cost and take on average, in words; empty: none is stated.
        question: how hard it is, in words, and its text.
        outcome: of its plan, executed once.
    """

    system: str
    budget: str
    question: str
    outcome: Outcome


def cases_of(
    comparison: Comparison,
    seed: int | None = None,
    *,
    by: str | None = "level",
    rollouts: int = 320,
    checkpoints: Sequence[str] = (),
    loop: bool = False,
    calibration: str | None = None,
) -> tuple[list[Case], str]:
    """Cases on a comparison's lowest and highest budgets, and what their answers are: simulated, …

    Args:
        comparison: its data, catalogue, roles and budgets.
        seed: None: its first one.
        loop: show closed loops, too; calibration: the file that they are planned from, in place of
            asking every LLM every training question.
        by, rollouts, checkpoints: see `cases`.
    """
    seed = comparison.seeds[0] if seed is None else seed
    seeded = arguments({**dict.fromkeys(comparison.seeded, seed), **comparison.set})
    experiment = build(comparison.fit, [*seeded, *QUIET])
    costs, waits = comparison.cost_budgets, comparison.latency_budgets
    made = cases(
        experiment,
        [Budget(costs[k], waits[k]) for k in (0, -1)],
        by=by,
        rollouts=rollouts,
        seed=seed,
        checkpoints=checkpoints,
        loops=loops_for(experiment, calibration) if loop or calibration else None,
    )
    return made, experiment.model.label


def cases(
    experiment: Experiment,
    budgets: Sequence[Budget],
    *,
    by: str | None = "level",
    rollouts: int = 320,
    seed: int = 0,
    checkpoints: Sequence[str] = (),
    loops: LoopsAt | None = None,
) -> list[Case]:
    """Plan and execute three held-out questions on every budget.

    Args:
        experiment: client, catalogue, roles and questions.
        budgets: of means per query over all questions: a hard one may cost more.
        by: entry of the questions' `meta` with their difficulty, by which the planner's
            plans differ; None: the text's estimated difficulty picks the questions.
        rollouts: of the planner's calibration; 0: from profiles alone.
        seed: of calibration and plans.
        checkpoints: trained policies that are shown too. A conditioned one
            (`AgentBalance(conditioned=True)`) plans for each budget, another has one plan.
        loops: closed loops for a budget, which are shown too (`abgnn.experiments.loops`).
    """
    model, data = experiment.model, experiment.data
    data.setup("test")
    chosen = three_of(experiment, data.queries("test"), by)
    systems = [*_planned(experiment, budgets, rollouts, seed, by)]
    if loops is not None:
        systems += [(LOOPS, in_words(b), _BudgetedPolicy(loops(b))) for b in budgets]
    systems += _trained(checkpoints, budgets)
    executed: list[Case] = []
    with model.new_executor(data) as executor:
        executor.check()
        for system, budget, prepare in systems:
            outcomes = evaluate(prepare(), model.mas, executor, list(chosen.values()))
            executed += [
                Case(system, budget, f"{hardness}: {first_line(query)}", outcome)
                for (hardness, query), outcome in zip(chosen.items(), outcomes, strict=True)
            ]
    return executed


def three_of(experiment: Experiment, queries: Sequence[Query], by: str | None) -> dict[str, Query]:
    """How hard it is, in words → the first easiest, median and hardest question.

    Raises:
        ConfigError: fewer than three, or one without that entry.
    """
    if len(queries) < 3:
        raise ConfigError("data", len(queries), "three held-out questions or more")
    for query in queries:
        if by is not None and by not in query.meta:
            raise ConfigError("--by", by, f"an entry of every question's meta: {list(query.meta)}")
    if by is None:
        hard = standard_difficulty(experiment.model.mas, queries)
        ordered = sorted(queries, key=lambda q: hard[q.id])
        named = [("easy", 0), ("medium", len(ordered) // 2), ("hard", -1)]
        return {hardness: ordered[place] for hardness, place in named}
    levels = sorted({query.meta[by] for query in queries})
    places = sorted({0, len(levels) // 2, len(levels) - 1})
    return {
        f"{by} {levels[k]}": next(q for q in queries if q.meta[by] == levels[k]) for k in places
    }


class _BudgetedPolicy:
    """A policy, and the budget that it is set to before it plans."""

    def __init__(self, policy: Policy, budget: Budget | None = None) -> None:
        self.policy, self.budget = policy, budget

    def __call__(self) -> Policy:
        if self.budget is not None:
            self.policy.set_budget(self.budget.cost_usd, self.budget.latency_s, self.budget.aim)
        return self.policy


def _planned(
    experiment: Experiment, budgets: Sequence[Budget], rollouts: int, seed: int, by: str | None
) -> Iterator[tuple[str, str, _BudgetedPolicy]]:
    calibration = calibrate_experiment(experiment, rollouts, seed, by)
    for budget in budgets:
        policy = PlannedQuestions(QuestionPlan.of(calibration, budget))
        yield PLANNER, in_words(budget), _BudgetedPolicy(policy)


def _trained(
    checkpoints: Sequence[str], budgets: Sequence[Budget]
) -> Iterator[tuple[str, str, _BudgetedPolicy]]:
    for path in checkpoints:
        policy = from_checkpoint(path).policy
        name = type(policy).__name__ + (f", {Path(path).stem}" if len(checkpoints) > 1 else "")
        if policy.has_operating_points:
            yield from (
                (name, in_words(budget), _BudgetedPolicy(policy, budget)) for budget in budgets
            )
        else:
            yield name, "", _BudgetedPolicy(policy)


def in_words(budget: Budget) -> str:
    """For example `0.46 mUSD, 19 s`."""
    cost, wait = budget.cost_usd, budget.latency_s
    parts = [f"{1e3 * cost:.3g} mUSD"] if cost else []
    return ", ".join([*parts, *([f"{wait:g} s"] if wait else [])])


def write_cases(executed: Sequence[Case], folder: str | Path, label: str, console: Console) -> Path:
    """A table, cases.json with the plans, and the picture, which is returned."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    table = Table(title=f"plans and what came of them ({label})", title_justify="left")
    for head in ("question", "system", "budget", "team", "mUSD", "s", ""):
        table.add_column(head, justify="right" if head in ("mUSD", "s") else "left")
    for case in executed:
        o = case.outcome
        team = ", ".join(f"{a.role.name}: {a.backbone}" for a in path_of(o).plan.agents)
        figures = (f"{1e3 * o.cost:.3g}", f"{o.latency:.1f}", verdict(o))
        table.add_row(case.question.partition(":")[0], case.system, case.budget, team, *figures)
    console.print(table)
    data = [
        _plain(case, label) | _decisions(case, out, i, label, console)
        for i, case in enumerate(executed, 1)
    ]
    (out / "cases.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    picture = draw_shown(executed, out / f"cases-{label}.png", label)
    console.print(f"{out}/cases.json, {picture.name} ({label})", highlight=False, soft_wrap=True)
    return picture


def _decisions(
    case: Case, out: Path, number: int, label: str, console: Console
) -> dict[str, object]:
    """Of a closed loop: what was decided, printed and as data, and a picture of all it might do."""
    graph = graph_of(case.outcome.plan)
    if graph is None:
        return {}
    words = words_of(case.outcome)
    title = ", ".join(filter(None, [case.question, case.budget]))
    console.print(f"{case.system} ({label}): {title}", markup=False, highlight=False)
    for step in words:
        console.print(f"  - {step}", markup=False, highlight=False)
    picture = out / f"decisions-{number}-{label}.png"
    draw_decision_graph(graph, picture, title, simulated=label == "simulated")
    console.print(f"  all that it might do: {picture}", highlight=False, soft_wrap=True)
    steps = [
        step.to_dict() | {"words": text}
        for step, text in zip(case.outcome.steps, words, strict=True)
    ]
    return {"decisions": steps, "decision_graph": graph.to_mermaid()}


def draw_shown(executed: Sequence[Case], path: Path, label: str) -> Path:
    """The picture of the plans and of what came of them; of closed loops, who was asked."""
    grid: dict[str, dict[str, tuple[Outcome, str]]] = {}
    for case in executed:
        o = case.outcome
        system = f"{case.system}: who was asked when" if o.steps else case.system
        column = f"{system}\n{case.budget or 'no budget given'}"
        caption = f"{1e3 * o.cost:.3g} mUSD, {o.latency:.1f} s, {verdict(o)}"
        if believed := beliefs_of(o):
            caption = f"{believed}\n{caption}"
        grid.setdefault(case.question, {})[column] = path_of(o), caption
    return draw_cases(grid, path, simulated=label == "simulated")


def first_line(query: Query) -> str:
    """The question without its choices and instructions."""
    return query.text.strip().partition("\n")[0]


def verdict(outcome: Outcome) -> str:
    """Whether the answer was right, in a word."""
    return "failed" if outcome.error else "right" if outcome.score > 0.5 else "wrong"


def _plain(case: Case, label: str) -> dict[str, object]:
    o = case.outcome
    measured = {"cost_usd": o.cost, "latency_s": o.latency, "score": o.score, "error": o.error}
    setting = {"system": case.system, "budget": case.budget, "question": case.question}
    return {"source": label, **setting, **measured, "plan": o.plan.to_dict()}
