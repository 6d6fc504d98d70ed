"""`PlanNet`: a graph network that scores plans by question, as a policy over a portfolio."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Batch, Data

from abgnn.data.arrays import Array
from abgnn.data.query import Query
from abgnn.models.decision import Choice
from abgnn.models.operating_point import OperatingPoint
from abgnn.models.plan_knowledge import BACKBONE, QUESTION, ROLE, PlanKnowledge
from abgnn.models.plan_scores import PlanForecasts, Prepared, ScoredChoice
from abgnn.models.questions import distinct, embedded
from abgnn.models.sampling import categorical_entropy, choose
from abgnn.models.taught import TaughtPolicy
from abgnn.nn.agent_graph import AgentGraph, depths
from abgnn.nn.backbone_table import BackboneTable
from abgnn.nn.plan_net import PlanScorer, critical_path, expected_logit, total
from abgnn.planning.assignment import assignment_prices
from abgnn.planning.beliefs import Belief, Forecasts
from abgnn.planning.budgets import Budget
from abgnn.planning.least import refusal_by_question
from abgnn.planning.questions import Questions


class PlanNet(TaughtPolicy[PlanKnowledge]):
    r"""A categorical over a portfolio of designs, scored by `PlanScorer` on each question.

    .. math:: \pi(D \mid q) \propto \exp\big((\hat p_D(q) - \lambda_{tok} \hat c_D(q)
        - \lambda_{lat} \hat l_D(q)) / T\big)

    The λ's are outside the net, so one net serves all budgets. What is believed of lone agents
    (`abgnn.planning.Beliefs`) is where it starts, and stays exactly what it says of lone agents;
    the net learns what messages and decisions do to a team. It is taught by the planner on
    questions that need no answers (`abgnn.training.Teacher`, with a calibration); REINFORCE goes
    on from there. Untaught it has no designs to choose among.

    Args:
        in_channels: width H of the text encoder (384 for MiniLM, 768 for MPNet).
        channels: hidden width D of the net.
        temperature: T of sampling, in units of the score.
        correct_lone: let REINFORCE correct the beliefs about lone agents, too.
    """

    def __init__(
        self,
        in_channels: int = 384,
        channels: int = 32,
        temperature: float = 0.01,
        correct_lone: bool = False,
    ) -> None:
        super().__init__(in_channels, temperature)
        self.net = PlanScorer(QUESTION, BACKBONE, ROLE, channels, correct_lone)
        self._graph: AgentGraph | None = None
        self._usable: Tensor | None = None

    def know(self, knowledge: PlanKnowledge) -> None:
        """Choose among these designs by these beliefs from now on."""
        self._graph, self._usable = None, None
        super().know(knowledge)

    def attach(self, table: BackboneTable) -> None:
        super().attach(table)
        if self.knowledge is not None:
            able = self.knowledge.portfolio.usable(table.names)
            self._usable = None if able.all() else torch.from_numpy(able)

    def set_budget(
        self, cost_usd: float | None = None, latency_s: float | None = None, aim: float = 0.99
    ) -> tuple[float, float]:
        known = self.taught.ahead
        budget = Budget(cost_usd, latency_s, margin=aim)
        able = self._able
        accuracy, usd, seconds = known.accuracy[:, able], known.usd[:, able], known.seconds[:, able]
        limits = [math.inf if limit is None else limit for limit in (cost_usd, latency_s)]
        if usd.min(1).mean() > aim * limits[0] or seconds.min(1).mean() > aim * limits[1]:
            raise refusal_by_question(cost_usd, latency_s, usd / aim, seconds / aim)
        point = assignment_prices(accuracy, usd, seconds, budget)
        self.set_tradeoff(*point)
        return point

    @property
    def has_operating_points(self) -> bool:
        return self.knowledge is not None and len(self.knowledge.ahead.usd) > 0

    def point_at(self, lambda_tok: float, lambda_lat: float) -> OperatingPoint | None:
        """As the planner expects it that the net has learned from."""
        if not self.has_operating_points:
            return None
        known, able = self.taught.ahead, self._able
        ahead = Forecasts(*(of[:, able] for of in (known.accuracy, known.usd, known.seconds)))
        chosen = ahead.best(lambda_tok, lambda_lat)
        rows = np.arange(len(chosen))
        means = (of[rows, chosen].mean() for of in (ahead.accuracy, ahead.usd, ahead.seconds))
        return OperatingPoint(lambda_tok, lambda_lat, *map(float, means))

    @property
    def _able(self) -> Array | slice:
        """Which designs the catalogue has the LLMs for."""
        return slice(None) if self._usable is None else self._usable.numpy()

    def forward(self, batch: Batch, *, sample: bool) -> ScoredChoice:
        first, place = distinct(batch.query)
        queries = [batch.query[i] for i in first]
        questions = self.questions(queries, batch.query_embed[first])
        rows = torch.tensor(place, device=self.lambda_tok.device)  # [B]
        log_prob = self.log_probabilities(questions)[rows]  # [B, D]
        index = choose(log_prob, sample=sample)  # [B]
        portfolio = self.taught.portfolio
        plans = [
            portfolio.plan(i, query, template)
            for i, query, template in zip(index.tolist(), batch.query, batch.template, strict=True)
        ]
        picked = log_prob.gather(1, index.unsqueeze(1))  # [B, 1]
        entropy = categorical_entropy(log_prob).unsqueeze(1)
        used = float(len(set(index.tolist())))
        shown = {"distinct_plans": used}
        return ScoredChoice(
            plans, ("plan",), picked, entropy, None, shown, (questions, rows, index)
        )

    def log_prob_of(self, choice: Choice) -> Tensor | None:
        if not isinstance(choice, ScoredChoice) or choice.chosen is None:
            return None
        questions, rows, index = choice.chosen
        return self.log_probabilities(questions)[rows, index]

    def predicted(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor] | None:
        if self.knowledge is None:
            return None
        ahead = self.forecast(self.questions(batch.query, batch.query_embed))
        return ahead.accuracy, ahead.usd, ahead.seconds

    def log_probabilities(self, questions: Questions) -> Tensor:
        """log π of every design on every question, `[Q, D]`; −∞ where an LLM is missing."""
        utility = self.forecast(questions).utility(self.lambda_tok, self.lambda_lat)
        if self._usable is not None:
            utility = utility.masked_fill(~self._usable.to(utility.device), float("-inf"))
        return F.log_softmax(utility / self.temperature, -1)

    def questions(self, queries: Sequence[Query], embed: Tensor) -> Questions:
        """What beliefs read of queries with embeddings `[Q, H]`."""
        return embedded(queries, embed, self.taught.encoder, self.taught.by)

    def prepared(self, questions: Questions, belief: Belief | None = None) -> Prepared:
        """What the net reads of questions, as tensors; None: what it believes of them itself."""
        known = self.taught
        belief = belief or known.beliefs(questions)
        arrays = (
            known.question(questions),
            belief.accuracy,
            known.figures(belief),
            belief.usd,
            belief.seconds,
        )
        return Prepared(*(self._tensor(array) for array in arrays))

    def accuracy(self, shown: Prepared) -> Tensor:
        """p̂ of every design, `[Q, D]`."""
        known = self.taught
        u, r, level = map(self._tensor, (known.backbone, known.role, known.level))
        base = expected_logit(shown.accuracy)
        logit: Tensor = self.net(shown.x, u, r, base, shown.figures, self.graph)
        return torch.sigmoid(logit + level)

    def forecast(self, questions: Questions, belief: Belief | None = None) -> PlanForecasts:
        """Accuracy, USD and seconds of every design on every question; see `prepared`."""
        shown, (usd, seconds) = self.prepared(questions, belief), self._tensor(self.taught.factor)
        return PlanForecasts(
            self.accuracy(shown),
            total(shown.usd, self.graph) * usd,
            critical_path(shown.seconds, self.graph) * seconds,
        )

    @property
    def graph(self) -> AgentGraph:
        """All designs as one graph."""
        device = self.lambda_tok.device
        if self._graph is None or self._graph.cell.device != device:
            self._graph = self.taught.portfolio.graph().to(device)
        return self._graph

    def _tensor(self, array: Array) -> Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=self.lambda_tok.device)

    def forecasts(self, questions: Questions, belief: Belief | None = None) -> Forecasts:
        """The same as arrays, without gradients."""
        with torch.no_grad():
            ahead = self.forecast(questions, belief)
        values = (ahead.accuracy, ahead.usd, ahead.seconds)
        return Forecasts(*(value.double().cpu().numpy() for value in values))

    def explained(self, queries: Sequence[Query], embed: Tensor, designs: Sequence[int]) -> Batch:
        """One graph per query and design (by number), for `abgnn.models.Explainable`: nodes are
        the agents, x what is read of each, edges the messages."""
        shown, known = self.prepared(self.questions(queries, embed)), self.taught
        u, r = self._tensor(known.backbone), self._tensor(known.role)
        graphs = []
        for q, design in enumerate(designs):
            team = known.portfolio.team(known.portfolio.designs[design])
            roles, llms = torch.tensor(team.cells, device=u.device).t()
            base = expected_logit(shown.accuracy[q, roles, llms]).unsqueeze(1)  # [n, 1]
            x = shown.x[q].expand(len(roles), -1)
            parts = [x, u[llms], r[roles], shown.figures[q, roles, llms], base]
            edges = torch.tensor(team.edges, dtype=torch.long, device=u.device).reshape(-1, 2).t()
            answer = torch.arange(len(roles), device=u.device) == team.answer
            depth = torch.tensor(depths(team), device=u.device)
            graphs.append(Data(torch.cat(parts, 1), edges, depth=depth, is_answer=answer))
        return Batch.from_data_list(graphs)

    def choice_logits(self, x: Tensor, edge_index: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """`plan` `[B, 1]`: logit of each plan's accuracy, for graphs of `explained`."""
        answer = batch.is_answer.nonzero().squeeze(1)
        return {"plan": self.net.score(x, edge_index, batch.depth, answer).unsqueeze(1)}
