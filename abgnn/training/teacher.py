"""`Teacher`: the planner's design as the policy's start, before the first REINFORCE step."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.errors import ConfigError
from abgnn.models.agent_balance import AgentBalance
from abgnn.models.decision import Action
from abgnn.planning import Design, PlanSpace
from abgnn.planning.calibration import Calibration
from abgnn.planning.search import Searcher
from abgnn.templates import Template
from abgnn.training.callbacks import module_of

_log = logging.getLogger(__name__)
_QUESTIONS = 40  # that are imitated on, at most: the design is the same for all


class Teacher(Callback):
    """Imitation: AgentBalance learns to choose the design that the planner found for its λ's.

    The design is searched inside the outcome model of a calibration (`abgnn calibrate`), within
    the pools that the policy may use. No rollout is made; REINFORCE goes on from there on live
    rewards, as the unbiased corrector. Done once in a policy's life: a resumed run goes on.

    Args:
        calibration: a file that `abgnn calibrate` wrote, of the same backbones and roles.
        confidence: imitation ends when the policy gives each single choice of a design this
            probability in the (geometric) mean and would choose the design if it did not draw;
            what is left is for exploration.
        steps: of Adam, at most.
        lr: its learning rate.

    Raises:
        ConfigError: another policy than AgentBalance, or a calibration of other backbones or
            roles than the experiment's.
    """

    def __init__(
        self,
        calibration: str,
        confidence: float = 0.9,
        steps: int = 600,
        lr: float = 3e-3,
    ) -> None:
        if not 0 < confidence < 1:
            raise ConfigError("Teacher.confidence", confidence, "between 0 and 1")
        self.calibration, self.confidence = calibration, confidence
        self.steps, self.lr = steps, lr
        self.design: Design | None = None
        self._done = False

    def state_dict(self) -> dict[str, Any]:
        return {"done": self._done}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._done = bool(state_dict["done"])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = module_of(pl_module)
        policy = module.policy
        if not isinstance(policy, AgentBalance):
            raise ConfigError("policy", type(policy).__name__, "AgentBalance, for Teacher")
        if self._done:
            return
        found = Calibration.load(self.calibration)
        self._check(found, module.mas.catalogue.names, [r.name for r in module.mas.template.roles])
        queries = trainer.datamodule.queries("train")  # type: ignore[attr-defined]
        allowed = found.pools[: policy.upper_bound]
        space = PlanSpace(found.template, allowed, policy.min_agents)
        searcher = Searcher(found.model(), space)
        self.design = searcher.best(module.lambda_tok, module.lambda_lat).design
        shown = queries[:: -(-len(queries) // _QUESTIONS)]
        batch = module.mas.batch(shown).to(pl_module.device)
        target = _target(batch, self.design, allowed)
        reached = imitate(policy, batch, target, self.confidence, self.steps, self.lr)
        self._done = True
        said = self.design.describe(found.template, found.profile.names)
        _log.info("teacher: %s (probability per choice %.2f)", said, reached)

    def _check(self, found: Calibration, names: Sequence[str], roles: Sequence[str]) -> None:
        if found.profile.names != tuple(names):
            allowed = f"a calibration of {list(names)}"
            raise ConfigError("Teacher.calibration", list(found.profile.names), allowed)
        known = [role.name for role in found.template.roles]
        if known != list(roles):
            raise ConfigError("Teacher.calibration", known, f"a calibration of the roles {roles}")


def imitate(
    policy: AgentBalance, batch: Batch, target: Action, confidence: float, steps: int, lr: float
) -> float:
    """Raise the probability of an action; returns that of a single choice, geometric mean.

    Every other step is on varied queries (`varied`), for the action is meant for questions that
    are not seen here; for the same reason its pool is to be chosen at every difficulty. The hop
    limit is raised as far as the action's paths need. Ends when the probability is `confidence`
    and the most probable plans are the action's, on given and on varied queries, or after `steps`.
    """
    learn = [p for p in policy.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(learn, lr=lr)
    edges = len(target.edge) / batch.num_graphs
    choices = 1 + 2 * batch.num_nodes / batch.num_graphs + edges
    generator = torch.Generator().manual_seed(0)
    reached = [0.0, 0.0]
    with torch.enable_grad():
        for step in range(steps):
            shown = varied(batch, generator) if step % 2 else batch
            decision = policy(shown, sample=False, action=target)
            log_prob = decision.log_prob.mean()
            reached[step % 2] = math.exp(float(log_prob.detach()) / choices)
            of_pool = _pool_log_prob(policy, int(target.pool[0]))  # [9]
            sure = min(reached) >= confidence and float(of_pool.detach().min()) > math.log(0.5)
            if sure and all(_follows(policy, b, target) for b in (batch, shown)):
                break
            optimiser.zero_grad()
            (decision.penalty.mean() - log_prob - of_pool.mean()).backward()
            optimiser.step()
    return reached[0]


def _pool_log_prob(policy: AgentBalance, pool: int) -> Tensor:
    """Log-probability of a pool at difficulties from 0.1 to 0.9, `[9]`.

    At the very ends an inner pool shares the probability with its neighbour, whatever is learned.
    """
    table = policy.table
    prior = None if policy.prior is None else policy.prior(table)[0]
    difficulty = torch.linspace(0.1, 0.9, 9, device=table.cost_curve.device)
    log_prob: Tensor = policy.pool_selection(
        table.pool_embed, table.cost_curve, difficulty, policy.upper_bound, prior
    )
    return log_prob[:, pool]


def varied(batch: Batch, generator: torch.Generator) -> Batch:
    """The same graphs with queries on the lines through pairs of the given ones, and beyond."""
    query = batch.query_embed  # [B, H]
    other = query[torch.randperm(len(query), generator=generator).to(query.device)]
    share = 2 * torch.rand(len(query), 1, generator=generator).to(query) - 0.5  # −0.5 … 1.5
    mixed = share * query + (1 - share) * other
    made = batch.clone()
    made.query_embed = mixed * (query.norm(dim=1, keepdim=True) / mixed.norm(dim=1, keepdim=True))
    return made


@torch.no_grad()
def _follows(policy: AgentBalance, batch: Batch, target: Action) -> bool:
    """Whether the most probable plans are the target's, and no hop limit cuts them."""
    asked = policy(batch, sample=False, action=target)
    if bool((asked.penalty > 0).any()):
        return False
    return bool(policy(batch, sample=False).plans() == asked.plans())


def _target(batch: Batch, design: Design, pools: Sequence[Sequence[int]]) -> Action:
    """The action that stands for a design on every graph; who is left out plays nobody's part."""
    used = {m for _, m in design.agents} | ({design.decision} - {None})
    pool = next(p for p, members in enumerate(pools) if used <= set(members))
    of, size = dict(design.agents), batch.num_graphs
    rest = design.agents[0][1] if design.decision is None else design.decision
    template: Template = batch.template[0]
    roles, device = range(len(template.roles)), batch.batch.device

    def every(values: Sequence[int | bool], dtype: torch.dtype) -> Tensor:
        return torch.tensor(values, dtype=dtype, device=device).repeat(size)

    return Action(
        every([pool], torch.long),
        every([of.get(role, rest) for role in roles], torch.long),
        every([role in of for role in roles], torch.bool),
        every([edge in design.edges for edge in template.edges], torch.bool),
    )
