"""The generative model of answers, enumerated label by label: what the formulas must agree with.

A question: node k ~ w (x, or dead), one luck per family, a right label h uniform among K, an
attractor uniform among the wrong ones. An LLM is right with a_mk; else it says nothing with ν_m,
else the attractor with α_m, else any wrong label. With probability μ the label that is taken for
right is not, and each other one may be. Nothing here uses groups, pulls or T.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from abgnn.planning.closed_loop.problem import LoopProblem

Answers = tuple[tuple[int, int | None], ...]
"""(LLM, label or None), in the order in which they came."""


def joint(problem: LoopProblem, answers: Answers) -> np.ndarray:
    """P(answers, label h is right) for every label, `[K]`."""
    model, options = problem.model, problem.model.options
    ability, weights = model.joint_nodes(problem.accuracy, problem.families or problem.names)
    silent = np.zeros(len(problem)) if problem.no_key is None else problem.no_key
    alpha = model.attractions(problem.accuracy)
    out = np.zeros(options)
    for k, h in product(range(len(weights)), range(options)):
        for attractor in (c for c in range(options) if c != h):
            p = weights[k] / options / (options - 1)
            for m, label in answers:
                a = ability[m, k]
                if label == h:
                    p *= a
                elif label is None:
                    p *= (1 - a) * silent[m]
                else:
                    wrong = (1 - alpha[m]) / (options - 1) + alpha[m] * (label == attractor)
                    p *= (1 - a) * (1 - silent[m]) * wrong
            out[h] += p
    others = (out.sum() - out) / (options - 1)
    return (1 - model.misled) * out + model.misled * others


def labels(problem: LoopProblem) -> Sequence[int | None]:
    none = [None] if problem.no_key is not None else []
    return [*range(problem.model.options), *none]


def stop_value(problem: LoopProblem, answers: Answers) -> float:
    """P(the most probable label that was answered is right)."""
    p = joint(problem, answers)
    return max((p[c] for _, c in answers if c is not None), default=0.0) / p.sum()


def value(problem: LoopProblem, answers: Answers, calls: int) -> float:
    """V_d by its definition, over labelled answers."""
    asks = ask_values(problem, answers, calls) if calls else []
    return max([stop_value(problem, answers), *asks])


def ask_values(problem: LoopProblem, answers: Answers, calls: int) -> list[float]:
    """−λ c_m + Σ_o P(o) V_{d−1}(after o) of each LLM; −∞ for those that have answered."""
    total = joint(problem, answers).sum()
    out = []
    for m in range(len(problem)):
        if m in [asked for asked, _ in answers]:
            out.append(-np.inf)
            continue
        expected = 0.0
        for label in labels(problem):
            after = (*answers, (m, label))
            p = joint(problem, after).sum()
            expected += p / total * value(problem, after, calls - 1) if p > 0 else 0.0
        out.append(expected - problem.price[m])
    return out


def sequences(problem: LoopProblem) -> list[Answers]:
    """All answers of all LLMs in all orders of up to all of them."""
    out: list[Answers] = [()]
    level: list[Answers] = [()]
    for _ in range(len(problem)):
        level = [
            (*answers, (m, label))
            for answers in level
            for m in range(len(problem))
            if m not in [asked for asked, _ in answers]
            for label in labels(problem)
        ]
        out += level
    return out
