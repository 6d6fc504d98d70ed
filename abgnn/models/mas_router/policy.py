"""`MasRouter`: a cascade from collaboration mode to LLMs (Yue et al. 2025, arXiv 2502.11133)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_geometric.data import Batch
from torch_geometric.utils import to_dense_batch

from abgnn.errors import ConfigError
from abgnn.models.mas_router.choice import Cascade, CascadeChoice, cascade_plans, joined
from abgnn.models.mas_router.modes import MODES, TASKS, Mode
from abgnn.models.mas_router.stages import (
    AgentCount,
    Allocation,
    Drawn,
    RoleCascade,
    TaskClassifier,
    TextTable,
    draw,
    draw_each,
    multinomial_score,
)
from abgnn.models.policy import Policy
from abgnn.models.seeded import seeded
from abgnn.nn.backbone_table import BackboneTable
from abgnn.nn.latent import Latent, VariationalEncoder

FACTORS = ("mode", "count", "roles", "llms")


class MasRouter(Policy):
    r"""Mode, number of agents, roles and LLMs per question, each given what was chosen before.

    .. math:: p(D \mid q) = p(m \mid q)\, p(N \mid q) \prod_{t \le N} p(r_t \mid q, m, r_{<t})
        \prod_{t \le N} p(l_t \mid q, m, r)

    with cosines of variational latents as logits (`VariationalEncoder`) and the temperatures of the
    release. Given the latents' noise the log-probability is exact, and so is REINFORCE's gradient.
    Roles come from the template, drawn with replacement; its edges do not count, the mode says who
    reads whom. The decision agent reads all and is played by the most frequent LLM drawn. An LLM
    is known by the mean of its three profile embeddings: another catalogue needs no training.

    `extra_loss` is the cross-entropy of the task classifier against the question's domain, plus
    `vae_weight` times the sum of the five variational losses. In use it goes on drawing, as
    released, so that the agents of a team have LLMs of their own; `inference="greedy"` takes latent
    means and the most probable choice at every stage: with `llm="shared"` one LLM for all agents.

    Args:
        in_channels: width H of the text encoder.
        channels: width D of latents and contexts (64).
        max_agents: most role agents, A (6).
        count: `categorical`: a distribution over 1…A within the log-probability. `released`: a
            rounded sigmoid without one, learned through the multinomial score of the LLMs only,
            which is then no log-probability (see `multinomial_score`).
        llm: `shared` as released: one distribution per plan, agents drawn i.i.d. from it (exact
            log-probability of the ordered draws); `per_role`: one per agent, given its role.
        modes: names of the modes to choose from; None: all six.
        encoder: what embeds the descriptions of modes and tasks, a sentence-transformers model
            or `offline`, as released: then they are fixed. None: they are learned vectors.
        noise, prior_variance: of the latents, see `VariationalEncoder`.
        inference: what `sample=False` does: `sampled` as released, each question from a seed of
            its own, so that it always gets the same plan; or `greedy`.
        task_temperature, mode_temperature, role_temperature, llm_temperature: T of each softmax.
        task_weight, vae_weight: of the terms of `extra_loss`.
        early_exit: whether an agent that reads a program which passes the question's public
            examples hands it on without a call, as the release's code agents do.

    Raises:
        ConfigError: an unknown mode or setting; `released` counts with LLMs per role, which leave
            nothing for the count to learn from.
    """

    def __init__(
        self,
        in_channels: int = 384,
        channels: int = 64,
        max_agents: int = 6,
        count: Literal["categorical", "released"] = "categorical",
        llm: Literal["shared", "per_role"] = "shared",
        modes: list[str] | None = None,
        encoder: str | None = None,
        noise: float = 0.1,
        prior_variance: float = 0.01,
        inference: Literal["greedy", "sampled"] = "sampled",
        task_temperature: float = 0.5,
        mode_temperature: float = 0.8,
        role_temperature: float = 0.5,
        llm_temperature: float = 1.0,
        task_weight: float = 1.0,
        vae_weight: float = 1e-3,
        early_exit: bool = False,
    ) -> None:
        super().__init__()
        _check(max_agents, count, llm, inference)
        _check_latents(noise, prior_variance)
        temperatures = (task_temperature, mode_temperature, role_temperature, llm_temperature)
        for name, value in zip(("task", "mode", "role", "llm"), temperatures, strict=True):
            if not value > 0:
                raise ConfigError(f"policy.{name}_temperature", value, "a number > 0")
        self.in_channels, self.max_agents = in_channels, max_agents
        self.modes, self.llm, self.inference = _modes(modes), llm, inference
        self.mode_temperature, self.early_exit = mode_temperature, early_exit
        self.task_weight, self.vae_weight = task_weight, vae_weight

        def latent() -> VariationalEncoder:
            return VariationalEncoder(in_channels, channels, noise, prior_variance)

        self.query_latent, self.mode_latent, self.count_latent = latent(), latent(), latent()
        self.role_latent, self.llm_latent = latent(), latent()
        self.task = TaskClassifier(in_channels, channels, task_temperature)
        self.count = AgentCount(channels, max_agents, categorical=count == "categorical")
        self.roles = RoleCascade(channels, role_temperature)
        self.allocation = Allocation(channels, llm_temperature)
        self.mode_texts = TextTable([m.description for m in self.modes], in_channels, encoder)
        self.task_texts = TextTable(list(TASKS.values()), in_channels, encoder)

    def attach(self, table: BackboneTable) -> None:
        table.check_width(self.in_channels)
        self.mode_texts.fill()
        self.task_texts.fill()
        super().attach(table)

    def forward(
        self, batch: Batch, *, sample: bool, action: Cascade | None = None
    ) -> CascadeChoice:
        if sample or self.inference == "greedy":
            return self._cascade(batch, action, sample=sample)
        if action is not None:
            with seeded():
                return self._cascade(batch, action, sample=True)
        single = batch.num_graphs == 1  # needs not be taken apart
        each = [batch] if single else [Batch.from_data_list([g]) for g in batch.to_data_list()]
        alone = []
        for graph in each:  # a question's plan depends on nothing but itself
            with seeded(0, graph.query[0].id):
                alone.append(self._cascade(graph, None, sample=True))
        return alone[0] if single else joined(alone)

    def _cascade(self, batch: Batch, action: Cascade | None, *, sample: bool) -> CascadeChoice:
        modes, counts, roles, llms = (None,) * 4 if action is None else action.stages()
        latents: list[Latent] = []

        def encode(part: VariationalEncoder, x: Tensor) -> Tensor:
            latents.append(part(x, noisy=sample))
            return latents[-1].z

        query: Tensor = batch.query_embed  # [B, H]
        # Mode: cosine of question and mode
        z_query = encode(self.query_latent, query)  # [B, D]
        z_mode = encode(self.mode_latent, self.mode_texts())  # [C, D]
        mode_logp = F.log_softmax(z_query @ z_mode.t() / self.mode_temperature, -1)  # [B, C]
        mode = draw(mode_logp, modes, sample=sample)
        context = torch.cat([z_query, z_mode[mode.choice]], -1)  # [B, 2D]

        # Number of agents
        real = self.count(encode(self.count_latent, query))  # [B, A], or as released [B]
        count = self._count(real, counts, sample=sample)

        # Roles, one after the other
        agent = (~batch.is_decision).nonzero().squeeze(-1)
        z_role, mask = _by_graph(
            encode(self.role_latent, batch.role_embed.index_select(0, agent)),
            batch.batch.index_select(0, agent),
            batch.num_graphs,
        )  # [B, R, D], [B, R]
        role, history = self.roles(
            context, z_role, mask, count.choice, self.max_agents, roles,
            sample=sample,
        )  # fmt: skip

        # LLMs
        z_llm = encode(self.llm_latent, self.table.embed.mean(1))  # [M, D]
        llm_logp = self._llm_log_prob(context, history, z_role, role.choice, z_llm)  # [B, A, M]
        llm = draw_each(llm_logp, count.choice, llms, sample=sample)
        if not self.count.categorical:
            llm = llm._replace(log_prob=multinomial_score(real, count.choice, llm.choice, llm_logp))

        losses = cache(partial(self._losses, batch, latents))
        if torch.is_grad_enabled():  # a plan needs none, training those of the weights as they are
            losses()
        drawn = Cascade(mode.choice, count.choice, role.choice, llm.choice)
        stages = (mode, count, role, llm)
        return CascadeChoice(
            cascade_plans(batch, drawn, self.modes, self.table.names, early_exit=self.early_exit),
            FACTORS,
            torch.stack([s.log_prob for s in stages], -1),  # [B, 4]
            torch.stack([s.entropy for s in stages], -1),
            loss=lambda: losses()[0],
            shown=lambda: losses()[1],
            action=drawn,
        )

    def _count(self, real: Tensor, action: Tensor | None, *, sample: bool) -> Drawn:
        """The number of agents from 1, `[B]`."""
        if not self.count.categorical:
            number = self.count.round(real) if action is None else action
            return Drawn(number, torch.zeros_like(real), torch.zeros_like(real))
        drawn = draw(real, None if action is None else action - 1, sample=sample)
        return drawn._replace(choice=drawn.choice + 1)

    def _llm_log_prob(
        self, context: Tensor, history: Tensor, z_role: Tensor, role: Tensor, z_llm: Tensor
    ) -> Tensor:
        """ln p of every LLM for every agent, `[B, A, M]`."""
        context = context.unsqueeze(1)  # [B, 1, 2D]
        if self.llm == "shared":
            one: Tensor = self.allocation(context, history.unsqueeze(1), z_llm)  # [B, 1, M]
            return one.expand(-1, self.max_agents, -1)
        place = role.unsqueeze(-1).expand(-1, -1, z_role.size(-1))  # [B, A, D]
        each: Tensor = self.allocation(
            context.expand(-1, self.max_agents, -1), z_role.gather(1, place), z_llm
        )
        return each

    def _losses(self, batch: Batch, latents: list[Latent]) -> tuple[Tensor, dict[str, float]]:
        """Task cross-entropy and variational terms, and figures; questions of unknown domains are
        left out."""
        log_prob = self.task(batch.query_embed, self.task_texts())  # [B, T]
        names = list(TASKS)
        known = [names.index(q.domain) if q.domain in TASKS else -1 for q in batch.query]
        domain = torch.tensor(known, device=log_prob.device)  # [B]
        number = (domain >= 0).sum().clamp(min=1)
        task = F.nll_loss(log_prob, domain, ignore_index=-1, reduction="sum") / number
        vae = torch.stack([latent.loss for latent in latents]).sum()
        right = ((log_prob.argmax(-1) == domain).sum() / number).item()
        shown = {"task_loss": float(task.detach()), "vae_loss": float(vae.detach())}
        return self.task_weight * task + self.vae_weight * vae, shown | {"task_accuracy": right}


def _by_graph(z: Tensor, graph: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Rows of each of B graphs, `[B, R, D]`, and which of them are there, `[B, R]`."""
    rows = len(z) // size
    even = torch.arange(size, device=graph.device).repeat_interleave(rows)
    if torch.equal(graph, even):  # all of one template
        return z.view(size, rows, -1), torch.ones_like(graph, dtype=torch.bool).view(size, rows)
    dense: tuple[Tensor, Tensor] = to_dense_batch(z, graph, batch_size=size)
    return dense


def _modes(names: Sequence[str] | None) -> tuple[Mode, ...]:
    known = {mode.name: mode for mode in MODES}
    chosen = list(known) if names is None else list(names)
    if not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(known):
        raise ConfigError("policy.modes", names, f"some of {list(known)}, each once")
    return tuple(known[name] for name in chosen)


def _check(max_agents: int, count: str, llm: str, inference: str) -> None:
    if max_agents < 1:
        raise ConfigError("policy.max_agents", max_agents, "a number of agents ≥ 1")
    for name, value, allowed in (
        ("count", count, ("categorical", "released")),
        ("llm", llm, ("shared", "per_role")),
        ("inference", inference, ("greedy", "sampled")),
    ):
        if value not in allowed:
            raise ConfigError(f"policy.{name}", value, " or ".join(map(repr, allowed)))
    if count == "released" and llm == "per_role":
        raise ConfigError("policy.llm", llm, "'shared', from which a released count learns")


def _check_latents(noise: float, prior_variance: float) -> None:
    if noise < 0:
        raise ConfigError("policy.noise", noise, "a number ≥ 0")
    if not prior_variance > 0:
        raise ConfigError("policy.prior_variance", prior_variance, "a number > 0")
