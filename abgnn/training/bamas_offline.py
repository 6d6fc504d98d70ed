"""Learning the patterns offline, from a recorded cross product (BAMAS's released training)."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from abgnn.errors import ConfigError
from abgnn.models.bamas.policy import Bamas
from abgnn.models.sampling import categorical_entropy
from abgnn.training.bamas_cross_product import CrossProduct
from abgnn.training.bamas_reward import CompositeReward


@dataclass(frozen=True, slots=True)
class OfflineSettings:
    """How `fit_offline` learns; defaults as released.

    Args:
        lr: of Adam.
        epochs: through the data.
        batch_size: cells (q, B, t) per step; larger than the released data, hence one step per
            epoch.
        lr_every, lr_factor: the learning rate is multiplied by the factor every so many epochs.
        entropy_weight: of the bonus, on the reward's scale.
        baseline: `none` as released; `mean` subtracts from R the mean over the patterns of the
            same question and budget; `standard` also divides by the standard deviation of the
            differences over all cells, so that rewards are of the size of the entropy bonus.
        estimator: `logged` as released: −mean ln π(t) R over the cells, without weights by π;
            `expected`: −mean Σ_t π(t) R(t), the gradient of the policy's own reward, exact since
            all patterns were carried out. Only the second one maximises the reward: the first
            weighs patterns as if all were chosen equally often, and with R < 0 it has no bound.
        keep: the weights of the `last` epoch, or of the `best` one: by the mean of Σ π R over the
            data (the release: by the rewards of rows whose pattern a sample happens to match).
        seed: of the order of cells.
    """

    lr: float = 3e-3
    epochs: int = 10
    batch_size: int = 20_000
    lr_every: int = 20
    lr_factor: float = 0.6
    entropy_weight: float = 1e-3
    baseline: Literal["none", "mean", "standard"] = "none"
    estimator: Literal["logged", "expected"] = "logged"
    keep: Literal["best", "last"] = "best"
    seed: int = 42

    def __post_init__(self) -> None:
        for name, value in (("epochs", self.epochs), ("batch_size", self.batch_size)):
            if value < 1:
                raise ConfigError(f"offline.{name}", value, "an integer from 1")
        for name, choice, known in (
            ("baseline", self.baseline, ("none", "mean", "standard")),
            ("estimator", self.estimator, ("logged", "expected")),
            ("keep", self.keep, ("best", "last")),
        ):
            if choice not in known:
                raise ConfigError(f"offline.{name}", choice, " or ".join(known))


def fit_offline(
    policy: Bamas,
    data: CrossProduct,
    query_embed: Tensor,
    settings: OfflineSettings | None = None,
    reward: CompositeReward | None = None,
) -> list[float]:
    r"""Learn from the cross product; the mean of :math:`\sum_t \pi(t) R(t)` after every epoch.

    .. math:: L = -\text{mean}[\ln \pi_\theta(t \mid q, B)\, R] - \beta\, H(\pi_\theta)

    Weights are those of the best epoch on these data, or of the last.

    Args:
        policy: with a catalogue attached.
        data: of this policy's budgets and patterns.
        query_embed: `[Q, H]`, of the data's questions.
    """
    if tuple(data.patterns) != tuple(policy.patterns):
        raise ConfigError("data.patterns", data.patterns, f"{policy.patterns}, the policy's")
    settings = settings or OfflineSettings()
    rewards = (reward or CompositeReward())(data)  # [Q, B, P]
    usable = _usable(policy, data)
    weights = advantage(rewards, usable, settings.baseline)
    learn = [p for p in policy.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(learn, lr=settings.lr)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, settings.lr_every, settings.lr_factor)
    generator = torch.Generator().manual_seed(settings.seed)
    history: list[float] = []
    best = policy.state_dict()
    for _ in range(settings.epochs):
        for cells in _batches(usable, settings, generator):
            loss = offline_loss(policy, data, query_embed, weights, cells, settings)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        schedule.step()
        history.append(expected_reward(policy, data, query_embed, rewards))
        if settings.keep == "best" and history[-1] >= max(history):
            best = deepcopy(policy.state_dict())
    if settings.keep == "best":
        policy.load_state_dict(best)
    return history


def advantage(rewards: Tensor, usable: Tensor, baseline: str) -> Tensor:
    """Rewards less the baseline, `[Q, B, P]`; 0 in cells that are not used."""
    kept = rewards.where(usable, torch.zeros_like(rewards))
    if baseline == "none":
        return kept
    mean = kept.sum(-1, keepdim=True) / usable.sum(-1, keepdim=True).clamp(min=1)
    centred = (kept - mean).where(usable, torch.zeros_like(kept))
    if baseline == "mean":
        return centred
    spread = (centred.square().sum() / usable.sum().clamp(min=1)).sqrt()
    return centred / spread.clamp(min=1e-6)


def offline_loss(
    policy: Bamas,
    data: CrossProduct,
    query_embed: Tensor,
    weights: Tensor,
    cells: Tensor,
    settings: OfflineSettings,
) -> Tensor:
    """The loss of some cells `[n, 3]`: question, budget, pattern."""
    q, b, t = cells.unbind(1)
    log_prob = policy.log_prob(query_embed[q], [data.budgets_usd[i] for i in b.tolist()])  # [n, P]
    entropy = categorical_entropy(log_prob).mean()
    if settings.estimator == "logged":
        gain = log_prob.gather(1, t.unsqueeze(1)).squeeze(1) * weights[q, b, t]
    else:
        gain = (log_prob.exp() * weights[q, b]).sum(-1)
    return -gain.mean() - settings.entropy_weight * entropy


@torch.no_grad()
def expected_reward(
    policy: Bamas, data: CrossProduct, query_embed: Tensor, rewards: Tensor
) -> float:
    """Mean over questions and budgets of Σ π(t) R(t), over the patterns with a valid outcome."""
    n, budgets = len(query_embed), data.budgets_usd
    rows = query_embed.repeat_interleave(len(budgets), 0)  # [Q·B, H]
    prob = policy.log_prob(rows, budgets * n).exp().view(n, len(budgets), -1)  # [Q, B, P]
    prob = prob * data.valid
    total = prob.sum(-1)
    known = total > 0
    mean = (prob * rewards).sum(-1)[known] / total[known]
    return float(mean.mean()) if len(mean) else 0.0


def _usable(policy: Bamas, data: CrossProduct) -> Tensor:
    """Cells to learn from, `[Q, B, P]`: valid ones that the policy may choose."""
    if not policy.mask:
        return data.valid
    return data.valid & policy.feasible(data.budgets_usd).unsqueeze(0)


def _batches(usable: Tensor, settings: OfflineSettings, generator: torch.Generator) -> list[Tensor]:
    """Cells `[n, 3]` in a new order, cut into batches.

    The expected estimator has a cell per question and budget: its sum is over all patterns.
    """
    if settings.estimator == "expected":
        first = usable.long().argmax(-1, keepdim=True)
        some = usable.any(-1, keepdim=True)
        usable = torch.zeros_like(usable).scatter(-1, first, some)
    cells = usable.nonzero()
    order = torch.randperm(len(cells), generator=generator)
    return list(torch.split(cells[order], settings.batch_size))
