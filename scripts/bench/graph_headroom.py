"""(b) A planted signal: how much of a known headroom is recovered, as it grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import mean

import numpy as np
from graph_cells import Run, fails
from graph_metrics import corrected_information
from graph_planted import (
    CHEAP,
    DEAR,
    PRICE,
    ROLES,
    Headroom,
    PlantedClient,
    PlantedTruth,
    Signal,
    planted,
)
from graph_taught import BALANCE, NET, READS, Kinds, Setting
from over_worlds import plus_minus, table_of
from rich.table import Table

from abgnn.data.arrays import Index
from abgnn.graph.base_mas import BaseMAS
from abgnn.planning.calibration import Calibration
from abgnn.planning.design import Design, PlanSpace
from abgnn.planning.search import Searcher

POINTS, ROLLOUTS = (0.0, 3.0, 6.0, 12.0), 320
BLIND, TEXTS, SWAPPED = (
    "planner, one plan for all",
    "the same, subjects unnamed",
    "… questions swapped",
)
Cell = dict[str, dict[str, float]]


def cell(seed: int, points: float, quick: bool) -> Cell:
    """Utility less that of the best fixed plan, in points; distinct plans; bits on the subject."""
    setting, truth, row, room = planted_setting(seed, points)
    space = PlanSpace(setting.mas.template, (tuple(range(len(setting.mas.catalogue))),))
    chosen = _chosen(setting, space, quick)
    chosen[SWAPPED] = [chosen[READS][i] for i in np.random.default_rng(seed).permutation(len(row))]
    out = {"": {"headroom": room.points}}
    for who, designs in chosen.items():
        made = [_utility(truth, d, g) for d, g in zip(designs, row, strict=True)]
        out[who] = {
            "points": 100 * (float(np.mean(made)) - room.fixed),
            "plans": float(len(set(designs))),
            "bits": corrected_information(designs, row.tolist()),
        }
    return out


def planted_setting(seed: int, points: float) -> tuple[Setting, PlantedTruth, Index, Headroom]:
    """A world with so many points of headroom on its test questions; their subjects by number."""
    mas = BaseMAS("general", roles=ROLES, encoder="offline")
    others = [name for name in mas.catalogue.names if name not in CHEAP + DEAR]
    mas = mas.with_catalogue(mas.catalogue.without(others))
    data = Kinds(n_train=80, seed=seed)
    subject = {q.id: str(q.meta["subject"]) for q in data.load()}
    roles = [role.name for role in mas.template.roles]
    signal = Signal.of(sorted(set(subject.values())), mas.catalogue.names, roles, seed)
    row = np.array([signal.subjects.index(subject[q.id]) for q in data.queries("test")])
    weight = np.bincount(row, minlength=len(signal.subjects)) / len(row)
    space = PlanSpace(mas.template, (tuple(range(len(mas.catalogue))),))
    signal, room = planted(signal, mas.catalogue, space, weight, points)
    client = PlantedClient(seed, signal, subject)
    truth = PlantedTruth(signal, mas.catalogue, mas.template)
    return Setting(client, mas, data, seed, ROLLOUTS), truth, row, room


def _utility(truth: PlantedTruth, design: Design, g: int) -> float:
    at: Index = np.array([g])
    return float((truth.accuracy(design, at) - PRICE * truth.usd(design, at))[0])


def _chosen(setting: Setting, space: PlanSpace, quick: bool) -> dict[str, list[Design]]:
    test, known = setting.data.queries("test"), setting.known
    fixed = Searcher(known.model(), space, setting.seed).best(PRICE, 0.0).design
    out = {BLIND: [fixed] * len(test)}
    for who, calibration in ((READS, known), (TEXTS, unnamed(known))):
        planner = calibration.by_question()
        index = planner.choose(setting.questions(test, calibration), PRICE, 0.0)
        out[who] = [planner.designs[d] for d in index]
    for who in (NET, BALANCE):
        steps = 20 if quick else None
        policy = setting.taught(who, steps=steps, lambda_tok=PRICE, lambda_lat=0.0)
        policy.set_tradeoff(PRICE, 0.0)
        out[who] = setting.designs(policy, test)
    return out


def unnamed(known: Calibration) -> Calibration:
    """The same calls; only texts tell kinds of questions apart."""
    assert known.questions is not None
    kinds = ("",) * len(known.questions)
    return replace(known, questions=replace(known.questions, kinds=kinds, by=None))


def measure(run: Run) -> None:
    """All cells, and the table."""
    levels = (6.0,) if run.quick else POINTS
    cells = {
        points: [
            run.cell(f"b-{points:g}-{seed}", lambda s=seed, p=points: cell(s, p, run.quick))
            for seed in run.seeds(3)
        ]
        for points in levels
    }
    run.console.print(_table(cells))
    run.console.print(_says(cells))


def _table(cells: dict[float, Sequence[Cell]]) -> Table:
    worlds = len(next(iter(cells.values())))
    title = f"(b) a planted signal, {worlds} simulated worlds, {ROLLOUTS} rollouts: share of the "
    title += "headroom recovered, 95 % over worlds; points where there is none"
    heads = [f"headroom {points:g}" for points in cells]
    table = table_of(title, ["who", *heads, "plans", "bits on the subject"])
    last = cells[max(cells)]
    for who in list(last[0])[1:]:
        shares = []
        for points, of in cells.items():
            values = [c[who]["points"] / (c[""]["headroom"] / 100 if points else 1) for c in of]
            shares.append(plus_minus(values, 2 if not points else 0) + (" %" if points else ""))
        plans, bits = (mean(c[who][key] for c in last) for key in ("plans", "bits"))
        table.add_row(who, *shares, f"{plans:.0f}", f"{bits:.2f}")
    return table


def _says(cells: dict[float, Sequence[Cell]]) -> str:
    """What does not hold."""
    lines = []
    top = max(cells)
    for who in (NET, BALANCE):
        behind = [
            100 * (c[who]["points"] - c[READS]["points"]) / c[""]["headroom"] for c in cells[top]
        ]
        if mean(behind) < -5:
            claim = f"{who} recovers what its teacher recovers of {top:g} points"
            lines.append(fails(claim, f"{plus_minus(behind, 0)} %"))
    for points, of in cells.items():
        for who in (READS, NET, BALANCE):
            at = f"at a headroom of {points:g}, {who} is"
            more = [c[who]["points"] - c[BLIND]["points"] for c in of]
            if mean(more) < 0:
                lines.append(fails(f"{at} above one plan for all", f"{plus_minus(more)} points"))
            below = mean(c[who]["points"] for c in of)
            if points and below < 0:
                claim = f"{at} above the best fixed plan, which nobody knows beforehand"
                lines.append(fails(claim, f"{below:+.2f} points"))
    return "\n".join(lines) or "Everything above holds."
