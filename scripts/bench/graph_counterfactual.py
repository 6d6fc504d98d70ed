"""(e) Whether taught policies use what they read: questions, edges, neighbours exchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np
import torch
from graph_cells import Run, fails
from graph_edits import EDITS, correction_range, edited, ranges
from graph_headroom import planted_setting
from graph_taught import BALANCE, BUDGETS, NET, Kinds, Setting, budgeted
from graph_truth import Truth
from over_worlds import plus_minus, table_of
from rich.table import Table

from abgnn.data.arrays import Array
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
GENERAL, PLANTED = "general questions", "planted signal"
HEADROOM = 6.0  # points that reading questions is worth in the planted world, at its own price
PRICE = 1.0  # λ_tok there, so low that teams are worth what they cost


@dataclass(frozen=True)
class Place:
    """A simulated world in which a policy is judged.

    Args:
        setting: with its calibration.
        test: questions.
        values: true accuracy and USD of one design for each.
        budgets: USD per question; empty: a low price of a dollar instead.
    """

    setting: Setting
    test: Sequence[Query]
    values: Callable[[Sequence[Design]], tuple[Array, Array]]
    budgets: Sequence[float]

    @classmethod
    def of(cls, name: str, seed: int, quick: bool) -> Place:
        if name == PLANTED:
            setting, truth, row, _ = planted_setting(seed, HEADROOM)

            def values(designs: Sequence[Design]) -> tuple[Array, Array]:
                both = [
                    (truth.accuracy(d, np.array([g]))[0], truth.usd(d, np.array([g]))[0])
                    for d, g in zip(designs, row, strict=True)
                ]
                return np.array(both)[:, 0], np.array(both)[:, 1]

            return cls(setting, setting.data.queries("test"), values, ())
        mas, data = (
            BaseMAS("general", encoder="offline"),
            Kinds(n_train=80, seed=seed, copies=1 if quick else 3),
        )
        test = data.tested()
        known = Truth(World(seed), mas.catalogue, mas.template, test)
        client = SimulatedClient(seed)
        return cls(Setting(client, mas, data, seed, 320), test, known.values, BUDGETS)

    def taught(self, who: str, quick: bool) -> Policy:
        more = {} if self.budgets else {"lambda_tok": PRICE, "lambda_lat": 0.0}
        texts = 40 if self.budgets and not quick else 0
        return self.setting.taught(who, texts=texts, steps=20 if quick else None, **more)

    def prices(self, policy: Policy) -> Iterator[float]:
        """The operating points that it is put to, one after another."""
        for budget in self.budgets:
            yield budgeted(policy, budget)
        if not self.budgets:
            policy.set_tradeoff(PRICE, 0.0)
            yield PRICE

    def worth(self, designs: Sequence[Design], price: float) -> tuple[float, float]:
        accuracy, usd = self.values(designs)
        return float(accuracy.mean()), float((accuracy - price * usd).mean())


def cell(name: str, seed: int, quick: bool) -> dict[str, Figures]:
    """By policy and exchange: share of plans that change, and accuracy and utility that are lost
    (true, simulated), mean of the operating points, in points."""
    place = Place.of(name, seed, quick)
    setting, test = place.setting, place.test
    other = derangement([str(q.meta["subject"]) for q in test], seed)
    out: dict[str, Figures] = {}
    for who in (NET, BALANCE):
        policy = place.taught(who, quick)
        rows: dict[str, list[list[float]]] = {}
        for price in place.prices(policy):
            base = setting.designs(policy, test)
            was = place.worth(base, price)
            for what, designs in _exchanged(setting, policy, test, base, other, seed).items():
                now = place.worth(designs, price)
                changed = mean(a != b for a, b in zip(base, designs, strict=True))
                lost = [100 * (w - n) for w, n in zip(was, now, strict=True)]
                rows.setdefault(what, []).append([100 * changed, *lost])
            teams = 100 * mean(len(d.agents) > 1 for d in base)
            rows.setdefault("teams", []).append([teams, 0.0, 0.0])
        out[who] = {
            what: dict(zip(("changed", "accuracy", "utility"), np.mean(of, 0), strict=True))
            for what, of in rows.items()
        }
        out[who]["ranges"] = _ranges(setting, policy, test)
    return out


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
    for name in (PLANTED,) if run.quick else (GENERAL, PLANTED):
        cells = [
            run.cell(f"e-{name.split()[0]}-{seed}", lambda n=name, s=seed: cell(n, s, run.quick))
            for seed in run.seeds(3 if name == GENERAL else 6)
        ]
        title = f"(e) {name}, {len(cells)} simulated worlds, what is exchanged: % of plans that "
        title += "change, points lost ± 95 %"
        table = table_of(title, ["policy", "exchanged", "changed", "accuracy", "utility"])
        table.columns[1].justify = "left"
        for who in (NET, BALANCE):
            for what in (OTHER, EMBEDDING, *EDITS):
                values = {key: [c[who][what][key] for c in cells] for key in cells[0][who][what]}
                lost = [plus_minus(values[key]) for key in ("accuracy", "utility")]
                table.add_row(who, what, f"{mean(values['changed']):.0f}", *lost)
            teams = mean(c[who]["teams"]["changed"] for c in cells)
            table.add_row(who, "(nothing: plans that are teams)", f"{teams:.0f}", "", "")
        run.console.print(table)
        run.console.print(_ranges_table(cells))
        run.console.print(_says(cells))


def _ranges_table(cells: Sequence[dict[str, Figures]]) -> Table:
    title = "(e) range of logits over questions with LLMs fixed, simulated"
    table = table_of(title, ["logit", "mean", "least"])
    for who, name, what in (
        (BALANCE, "gate", "gates, AgentBalance"),
        (BALANCE, "gate, learned", "the same without what is believed"),
        (BALANCE, "edge", "edges, AgentBalance"),
        (NET, "team", "what PlanNet adds for a team"),
    ):
        both = [[c[who]["ranges"][key] for c in cells] for key in (name, f"{name}, least")]
        table.add_row(what, f"{mean(both[0]):.2f}", f"{min(both[1]):.2f}")
    change = mean(c[BALANCE]["ranges"]["h"] for c in cells)
    table.add_row("change of h without the template's edges", f"{100 * change:.0f} %", "")
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
