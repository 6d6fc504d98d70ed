"""(d) Teacher and student: kinds of questions and LLMs that were not there in the lessons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np
from graph_cells import Run, fails
from graph_extend import extended, renumbered
from graph_taught import BALANCE, BUDGETS, NET, READS, Kinds, Setting, budgeted
from graph_truth import Truth
from over_worlds import plus_minus, table_of

from abgnn.data.arrays import Array
from abgnn.data.query import Query
from abgnn.evaluation.frontier import upper_envelope
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import PlanNet, Policy
from abgnn.planning import Budget
from abgnn.planning.assignment import assignment_prices
from abgnn.planning.calibration import Calibration
from abgnn.planning.design import Design, PlanSpace
from abgnn.planning.planner import plan
from abgnn.rollout import SimulatedClient
from abgnn.rollout.world.study import World

NEW = ("Qwen3-32B-thinking", "Qwen3-235B-A22B-thinking")
GONE = ("Qwen3-14B-thinking", "Qwen2.5-72B-Instruct")
GRID = (2e-4, 4.6e-4, 8.5e-4, 2.1e-3, 4.9e-3, 9e-3)  # budgets of the blind mixture
ADDED = (0, 10, 40)
WRONG = 0.4  # sd of logits of scores, of logarithms of tokens, in the world where profiles are off
OFF = "profiles off: "
SEEN, HELD = "kinds that were learned", "kinds held out"
ALL = "planner, calibrated on all kinds"
LESS = f"without {len(GONE)} of the LLMs"
Chooser = Callable[[float, Sequence[Query]], list[Design]]
Cell = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Judge:
    """Points over the blind mixture at the same realised cost, on some questions (true)."""

    truth: Truth
    names: tuple[str, ...]
    queries: Sequence[Query]
    curve: Array

    @classmethod
    def of(
        cls, place: World, full: BaseMAS, queries: Sequence[Query], known: Calibration,
        without: Sequence[str] = (),
    ) -> Judge:  # fmt: skip
        """The mixtures that the calibration plans blindly, at six budgets."""
        truth = Truth(place, full.catalogue, full.template, queries)
        names = known.profile.names
        able = tuple(m for m, name in enumerate(names) if name not in without)
        space, points = PlanSpace(full.template, (able,)), []
        for usd in GRID:
            parts = plan(known, Budget(usd), space, nearest=True).parts
            designs = [renumbered(p.candidate.design, names, full.catalogue.names) for p in parts]
            share = np.array([p.share for p in parts])
            both = [np.array([of(d).mean() for d in designs]) for of in (truth.usd, truth.accuracy)]
            points.append([float(share @ values) for values in both])
        return cls(truth, full.catalogue.names, queries, upper_envelope(np.array(points)))

    def points(self, choose: Chooser, names: Sequence[str]) -> dict[str, float]:
        """Mean of four budgets: points, use of the budget, different plans, share of new LLMs."""
        rows = []
        new = {self.names.index(name) for name in NEW}
        for usd in BUDGETS:
            designs = [renumbered(d, names, self.names) for d in choose(usd, self.queries)]
            accuracy, spent = self.truth.values(designs)
            best = self.curve[: int(self.curve[:, 1].argmax()) + 1]
            blind = float(np.interp(spent.mean(), best[:, 0], best[:, 1]))
            share = mean(bool(d.backbones & new) for d in designs)
            gain = 100 * (float(accuracy.mean()) - blind)
            rows.append([gain, float(spent.mean()) / usd, len(set(designs)), 100 * share])
        keys = ("points", "use", "plans", "new")
        return dict(zip(keys, np.mean(rows, 0).tolist(), strict=True))


def by_planner(setting: Setting, known: Calibration, without: Sequence[str] = ()) -> Chooser:
    """The planner by question, of the designs that need none of some LLMs."""
    planner = known.by_question()
    gone = {m for m, name in enumerate(known.profile.names) if name in without}
    able = [d for d, design in enumerate(planner.designs) if not design.backbones & gone]

    def choose(usd: float, queries: Sequence[Query]) -> list[Design]:
        on = planner.trained
        prices = assignment_prices(
            on.accuracy[:, able], on.usd[:, able], on.seconds[:, able], Budget(usd)
        )
        at = planner.forecasts(setting.questions(queries, known))
        utility = at.accuracy - prices[0] * at.usd
        return [planner.designs[able[i]] for i in utility[:, able].argmax(1)]

    return choose


def by_policy(setting: Setting, policy: Policy) -> Chooser:
    """What a policy chooses of the LLMs of a setting."""

    def choose(usd: float, queries: Sequence[Query]) -> list[Design]:
        policy.attach(setting.mas.table)
        budgeted(policy, usd)
        return setting.designs(policy, queries)

    return choose


def cell(seed: int, quick: bool) -> Cell:
    """Every row: points over the blind mixture of the same LLMs; with new LLMs, over the blind
    mixture without them."""
    full = BaseMAS("general", encoder="offline")
    old = full.with_catalogue(full.catalogue.without(NEW))
    less = old.with_catalogue(old.catalogue.without(GONE))
    everything = Kinds(n_train=0, seed=seed)
    subjects = sorted({str(q.meta["subject"]) for q in everything.load()})
    held = set(np.random.default_rng(seed).choice(subjects, 2, replace=False).tolist())
    data = Kinds(sorted({*subjects} - held), copies=1 if quick else 3, n_train=80, seed=seed)
    other = Kinds(sorted(held), copies=1 if quick else 2, n_train=0, seed=seed)
    client, steps = SimulatedClient(seed), 20 if quick else None
    base = Setting(client, old, data, seed)
    known, test = base.known, data.tested()
    taught = {who: base.taught(who, steps=steps) for who in (NET, BALANCE)}
    judges = {SEEN: Judge.of(World(seed), full, test, known)}
    if not quick:
        judges[HELD] = Judge.of(World(seed), full, other.tested(), known)
    out: Cell = {}
    choosers = {READS: by_planner(base, known)}
    choosers |= {who: by_policy(base, policy) for who, policy in taught.items()}
    for name, judge in judges.items():
        for who, choose in choosers.items():
            out[f"{name}|{who}"] = judge.points(choose, old.catalogue.names)
    if not quick:
        out |= _on_all_kinds(client, old, seed, judges[HELD])
        judge = Judge.of(World(seed), full, test, known, GONE)
        out |= _without(base, Setting(client, less, data, seed), known, taught, judge)
    return out | _added(Setting(client, full, data, seed), known, taught, judges[SEEN], steps)


def off_cell(seed: int) -> Cell:
    """New LLMs where published profiles are wrong by N(0, .4)."""
    full = BaseMAS("general", encoder="offline")
    old = full.with_catalogue(full.catalogue.without(NEW))
    data = Kinds(copies=3, n_train=80, seed=seed)
    client, place = SimulatedClient(seed, quirk=WRONG), World(seed, quirk=WRONG)
    base = Setting(client, old, data, seed)
    taught = {who: base.taught(who) for who in (NET, BALANCE)}
    judge = Judge.of(place, full, data.tested(), base.known)
    setting = Setting(client, full, data, seed)
    return _added(setting, base.known, taught, judge, None, OFF)


def _without(
    base: Setting, small: Setting, known: Calibration, taught: dict[str, Policy], judge: Judge
) -> Cell:
    """The same policies where some LLMs are gone."""
    choose, names = by_planner(base, known, GONE), known.profile.names
    out = {f"{LESS}|{READS}": judge.points(choose, names)}
    for who, policy in taught.items():
        left = small.mas.catalogue.names
        out[f"{LESS}|{who}"] = judge.points(by_policy(small, policy), left)
    return out


def _on_all_kinds(client: SimulatedClient, mas: BaseMAS, seed: int, judge: Judge) -> Cell:
    """As many rollouts on all kinds: what it costs the planner that some were held out. Some of
    the questions that are judged it has seen."""
    mine = Setting(client, mas, Kinds(n_train=80, seed=seed), seed)
    row = judge.points(by_planner(mine, mine.known), mas.catalogue.names)
    return {f"{HELD}|{ALL}": row}


def _added(
    setting: Setting,
    known: Calibration,
    taught: dict[str, Policy],
    judge: Judge,
    steps: int | None,
    before: str = "",
) -> Cell:
    names, out = setting.mas.catalogue.names, {}
    for each in ADDED if steps is None else ADDED[-1:]:
        more = extended(setting, known, NEW, each)
        where = f"{before}new LLMs, {each} calls each"
        out[f"{where}|{READS}"] = judge.points(by_planner(setting, more), names)
        net = taught[NET]
        assert isinstance(net, PlanNet)
        kept = setting.taught(NET, more, steps=0, weights=net.net.state_dict())
        out[f"{where}|PlanNet, its net as it was"] = judge.points(by_policy(setting, kept), names)
        again = setting.taught(NET, more, steps=steps)
        out[f"{where}|PlanNet, taught again"] = judge.points(by_policy(setting, again), names)
        if each == ADDED[-1]:
            again = setting.taught(BALANCE, more, steps=steps)
            out[f"{where}|AgentBalance, taught again"] = judge.points(
                by_policy(setting, again), names
            )
    return out


def measure(run: Run) -> None:
    """All cells, and the table."""
    cells = [
        run.cell(f"d-{seed}", lambda s=seed: cell(s, run.quick))
        | ({} if run.quick else run.cell(f"d-off-{seed}", lambda s=seed: off_cell(s)))
        for seed in run.seeds(3)
    ]
    title = f"(d) {len(cells)} simulated worlds, 320 rollouts, mean of four budgets: points over "
    title += "the blind mixture at the same cost ± 95 % (new LLMs: over the one without them)"
    heads = ["where", "who", "points", "− planner", "cost / budget", "plans", "% with a new LLM"]
    table = table_of(title, heads)
    table.columns[1].justify = "left"
    for row in cells[0]:
        where, who = row.split("|")
        of = [c[row] for c in cells]
        behind = [c[row]["points"] - c[f"{where}|{READS}"]["points"] for c in cells]
        use, plans, new = (mean(c[key] for c in of) for key in ("use", "plans", "new"))
        points = plus_minus([c["points"] for c in of])
        against = "" if who == READS else plus_minus(behind)
        table.add_row(where, who, points, against, f"{use:.2f}", f"{plans:.0f}", f"{new:.0f}")
    run.console.print(table)
    run.console.print(_says(cells))


def _says(cells: Sequence[Cell]) -> str:
    lines = []
    for row in cells[0]:
        where, who = row.split("|")
        gain = [c[row]["points"] for c in cells]
        behind = [c[row]["points"] - c[f"{where}|{READS}"]["points"] for c in cells]
        if mean(gain) < 0:
            lines.append(fails(f"{where}: {who} is above the mixture", plus_minus(gain)))
        use = mean(c[row]["use"] for c in cells)
        if use > 1.1:
            lines.append(fails(f"{where}: {who} keeps its budgets", f"{use:.2f} of them"))
        if mean(behind) < -0.2:
            claim = f"{where}: {who} is at most .2 below the planner"
            lines.append(fails(claim, plus_minus(behind)))
    return "\n".join(lines) or "Everything above holds."
