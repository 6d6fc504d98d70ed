"""`Router`: one LLM per question, by predicted score and predicted cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.query import Query
from abgnn.data.surface_features import SURFACE_NAMES, surface_counts
from abgnn.errors import ConfigError
from abgnn.models.believed import load_bill, load_features, load_means
from abgnn.models.decision import FACTORS, Action, Decision
from abgnn.models.policy import Policy
from abgnn.models.sampling import categorical_entropy, choose
from abgnn.nn.backbone_table import BackboneTable
from abgnn.nn.believed_scores import BelievedScores
from abgnn.nn.linear_by_task import LinearByTask
from abgnn.nn.task_bill import TaskBill
from abgnn.planning.bill_model import thousands_of_characters
from abgnn.planning.lone_outcomes import LoneOutcomes
from abgnn.planning.questions import Questions
from abgnn.planning.two_stage import TwoStageBeliefs
from abgnn.planning.two_stage_fit import difference_error

N_COUNTS = len(SURFACE_NAMES)


class Router(Policy):
    r"""A lone agent in the template's lead role; who plays it depends on the question.

    .. math:: \pi(m \mid q) \propto \exp\big((\hat s_m(q) - \lambda_{tok} \hat c_m(q)
        - \lambda_{lat} \hat l_m(q)) / T\big)

    with the accuracy, USD and seconds of beliefs (`planning.TwoStageBeliefs`) and the λ's of Eq 9,
    so that one fit serves every budget. It never builds a committee, whatever the template admits:
    beliefs are about lone LLMs.

    `warm_start` fits the beliefs to observed outcomes of LLMs on some questions (see
    `abgnn.training.WarmStart`) and keeps them as buffers. REINFORCE learns a residual to the score,
    which starts at 0, or, without a warm start from scores, all of it. With `entropy_weight` = T
    the expected reward of Eq 9 has its optimum at :math:`\pi \propto \exp(E[R] / T)`, where the
    scores are the expected ones up to a constant per question: they then serve other λ's too. With
    0 they only serve the λ that they were learned for.

    Args:
        backbones: names of the LLMs; the catalogue's must be among them.
        tasks: names of the tasks; a question of another one is judged by its text alone.
        in_channels: width H of the text encoder (384 for MiniLM, 768 for MPNet).
        temperature: T, in units of the score.
        task_key: the entry of `Query.meta` that names the task.
    """

    lambda_tok: Tensor
    lambda_lat: Tensor
    warm: Tensor

    def __init__(
        self,
        backbones: list[str],
        tasks: list[str],
        in_channels: int = 384,
        temperature: float = 0.3,
        task_key: str = "subject",
    ) -> None:
        super().__init__()
        _check(backbones, tasks, temperature)
        self.backbones, self.tasks = tuple(backbones), tuple(tasks)
        self.in_channels, self.temperature, self.task_key = in_channels, temperature, task_key
        sizes = (len(tasks), len(backbones))
        self.believed = BelievedScores(in_channels, N_COUNTS, *sizes)
        self.residual = LinearByTask(in_channels + N_COUNTS, *sizes)
        self.usd, self.seconds = TaskBill(*sizes), TaskBill(*sizes)
        for name in ("lambda_tok", "lambda_lat"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))
        self.register_buffer("warm", torch.zeros((), dtype=torch.bool))
        self._task = {name: u for u, name in enumerate(tasks)}
        self._column = torch.arange(len(backbones))

    def attach(self, table: BackboneTable) -> None:
        table.check_width(self.in_channels)
        for name in table.names:
            if name not in self.backbones:
                raise ConfigError("policy.backbones", list(self.backbones), f"with {name}")
        self._column = torch.tensor([self.backbones.index(name) for name in table.names])
        super().attach(table)

    def set_tradeoff(self, lambda_tok: float, lambda_lat: float) -> None:
        self.lambda_tok.fill_(lambda_tok)
        self.lambda_lat.fill_(lambda_lat)

    def forward(self, batch: Batch, *, sample: bool, action: Action | None = None) -> Decision:
        score, usd, seconds = self.predict(batch)
        price = self.lambda_tok * usd + self.lambda_lat * seconds  # [B, M]
        log_prob = F.log_softmax((score - price.to(score)) / self.temperature, -1)  # [B, M]
        lead = batch.is_lead & ~batch.is_decision  # [N]
        chosen = choose(log_prob, sample=sample) if action is None else action.backbone[lead]  # [B]
        picked = log_prob.gather(1, chosen.unsqueeze(1)).squeeze(1)
        none = torch.zeros(batch.edge_index.size(1), dtype=torch.bool, device=lead.device)  # [E]
        return Decision(
            asked=batch,
            names=self.table.names,
            action=Action(torch.zeros_like(chosen), chosen[batch.batch], lead, none),
            keep=lead,
            edge_mask=none,
            hop_limit=torch.full_like(picked, float("inf")),
            log_probs=_match(picked),
            entropy_of=lambda: _match(categorical_entropy(log_prob)),
            penalty=torch.zeros_like(picked),
        )

    def predict(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Scores, USD and seconds of each of the catalogue's LLMs on each query, `[B, M]` each.

        Before a warm start USD and seconds are the catalogue's estimates.
        """
        device, size = batch.query_embed.device, batch.num_graphs
        column = self._column.to(device)
        task = self._tasks(batch.query).to(device)
        phi = self.believed.features(batch.query_embed, _counts(batch.query).to(device))  # [B, F]
        score = (self.believed(phi, task) + self.residual(phi, task))[:, column]
        if not self.warm:
            table = self.table
            return (
                score,
                table.cost.double().expand(size, -1),
                table.latency.double().expand(size, -1),
            )
        texts = [q.text for q in batch.query]
        length = torch.as_tensor(thousands_of_characters(texts), device=device)
        return score, self.usd(length, task)[:, column], self.seconds(length, task)[:, column]

    def predicted(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor] | None:
        return self.predict(batch) if self.warm else None

    def warm_start(self, batch: Batch, score: Tensor | None, usd: Tensor, seconds: Tensor) -> float:
        """Fit beliefs to observed outcomes and start from them.

        Args:
            batch: n different queries.
            score, usd, seconds: of every LLM, in the order of `backbones`, `[n, M]`; nan where one
                was not called. Without scores all stay equal; bills and features are fitted.

        Returns:
            Leave-one-out error of differences between LLMs, as a share of that of their means.
        """
        names = [self._known(q) for q in batch.query]
        questions = replace(
            Questions.of(batch.query, batch.query_embed.double().cpu().numpy()), kinds=tuple(names)
        )
        scores = torch.zeros_like(usd) if score is None else score
        observed = LoneOutcomes(*(x.double().cpu().numpy() for x in (scores, usd, seconds)))
        beliefs = TwoStageBeliefs.fit(questions, observed, ("lead",), self.backbones)
        rows = [self._task.get(name, len(self.tasks)) for name in beliefs.features.kinds]
        load_features(self.believed, beliefs.features)
        load_bill(self.usd, beliefs.usd, rows)
        load_bill(self.seconds, beliefs.seconds, rows)
        self.warm.fill_(True)
        if score is None:
            return 1.0
        load_means(self.believed, beliefs.fitted.means, rows)
        means = np.broadcast_to(np.nanmean(observed.score, 0), observed.score.shape)
        without = difference_error(observed.score, means)
        return difference_error(observed.score, beliefs.left_out) / max(without, 1e-12)

    def _known(self, query: Query) -> str:
        """Its task, or "" for one that is none of `tasks`."""
        name = str(query.meta.get(self.task_key, ""))
        return name if name in self._task else ""

    def _tasks(self, queries: list[Query]) -> Tensor:
        """Task indices `[B]`; unknown ones are the number of tasks."""
        unknown = len(self.tasks)
        return torch.tensor([self._task.get(self._known(q), unknown) for q in queries])


def _counts(queries: list[Query]) -> Tensor:
    """Surface counts `[B, 22]`; the samples of one query are counted once."""
    texts = list(dict.fromkeys(q.text for q in queries))
    place = {text: i for i, text in enumerate(texts)}
    counts = torch.as_tensor(surface_counts(texts), dtype=torch.float32)
    return counts[torch.tensor([place[q.text] for q in queries])]


def _match(values: Tensor) -> Tensor:
    """`[B]` as the factor `match` among zeros, `[B, 4]`."""
    at = FACTORS.index("match")
    return F.pad(values.unsqueeze(1), (at, len(FACTORS) - 1 - at))


def _check(backbones: list[str], tasks: list[str], temperature: float) -> None:
    for field, names in (("backbones", backbones), ("tasks", tasks)):
        if len(set(names)) < len(names) or (field == "backbones" and not names):
            raise ConfigError(f"policy.{field}", names, "names, each once")
    if not temperature > 0:
        raise ConfigError("policy.temperature", temperature, "a number > 0")
