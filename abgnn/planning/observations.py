"""`Observations`: the calls of calibration rollouts as arrays, one row per call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abgnn.data.answer_form import FORM_FEATURES, form_features
from abgnn.data.answer_key import answer_key
from abgnn.data.arrays import Array, Index
from abgnn.data.outcome import CallRecord, Outcome
from abgnn.data.plan import Plan
from abgnn.data.query import Query, Task, options_of
from abgnn.data.specimens import split_header
from abgnn.data.template import Template
from abgnn.planning.prior import Prior

NO_KEY = -1
_FIGURES = 11  # numbers of a call, before those of its form
_OF_QUESTIONS = ("difficulty", "group", "options")


@dataclass(frozen=True)
class Observations:
    """One row per call that answered, n of them.

    Args:
        query: which of the Q questions, `[n]`.
        backbone: `[n]`.
        slot: role of the template; the decision agent's is the last one, `[n]`.
        right: score of the answer, in [0, 1], `[n]`.
        n_messages: messages read, `[n]`; share_right: the share of them that is right, `[n]`.
        usd: of the call, less the price of the messages that it read, `[n]`.
        seconds: service time, `[n]`.
        visible: tokens that a reader would read, `[n]`.
        difficulty: standardised difficulty of the question, `[Q]`.
        group: which of the kinds of questions that plans may tell apart, `[Q]`.
        key: code of each answer's key, equal within a question where answers are equal; −1 where
            an answer has none, `[n]`. None: of 0.1, or of a task without keys.
        form: how each answer is written (`abgnn.data.answer_form`), `[n, F]`. None: of 0.1.
        passes: how programs fare with the public examples: 2 they pass, 1 they fail, 0 they could
            not be run, `[n]`. None: no programs.
        options: that each question gives to choose from; 0: it is open, `[Q]`. None: of 0.1.
    """

    query: Index
    backbone: Index
    slot: Index
    right: Array
    n_messages: Array
    share_right: Array
    usd: Array
    seconds: Array
    visible: Array
    difficulty: Array
    group: Index
    key: Index | None = None
    form: Array | None = None
    passes: Index | None = None
    options: Index | None = None

    def __len__(self) -> int:
        return len(self.query)

    @property
    def n_queries(self) -> int:
        return len(self.difficulty)

    def rows(self, mask: NDArray[np.bool_]) -> Observations:
        """Some of the calls; questions stay."""
        of_calls = [f.name for f in fields(self) if f.name not in _OF_QUESTIONS]
        values = {name: getattr(self, name) for name in of_calls}
        kept: dict[str, Any] = {
            name: None if of is None else of[mask] for name, of in values.items()
        }
        return Observations(**kept, **{name: getattr(self, name) for name in _OF_QUESTIONS})

    @classmethod
    def none(cls, difficulty: Array, group: Index | None = None) -> Observations:
        """No call at all: a model of it knows the profiles only."""
        whole, empty = np.zeros(0, dtype=np.int64), np.zeros(0)
        group = np.zeros(len(difficulty), dtype=np.int64) if group is None else group
        calls = (whole, whole, whole, empty, empty, empty, empty, empty, empty)
        return cls(*calls, difficulty, group)


def observe(
    outcomes: Sequence[Outcome],
    task: Task,
    profile: Prior,
    template: Template,
    difficulty: Mapping[str, float],
    group: Mapping[str, int] | None = None,
    passes: Sequence[Sequence[bool | None]] | None = None,
) -> Observations:
    """Every answered call of single-round rollouts, each judged by the task.

    Args:
        outcomes: executed plans; calls of failed ones count as far as they answered.
        task: scores the text of every agent: training questions have gold answers.
        profile: the backbones.
        template: whose roles the agents have.
        difficulty: query id → standardised difficulty.
        group: query id → kind of question; None: all are of one kind.
        passes: whether the calls' programs pass the public examples, by outcome and call. Programs
            are not compared by key: two right ones differ in text.
    """
    ids = {query: i for i, query in enumerate(difficulty)}
    observer = _Observer(task, profile, template, ids, _passed(outcomes, passes), passes is None)
    rows = [row for outcome in outcomes for row in observer.rows(outcome)]
    table = np.array(rows, dtype=float).reshape(len(rows), _FIGURES + len(FORM_FEATURES)).T
    q, m, j = (column.astype(np.int64) for column in table[:3])
    right, n_messages, share_right, usd, seconds, visible, key, fares = table[3:_FIGURES]
    kinds = np.array([0 if group is None else group[query] for query in difficulty])
    options = np.zeros(len(ids), dtype=np.int64)
    for outcome in outcomes:
        options[ids[outcome.plan.query.id]] = options_of(outcome.plan.query)
    return Observations(
        *(q, m, j, right, n_messages, share_right, usd, seconds, visible),
        difficulty=np.array(list(difficulty.values())),
        group=kinds.astype(np.int64),
        key=key.astype(np.int64) if observer.keys.able else None,
        form=table[_FIGURES:].T,
        passes=None if passes is None else fares.astype(np.int64),
        options=options,
    )


class _Observer:
    """Rows of numbers of outcomes' calls; every text of a question is judged once."""

    def __init__(
        self,
        task: Task,
        profile: Prior,
        template: Template,
        ids: Mapping[str, int],
        passed: Mapping[int, int],
        keyed: bool,
    ) -> None:
        self._task, self._profile, self._ids, self._passed = task, profile, ids, passed
        self.keys, self._keyed = _Keys(task), keyed
        self._slots = {role.name: i for i, role in enumerate(template.roles)}
        self._judged: dict[tuple[str, str], float] = {}

    def rows(self, outcome: Outcome) -> list[tuple[float, ...]]:
        """Of an outcome's answered calls."""
        plan, by_agent = outcome.plan, {c.agent: c for c in outcome.calls if not c.error}
        right = {agent: self._right(plan.query, call.text) for agent, call in by_agent.items()}
        return [
            self._row(plan, call, [by_agent[u] for u, v in plan.edges if v == agent and u in right],
                      right)
            for agent, call in by_agent.items()
        ]  # fmt: skip

    def _right(self, query: Query, text: str) -> float:
        answer = split_header(text)[1]
        if (query.id, answer) not in self._judged:
            self._judged[query.id, answer] = float(self._task.score(query, answer))
        return self._judged[query.id, answer]

    def _row(
        self,
        plan: Plan,
        call: CallRecord,
        senders: Sequence[CallRecord],
        right: Mapping[int, float],
    ) -> tuple[float, ...]:
        m = self._profile.index([call.backbone])[0]
        reads = sum(visible_tokens(sender) + 30 for sender in senders)
        return (
            self._ids[plan.query.id],
            m,
            self._slots[call.role],
            right[call.agent],
            len(senders),
            float(np.mean([right[sender.agent] for sender in senders])) if senders else 0.0,
            max(call.cost - reads * self._profile.price_in[m], 0.1 * call.cost),
            call.service_time + call.tool_time,
            visible_tokens(call),
            self.keys.code(plan.query, call.text) if self._keyed else NO_KEY,
            self._passed.get(id(call), 0),
            *form_features(call.text, plan.query.text),
        )


def _passed(
    outcomes: Sequence[Outcome], passes: Sequence[Sequence[bool | None]] | None
) -> dict[int, int]:
    """Identity of a call → 1: its program fails, 2: it passes."""
    if passes is None:
        return {}
    pairs = zip(outcomes, passes, strict=True)
    calls = [pair for outcome, of in pairs for pair in zip(outcome.calls, of, strict=True)]
    return {id(call): 1 + int(ok) for call, ok in calls if ok is not None}


class _Keys:
    """Codes of answers' keys, question by question."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._keys: dict[tuple[str, str], str | None] = {}
        self._codes: dict[str, dict[str, int]] = {}

    @property
    def able(self) -> bool:
        """Whether the task has keys at all."""
        return hasattr(self._task, "key")

    def code(self, query: Query, text: str) -> int:
        """−1 where there is no key."""
        answer = split_header(text)[1]
        if (query.id, answer) not in self._keys:
            self._keys[query.id, answer] = answer_key(self._task, query, answer)
        key = self._keys[query.id, answer]
        codes = self._codes.setdefault(query.id, {})
        return codes.setdefault(key, len(codes)) if key else NO_KEY


def visible_tokens(call: CallRecord) -> float:
    """Tokens of a reply that its readers read: without what was thought before it."""
    thought = call.usage.reasoning_tokens
    return float(max(call.usage.completion_tokens - thought, 1))
