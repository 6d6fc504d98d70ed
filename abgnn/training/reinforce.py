"""`Reinforce`: policy gradients against live or simulated LLM rollouts (Eq 9-11)."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import Callback
from torch import Tensor, nn

from abgnn.data.outcome import Outcome
from abgnn.data.query import Query
from abgnn.difficulty import start_difficulty
from abgnn.difficulty.source import check_source
from abgnn.errors import ConfigError
from abgnn.graph import base_mas
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.decision import Choice
from abgnn.models.policy import Policy
from abgnn.nn.difficulty_head import DifficultyHead
from abgnn.planning.budgets import Budget
from abgnn.rollout.clients.base import Client
from abgnn.rollout.ledger.money import dollars
from abgnn.rollout.settings import UNGUARDED, RolloutSettings
from abgnn.training.advantage import LeaveOneOut
from abgnn.training.budget_duals import BudgetDuals
from abgnn.training.loss import reinforce_loss
from abgnn.training.module import RolloutModule
from abgnn.training.reward import reward
from abgnn.training.step_outcomes import check_replay, outcome_figures
from abgnn.training.teacher import Teacher
from abgnn.training.tradeoffs import Tradeoffs
from abgnn.training.trust_region import hold_step, weights_of

_log = logging.getLogger(__name__)
# checkpoints and saved configs of 0.1 name BaseMAS by the module that it had then
sys.modules.setdefault("abgnn.base_mas", base_mas)


class Reinforce(RolloutModule):
    """Learns a policy from rollouts: policy → plans → outcomes → reward → loss.

    The datamodule yields lists of `Query` and scores answers. Training samples plans, all other
    stages take the most probable ones; `predict` returns plans and spends nothing.

    Args:
        policy: chooses plans.
        mas: template graph and candidate backbones.
        client: makes the calls, simulated or live.
        lambda_tok: reward lost per USD of a query.
        lambda_lat: reward lost per second of a query.
        lambda_len: weight of the hop penalty (0.2 in the paper).
        samples: rollouts per query, K.
        advantage: `LeaveOneOut` (default) or `NoBaseline` (paper).
        reward: from outcomes to what is learned from, in place of Eq 9: a baseline's own
            (`BamasReward`).
        lr: learning rate of Adam (0.1 in the paper).
        trust_region: how far a step may move the policy, in nats per question (`hold_step`): a
            longer one is shortened, so that a learning rate that can change a plan within a few
            steps does not end in a policy that is sure of what ten rollouts suggest. None: any
            (paper).
        entropy_weight: bonus for entropy in the loss.
        hop_penalty: where the hop penalty goes, see `reinforce_loss`; `loss` in the paper.
        fit_difficulty: start the difficulty head, before the first step, from what
            `mas.difficulty` says (`abgnn.difficulty.start_difficulty`).
        max_in_flight: rollouts at once.
        budget: USD and seconds per query in place of λ's, which then follow it (`BudgetDuals`);
            `lambda_tok` and `lambda_lat` are not used.
        calibration: a file that `abgnn calibrate` wrote. If it exists, AgentBalance starts from
            the planner's design (`Teacher`), else from its initialisation. None: never.
        rollout: recording, caps, deadline, retries. When a cap is reached the step ends, its
            refused rollouts are left out of the loss, and training stops with a checkpoint. Runs
            that call endpoints write `trace.jsonl` into their folder if no other trace is named.
    """

    def __init__(
        self,
        policy: Policy,
        mas: BaseMAS,
        client: Client,
        lambda_tok: float = 10.0,
        lambda_lat: float = 1e-3,
        lambda_len: float = 0.2,
        samples: int = 8,
        advantage: nn.Module | None = None,
        lr: float = 1e-3,
        trust_region: float | None = 0.1,
        entropy_weight: float = 0.0,
        hop_penalty: Literal["loss", "reward"] = "reward",
        fit_difficulty: bool = True,
        max_in_flight: int = 1024,
        budget: Budget | None = None,
        calibration: str | None = None,
        rollout: RolloutSettings = UNGUARDED,
        reward: nn.Module | None = None,
    ) -> None:
        super().__init__(policy, mas, client, rollout, max_in_flight)
        check_source(mas.difficulty, client.label)
        for name, value in (("lambda_tok", lambda_tok), ("lambda_lat", lambda_lat)):
            if value < 0:
                raise ConfigError(f"model.{name}", value, "a number ≥ 0")
        if samples < 1:
            raise ConfigError("model.samples", samples, "a number of rollouts ≥ 1")
        if trust_region is not None and not trust_region > 0:
            raise ConfigError("model.trust_region", trust_region, "a number above 0, or null")
        with warnings.catch_warnings():  # modules among the arguments are dropped right here
            warnings.filterwarnings("ignore", "Attribute .* is an instance of `nn.Module`")
            self.save_hyperparameters(logger=False)
        _drop_objects(self.hparams)
        self.advantage, self.own_reward = advantage or LeaveOneOut(), reward
        self.lambda_tok, self.lambda_lat, self.lambda_len = lambda_tok, lambda_lat, lambda_len
        self.samples, self.lr, self.entropy_weight = samples, lr, entropy_weight
        self.trust_region, self.step_share = trust_region, 1.0
        self.hop_penalty: Literal["loss", "reward"] = hop_penalty
        self.fit_head = fit_difficulty
        self.budget, self.calibration = budget, calibration
        self.register_buffer("head_fitted", torch.zeros((), dtype=torch.bool))
        self.head_fitted: Tensor
        self._resume_rng: Tensor | None = None
        policy.set_tradeoff(lambda_tok, lambda_lat)

    def set_tradeoff(self, lambda_tok: float, lambda_lat: float) -> None:
        self.lambda_tok, self.lambda_lat = lambda_tok, lambda_lat
        self.policy.set_tradeoff(lambda_tok, lambda_lat)

    def configure_callbacks(self) -> list[Callback]:
        """Callbacks for budget and calibration; the budget's λ's are set before the teacher."""
        added: list[Callback] = []
        known = self.calibration if self.calibration and Path(self.calibration).exists() else None
        if self.budget is not None:
            added.append(BudgetDuals(self.budget, None if self.policy.own_roles else known))
        present = self.trainer.callbacks if self._trainer else []  # type: ignore[attr-defined]
        taught = any(isinstance(c, (Teacher, Tradeoffs)) for c in present)
        if known is not None and self.policy.teachable and not taught:
            added.append(Teacher(known))
        elif self.calibration is not None and known is None:
            _log.info("no calibration at %s: the policy's own start", self.calibration)
        return added

    def on_fit_start(self) -> None:
        """Start the difficulty head (`start_difficulty`), once per policy."""
        head = getattr(self.policy, "difficulty", None)
        if not self.fit_head or self.head_fitted or not isinstance(head, DifficultyHead):
            return
        queries: list[Query] = self.trainer.datamodule.queries("train")  # type: ignore[attr-defined]
        accuracy = float(self.mas.table.accuracy.mean())
        embed = self.mas.encode([q.text for q in queries]).to(self.device)
        source = start_difficulty(
            head, queries, embed, accuracy, self.mas.encode.model, self.mas.difficulty
        )
        _log.info("difficulty of training questions: %s", source)
        self.head_fitted.fill_(True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["sampling_rng"] = torch.get_rng_state()
        if self.budget is not None:
            checkpoint["tradeoff"] = (self.lambda_tok, self.lambda_lat)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._resume_rng = checkpoint.get("sampling_rng")
        if "tradeoff" in checkpoint:
            self.set_tradeoff(*checkpoint["tradeoff"])

    def on_train_start(self) -> None:
        """Restore the sampling state of the checkpoint in a resumed run."""
        if self._resume_rng is not None:
            torch.set_rng_state(self._resume_rng.cpu())
            self._resume_rng = None

    def training_step(self, queries: list[Query], batch_idx: int) -> Tensor:
        decision, outcomes = self._rollout("train", queries, self.samples, sample=True)
        rewards = self._reward(outcomes)
        loss = reinforce_loss(
            decision,
            rewards,
            self.advantage,
            self.samples,
            self.lambda_len,
            self.entropy_weight,
            self.hop_penalty,
            executed=self._executed(outcomes),
        )
        self.rollouts += len(outcomes)
        if self.watched:
            self._log("train", rewards, outcomes)
            self._log_policy(decision, loss)
        if self.trainer.world_size > 1:  # ranks average gradients: each has one of every parameter
            loss = loss + 0 * sum(p.sum() for p in self.policy.parameters())
        return loss

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None
    ) -> None:
        """A step within the trust region."""
        start = weights_of(self.policy) if self.trust_region is not None else []
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        if self.trust_region is not None and self.decision is not None:
            self.step_share = hold_step(
                self.policy, self.decision, start, self.trust_region, self._mean_of_ranks
            )

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.watched:
            self.log(f"{self.label}/train/step_share", self.step_share, batch_size=1)
        self.policy.after_step(self.trainer.global_step)

    def validation_step(self, queries: list[Query], batch_idx: int) -> None:
        self._evaluate("val", queries)

    def test_step(self, queries: list[Query], batch_idx: int) -> None:
        self._evaluate("test", queries)

    def predict_step(self, queries: list[Query], batch_idx: int) -> list[dict[str, Any]]:
        """The most probable plans as plain data (`Plan.from_dict`); nothing is executed."""
        return [plan.to_dict() for plan in self.plans(queries)]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        learn = [p for p in self.policy.parameters() if p.requires_grad]
        return torch.optim.Adam(learn, lr=self.lr, fused=True)

    def _rollout(
        self, phase: str, queries: list[Query], samples: int, *, sample: bool
    ) -> tuple[Choice, list[Outcome]]:
        """Decide, execute, count the money; rollouts of later epochs are new samples."""
        decision = self.decide(queries, samples, sample=sample)
        first = self.current_epoch * samples if sample else 0
        ids = [first + k for _ in queries for k in range(samples)]
        outcomes = self.executor.run(decision.plans(), samples=ids, phase=phase)
        self.spent_usd += sum(o.paid for o in outcomes)
        decision = decision.executed(outcomes)
        self.decision, self.outcomes = decision, outcomes
        check_replay(outcomes, self.rollout_settings.recording)
        return decision, outcomes

    def _executed(self, outcomes: list[Outcome]) -> Tensor | None:
        """Which rollouts no cap has stopped; training ends when the run's cap is reached.

        All ranks stop with the first one: they would wait for its gradients for ever.
        """
        exhausted = self.executor.exhausted is not None
        if self.trainer.strategy.reduce_boolean_decision(exhausted, all=False):
            _log.warning("training stops: %s", self.executor.exhausted or "another rank's cap")
            self.trainer.should_stop = True
        stopped = [o.kind == "budget" for o in outcomes]
        return ~torch.tensor(stopped, device=self.device) if any(stopped) else None

    def _mean_of_ranks(self, value: Tensor) -> Tensor:
        mean: Tensor = self.trainer.strategy.reduce(value, reduce_op="mean")
        return mean

    def _evaluate(self, stage: str, queries: list[Query]) -> None:
        _, outcomes = self._rollout(stage, queries, 1, sample=False)
        self._log(stage, self._reward(outcomes), outcomes)

    def _reward(self, outcomes: list[Outcome]) -> Tensor:
        if self.own_reward is not None:
            made: Tensor = self.own_reward(outcomes).to(self.device)
            return made
        return reward(outcomes, self.lambda_tok, self.lambda_lat).to(self.device)

    def _log(self, stage: str, rewards: Tensor, outcomes: list[Outcome]) -> None:
        values = outcome_figures(rewards, outcomes)
        self.log_dict(
            {f"{self.label}/{stage}/{k}": v for k, v in values.items()},
            batch_size=len(outcomes),
            on_step=stage == "train",
            on_epoch=stage != "train",
        )
        self.log("spent_usd", float(self.spent_usd), prog_bar=True, logger=False, batch_size=1)
        cap = self.rollout_settings.caps.run_usd
        if cap is not None:
            run = self.rollout_settings.recording.run
            used = sum(a.committed for a in self.executor.ledger.accounts() if a.run == run)
            self.log("left_usd", cap - dollars(used), prog_bar=True, logger=False, batch_size=1)
        self.log("rollouts", float(self.rollouts), prog_bar=True, logger=False, batch_size=1)

    def _log_policy(self, decision: Choice, loss: Tensor) -> None:
        entropies = decision.entropies.detach().mean(0)  # [F]
        pairs = zip(decision.factors, entropies.tolist(), strict=True)
        values = {f"entropy/{factor}": entropy for factor, entropy in pairs}
        values |= decision.figures
        values |= {"loss": float(loss.detach()), "spent_usd": float(self.spent_usd)}
        named = {f"{self.label}/train/{k}": v for k, v in values.items()}
        self.log_dict(named, batch_size=len(self.outcomes), on_step=True, on_epoch=False)


def _drop_objects(hparams: Any) -> None:
    """Keep only plain data as hyperparameters: a Python caller's objects are passed at loading."""
    for key in [k for k, v in hparams.items() if not isinstance(v, (dict, list, str, int, float))]:
        if hparams[key] is not None:
            del hparams[key]
