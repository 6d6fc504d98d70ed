"""`LoopNet`: closed loops with a graph network's residual on the posterior and the values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.loop_step import LoopStep
from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan
from abgnn.data.query import Query, options_of
from abgnn.errors import ConfigError
from abgnn.models.decision import Choice, PlannedChoice
from abgnn.models.loop_features import AGENT, QUESTION, LoopView
from abgnn.models.loop_knowledge import LoopKnowledge, alone
from abgnn.models.loop_tables import Decided, Place, log_policy, rows_of, sampled
from abgnn.models.loop_values import NetBatch, NetReplay, net_batches
from abgnn.models.plain_state import from_plain, to_plain
from abgnn.models.policy import Policy
from abgnn.models.programs.closed_loop import ClosedLoopProgram
from abgnn.models.programs.tabled_loop import TabledLoopProgram, state_of
from abgnn.models.questions import distinct, embedded
from abgnn.models.sampling import categorical_entropy
from abgnn.nn.backbone_table import BackboneTable
from abgnn.nn.loop_state_net import LoopStateNet
from abgnn.planning.closed_loop.batch import STOP
from abgnn.planning.closed_loop.problem import Asked, LoopProblem
from abgnn.planning.closed_loop.replay import prices_of_budgets
from abgnn.planning.questions import Questions


@dataclass(frozen=True)
class LoopChoice(PlannedChoice):
    """Decisions sampled for every state; those that were taken are known after the rollout.

    Args:
        batches: of the questions.
        at: batch and row of each plan's question; the closed form's plans have none.
        places: states whose decisions count for each plan.
        choices: decision of each of them, 0: stop, 1 + m: ask m.
    """

    batches: Sequence[NetBatch] = field(default=())
    at: Sequence[tuple[int, int] | None] = ()
    places: Sequence[Sequence[Place]] = ()
    choices: Sequence[Sequence[int]] = ()
    each: Sequence[Tensor] = ()

    def executed(self, outcomes: Sequence[Outcome]) -> LoopChoice:
        """The probability of what was decided on the way; what would have been decided after
        other answers has had no part in the reward."""
        kept = [self._taken(i, outcome.steps) for i, outcome in enumerate(outcomes)]
        places = [[self.places[i][k] for k in at] for i, at in enumerate(kept)]
        choices = [[self.choices[i][k] for k in at] for i, at in enumerate(kept)]
        each = [log_prob[at] for log_prob, at in zip(self.each, kept, strict=True)]
        log_probs = torch.stack([log_prob.sum() for log_prob in each]).unsqueeze(1)
        return replace(self, places=places, choices=choices, each=each, log_probs=log_probs)

    def _taken(self, i: int, steps: Sequence[LoopStep]) -> list[int]:
        where = self.at[i]
        if where is None:
            return []
        problem = self.batches[where[0]].problems[where[1]]
        index = {place: k for k, place in enumerate(self.places[i])}
        out = []
        for step in steps:
            if step.failed:
                break  # from here on the closed form decides
            asked = [Asked(m, key or None, None) for m, key in step.answers]
            state = state_of(problem, asked)
            place = (len(state), problem.tree.index[state])
            if place in index:
                out.append(index[place])
        return out


class LoopNet(Policy):
    r"""The closed form's values of stopping and of each next ask, corrected by `LoopStateNet`.

    .. math:: \hat P(k) = \sigma(\mathrm{logit} \, P(k) + s \, r_k), \quad
        \hat V_m = -\lambda \hat c_m + \sum_o P(o) \hat V(o) + s \, r_m

    for every state of the answers, so that one graph is one (question, state). Its plans carry
    the decisions as a table (`TabledLoopProgram`): execution needs no network. The λ's are inputs
    of r_m alone: one net serves all budgets.

    It starts as the closed form, and is that exactly until `Teacher` has taught it and left-out
    questions of the calibration say that the residual pays (`trusted`, and the scale s); where
    REINFORCE goes on, it is judged again after every epoch. Readers, and answers without keys, are
    left to the closed form.

    Args:
        in_channels: width H of the text encoder (384 for MiniLM, 768 for MPNet).
        channels: hidden width D of the net.
        temperature: of sampling, in units of the score.
    """

    lambda_tok: Tensor
    lambda_lat: Tensor
    scale: Tensor
    trusted: Tensor

    def __init__(
        self, in_channels: int = 384, channels: int = 16, temperature: float = 0.01
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise ConfigError("policy.temperature", temperature, "a number above 0")
        self.in_channels, self.temperature = in_channels, temperature
        self.net = LoopStateNet(QUESTION, AGENT, channels)
        for name in ("lambda_tok", "lambda_lat"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))
        self.register_buffer("trusted", torch.zeros((), dtype=torch.bool))
        self.knowledge: LoopKnowledge | None = None

    @property
    def teachable(self) -> bool:
        return True

    @property
    def taught(self) -> LoopKnowledge:
        """What it goes by.

        Raises:
            ConfigError: nothing yet.
        """
        if self.knowledge is None:
            allowed = "LoopNet that was taught: model.calibration names a file of `abgnn calibrate`"
            raise ConfigError("policy", "LoopNet without a calibration", allowed)
        return self.knowledge

    def know(self, knowledge: LoopKnowledge) -> None:
        """Go by this from now on."""
        self.knowledge = knowledge
        if self._table is not None:
            self.attach(self._table)

    def attach(self, table: BackboneTable) -> None:
        table.check_width(self.in_channels)
        super().attach(table)
        if self.knowledge is None:
            return
        known = self.knowledge
        asked = {a for chosen in known.loop.chosen.values() for a in chosen}
        for name in sorted({known.agents[a].backbone for a in asked}):
            if name not in table.names:
                raise ConfigError("catalogue", name, f"{name}, a candidate of the closed loops")

    def set_tradeoff(self, lambda_tok: float, lambda_lat: float) -> None:
        self.lambda_tok.fill_(lambda_tok)
        self.lambda_lat.fill_(lambda_lat)

    def set_budget(
        self, cost_usd: float | None = None, latency_s: float | None = None, aim: float = 0.99
    ) -> tuple[float, float]:
        replay = self.taught.loop.replay
        lessons = self.taught.lessons() if self.trusted else None
        if lessons is not None:
            problems, table, rows = lessons
            view, scale = self.taught.view_of(rows), float(self.scale)
            replay = NetReplay(problems, table, self.net, view, scale)
        usd = np.inf if cost_usd is None else cost_usd
        point = prices_of_budgets(replay, usd, latency_s, aim)
        self.set_tradeoff(*point)
        return point

    @property
    def has_operating_points(self) -> bool:
        return self.knowledge is not None

    @property
    def operating_point(self) -> tuple[float, float]:
        return float(self.lambda_tok), float(self.lambda_lat)

    def forward(self, batch: Batch, *, sample: bool) -> LoopChoice:
        first, place = distinct(batch.query)
        queries = [batch.query[i] for i in first]
        known = self.taught
        questions = embedded(queries, batch.query_embed[first], known.encoder, known.by)
        problems = self.problems(queries, questions)
        if not (sample or self.trusted):
            plans = [
                self._plan(query, problems[row], ClosedLoopProgram.of(problems[row]))
                for query, row in zip(batch.query, place, strict=True)
            ]
            zeros = torch.zeros(len(plans), 1)
            return LoopChoice(plans, ("loop",), zeros, zeros)
        return self._decided(batch.query, place, problems, questions, sample=sample)

    def problems(self, queries: Sequence[Query], questions: Questions) -> list[LoopProblem]:
        """Of questions, at the λ's."""
        made = self.taught.loop.problems(questions, [options_of(query) for query in queries])
        tok, lat = self.operating_point
        return [replace(p, lambda_tok=tok, lambda_lat=lat) for p in made]

    def batches(
        self, problems: Sequence[LoopProblem], questions: Questions
    ) -> tuple[list[NetBatch], dict[int, tuple[int, int]]]:
        """Questions that the net is for, and where each of them is."""
        features = self.taught.features
        names = set(features.names)
        able = [q for q, p in enumerate(problems) if p.readers is None and alone(p, names)]
        if not able:
            return [], {}
        view = LoopView(features, features.question(questions)[able])
        made = net_batches([problems[q] for q in able], self.net, view, float(self.scale))
        where = {
            able[q]: (b, row) for b, (index, _) in enumerate(made) for row, q in enumerate(index)
        }
        return [batch for _, batch in made], where

    def _decided(
        self,
        queries: Sequence[Query],
        place: Sequence[int],
        problems: Sequence[LoopProblem],
        questions: Questions,
        *,
        sample: bool,
    ) -> LoopChoice:
        made, where = self.batches(problems, questions)
        point = self.operating_point
        best = [batch.policy(*point) for batch in made]
        values = [b.values(*point, b.read() if sample else None) for b in made]
        logs = [log_policy(v, self.temperature) for v in values]
        plans, places, choices, each, entropies = [], [], [], [], []
        at = [where.get(row) for row in place]
        for query, row, found in zip(queries, place, at, strict=True):
            program: ClosedLoopProgram = ClosedLoopProgram.of(problems[row])
            some: list[Place] = []
            log_prob, entropy = self.net.lin_w.weight.new_zeros(0), torch.zeros(())
            taken: list[int] = []
            if found is not None:
                b, r = found
                mine = [level[r] for level in logs[b]]
                choice = sampled(mine) if sample else rows_of(best[b].choice, r)
                pair = best[b].pair[r]
                decided = Decided(made[b], r, values[b], choice, pair)
                program = TabledLoopProgram.tabled(problems[row], decided.table())
                free = [p for p in decided.reached() if p != (0, 0) or pair[0] == STOP]
                some = [(n, s) for n, s in free if n < problems[row].calls]
                taken = [int(choice[n][s]) + 1 for n, s in some]
                log_prob = _picked(mine, some, taken)
                entropy = categorical_entropy(mine[0])[0]
            plans.append(self._plan(query, problems[row], program))
            places.append(some)
            choices.append(taken)
            each.append(log_prob)
            entropies.append(entropy.float())
        log_probs = torch.stack([x.sum().float() for x in each]).unsqueeze(1)
        entropy_rows = torch.stack(entropies).unsqueeze(1)
        shown = {"loop_states": float(np.mean([len(p) for p in places]))}
        return LoopChoice(
            plans, ("loop",), log_probs, entropy_rows, None, shown, made, at, places, choices, each
        )

    def log_prob_of(self, choice: Choice) -> Tensor | None:
        if not isinstance(choice, LoopChoice) or not choice.batches:
            return None
        point = self.operating_point
        logs = []
        for batch in choice.batches:
            fresh = replace(batch, net=self.net)
            fresh.__dict__.update(closed=batch.closed, states=batch.states)
            logs.append(log_policy(fresh.values(*point, fresh.read()), self.temperature))
        out = []
        for i, found in enumerate(choice.at):
            mine = [] if found is None else [level[found[1]] for level in logs[found[0]]]
            out.append(_picked(mine, choice.places[i], choice.choices[i]).sum().float())
        return torch.stack(out)

    def _plan(self, query: Query, problem: LoopProblem, program: ClosedLoopProgram) -> Plan:
        place = dict(zip(self.taught.loop.llms, self.taught.agents, strict=True))
        readers = () if problem.readers is None else problem.readers.names
        agents = tuple(place[name] for name in (*problem.names, *readers))
        return Plan(query, agents, (), int(problem.accuracy.argmax()), program=program)

    def get_extra_state(self) -> Any:
        return to_plain(self.knowledge)

    def set_extra_state(self, state: Any) -> None:
        if state is not None:
            self.know(from_plain(state))


def _picked(logs: Sequence[Tensor], places: Sequence[Place], choices: Sequence[int]) -> Tensor:
    """log p of the decisions in some states, `[n]`."""
    if not places:
        return torch.zeros(0, dtype=torch.float64)
    return torch.stack([logs[n][s, c] for (n, s), c in zip(places, choices, strict=True)])
