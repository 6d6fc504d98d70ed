"""`Router`: one LLM per question, by predicted score and predicted cost."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.query import Query
from abgnn.data.surface_features import SURFACE_NAMES, surface_counts
from abgnn.errors import ConfigError
from abgnn.models.decision import FACTORS, Action, Decision
from abgnn.models.policy import Policy
from abgnn.models.sampling import categorical_entropy, choose
from abgnn.nn.backbone_table import BackboneTable
from abgnn.nn.task_bill import TaskBill
from abgnn.nn.task_scores import TaskScores

N_COUNTS = len(SURFACE_NAMES)


class Router(Policy):
    r"""A lone agent in the template's lead role; who plays it depends on the question.

    .. math:: \pi(m \mid q) \propto \exp\big((\hat s_m(q) - \lambda_{tok} \hat c_m(q)
        - \lambda_{lat} \hat l_m(q)) / T\big)

    with scores from `TaskScores`, USD and seconds from `TaskBill` and the λ's of Eq 9, so that one
    score head serves every budget. It never builds a committee, whatever the template admits: the
    reward of a plan is predicted for lone LLMs only.

    `warm_start` fits scores and bills to observed outcomes of every LLM on some questions (see
    `abgnn.training.WarmStart`); REINFORCE goes on from there, or from all scores equal. With
    `entropy_weight` = T the expected reward of Eq 9 has its optimum at :math:`\pi \propto
    \exp(E[R] / T)`, where the scores are the expected ones up to a constant per question: they
    then serve other λ's too. With 0 they only serve the λ that they were learned for.

    Args:
        backbones: names of the LLMs; the catalogue's must be among them.
        tasks: names of the tasks; a question of another one is judged by its text alone.
        in_channels: width H of the text encoder (384 for MiniLM, 768 for MPNet).
        temperature: T, in units of the score.
        count_weight: length of the standardised surface counts beside the unit embedding.
        task_key: the entry of `Query.meta` that names the task.
    """

    count_mean: Tensor
    count_std: Tensor
    lambda_tok: Tensor
    lambda_lat: Tensor
    warm: Tensor

    def __init__(
        self,
        backbones: list[str],
        tasks: list[str],
        in_channels: int = 384,
        temperature: float = 0.3,
        count_weight: float = 0.5,
        task_key: str = "subject",
    ) -> None:
        super().__init__()
        _check(backbones, tasks, temperature)
        self.backbones, self.tasks = tuple(backbones), tuple(tasks)
        self.in_channels, self.temperature = in_channels, temperature
        self.count_weight, self.task_key = count_weight, task_key
        self._task = {name: u for u, name in enumerate(tasks)}
        self.scores = TaskScores(in_channels + N_COUNTS, len(tasks), len(backbones))
        self.usd = TaskBill(len(tasks), len(backbones))
        self.seconds = TaskBill(len(tasks), len(backbones))
        self.register_buffer("count_mean", torch.zeros(N_COUNTS))
        self.register_buffer("count_std", torch.full((N_COUNTS,), 3.0))
        for name in ("lambda_tok", "lambda_lat"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))
        self.register_buffer("warm", torch.zeros((), dtype=torch.bool))
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
            batch=batch,
            names=self.table.names,
            action=Action(torch.zeros_like(chosen), chosen[batch.batch], lead, none),
            keep=lead,
            edge_mask=none,
            hop_limit=torch.full_like(picked, float("inf")),
            log_probs=_match(picked),
            entropies=_match(categorical_entropy(log_prob)),
            penalty=torch.zeros_like(picked),
        )

    def predict(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Scores, USD and seconds of each of the catalogue's LLMs on each query, `[B, M]` each.

        Before a warm start USD and seconds are the catalogue's estimates.
        """
        device, size = batch.query_embed.device, batch.num_graphs
        column = self._column.to(device)
        task = self._tasks(batch.query).to(device)
        score = self.scores(self._features(batch), task)[:, column]
        if not self.warm:
            table = self.table
            return (
                score,
                table.cost.double().expand(size, -1),
                table.latency.double().expand(size, -1),
            )
        length = _length(batch.query).to(device)
        return score, self.usd(length, task)[:, column], self.seconds(length, task)[:, column]

    def predicted(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor] | None:
        return self.predict(batch) if self.warm else None

    def warm_start(self, batch: Batch, score: Tensor | None, usd: Tensor, seconds: Tensor) -> float:
        """Start from observed outcomes of all LLMs; returns the scale of `TaskScores.fit`.

        Args:
            batch: n different queries.
            score, usd, seconds: of every LLM, in the order of `backbones`, `[n, M]`; without
                scores they stay as they are, and bills and the counts' scale are fitted.
        """
        device = batch.query_embed.device
        counts = _counts(batch.query).to(device)  # [n, 22]
        self.count_mean.copy_(counts.mean(0))
        self.count_std.copy_(counts.std(0, unbiased=False).clamp(min=1e-3))
        task, length = self._tasks(batch.query).to(device), _length(batch.query).to(device)
        self.usd.fit(length, task, usd.to(device))
        self.seconds.fit(length, task, seconds.to(device))
        self.warm.fill_(True)
        if score is None:
            return 0.0
        return self.scores.fit(self._features(batch), task, score.to(device).float())

    def _features(self, batch: Batch) -> Tensor:
        """Embedding ‖ standardised surface counts, `[B, H+22]`."""
        counts = (_counts(batch.query).to(self.count_mean) - self.count_mean) / self.count_std
        weight = self.count_weight / N_COUNTS**0.5
        return torch.cat([batch.query_embed, weight * counts.clamp(-5, 5)], -1)

    def _tasks(self, queries: list[Query]) -> Tensor:
        """Task indices `[B]`; unknown ones are the number of tasks."""
        unknown = len(self.tasks)
        names = [str(q.meta.get(self.task_key, "")) for q in queries]
        return torch.tensor([self._task.get(name, unknown) for name in names])


def _counts(queries: list[Query]) -> Tensor:
    """Surface counts `[B, 22]`; the samples of one query are counted once."""
    texts = list(dict.fromkeys(q.text for q in queries))
    place = {text: i for i, text in enumerate(texts)}
    counts = torch.as_tensor(surface_counts(texts), dtype=torch.float32)
    return counts[torch.tensor([place[q.text] for q in queries])]


def _length(queries: list[Query]) -> Tensor:
    """Thousands of characters, `[B]`."""
    return torch.tensor([len(q.text) / 1000 for q in queries], dtype=torch.float64)


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
