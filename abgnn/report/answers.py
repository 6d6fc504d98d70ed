"""The report's answer as numbers: within these budgets, this system, this accuracy, beside what one
LLM reaches. Records only, and which of several answers stands on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

Ground = Literal["measured", "certified", "expected"]
_LABELS = ("live", "recorded")  # before anything else


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval, unless `of` says another; None: no interval is known."""

    mean: float
    low: float | None = None
    high: float | None = None
    of: str = ""

    @property
    def sign(self) -> int:
        """1 or −1 if the interval is on that side of 0, else 0."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True, slots=True)
class Rival:
    """What the system is held against.

    Args:
        name: of it, in words.
        accuracy: mean score.
        usd: mean cost of a question; None: not known.
        ahead: the system's accuracy less its.
    """

    name: str
    accuracy: float
    usd: float | None
    ahead: Interval


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the picture: USD and accuracy of a question, and its interval where known."""

    name: str
    usd: float
    accuracy: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One system within one pair of budgets.

    Args:
        path, label: of the file, and where its figures come from.
        ground: whether the system's accuracy was measured at budgets of a comparison, certified
            on held-out questions, or is only expected by a planner.
        system: its name.
        cost_usd, latency_s: budgets of the means; None: none was set.
        accuracy: of the system.
        usd, seconds: what a question took of it; None: not known.
        judged: on what, in words.
        single: the best single LLM within the budgets; plain: a single LLM at random within them;
            None: not known, and `missing` says why.
        ours, singles: points of the picture.
        rank: which answers stand first, from 0; more measured comes first.
        verdict: of a certificate, on the budgets.
    """

    path: str
    label: str
    ground: Ground
    system: str
    cost_usd: float | None
    latency_s: float | None
    accuracy: Interval
    usd: float | None
    seconds: float | None
    judged: str
    single: Rival | None
    plain: Rival | None
    ours: tuple[Mark, ...]
    singles: tuple[Mark, ...]
    rank: int
    verdict: str = ""
    missing: str = ""


def chosen(answers: Sequence[Answer]) -> Answer | None:
    """The answer on top: live before recorded before simulated, then the most measured ground,
    then the first file; of its budgets the middle one, or the tighter of the two in the middle."""
    if not answers:
        return None
    first = min(answers, key=_order)
    same = [a for a in answers if (a.path, a.system) == (first.path, first.system)]
    same.sort(key=lambda a: (a.cost_usd or 0.0, a.latency_s or 0.0))
    return same[(len(same) - 1) // 2]


def _order(answer: Answer) -> tuple[int, int]:
    place = _LABELS.index(answer.label) if answer.label in _LABELS else len(_LABELS)
    return place, answer.rank


def interval_of(
    values: Sequence[float], errors: Sequence[float], what: str, floor: float = -np.inf
) -> Interval:
    """Mean over seeds. From three seeds on Student's interval over them; of fewer, that of the
    questions, from standard errors; none where those are not known.

    Args:
        values: one per seed; errors: their standard errors over questions, NaN if not known.
        what: a word for the seeds: `seeds`, `worlds`.
        floor: no bound lies below it; of an accuracy 0.
    """
    mean, n = float(np.mean(values)), len(values)
    if n > 2:
        half = float(stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / np.sqrt(n))
        of = f"over {n} {what}"
    else:
        half = float(1.96 * np.sqrt(np.sum(np.square(errors))) / n)
        of = "over the questions"
    if not np.isfinite(half):
        return Interval(mean)
    top = 1.0 if floor == 0 else np.inf
    return Interval(mean, float(max(mean - half, floor)), float(min(mean + half, top)), of)
