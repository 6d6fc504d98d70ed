"""MasRouter (arXiv 2502.11133) per question, in its released shape; re-implemented by us.

With `count="released"` and LLMs shared. The release may take several questions through its first
stages at once; here each goes through all of them alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from peers_shape import Question, Rendered, draw
from torch import Tensor

from abgnn.data.plan import Agent
from abgnn.models import MasRouter
from abgnn.models.mas_router.choice import most_frequent
from abgnn.models.mas_router.modes import TASKS, mode_plan
from abgnn.nn.latent import VariationalEncoder


class Cascade(NamedTuple):
    """What is judged: mode, and role and LLM of each agent."""

    mode: int
    roles: Sequence[int]
    llms: Sequence[int]


def mas_router(
    policy: MasRouter, asked: Question, value: Cascade | None = None, *, sample: bool = True
) -> Rendered:
    """Mode, number of agents, roles and LLMs, each latent encoded again for the question."""
    losses: list[Tensor] = []

    def latent(part: VariationalEncoder, x: Tensor) -> Tensor:
        z, loss = _encode(part, x, noisy=sample)
        losses.append(loss)
        return z

    roles = [r for i, r in enumerate(asked.template.roles) if i != asked.template.decision]
    ids = [i for i in range(len(asked.template.roles)) if i != asked.template.decision]
    z_query = latent(policy.query_latent, asked.embed)  # [D]
    z_mode = latent(policy.mode_latent, policy.mode_texts())  # [C, D]
    mode_logp = F.log_softmax(z_mode @ z_query / policy.mode_temperature, -1)  # [C]
    mode, log_prob = draw(mode_logp, value and value.mode, sample=sample)
    context = torch.cat([z_query, z_mode[mode]])  # [2D]

    z_count = latent(policy.count_latent, asked.embed)
    real = policy.max_agents * torch.sigmoid(policy.count.lin(z_count)).squeeze()
    number = min(max(round(real.item()), 1), policy.max_agents)

    z_role = latent(policy.role_latent, asked.roles[ids])  # [R, D]
    history, chosen = torch.zeros_like(z_query), []
    for t in range(number):
        c = F.normalize(policy.roles.lin(torch.cat([context, history])), dim=-1)  # [D]
        role_logp = F.log_softmax(z_role @ c / policy.roles.temperature, -1)  # [R]
        role, term = draw(role_logp, value and value.roles[t], sample=sample)
        history = policy.roles.norm(history + z_role[role])
        log_prob = log_prob + term
        chosen.append(role)

    z_llm = latent(policy.llm_latent, policy.table.embed.mean(1))  # [M, D]
    c = F.normalize(policy.allocation.lin(torch.cat([context, history])), dim=-1)
    llm_logp = F.log_softmax(z_llm @ c / policy.allocation.temperature, -1)  # [M]
    llms = [draw(llm_logp, value and value.llms[t], sample=sample)[0] for t in range(number)]
    log_prob = log_prob + torch.lgamma(real + 1)
    for m in range(len(llm_logp)):
        drawn = llms.count(m)
        log_prob = log_prob - math.lgamma(drawn + 1) + drawn * llm_logp[m]

    names = policy.table.names
    decision = Agent(asked.template.roles[asked.template.decision], names[most_frequent(llms)])
    played = [names[m] for m in llms]
    plan = mode_plan(policy.modes[mode], asked.query, [roles[r] for r in chosen], played, decision)
    loss = policy.task_weight * _task_loss(policy, asked) + policy.vae_weight * sum(losses)
    return Rendered(plan, log_prob, loss)


def _encode(part: VariationalEncoder, x: Tensor, *, noisy: bool) -> tuple[Tensor, Tensor]:
    """Latents of unit length, and reconstruction plus divergence."""
    h = F.relu(part.lin(x))
    mean, log_var = part.lin_mean(h), part.lin_log_var(h)
    z = mean
    if noisy:
        z = mean + part.noise * torch.exp(log_var / 2) * torch.randn_like(mean)
    prior = part.prior_variance
    inner = 1 - math.log(prior) + log_var - (mean**2 + torch.exp(log_var)) / prior
    return F.normalize(z, dim=-1), F.mse_loss(part.decoder(z), x) - 0.5 * inner.mean()


def _task_loss(policy: MasRouter, asked: Question) -> Tensor:
    """Cross-entropy of the domain that is known."""
    a = F.normalize(policy.task.lin_query(asked.embed), dim=-1)  # [D]
    b = F.normalize(policy.task.lin_task(policy.task_texts()), dim=-1)  # [T, D]
    log_prob = F.log_softmax(b @ a / policy.task.temperature, -1)
    return -log_prob[list(TASKS).index(asked.query.domain)]
