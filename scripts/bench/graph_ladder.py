"""(c) Layers at equal parameters, on plans of sizes and topologies that were not learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean

import numpy as np
import torch
from graph_cells import Run, fails
from graph_ladder_nets import (
    LADDER,
    MESSAGES,
    PLAN_NET,
    Plans,
    channels_of,
    parameters,
)
from graph_ladder_plans import PERMUTED, REMOVED, AgentFeatures, sampled
from graph_metrics import centred_rmse, regret
from graph_taught import Kinds
from over_worlds import plus_minus, table_of
from torch import nn

from abgnn.data.arrays import Array
from abgnn.graph.base_mas import BaseMAS
from abgnn.planning.design import Design
from abgnn.training.plan_lessons import forecast_loss

SETS = ("size", "topology", "both")
ALONE, MEAN = "(the answering agent's β)", "(the best plan in the mean, in hindsight)"
Cell = dict[str, dict[str, float]]


def cell(seed: int, start: int, quick: bool) -> Cell:
    """Of every layer: points that a choice by its predictions loses, and centred RMSE."""
    mas = BaseMAS("general", encoder="offline")
    data = Kinds(n_train=80, seed=seed)
    shown = AgentFeatures(mas, data, seed)
    rng = np.random.default_rng(seed)
    learned = sampled(mas.template, len(mas.catalogue), "learned", 60 if quick else 300, rng)
    tested = {
        name: sampled(mas.template, len(mas.catalogue), name, 20 if quick else 60, rng)
        for name in SETS
    }
    wanted = shown.truth("train", learned)
    true = {name: shown.truth("test", designs) for name, designs in tested.items()}
    widths = channels_of(shown.widths)
    steps = 20 if quick else 300
    out: Cell = {}
    for name, channels in widths.items():
        for removed in (False, True) if name in MESSAGES else (False,):
            torch.manual_seed(start)
            net = LADDER[name](shown.widths, channels)
            _learn(net, shown, learned, wanted, steps, seed + start, removed)
            row = _judged(net, shown, tested, true, REMOVED if removed else "")
            row["parameters"] = float(parameters(net))
            out[f"{name}, {REMOVED}" if removed else name] = row
            if name in MESSAGES and not removed:
                out[f"{name}, {PERMUTED}"] = _judged(net, shown, tested, true, PERMUTED)
    out[ALONE] = _figures(true, {name: shown.base("test", of) for name, of in tested.items()})
    out[MEAN] = _figures(true, _means(true))
    return out


def _means(true: Mapping[str, Array]) -> dict[str, Array]:
    return {name: np.tile(of.mean(0), (len(of), 1)) for name, of in true.items()}


def _learn(
    net: nn.Module,
    shown: AgentFeatures,
    designs: Sequence[Design],
    wanted: Array,
    steps: int,
    seed: int,
    removed: bool,
) -> None:
    """The lessons of PlanNet: 16 questions × 48 plans a step."""
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    rng, n = np.random.default_rng(seed), len(wanted)
    target = torch.as_tensor(wanted, dtype=torch.float32)
    for _ in range(steps):
        rows, columns = rng.choice(n, 16, False), rng.choice(len(designs), 48, False)
        plans = shown.plans("train", rows, [designs[d] for d in columns], REMOVED * removed)
        optimiser.zero_grad()
        chance = torch.sigmoid(net(plans)).view(len(rows), len(columns))
        torch.autograd.backward(forecast_loss(chance, target[rows][:, columns]))
        optimiser.step()
        schedule.step()


@torch.no_grad()
def _judged(
    net: nn.Module,
    shown: AgentFeatures,
    tested: Mapping[str, Sequence[Design]],
    true: Mapping[str, Array],
    edit: str,
) -> dict[str, float]:
    predicted = {}
    for name, designs in tested.items():
        parts = []
        for rows in np.array_split(np.arange(len(true[name])), 4):
            plans: Plans = shown.plans("test", rows, designs, edit)
            parts.append(torch.sigmoid(net(plans)).view(len(rows), -1).double().numpy())
        predicted[name] = np.concatenate(parts)
    return _figures(true, predicted)


def _figures(true: Mapping[str, Array], predicted: Mapping[str, Array]) -> dict[str, float]:
    out = {name: 100 * regret(true[name], predicted[name]) for name in SETS}
    out["lost"] = mean(out[name] for name in SETS)
    out["rmse"] = 100 * mean(centred_rmse(true[name], predicted[name]) for name in SETS)
    return out


def measure(run: Run) -> None:
    """All cells, and the table."""
    worlds = [run.cell(f"c-{seed}", lambda s=seed: cell(s, s, run.quick)) for seed in run.seeds(6)]
    title = (
        f"(c) {len(worlds)} simulated worlds, each with a start of its own: points that a choice "
    )
    title += "by predictions loses on plans of unseen size, topology, both; ± 95 % over worlds"
    heads = ["layer", "parameters", *SETS, "mean", "− PlanNet's", "centred RMSE", "− PlanNet's"]
    table = table_of(title, heads)
    for row in worlds[0]:
        of = [w[row] for w in worlds]
        away = [[w[row][key] - w[PLAN_NET][key] for w in worlds] for key in ("lost", "rmse")]
        size = f"{of[0]['parameters']:.0f}" if "parameters" in of[0] else ""
        losses = [f"{mean(w[key] for w in of):.2f}" for key in (*SETS, "lost")]
        rmse = f"{mean(w['rmse'] for w in of):.2f}"
        table.add_row(row, size, *losses, plus_minus(away[0]), rmse, plus_minus(away[1]))
    run.console.print(table)
    run.console.print(_says(worlds))


def _says(worlds: Sequence[Cell]) -> str:
    lines = []
    for row in worlds[0]:
        away = [w[row]["lost"] - w[PLAN_NET]["lost"] for w in worlds]
        if row != PLAN_NET and mean(away) <= 0:
            claim = f"a choice by PlanNet's net loses less than by '{row}'"
            lines.append(fails(claim, f"{plus_minus(away)} points"))
    return "\n".join(lines) or "Everything above holds: PlanNet's net loses least."
