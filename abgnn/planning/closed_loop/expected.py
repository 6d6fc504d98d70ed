"""What a closed loop is expected to come to before any answer: for calibrations with gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from abgnn.data.arrays import Array, Index, Mask
from abgnn.planning.closed_loop.batch import STOP, LoopBatch, LoopPolicy, batches
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replayed

_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Expected:
    """A replay of questions whose answers are drawn from the answer model.

    Args:
        problems: of the questions.
        ran: P(programs can be run with a question's public examples), `[Q]`. This is so for all
            programs of a question, or for none, which whoever decides does not know beforehand;
            None: answers are no programs.
    """

    problems: Sequence[LoopProblem]
    ran: Array | None = None

    @cached_property
    def _batches(self) -> list[tuple[Index, LoopBatch, list[tuple[Array, LoopBatch]]]]:
        """Questions, by whom decisions are taken, and what may come of them, with its chance."""
        made = []
        for index, batch in batches(self.problems):
            if self.ran is None:
                made.append((index, batch, [(np.ones(len(index)), batch)]))
                continue
            runs, not_run = (_program_batch(batch, runs=each) for each in (True, False))
            share = self.ran[index]
            made.append((index, batch, [(share, runs), (1 - share, not_run)]))
        return made

    def deviations(self, lambda_tok: float, lambda_lat: float = 0.0) -> Array:
        """Standard deviations of a question's USD and seconds over the answers, `[2, Q]`."""
        means, squares = np.zeros((2, 2, len(self.problems)))
        for index, batch, kinds in self._batches:
            policy = batch.policy(lambda_tok, lambda_lat)
            for share, actual in kinds:
                means[:, index] += share * expected_bills(actual, policy)[1:3]
                squares[:, index] += share * expected_squares(actual, policy)
        sd: Array = np.sqrt(np.maximum(squares - means**2, 0.0))
        return sd

    def __call__(self, lambda_tok: float, lambda_lat: float = 0.0) -> Replayed:
        """Expected scores, bills and numbers of calls under prices."""
        out = np.zeros((4, len(self.problems)))
        for index, batch, kinds in self._batches:
            policy = batch.policy(lambda_tok, lambda_lat)
            for share, actual in kinds:
                out[:, index] += share * expected_bills(actual, policy)
        right, usd, seconds, calls = out
        nobody = np.full(len(right), STOP)
        return Replayed(right, usd, seconds, calls, right, nobody)


def _program_batch(batch: LoopBatch, *, runs: bool) -> LoopBatch:
    """The same questions where all programs are run with examples, or none is."""

    def bins(form: Array | None) -> Array:
        assert form is not None, "only programs are run"
        if not runs:
            return np.eye(form.shape[1])[np.zeros(len(form), dtype=np.int64)]
        ran = form * (np.arange(form.shape[1]) > 0)
        out: Array = ran / ran.sum(1, keepdims=True)
        return out

    return LoopBatch(
        tuple(
            replace(p, form_right=bins(p.form_right), form_wrong=bins(p.form_wrong))
            for p in batch.problems
        )
    )


def expected_bills(batch: LoopBatch, policy: LoopPolicy) -> Array:
    r"""E right, E USD, E seconds, E calls: sums over the states that are reached, `[4, Q]`.

    .. math:: E\,usd = \sum_s P(s)\, c_{m(s)}(s), \quad
        E\,right = \sum_{s: stop} P(s) V_0(s)

    with bills c(s) by how hard such answers say that a question is.
    """
    weights, out = batch.weights, np.zeros((4, len(batch.problems)))
    out[1:] = _begun(batch, policy)
    for n, reached in enumerate(_reached(batch, policy)):
        choice = policy.choice[n]
        out[0] += ((reached & (choice == STOP)) * weights.stop[n]).sum(1)
        for r in range(len(weights.hand) and weights.hand[n].shape[2]):
            hands = reached & (choice == STOP - 1 - r)
            out[0] += (hands * weights.hand[n][:, :, r]).sum(1)
            out[1:] += (hands * batch.read_bills[n][..., r]).sum(2)
        q, s = np.nonzero(reached & (choice >= 0))
        for total, bill in zip(out[1:], batch.ask_bills[n], strict=True):
            np.add.at(total, q, bill[q, s, choice[q, s]])
    return out


def expected_squares(batch: LoopBatch, policy: LoopPolicy) -> Array:
    r"""E USD² and E seconds² of a question, sums over the states where loops end, `[2, Q]`.

    .. math:: E\,usd^2 = \sum_{s: end} P(s) \Big(\sum_{m \in s} c_m(s)\Big)^2
    """
    weights, bills = batch.weights, batch.bills
    out = np.zeros((2, len(batch.problems)))
    saved = _begun(batch, policy)[:2]
    for q in np.flatnonzero(policy.pair[:, 0] != STOP):
        saved[:, q] -= [of[q, policy.pair[q]].sum() for of in bills]
    for n, reached in enumerate(_reached(batch, policy)):
        choice, there = policy.choice[n], weights.tree.levels[n].llms.astype(bool)  # [S, M]
        z = np.maximum(weights.total[n], _TINY)
        spent = (batch.ask_bills[n][:2] * there).sum(3) / z + saved[:, :, None]  # [2, Q, S]
        for r in range(-1, len(weights.hand) and weights.hand[n].shape[2]):
            read = batch.read_bills[n][:2, ..., r] / z if r >= 0 else 0.0
            ends = (reached & (choice == STOP - 1 - r)) * z
            out += (ends * (spent + read) ** 2).sum(2)
    return out


def _begun(batch: LoopBatch, policy: LoopPolicy) -> Array:
    """USD, seconds and calls of questions that begin with two LLMs at once; 0 of others,
    `[3, Q]`."""
    usd, seconds = batch.bills
    out = np.zeros((3, len(usd)))
    for q in np.flatnonzero(policy.pair[:, 0] != STOP):
        pair = policy.pair[q]
        out[:, q] = usd[q, pair].sum(), seconds[q, pair].max(), 2.0
    return out


def _reached(batch: LoopBatch, policy: LoopPolicy) -> Iterator[Mask]:
    """States that can come about, by level, `[Q, S]`."""
    levels, totals = batch.weights.tree.levels, batch.weights.total
    paired = policy.pair[:, 0] != STOP
    reached = [np.zeros((len(paired), z.shape[1] + 1), dtype=bool) for z in totals]
    reached[0][~paired, 0] = True
    for q in np.flatnonzero(paired):
        i, j = policy.pair[q]
        firsts = levels[0].following[0, i]
        firsts = firsts[firsts < len(levels[1].llms)]
        reached[2][q, levels[1].following[firsts, j]] = True
    for n, level in enumerate(levels):
        now = reached[n][:, :-1]  # the last place is of no state
        yield now
        rows, states = np.nonzero(now & (policy.choice[n] >= 0))
        if len(rows):
            asked = policy.choice[n][rows, states]
            reached[n + 1][rows[:, None], level.following[states, asked]] = True
