"""`LoopNet`: closed loops with a graph network's residual on the posterior and the values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.arrays import Index
from abgnn.data.plan import Plan
from abgnn.data.query import Query, options_of
from abgnn.errors import ConfigError
from abgnn.models.decision import Choice, PlannedChoice
from abgnn.models.loop_choice import LoopChoice, Walk, log_policy, walk
from abgnn.models.loop_features import AGENT, QUESTION, LoopView
from abgnn.models.loop_knowledge import LoopKnowledge, corrected
from abgnn.models.loop_tables import Decided
from abgnn.models.loop_values import NetBatch, NetReplay, net_batches
from abgnn.models.operating_point import OperatingPoint
from abgnn.models.programs.closed_loop import ClosedLoopProgram
from abgnn.models.questions import distinct, embedded
from abgnn.models.sampling import categorical_entropy
from abgnn.models.taught import TaughtPolicy
from abgnn.nn.backbone_table import BackboneTable
from abgnn.nn.loop_state_net import LoopStateNet
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replayable, prices_of_budgets
from abgnn.planning.questions import Questions


class LoopNet(TaughtPolicy[LoopKnowledge]):
    r"""The closed form's values of stopping and of each next ask, corrected by `LoopStateNet`.

    .. math:: \hat P(k) = \sigma(\mathrm{logit} \, P(k) + r_k), \quad
        \hat V_m = -\lambda \hat c_m + \sum_o P(o) \hat V(o) + r_m

    for every state of the answers, so that one graph is one (question, state). Its plans carry
    the decisions as a table (`TabledLoopProgram`): execution needs no network. The λ's are inputs
    of r_m alone: one net serves all budgets.

    There are two nets of the same form. `net` is what `Teacher` and REINFORCE change; `kept` is
    what decides unless a plan is sampled. It starts at 0, which is the closed form exactly, and
    takes over the weights of `net` only where left-out questions of the calibration are clearly
    better for it. Readers, and answers without keys, are left to the closed form.

    Args:
        in_channels: width H of the text encoder (384 for MiniLM, 768 for MPNet).
        channels: hidden width D of the net.
        temperature: of sampling, in units of the score.
    """

    own_roles = True  # its calibration's

    def __init__(
        self, in_channels: int = 384, channels: int = 16, temperature: float = 0.01
    ) -> None:
        super().__init__(in_channels, temperature)
        self.net = LoopStateNet(QUESTION, AGENT, channels)
        self.kept = LoopStateNet(QUESTION, AGENT, channels).requires_grad_(False)

    def attach(self, table: BackboneTable) -> None:
        super().attach(table)
        if self.knowledge is None:
            return
        known = self.knowledge
        asked = {a for chosen in known.loop.chosen.values() for a in chosen}
        for name in sorted({known.agents[a].backbone for a in asked}):
            if name not in table.names:
                raise ConfigError("catalogue", name, f"{name}, a candidate of the closed loops")

    @property
    def trusted(self) -> bool:
        """Whether anything but the closed form decides."""
        out: bool = self.kept.corrects
        return out

    def keep(self) -> None:
        """From now on the net as it is now decides."""
        self.kept.load_state_dict(self.net.state_dict())

    def set_budget(
        self, cost_usd: float | None = None, latency_s: float | None = None, aim: float = 0.99
    ) -> tuple[float, float]:
        usd = np.inf if cost_usd is None else cost_usd
        point = prices_of_budgets(self._replay(), usd, latency_s, aim)
        self.set_tradeoff(*point)
        return point

    def _replay(self) -> Replayable:
        """Of the calibration, as it decides now."""
        lessons = self.taught.lessons() if self.trusted else None
        if lessons is None:
            return self.taught.loop.replay
        problems, table, rows = lessons
        return NetReplay(problems, table, self.kept, self.taught.view_of(rows))

    def point_at(self, lambda_tok: float, lambda_lat: float) -> OperatingPoint | None:
        """By replay of the calibration that it was taught with."""
        if self.knowledge is None:
            return None
        run = self._replay()(lambda_tok, lambda_lat)
        means = (run.right.mean(), run.usd.mean(), run.seconds.mean())
        return OperatingPoint(lambda_tok, lambda_lat, *map(float, means))

    def forward(self, batch: Batch, *, sample: bool) -> PlannedChoice:
        first, place = distinct(batch.query)
        queries = [batch.query[i] for i in first]
        known = self.taught
        questions = embedded(queries, batch.query_embed[first], known.encoder, known.by)
        problems = self.problems(queries, questions)
        programs = self.programs(problems, questions)
        if sample:
            return self._sampled(batch.query, place, problems, programs, questions)
        plans = [
            self._plan(query, problems[row], programs[row])
            for query, row in zip(batch.query, place, strict=True)
        ]
        zeros = torch.zeros(len(plans), 1, device=self.lambda_tok.device)
        return PlannedChoice(plans, ("loop",), zeros, zeros)

    def problems(self, queries: Sequence[Query], questions: Questions) -> list[LoopProblem]:
        """Of questions, at the λ's."""
        made = self.taught.loop.problems(questions, [options_of(query) for query in queries])
        tok, lat = self.operating_point
        return [replace(p, lambda_tok=tok, lambda_lat=lat) for p in made]

    def programs(
        self, problems: Sequence[LoopProblem], questions: Questions
    ) -> list[ClosedLoopProgram]:
        """What is carried out of each question: tables where the net that is kept decides."""
        loop = self.taught.loop
        out = [ClosedLoopProgram.of(p, loop.scales_of(p.names)) for p in problems]
        for index, batch in self._batches(problems, questions, self.kept) if self.trusted else ():
            values, policy = (
                batch.values(*self.operating_point),
                batch.policy(*self.operating_point),
            )
            for row, q in enumerate(index):
                out[q] = Decided.of(batch, row, values, policy).program()
        return out

    def _batches(
        self, problems: Sequence[LoopProblem], questions: Questions, net: LoopStateNet
    ) -> list[tuple[Index, NetBatch]]:
        """Questions that a net is for, with their places."""
        features = self.taught.features
        able = [q for q, problem in enumerate(problems) if corrected(problem)]
        view = LoopView(features, features.question(questions)[able])
        made = net_batches([problems[q] for q in able], net, view)
        return [(np.array(able)[index], batch) for index, batch in made]

    def _sampled(
        self,
        queries: Sequence[Query],
        place: Sequence[int],
        problems: Sequence[LoopProblem],
        programs: Sequence[ClosedLoopProgram],
        questions: Questions,
    ) -> LoopChoice:
        """Decisions drawn in every state; where the net is not for the question, and on those by
        which it is judged, what is carried out anyway."""
        made, at = self._batches(problems, questions, self.net), self.operating_point
        batches = [batch for _, batch in made]
        values = [batch.values(*at, batch.read()) for batch in batches]
        pairs = [batch.policy(*at).pair for batch in batches]
        logs = [log_policy(v, self.temperature) for v in values]
        where = {
            int(q): (b, row) for b, (index, _) in enumerate(made) for row, q in enumerate(index)
        }
        plans: list[Plan] = []
        walks: list[Walk | None] = []
        entropies = []
        for query, q in zip(queries, place, strict=True):
            b, row = where.get(q, (-1, -1))
            if b < 0 or query.text in self.taught.held:
                plans.append(self._plan(query, problems[q], programs[q]))
                walks.append(None)
                entropies.append(torch.zeros(()))
                continue
            decided = Decided.drawn(batches[b], row, values[b], logs[b], pairs[b][row])
            plans.append(self._plan(query, problems[q], decided.program()))
            walks.append(walk(b, decided))
            entropies.append(categorical_entropy(logs[b][0][row])[0].float())
        return LoopChoice.of(
            plans, torch.stack(entropies), batches, walks, logs, self.lambda_tok.device
        )

    def log_prob_of(self, choice: Choice) -> Tensor | None:
        if not isinstance(choice, LoopChoice):
            return None
        read = [b.values(*self.operating_point, b.read()) for b in choice.batches]
        logs = [log_policy(values, self.temperature) for values in read]
        return choice.log_prob_under(logs)

    def _plan(self, query: Query, problem: LoopProblem, program: ClosedLoopProgram) -> Plan:
        place = dict(zip(self.taught.loop.llms, self.taught.agents, strict=True))
        readers = () if problem.readers is None else problem.readers.names
        agents = tuple(place[name] for name in (*problem.names, *readers))
        return Plan(query, agents, (), int(problem.accuracy.argmax()), program=program)
