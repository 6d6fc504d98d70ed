"""Small problems."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.problem import LoopProblem


def problem(n: int = 3, model: AnswerModel | None = None, **changes: Any) -> LoopProblem:
    """n LLMs, the dearer the abler."""
    accuracy = np.linspace(0.5, 0.8, n) if n > 1 else np.array([0.6])
    usd = np.array([1.0, 3.0, 9.0, 12.0, 20.0, 30.0, 40.0, 50.0])[:n] * 1e-4
    names = tuple("abcdefgh"[:n])
    model = model or AnswerModel(0.9, 0.05, 0.5, 4)
    return replace(LoopProblem(names, accuracy, usd, 1000 * usd, model, 60.0), **changes)


def drawn_problems(
    count: int, names: tuple[str, ...], seed: int = 0, **changes: Any
) -> list[LoopProblem]:
    """Of other numbers each; answers may lack a key."""
    rng, model, n = np.random.default_rng(seed), AnswerModel(0.9, 0.05, 0.5, 4), len(names)
    made = []
    for _ in range(count):
        accuracy, usd = rng.uniform(0.4, 0.9, n), np.sort(rng.uniform(1e-4, 2e-3, n))
        none = np.full(n, 0.1)
        one = LoopProblem(names, accuracy, usd, rng.uniform(1, 9, n), model, 0.0, no_key=none)
        made.append(replace(one, **changes))
    return made
