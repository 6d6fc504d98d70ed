"""`QuestionPlan`: what `abgnn plan` writes of teams by question: prices, and how to choose."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from abgnn.data.arrays import Index
from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.planning.ahead import Prediction, foresee, predict_by_question
from abgnn.planning.budgets import Budget
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.calibration import Calibration, read_json
from abgnn.planning.design import Design
from abgnn.planning.least import refusal_by_question
from abgnn.planning.planner_file import planner_from_dict, planner_to_dict
from abgnn.planning.questions import Questions
from abgnn.planning.simulation import Forecast

FORMAT = "abgnn plan 2"
_ALLOWED = "a file that `abgnn plan` wrote of teams by question (--static)"


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
        predicted: intervals of the means over the next questions.
        label: what the calibration's calls were: `simulated`, `recorded`, `live`, or
            `profiles only`.
        by: entry of `Query.meta` that names the kind of a question; where a question has none,
            it is of the kinds that it is near to.
        encoder: of the texts.
        calibration: numbers of `rollouts` and `calls`.
        path: the file, for messages.
        refusal: what is raised for budgets that are not expected to be met; None of a file.
    """

    planner: QuestionPlanner
    prices: tuple[float, float]
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
    ) -> QuestionPlan:
        """Find the prices of budgets, and what they buy.

        Args:
            calibration: observed calls, with their questions.
            budget: of means per question.
            queries: that the stated intervals are for.
            nearest: where no plan meets the budgets, give the one that comes nearest, with its
                `refusal`.

        Raises:
            ConfigError: a calibration without questions, a latency quantile, which mixtures
                of fixed teams can keep, or no plan is expected to meet the budgets
                (`abgnn.planning.least`).
        """
        planner, questions = calibration.by_question(), calibration.questions
        prices, ahead, feasible, refused = _foreseen(planner, budget, queries, nearest=nearest)
        return cls(
            planner=planner,
            prices=prices,
            budget=_plain(budget),
            feasible=feasible,
            predicted=ahead,
            label=calibration.label,
            by=None if questions is None else questions.by,
            encoder=calibration.encoder,
            calibration={"rollouts": calibration.rollouts, "calls": len(calibration.observed)},
            refusal=refused,
        )

    def at(self, budget: Budget, queries: int = 100, *, nearest: bool = False) -> QuestionPlan:
        """The same planner at the prices of other budgets; under a second.

        Raises:
            ConfigError: a latency quantile, or (unless `nearest`) no plan is expected to meet the
                budgets.
        """
        prices, ahead, kept, refused = _foreseen(self.planner, budget, queries, nearest=nearest)
        return replace(
            self,
            prices=prices,
            budget=_plain(budget),
            feasible=kept,
            predicted=ahead,
            refusal=refused,
        )

    def priced(self, lambda_tok: float, lambda_lat: float, queries: int = 100) -> QuestionPlan:
        """The same planner at these prices, without a budget."""
        prices = lambda_tok, lambda_lat
        ahead = predict_by_question(self.planner, prices, queries)
        return replace(self, prices=prices, budget=_plain(Budget()), feasible=True, predicted=ahead)

    @cached_property
    def expected(self) -> Mapping[str, float]:
        """`accuracy`, `cost_usd`, `latency_s` per question, on the training questions."""
        known, chosen = self.planner.trained, self._trained
        rows = np.arange(len(chosen))
        return {
            "accuracy": float(known.accuracy[rows, chosen].mean()),
            "cost_usd": float(known.usd[rows, chosen].mean()),
            "latency_s": float(known.seconds[rows, chosen].mean()),
        }

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """Of the training questions that get each design, `[D]`."""
        count = np.bincount(self._trained, minlength=len(self.planner.designs))
        return tuple((count / len(self._trained)).tolist())

    @cached_property
    def _trained(self) -> Index:
        return self.planner.trained.best(*self.prices)

    def choose(self, questions: Questions) -> Index:
        """Which design of the portfolio each question gets, `[Q]`."""
        return self.planner.choose(questions, *self.prices)

    def used(self) -> list[UsedDesign]:
        """The designs that training questions get, the most frequent first."""
        known, chosen = self.planner.trained, self._trained
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


def _plain(budget: Budget) -> dict[str, float | None]:
    return {"cost_usd": budget.cost_usd, "latency_s": budget.latency_s, "margin": budget.margin}


def _foreseen(
    planner: QuestionPlanner, budget: Budget, queries: int, *, nearest: bool
) -> tuple[tuple[float, float], Prediction, bool, ConfigError | None]:
    """Prices, what they buy, whether that keeps the budgets, and what is raised if not.

    Raises:
        ConfigError: that, unless `nearest`; a latency quantile.
    """
    prices, ahead, feasible = foresee(planner, _mean(budget), queries)
    refused = None if feasible else _refusal(planner, budget)
    if refused is not None and not nearest:
        raise refused
    return prices, ahead, feasible, refused


def _refusal(planner: QuestionPlanner, budget: Budget) -> ConfigError:
    needs = planner.trained.usd / budget.aim, planner.trained.seconds / budget.aim
    return refusal_by_question(budget.cost_usd, budget.latency_s, *needs)


def _mean(budget: Budget) -> Budget:
    if budget.quantile is not None:
        allowed = "none by question: it is no mean; plan with --blind"
        raise ConfigError("quantile", budget.quantile, allowed)
    return budget
