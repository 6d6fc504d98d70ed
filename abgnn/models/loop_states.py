"""States of closed loops as graphs: who has answered, who agrees with whom, who may be asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from abgnn.data.arrays import Array, Index, Mask
from abgnn.nn.loop_state_net import LoopGraph
from abgnn.planning.closed_loop.answer_tree import AnswerTree, answer_tree
from abgnn.planning.closed_loop.batch import LoopBatch
from abgnn.planning.closed_loop.tree_values import TreeWeights

_SAME, _OTHER, _TOLD, _KIN, _LINK = range(5)  # `RELATIONS`
_NOT_ASKED, _NO_KEY = -2, -1
_SURE = 6.0  # log-odds are clipped here


@dataclass(frozen=True, eq=False)
class StateTable:
    """All S states of an answer tree, level after level.

    Args:
        begin: where each level begins; the last entry is S.
        group: of every LLM's answer; −1 no key, −2 not asked, `[S, M]`.
    """

    begin: tuple[int, ...]
    group: Index

    def level(self, n: int) -> slice:
        """States of n answers."""
        return slice(self.begin[n], self.begin[n + 1])


@cache
def state_table(llms: int, calls: int) -> StateTable:
    """Of the tree of answers with keys."""
    tree = answer_tree(llms, calls)
    sizes = [len(level.llms) for level in tree.levels]
    begin = tuple(int(b) for b in np.cumsum([0, *sizes]))
    group = np.full((begin[-1], llms), _NOT_ASKED)
    for state, i in tree.index.items():
        for column, of in state:
            group[begin[len(state)] + i, tree.llm[column]] = of
    return StateTable(begin, group)


@dataclass(frozen=True, eq=False)
class LoopStates:
    """Graphs of the states of Q questions with one tree.

    Args:
        batch: of the questions.
        weights: closed form, of the batch.
        question: x, `[Q, X]`.
        agent: of the candidates before any answer, `[Q, M, U]`.
        links: whether the template has an edge from one candidate's role to another's,
            `[Q, M, M]`; None: none has.
    """

    batch: LoopBatch
    weights: TreeWeights
    question: Array
    agent: Array
    links: Array | None = None

    @property
    def tree(self) -> AnswerTree:
        return self.weights.tree

    @property
    def table(self) -> StateTable:
        one = self.batch.problems[0]
        return state_table(len(one), one.calls)

    def posterior(self) -> Array:
        """P(each group of equal answers is right), `[Q, S, H]`; 0 where there is none."""
        most = max(len(self.weights.joint) - 1, 1)
        out = np.zeros((len(self.question), self.table.begin[-1], most))
        for n, (joint, total) in enumerate(
            zip(self.weights.joint, self.weights.total, strict=True)
        ):
            share = joint[:, :, 1:] / np.maximum(total, 1e-300)[:, :, None]
            out[:, self.table.level(n), : share.shape[2]] = share
        return out

    def graph(self, posterior: Array, q: Index, s: Index) -> LoopGraph:
        """Of states s of questions q, `[G]` each; `posterior` as above."""
        table = self.table
        group, shown = table.group[s], posterior[q, s]  # [G, M], [G, H]
        problems = self.batch.problems
        kin = np.stack([_alike(p.families or p.names) for p in problems])
        sides = _relations(group, kin[q], None if self.links is None else self.links[q])
        g, source, target, relation = sides
        m = group.shape[1]
        return LoopGraph(
            _float(self.question[q]),
            _float(self.agent[q]),
            _float(_said(group, shown)),
            torch.from_numpy(group),
            torch.from_numpy(np.stack([g * m + source, g * m + target])),
            torch.from_numpy(relation),
        )


def _said(group: Index, posterior: Array) -> Array:
    """`SAID`, `[G, M, 7]`."""
    asked, keyed = group != _NOT_ASKED, group >= 0
    n = asked.sum(1, keepdims=True)
    place = np.maximum(group, 0)
    own = np.where(keyed, np.take_along_axis(posterior, place, 1), 0.0)  # [G, M]
    best = posterior.max(1, keepdims=True)
    same = (group[:, :, None] == group[:, None]) & keyed[:, :, None]
    columns = (
        asked,
        group == _NO_KEY,
        keyed & (own >= best),
        np.where(keyed, _log_odds(own), 0.0),
        same.sum(2) / np.maximum(n, 1),
        np.repeat(n, group.shape[1], 1) / 2 - 1,
        np.where(n > 0, _log_odds(best), 0.0).repeat(group.shape[1], 1),
    )
    return np.stack([np.asarray(c, dtype=float) for c in columns], 2)


def _log_odds(p: Array) -> Array:
    kept = np.clip(p, 1e-4, 1 - 1e-4)
    out: Array = np.clip(np.log(kept / (1 - kept)), -_SURE, _SURE) / 2
    return out


def _relations(group: Index, kin: Mask, links: Array | None) -> tuple[Index, Index, Index, Index]:
    """State, source, target and relation of every edge."""
    asked = group != _NOT_ASKED
    from_asked = asked[:, :, None] & ~np.eye(group.shape[1], dtype=bool)
    both = from_asked & asked[:, None]
    same = both & (group[:, :, None] == group[:, None]) & (group >= 0)[:, :, None]
    parts = [same, both & ~same, from_asked & ~asked[:, None], from_asked & kin]
    parts.append(from_asked & links if links is not None else np.zeros_like(same))
    found = [np.nonzero(part) for part in parts]
    relation = np.concatenate([np.full(len(at[0]), r) for r, at in enumerate(found)])
    g, source, target = (np.concatenate(side) for side in zip(*found, strict=True))
    return g, source, target, relation


def _alike(families: tuple[str, ...]) -> Mask:
    """Pairs of different candidates of like weights, `[M, M]`."""
    of = np.array(families)
    same: Mask = of[:, None] == of
    np.fill_diagonal(same, False)
    return same


def _float(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
