"""(e) Whether taught policies use what they read: questions, edges, neighbours exchanged."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

import numpy as np
import torch
from graph_cells import Run, fails, plus_minus, table_of
from graph_edits import EDITS, correction_range, edited, ranges
from graph_taught import BALANCE, BUDGETS, NET, Kinds, Setting
from graph_truth import Truth

from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, PlanNet, Policy
from abgnn.nn.plan_net import expected_logit
from abgnn.planning.design import Design
from abgnn.rollout import SimulatedClient
from abgnn.rollout.world.study import World

OTHER, EMBEDDING = "another question", "another's embedding"
BAR = 0.2  # that logits of gates and edges are to range over
Figures = dict[str, dict[str, float]]


def cell(seed: int, quick: bool) -> dict[str, Figures]:
    """By policy and exchange: share of plans that change, and accuracy and utility that are lost
    (true, simulated), mean of four budgets, in points."""
    mas = BaseMAS("general", encoder="offline")
    data = Kinds(n_train=80, seed=seed, copies=1 if quick else 3)
    setting = Setting(SimulatedClient(seed), mas, data, seed, 320)
    test = data.tested()
    truth = Truth(World(seed), mas.catalogue, mas.template, test)
    other = derangement([str(q.meta["subject"]) for q in test], seed)
    out: dict[str, Figures] = {}
    for who in (NET, BALANCE):
        policy = setting.taught(who, texts=0 if quick else 40, steps=20 if quick else None)
        rows: dict[str, list[list[float]]] = {}
        for budget in BUDGETS:
            price = policy.set_budget(cost_usd=budget)[0]
            base = setting.designs(policy, test)
            was = _worth(truth, base, price)
            for name, designs in _exchanged(setting, policy, test, base, other, seed).items():
                now = _worth(truth, designs, price)
                changed = mean(a != b for a, b in zip(base, designs, strict=True))
                lost = [100 * (w - n) for w, n in zip(was, now, strict=True)]
                rows.setdefault(name, []).append([100 * changed, *lost])
            teams = 100 * mean(len(d.agents) > 1 for d in base)
            rows.setdefault("teams", []).append([teams, 0.0, 0.0])
        out[who] = {
            name: dict(zip(("changed", "accuracy", "utility"), np.mean(of, 0), strict=True))
            for name, of in rows.items()
        }
        out[who]["ranges"] = _ranges(setting, policy, test)
    return out


def _worth(truth: Truth, designs: Sequence[Design], price: float) -> tuple[float, float]:
    accuracy, usd = truth.values(designs)
    return float(accuracy.mean()), float((accuracy - price * usd).mean())


def _exchanged(
    setting: Setting,
    policy: Policy,
    test: Sequence[Query],
    base: Sequence[Design],
    other: Sequence[int],
    seed: int,
) -> dict[str, list[Design]]:
    out = {
        OTHER: [base[i] for i in other],
        EMBEDDING: _other_embedding(setting, policy, test, other),
    }
    for edit in EDITS:
        with edited(policy, edit, seed):
            if isinstance(policy, AgentBalance):
                policy.encoder.agents = len(setting.mas.template.roles)  # type: ignore[assignment]
            out[edit] = setting.designs(policy, test)
    return out


@torch.no_grad()
def _other_embedding(
    setting: Setting, policy: Policy, test: Sequence[Query], other: Sequence[int]
) -> list[Design]:
    """Texts and kinds stay, where a policy reads them."""
    batch = setting.mas.batch(test)
    batch.query_embed = batch.query_embed[list(other)]
    return setting.designs_of(policy(batch, sample=False).plans())


def _ranges(setting: Setting, policy: Policy, test: Sequence[Query]) -> dict[str, float]:
    batch = setting.mas.batch(test)
    if isinstance(policy, AgentBalance):
        return ranges(policy, batch)
    assert isinstance(policy, PlanNet)

    def correction() -> torch.Tensor:
        shown = policy.prepared(policy.questions(test, batch.query_embed))
        base = expected_logit(shown.accuracy).flatten(1)[:, policy.graph.cell[policy.graph.answer]]
        level = torch.as_tensor(policy.taught.level).float()
        return torch.logit(policy.accuracy(shown), eps=1e-5) - level - base

    return correction_range(policy, correction)


def derangement(kinds: Sequence[str], seed: int) -> list[int]:
    """Another question for each, of another kind, each once: by half a turn of a seeded order
    sorted by kinds (no kind may be more than half of all)."""
    order = np.random.default_rng(seed).permutation(len(kinds))
    order = np.array(sorted(order.tolist(), key=lambda i: kinds[i]))
    out = np.empty(len(kinds), dtype=int)
    out[order] = np.roll(order, len(kinds) // 2)
    return [int(i) for i in out]


def measure(run: Run) -> None:
    """All cells, and the tables."""
    cells = [run.cell(f"e-{seed}", lambda s=seed: cell(s, run.quick)) for seed in run.seeds(4)]
    title = f"(e) what is exchanged, {len(cells)} simulated worlds, mean of four budgets: plans "
    title += "changed (%), points lost ± 95 %"
    table = table_of(title, ["policy", "exchanged", "changed", "accuracy", "utility"])
    table.columns[1].justify = "left"
    for who in (NET, BALANCE):
        for name in (OTHER, EMBEDDING, *EDITS):
            values = {key: [c[who][name][key] for c in cells] for key in cells[0][who][name]}
            lost = [plus_minus(values[key]) for key in ("accuracy", "utility")]
            table.add_row(who, name, f"{mean(values['changed']):.0f}", *lost)
        teams = mean(c[who]["teams"]["changed"] for c in cells)
        table.add_row(who, "(nothing; plans that are teams)", f"{teams:.0f}", "", "")
    run.console.print(table)
    run.console.print(_ranges_table(cells))
    run.console.print(_says(cells))


def _ranges_table(cells: Sequence[dict[str, Figures]]) -> object:
    table = table_of(
        "(e) range over questions with LLMs fixed, simulated", ["logit", "mean", "least"]
    )
    for who, name, what in (
        (BALANCE, "gate", "gates, AgentBalance"),
        (BALANCE, "edge", "edges, AgentBalance"),
        (NET, "team", "what PlanNet adds for a team"),
    ):
        both = [[c[who]["ranges"][key] for c in cells] for key in (name, f"{name}, least")]
        table.add_row(what, f"{mean(both[0]):.2f}", f"{min(both[1]):.2f}")
    change = mean(c[BALANCE]["ranges"]["h"] for c in cells)
    table.add_row("h without the template's edges", f"{100 * change:.0f} %", "")
    return table


def _says(cells: Sequence[dict[str, Figures]]) -> str:
    lines = []
    for name in ("gate", "edge"):
        least = min(c[BALANCE]["ranges"][name] for c in cells)
        if least < BAR:
            claim = f"{name} logits range over at least {BAR} in every world"
            lines.append(fails(claim, f"{least:.2f}"))
    change = min(c[BALANCE]["ranges"]["h"] for c in cells)
    if change < 1e-3:
        lines.append(fails("removing the template's edges changes h", f"{change:.1e}"))
    for who in (NET, BALANCE):
        for name in (OTHER, EMBEDDING, *EDITS):
            lost = [c[who][name]["utility"] for c in cells]
            if mean(lost) < 0.1:
                claim = f"{who} loses a tenth of a point by '{name}'"
                lines.append(fails(claim, f"{plus_minus(lost)} of utility"))
    return "\n".join(lines) or "Everything above holds."
