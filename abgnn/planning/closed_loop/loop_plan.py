"""`LoopPlan`: what `abgnn plan` writes of closed loops: prices, and all that they go by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from abgnn.errors import ConfigError
from abgnn.planning.budgets import Budget
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.calibration import Calibration, read_json
from abgnn.planning.closed_loop.ahead import foresee_loop, predict_loop
from abgnn.planning.closed_loop.calibrated import PlannerPredict, closed_loop_of
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.loop_agents import LoopAgents
from abgnn.planning.closed_loop.loop_file import loop_from_dict, loop_to_dict
from abgnn.planning.closed_loop.replay import Replayed
from abgnn.planning.least import refusal_by_question
from abgnn.planning.planner_file import planner_from_dict, planner_to_dict
from abgnn.planning.predictive import Prediction

FORMAT = "abgnn loop plan 1"
_ALLOWED = "a file that `abgnn plan` wrote of closed loops (--loop)"


@dataclass(frozen=True, slots=True)
class LoopUse:
    """A candidate, and what a replayed calibration made of it.

    Args:
        name: of the agent.
        candidate: share of the questions for which it may be asked.
        stands: share of all questions whose answer is its; None: the calibration has gaps.
        accuracy, usd, seconds: expected alone, on questions that it is a candidate for.
    """

    name: str
    candidate: float
    stands: float | None
    accuracy: float
    usd: float
    seconds: float


@dataclass(frozen=True)
class LoopPlan:
    """Closed loops at the prices that stated budgets make.

    Args:
        planner: beliefs about lone calls; its template's roles are the agents'.
        loop: how answers go together, candidates, prices, and the calibration to replay.
        budget: `cost_usd`, `latency_s`, `margin`.
        feasible: whether the budgets are expected to be met.
        predicted: intervals of the means over the next questions.
        label: what the calibration's calls were: `simulated`, `recorded` or `live`.
        by: entry of `Query.meta` that names the kind of a question.
        encoder: of the texts.
        calibration: numbers of `rollouts` and `calls`.
        path: the file, for messages.
        refusal: what is raised for budgets that are not expected to be met; None of a file.
    """

    planner: QuestionPlanner
    loop: ClosedLoop
    budget: Mapping[str, float | None]
    feasible: bool
    predicted: Prediction
    label: str
    by: str | None
    encoder: str
    calibration: Mapping[str, int]
    path: str = "plan"
    refusal: ConfigError | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(
        cls, calibration: Calibration, budget: Budget, queries: int = 100, *, nearest: bool = False
    ) -> LoopPlan:
        """Fit, and find prices by replay of the calibration.

        Args:
            calibration: with questions and the keys of answers.
            budget: in the mean.
            queries: what `predicted` is for.
            nearest: return the nearest plan, with `refusal`, for budgets that no loop can keep.

        Raises:
            ConfigError: a file without keys, a latency quantile, or (unless `nearest`) budgets
                that no loop is expected to meet.
        """
        questions = calibration.questions
        made = cls(
            calibration.by_question(),
            closed_loop_of(calibration),
            {},
            True,
            _NOTHING,
            calibration.label,
            None if questions is None else questions.by,
            calibration.encoder,
            {"rollouts": calibration.rollouts, "calls": len(calibration.observed)},
        )
        return made.at(budget, queries, nearest=nearest)

    def at(self, budget: Budget, queries: int = 100, *, nearest: bool = False) -> LoopPlan:
        """The same at the prices of other budgets; a second or two.

        Raises:
            ConfigError: a latency quantile, or (unless `nearest`) no loop is expected to meet the
                budgets.
        """
        if budget.quantile is not None:
            allowed = "none of closed loops: it is no mean; plan with --blind"
            raise ConfigError("quantile", budget.quantile, allowed)
        loop, kept = foresee_loop(self.loop, budget)
        refusal = None if kept else self._refusal(budget)
        if refusal is not None and not nearest:
            raise refusal
        predicted = predict_loop(loop, queries)
        stated = {"cost_usd": budget.cost_usd, "latency_s": budget.latency_s}
        stated["margin"] = budget.margin
        return replace(
            self, loop=loop, budget=stated, feasible=kept, predicted=predicted, refusal=refusal
        )

    def priced(self, lambda_tok: float, lambda_lat: float, queries: int = 100) -> LoopPlan:
        """The same at these prices, without a budget."""
        loop = replace(self.loop, lambda_tok=lambda_tok, lambda_lat=lambda_lat)
        free = {"cost_usd": None, "latency_s": None, "margin": None}
        ahead = predict_loop(loop, queries)
        return replace(self, loop=loop, budget=free, feasible=True, predicted=ahead, refusal=None)

    def _refusal(self, budget: Budget) -> ConfigError:
        problems = self.loop.replay.problems
        usd = np.stack([problem.usd for problem in problems]) / budget.aim
        seconds = np.stack([problem.seconds for problem in problems]) / budget.aim
        return refusal_by_question(budget.cost_usd, budget.latency_s, usd, seconds)

    @cached_property
    def agents(self) -> LoopAgents:
        """In the order of the loop's LLMs."""
        return LoopAgents.of(self.planner)

    @property
    def prices(self) -> tuple[float, float]:
        """λ_tok per USD and λ_lat per second."""
        return self.loop.lambda_tok, self.loop.lambda_lat

    @cached_property
    def replayed(self) -> Replayed:
        """The calibration, replayed at these prices."""
        return self.loop.replay(*self.prices)

    @cached_property
    def expected(self) -> Mapping[str, float]:
        """`accuracy`, `cost_usd`, `latency_s` and `calls` per question, by replay."""
        run = self.replayed
        return {
            "accuracy": float(run.right.mean()),
            "cost_usd": float(run.usd.mean()),
            "latency_s": float(run.seconds.mean()),
            "calls": float(run.calls.mean()),
        }

    @cached_property
    def believed(self) -> float:
        """Accuracy by the beliefs and the answer model, whatever the luck of the calibration's own
        answers: what teams by question state, too."""
        return float(self.loop.expected(*self.prices).right.mean())

    def check(self, names: list[str] | tuple[str, ...], roles: list[str] | None = None) -> None:
        """
        Raises:
            ConfigError: a candidate's backbone that is not among the names, or a role not among
                the roles.
        """
        asked = {a for chosen in self.loop.chosen.values() for a in chosen}
        if self.loop.reading is not None:
            asked |= {a for chosen in self.loop.reading.chosen.values() for a in chosen}
        for slot, m in (self.agents.agents[a] for a in sorted(asked)):
            if self.planner.backbones[m] not in names:
                raise ConfigError(
                    f"{self.path}: backbone", self.planner.backbones[m], ", ".join(names)
                )
            if roles is not None and self.planner.roles[slot] not in roles:
                raise ConfigError(f"{self.path}: role", self.planner.roles[slot], ", ".join(roles))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "format": FORMAT,
            "label": self.label,
            "budget": dict(self.budget),
            "feasible": self.feasible,
            "expected": dict(self.expected),
            "predicted": self.predicted.to_dict(),
            "prices": list(self.prices),
            "by": self.by,
            "encoder": self.encoder,
            "calibration": dict(self.calibration),
            "loop": loop_to_dict(self.loop),
            "planner": planner_to_dict(self.planner),
        }

    def write(self, path: str | Path) -> None:
        """As JSON."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(self.to_dict()) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> LoopPlan:
        """The file that `write` wrote.

        Raises:
            ConfigError: no such file, or not one of ours.
        """
        data = read_json(path, FORMAT, _ALLOWED)
        try:
            planner = planner_from_dict(data["planner"])
            predict = PlannerPredict(planner, LoopAgents.of(planner))
            return cls(
                planner,
                loop_from_dict(data["loop"], predict),
                data["budget"],
                bool(data["feasible"]),
                Prediction.from_dict(data["predicted"]),
                data["label"],
                data["by"],
                data["encoder"],
                data["calibration"],
                str(path),
            )
        except KeyError as error:
            raise ConfigError("file", str(path), f"{_ALLOWED}; {error} is missing") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise ConfigError("file", str(path), f"{_ALLOWED} ({error!r})") from error


_NOTHING = Prediction.from_dict(
    {
        "queries": 0,
        **{
            name: {"low": 0.0, "middle": 0.0, "high": 0.0}
            for name in ("accuracy", "usd", "seconds")
        },
    }
)


def loop_uses(plan: LoopPlan) -> list[LoopUse]:
    """Of all candidates, cheapest first."""
    problems, stood = plan.loop.replay.problems, plan.replayed.llm
    complete, n = bool((stood >= 0).any()), len(stood)
    uses = []
    for a, name in enumerate(plan.loop.llms):
        rows = [(p, p.names.index(name)) for p in problems if name in p.names]
        if rows:
            means = [
                float(np.mean([getattr(p, of)[i] for p, i in rows]))
                for of in ("accuracy", "usd", "seconds")
            ]
            stands = float((stood == a).mean()) if complete else None
            uses.append(LoopUse(name, len(rows) / n, stands, *means))
    return sorted(uses, key=lambda use: use.usd)
