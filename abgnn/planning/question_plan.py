"""`QuestionPlan`: what `abgnn plan` writes: prices, and all that it takes to plan any question."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from abgnn.data.arrays import Index
from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.planning.ahead import Prediction, foresee
from abgnn.planning.budgets import Budget
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.calibration import Calibration, read_json
from abgnn.planning.design import Design
from abgnn.planning.planner_file import planner_from_dict, planner_to_dict
from abgnn.planning.questions import Questions
from abgnn.planning.simulation import Forecast

FORMAT = "abgnn plan 2"
_ALLOWED = "a file that `abgnn plan` wrote"


@dataclass(frozen=True, slots=True)
class UsedDesign:
    """A design, the share of the training questions that get it, and what is expected on them.

    `kinds` are those that at least a third of these questions are of.
    """

    share: float
    design: Design
    forecast: Forecast
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class QuestionPlan:
    """A planner of single questions at the prices that stated budgets make.

    Args:
        planner: forecasts every design of a portfolio for any question.
        prices: λ_tok per USD and λ_lat per second.
        budget: `cost_usd`, `latency_s`, `margin`.
        feasible: whether the budgets are expected to be met.
        expected: `accuracy`, `cost_usd`, `latency_s` per question, on the training questions.
        predicted: intervals of the means over the next questions.
        shares: of the training questions that get each design, `[D]`.
        label: what the calibration's calls were: `simulated`, `recorded`, `live`, or
            `profiles only`.
        by: entry of `Query.meta` that names the kind of a question; where a question has none,
            it is of the kinds that it is near to.
        encoder: of the texts.
        calibration: numbers of `rollouts` and `calls`.
        path: the file, for messages.
    """

    planner: QuestionPlanner
    prices: tuple[float, float]
    budget: Mapping[str, float | None]
    feasible: bool
    expected: Mapping[str, float]
    predicted: Prediction
    shares: tuple[float, ...]
    label: str
    by: str | None
    encoder: str
    calibration: Mapping[str, int]
    path: str = "plan"

    @classmethod
    def of(cls, calibration: Calibration, budget: Budget, queries: int = 100) -> QuestionPlan:
        """Find the prices of budgets, and what they buy.

        Args:
            calibration: observed calls, with their questions.
            budget: of means per question.
            queries: that the stated intervals are for.

        Raises:
            ConfigError: a calibration without questions, or a latency quantile, which mixtures
                of fixed teams can keep.
        """
        if budget.quantile is not None:
            allowed = "none by question: it is no mean; plan with --blind"
            raise ConfigError("quantile", budget.quantile, allowed)
        planner = calibration.by_question()
        prices, ahead, feasible = foresee(planner, budget, queries)
        chosen = planner.trained.best(*prices)
        rows = np.arange(len(chosen))
        known = planner.trained
        questions = calibration.questions
        return cls(
            planner=planner,
            prices=prices,
            budget={
                "cost_usd": budget.cost_usd,
                "latency_s": budget.latency_s,
                "margin": budget.margin,
            },
            feasible=feasible,
            expected={
                "accuracy": float(known.accuracy[rows, chosen].mean()),
                "cost_usd": float(known.usd[rows, chosen].mean()),
                "latency_s": float(known.seconds[rows, chosen].mean()),
            },
            predicted=ahead,
            shares=_shares(chosen, len(planner.designs)),
            label=calibration.label,
            by=None if questions is None else questions.by,
            encoder=calibration.encoder,
            calibration={"rollouts": calibration.rollouts, "calls": len(calibration.observed)},
        )

    def choose(self, questions: Questions) -> Index:
        """Which design of the portfolio each question gets, `[Q]`."""
        return self.planner.choose(questions, *self.prices)

    def used(self) -> list[UsedDesign]:
        """The designs that training questions get, the most frequent first."""
        known, chosen = self.planner.trained, self.planner.trained.best(*self.prices)
        out = []
        for d in sorted(set(chosen.tolist()), key=lambda d: -self.shares[d]):
            rows = np.flatnonzero(chosen == d)
            accuracy, usd, seconds = (
                float(of[rows, d].mean()) for of in (known.accuracy, known.usd, known.seconds)
            )
            forecast = Forecast(accuracy, usd, seconds)
            kinds = self.planner.seen.kind[rows].mean(0) if self.kinds else np.zeros(0)
            most = [self.kinds[g] for g in np.argsort(-kinds)[:2] if kinds[g] > 1 / 3]
            out.append(UsedDesign(self.shares[d], self.planner.designs[d], forecast, tuple(most)))
        return out

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of questions."""
        return self.planner.model.features.kinds

    def plans(self, queries: Sequence[Query], questions: Questions) -> list[Plan]:
        """The plan of each query; `questions` are the same ones, encoded."""
        template, names = self.planner.template, self.planner.backbones
        return [
            self.planner.designs[d].plan(query, template, names)
            for query, d in zip(queries, self.choose(questions), strict=True)
        ]

    def check(self, names: Sequence[str], roles: Sequence[str] | None = None) -> None:
        """
        Raises:
            ConfigError: a backbone that is not among the names, or a role not among the roles.
        """
        used = {self.planner.backbones[m] for d in self.planner.designs for m in d.backbones}
        for name in sorted(used):
            if name not in names:
                raise ConfigError(f"{self.path}: backbone", name, ", ".join(names))
        for role in self.planner.roles:
            if roles is not None and role not in roles:
                raise ConfigError(f"{self.path}: role", role, ", ".join(roles))

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
            "shares": list(self.shares),
            "planner": planner_to_dict(self.planner),
        }

    def write(self, path: str | Path) -> None:
        """As JSON."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(self.to_dict()) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> QuestionPlan:
        """The file that `write` wrote.

        Raises:
            ConfigError: no such file, or not one of ours.
        """
        data = read_json(path, FORMAT, _ALLOWED)
        try:
            tok, lat = data["prices"]
            return cls(
                planner_from_dict(data["planner"]),
                (float(tok), float(lat)),
                data["budget"],
                bool(data["feasible"]),
                data["expected"],
                Prediction.from_dict(data["predicted"]),
                tuple(data["shares"]),
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


def _shares(chosen: Index, designs: int) -> tuple[float, ...]:
    count = Counter(chosen.tolist())
    return tuple(count[d] / len(chosen) for d in range(designs))
