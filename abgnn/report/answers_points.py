"""Answers from measured points: a quickstart's table, a comparison, a frontier, a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from abgnn.evaluation.frontier import performance_at
from abgnn.report.answers import Answer, Interval, Mark, Rival, interval_of
from abgnn.report.points import by_method, spanning
from abgnn.report.records import HeldOut, PointRow, Points, RivalRow, Rivals

SINGLES = ("single LLM", "single LLMs", "best single LLM")  # rows of one LLM each
_AFTER, _ONE = "policy after training", "single "
_HINDSIGHT = "the best single LLM"
Seeds = Mapping[str, Sequence[PointRow]]


def of_points(points: Points, rivals: Rivals | None) -> list[Answer]:
    """The file's first method at every budget; rivals: the table of a quickstart beside it."""
    named = by_method(points.rows)
    system = next((m for m in named if m not in SINGLES), None)
    if system is None:
        return []
    rows = named[system]
    singles = [row for m in SINGLES for row in named.get(m, ())]
    if rivals is not None:
        return _of_rivals(points, rivals, rows, singles)
    budgets = points.budgets or spanning([row.cost_usd for row in rows])
    within = [b for b in budgets if b >= min(row.cost_usd for row in rows)]
    return [_at(points, system, rows, singles, budget) for budget in within]


def of_held_out(held: HeldOut) -> list[Answer]:
    """The trained policy beside single LLMs that cost no more than it; no budget was set."""
    ours = next((row for row in held.rows if row.name == _AFTER), None)
    if ours is None:
        return []
    singles = [row for row in held.rows if row.name.startswith(_ONE)]
    mine = {"": (ours.performance, ours.performance_se)}
    most = ours.cost_usd
    return [
        Answer(
            held.path, held.label, "measured", "the policy after training", None, None,
            _mean(mine, "seeds"), ours.cost_usd, ours.latency_s, f"{ours.n} held-out rollouts",
            _best(mine, {"": singles}, most, "seeds"), _drawn(mine, {"": singles}, most, "seeds"),
            (_mark("policy after training", ours),), tuple(_mark(row.name, row) for row in singles),
            4, missing=_missing(singles, most),
        )
    ]  # fmt: skip


def _at(
    points: Points, system: str, rows: Sequence[PointRow], singles: Sequence[PointRow], most: float
) -> Answer:
    """At a budget of a comparison or frontier: operating points may be mixed (Eq 12)."""
    mine = {seed: _within(own, most) for seed, own in _by_seed(rows).items()}
    others = _by_seed(singles)
    count = len(mine)
    judged = f"{max(row.n for row in rows)} test rollouts of every operating point"
    judged += f" and each of {count} seeds" if count > 1 else ""
    return Answer(
        points.path, points.label, "measured", system, most, None, _mean(mine, "seeds"),
        None, None, f"{judged}; operating points are mixed to meet the budget",
        _best(mine, others, most, "seeds"), _drawn(mine, others, most, "seeds"),
        marks(rows), marks(singles), 1 if points.budgets else 3, missing=_missing(singles, most),
    )  # fmt: skip


def _of_rivals(
    points: Points, rivals: Rivals, rows: Sequence[PointRow], singles: Sequence[PointRow]
) -> list[Answer]:
    """A quickstart: its table has the differences, paired by question."""
    system = rivals.rows[0].method
    names = list(dict.fromkeys(row.name for row in rows))
    made = []
    for k, own in enumerate(row for row in rivals.rows if row.method == system):
        if own.accuracy is None or k >= len(names):
            continue
        at = [row for row in rows if row.name == names[k]]
        mine = {row.seed: (row.performance, row.performance_se) for row in at}
        most = max(own.budget_usd, own.cost_usd or 0.0)
        best = next((r for r in rivals.rows
                     if r.method in SINGLES and r.budget_usd == own.budget_usd), None)  # fmt: skip
        made.append(
            Answer(
                points.path, points.label, "measured", system.removeprefix("ours: "),
                own.budget_usd, None, _mean(mine, "worlds"), own.cost_usd,
                float(np.mean([row.latency_s for row in at])),
                f"the test questions of {len(mine)} world{'s' if len(mine) > 1 else ''}",
                _stated(best), _drawn(mine, _by_seed(singles), most, "worlds"),
                marks(rows), marks(singles), 0, missing=_missing(singles, most),
            )
        )  # fmt: skip
    return made


def _stated(row: RivalRow | None) -> Rival | None:
    """The best single LLM as a quickstart's table has it."""
    if row is None or row.accuracy is None or row.ahead is None:
        return None
    low, high = (None if row.half is None else row.ahead + s * row.half for s in (-1, 1))
    ahead = Interval(row.ahead, low, high, "paired by question")
    return Rival(_HINDSIGHT, row.accuracy, row.cost_usd, ahead)


def _best(
    mine: Mapping[str, tuple[float, float]], singles: Seeds, most: float, what: str
) -> Rival | None:
    """In every seed the single LLM of at most this cost that did best there."""
    best = {}
    for seed, rows in singles.items():
        able = [row for row in rows if row.cost_usd <= most]
        if able and seed in mine:
            best[seed] = max(able, key=lambda row: row.performance)
    names = {row.name.removeprefix(_ONE) for row in best.values()}
    name = f"{_HINDSIGHT} ({names.pop()})" if len(names) == 1 else _HINDSIGHT
    return _rival(name, mine, {s: (r.performance, r.performance_se, r.cost_usd)
                               for s, r in best.items()}, what)  # fmt: skip


def _drawn(
    mine: Mapping[str, tuple[float, float]], singles: Seeds, most: float, what: str
) -> Rival | None:
    """A single LLM drawn at random for every question, among those of at most this cost."""
    able = {s: [row for row in rows if row.cost_usd <= most] for s, rows in singles.items()}
    able = {seed: rows for seed, rows in able.items() if rows and seed in mine}
    means = {
        seed: (
            float(np.mean([row.performance for row in rows])),
            float(np.mean([row.performance_se for row in rows])),
            float(np.mean([row.cost_usd for row in rows])),
        )
        for seed, rows in able.items()
    }
    counts = sorted({len(rows) for rows in able.values()})
    among = " to ".join(str(n) for n in dict.fromkeys((*counts[:1], *counts[-1:])))
    return _rival(f"an LLM drawn at random among the {among} that cost no more", mine, means, what)


def _rival(
    name: str,
    mine: Mapping[str, tuple[float, float]],
    theirs: Mapping[str, tuple[float, float, float]],
    what: str,
) -> Rival | None:
    """Differences seed by seed. Of fewer than three, the interval is that of unpaired questions,
    which is too wide if anything."""
    if not theirs:
        return None
    gaps = [mine[seed][0] - of[0] for seed, of in theirs.items()]
    errors = [float(np.hypot(mine[seed][1], of[1])) for seed, of in theirs.items()]
    accuracy, _, usd = np.mean(list(theirs.values()), 0)
    return Rival(name, float(accuracy), float(usd), interval_of(gaps, errors, what))


def _mean(mine: Mapping[str, tuple[float, float]], what: str) -> Interval:
    values, errors = zip(*mine.values(), strict=True)
    return interval_of(values, errors, what, floor=0)


def _within(rows: Sequence[PointRow], most: float) -> tuple[float, float]:
    """P@budget (Eq 12) and at most its standard error over questions."""
    reached = performance_at([(row.cost_usd, row.performance) for row in rows], most)
    able = [row for row in rows if row.cost_usd <= most] or rows
    return reached, max(row.performance_se for row in able)


def _by_seed(rows: Sequence[PointRow]) -> dict[str, list[PointRow]]:
    seen: dict[str, list[PointRow]] = {}
    for row in rows:
        seen.setdefault(row.seed, []).append(row)
    return seen


def marks(rows: Sequence[PointRow]) -> tuple[Mark, ...]:
    """A point of the picture for every operating point, means over seeds."""
    named: dict[str, list[PointRow]] = {}
    for row in rows:
        named.setdefault(row.name, []).append(row)
    made = []
    for name, same in named.items():
        reached = {row.seed: (row.performance, row.performance_se) for row in same}
        mean = _mean(reached, "seeds")
        usd = float(np.mean([row.cost_usd for row in same]))
        made.append(Mark(name, usd, mean.mean, mean.low, mean.high))
    return tuple(made)


def _mark(name: str, row: PointRow) -> Mark:
    [made] = marks([row])
    return Mark(name.removeprefix(_ONE), made.usd, made.accuracy, made.low, made.high)


def _missing(singles: Sequence[PointRow], most: float) -> str:
    """Why no single LLM is named."""
    if not singles:
        return "these files hold no single LLM on the same questions"
    cheapest = min(row.cost_usd for row in singles)
    return f"the cheapest single LLM takes {1e3 * cheapest:.3g} mUSD" if cheapest > most else ""
