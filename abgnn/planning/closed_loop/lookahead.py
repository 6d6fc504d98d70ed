"""`decide`: stop, or whom to ask next, from what was answered so far."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.planning.closed_loop.batch import pair_values
from abgnn.planning.closed_loop.posterior import NO_FORM, Posterior
from abgnn.planning.closed_loop.problem import Asked, LoopProblem
from abgnn.planning.closed_loop.tree_values import (
    TreeWeights,
    ask_values,
    backward,
    ends,
    tree_weights,
)

__all__ = ["Asked", "LoopProblem", "Step", "decide", "posterior_of", "weights_of"]


@dataclass(frozen=True)
class Step:
    """A decision.

    Args:
        ask: LLMs to ask next; empty: stop; two at the start: both at once.
        answer: the LLM whose answer stands if the loop stops here; None: nobody has answered.
        probability: that this answer is right.
        value_stop: V_0, the same, or 0 before any answer.
        value_ask: of asking each LLM next, `[M]`; −∞ for those that have answered or cannot.
        value_parallel: of the best pair to ask at once; −∞ where it is not weighed.
        posterior: over the keys seen.
        reader: who is to read all answers and to give the one that stands; None: nobody.
        value_read: of handing them to each reader, `[R]`.
    """

    ask: tuple[int, ...]
    answer: int | None
    probability: float
    value_stop: float
    value_ask: Array
    value_parallel: float
    posterior: Posterior
    reader: int | None = None
    value_read: Array = field(default_factory=lambda: np.zeros(0))


def decide(
    problem: LoopProblem,
    asked: Sequence[tuple[int, object, int | None] | Asked],
    without: Collection[int] = (),
    readers_without: Collection[int] = (),
) -> Step:
    r"""What is worth most: V_d = max{V_0, max_m [−λ ĉ_m + Σ_o P(o) V_{d−1}(after o)]}.

    Before any answer somebody is asked whatever the prices.

    Args:
        problem: of the question.
        asked: (LLM, key or None, bin of the form or None) of every answer so far. A call that
            failed is no answer: leave it out.
        without: LLMs that cannot be asked, such as those whose call has failed.
        readers_without: readers that cannot.

    Raises:
        ConfigError: an LLM that is none of the candidates, or asked twice.
    """
    answers = [Asked(*answer) for answer in asked]
    _check(problem, answers)
    posterior = posterior_of(problem, answers)
    n = len(answers)
    price = problem.price.copy()
    price[list(without)] = np.inf
    if n > problem.calls:
        return _stopped(problem, answers, posterior)
    weights = weights_of(problem)
    state = problem.place(answers)
    total = float(weights.total[n][0, state])
    if not total > 0:
        return _stopped(problem, answers, posterior)
    answer, stop = _answer(problem, weights, answers, state)
    value_ask, together = np.full(len(problem), -np.inf), -np.inf
    pair: tuple[int, ...] = ()
    if (horizon := problem.horizon(n)) > n:
        end, _ = ends(weights, [problem], problem.lambda_tok, problem.lambda_lat)
        values = backward(weights, price[None], n + 1, horizon, end)
        level = weights.tree.levels[n]
        value_ask = ask_values(level, weights.total[n], price[None], values[-1])[0, state] / total
        if n == 0 and problem.parallel and horizon >= 2:
            pair, together = _pair(problem, weights, values, price)
    value_stop = stop if n else 0.0
    best = int(value_ask.argmax())
    least = value_stop if n else -np.inf  # an answer there must be
    ask: tuple[int, ...] = (best,) if value_ask[best] > least else ()
    if together > float(value_ask[best]) + 1e-12:
        ask = pair
    read = _reading(problem, weights, n, state, readers_without)
    reader = int(read.argmax()) if len(read) else None
    if reader is not None and read[reader] > max(value_stop, float(value_ask[best])) and n:
        return Step((), answer, stop, value_stop, value_ask, together, posterior, reader, read)
    return Step(ask, answer, stop, value_stop, value_ask, together, posterior, None, read)


def _reading(
    problem: LoopProblem, weights: TreeWeights, n: int, state: int, without: Collection[int]
) -> Array:
    """Value of handing n answers to each reader, `[R]`."""
    if problem.readers is None or not weights.hand or not n:
        return np.zeros(0)
    price = problem.readers.price(problem.lambda_tok, problem.lambda_lat)[:, n]
    value: Array = weights.hand[n][0, state] / weights.total[n][0, state] - price
    value[list(without)] = -np.inf
    return value


def posterior_of(problem: LoopProblem, answers: Sequence[Asked]) -> Posterior:
    """After all answers; without keys every answer is a key of its own."""
    ability, weights = problem.model.joint_nodes(
        problem.accuracy, problem.families or problem.names
    )
    out = Posterior.start(problem.model, weights)
    for answer in answers:
        key = answer.key if problem.keys else answer.llm
        form = NO_FORM if key is None else _form(problem, answer)
        none = 0.0 if problem.no_key is None else float(problem.no_key[answer.llm])
        alpha = float(problem.attractions[answer.llm])
        out = out.after(ability[answer.llm], key, form, none if problem.keys else 0.0, alpha)
    return out


def _form(problem: LoopProblem, answer: Asked) -> tuple[float, float]:
    """P(form of the answer | right) and P(form | wrong)."""
    if problem.form_right is None or problem.form_wrong is None:
        return NO_FORM
    of = (answer.llm, answer.form or 0)
    return float(problem.form_right[of]), float(problem.form_wrong[of])


def _check(problem: LoopProblem, answers: Sequence[Asked]) -> None:
    for i, answer in enumerate(answers):
        if not 0 <= answer.llm < len(problem):
            raise ConfigError(f"asked[{i}]", answer.llm, f"0 to {len(problem) - 1}")
        if answer.llm in [other.llm for other in answers[:i]]:
            raise ConfigError(f"asked[{i}]", answer.llm, "every LLM once")


_KEPT: WeakKeyDictionary[LoopProblem, TreeWeights] = WeakKeyDictionary()


def weights_of(problem: LoopProblem) -> TreeWeights:
    """Kept for the next decision about the same question, as long as the problem lives."""
    if problem not in _KEPT:
        _KEPT[problem] = tree_weights([problem])
    return _KEPT[problem]


def _answer(
    problem: LoopProblem, weights: TreeWeights, answers: Sequence[Asked], state: int
) -> tuple[int | None, float]:
    """Whose answer stands, and P(right): the ablest LLM that gave the most probable key."""
    if not answers:
        return None, 0.0
    n = len(answers)
    joint, z = weights.joint[n][0, state], weights.total[n][0, state]
    columns = sorted(range(n), key=lambda i: problem.column(answers[i]))
    groups: dict[object, list[int]] = {}
    for i in columns:
        key = answers[i].key if problem.keys else i
        if key is not None:
            groups.setdefault(key, []).append(answers[i].llm)
    if not groups:
        return max((a.llm for a in answers), key=lambda m: problem.accuracy[m]), 0.0
    best = int(joint[1 : 1 + len(groups)].argmax())
    members = list(groups.values())[best]
    chosen = max(members, key=lambda m: problem.accuracy[m])
    return chosen, float(weights.stop[n][0, state] / z)


def _pair(
    problem: LoopProblem, weights: TreeWeights, values: Sequence[Array], price: Array
) -> tuple[tuple[int, ...], float]:
    """The best two to ask at once, where seconds have a price; else one after the other is."""
    if problem.lambda_lat == 0:
        return (), -np.inf
    wait = problem.lambda_lat * problem.seconds
    together = pair_values(weights, values[-2], price[None], wait[None])[0]
    i, j = divmod(int(together.argmax()), len(problem))
    return (i, j), float(together[i, j])


def _stopped(problem: LoopProblem, answers: Sequence[Asked], posterior: Posterior) -> Step:
    """Where nothing more can be asked, or the answers are impossible under the model."""
    ablest = max((a.llm for a in answers), key=lambda m: problem.accuracy[m], default=None)
    p = posterior.best[1]
    return Step((), ablest, p, p, np.full(len(problem), -np.inf), -np.inf, posterior)
