"""Rivals of a closed loop: what a replay makes of each, and the best within budgets."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.models.programs import CascadeProgram, CascadeRoutingProgram
from abgnn.models.programs.closed_loop import ClosedLoopProgram
from abgnn.planning import Budget, LoopPlan
from abgnn.planning.closed_loop.ahead import prices_within
from abgnn.planning.closed_loop.batch import STOP, LoopBatch
from abgnn.planning.closed_loop.cascades import Cascade, cascades_of
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.expected import Expected
from abgnn.planning.closed_loop.lookahead import posterior_of
from abgnn.planning.closed_loop.majorities import majorities_of
from abgnn.planning.closed_loop.problem import Asked, LoopProblem
from abgnn.planning.closed_loop.replay import Replay
from abgnn.planning.closed_loop.ways import Ways
from abgnn.planning.closed_loop.whole_sets import LATER, SetReplay, SetRule, WholeSets, set_prices
from tests.planning.closed_loop.calibrations import calibration
from tests.planning.closed_loop.problems import problem

COST = 1.5e-4


@cache
def loop() -> ClosedLoop:
    return LoopPlan.of(calibration(), Budget()).loop


def replay() -> Replay:
    return replace(loop(), reading=None).replay_of_all


WAYS = Ways(
    ["poor", "good", "dear", "same as good, dearer"],
    np.array([[0.5, 1.0, 1.0], [0.8, 2.0, 9.0], [0.9, 5.0, 2.0], [0.8, 2.5, 9.0]]),
)


@pytest.mark.parametrize(
    ("budget", "best"),
    [
        (Budget(), "dear"),
        (Budget(3.0), "good"),  # the cheapest of equals
        (Budget(2.0), "poor"),  # .97 of it is aimed at
        (Budget(2.0, margin=1.0), "good"),
        (Budget(None, 3.0), "dear"),
        (Budget(4.0, 3.0), "poor"),
        (Budget(0.1), "poor"),  # nothing fits: the least beyond
    ],
)
def test_the_best_within_budgets(budget: Budget, best: str) -> None:
    assert WAYS.best(budget) == best


def test_where_none_fits_another_kind_does() -> None:
    alone = Ways(["cheap"], np.array([[0.1, 0.05, 0.1]]))
    assert WAYS.best(Budget(0.1), alone) == "cheap"
    assert WAYS.best(Budget(3.0), alone) == "good"
    nothing = Ways[str]([], np.zeros((0, 3)))
    assert nothing.best(Budget(3.0), alone) == "cheap"


def carried_out(program: ClosedLoopProgram, q: int) -> tuple[Array, list[int]]:
    """Score, USD, seconds, and whom the program asks, by its decisions on recorded answers."""
    known, asked = replay().answers[q], list[Asked]()
    while (step := program.decide(asked, set())).ask:
        asked += [known(m) for m in step.ask]
    at = [answer.llm for answer in asked]
    assert step.answer is not None
    bill = known.right[step.answer], known.usd[at].sum(), known.seconds[at].sum()
    return np.array(bill), at


def reordered(one: LoopProblem, order: tuple[int, ...]) -> LoopProblem:
    """Of these LLMs only."""
    at = list(order)
    return replace(
        one, names=tuple(one.names[m] for m in at), accuracy=one.accuracy[at], usd=one.usd[at],
        seconds=one.seconds[at], families=tuple(one.families[m] for m in at),
        no_key=None if one.no_key is None else one.no_key[at],
    )  # fmt: skip


def test_what_cascades_come_to_is_what_their_program_does() -> None:
    cascades, known = cascades_of(loop()), replay()
    assert {len(c.llms) for c in cascades.ways} == {1, 2, 3}
    assert len(cascades.ways) == 3 + 6 * 9 + 6 * 81
    chosen = [i for i, c in enumerate(cascades.ways) if len(c.llms) == 3][::97]
    for i in [0, 20, *chosen]:
        cascade = cascades.ways[i]
        bills = []
        for q, one in enumerate(known.problems):
            mine = reordered(one, tuple(one.names.index(known.table.llms[m]) for m in cascade.llms))
            program = CascadeProgram.of(mine, thresholds=cascade.thresholds)
            bills.append(_cascaded(program, q, [one.names.index(n) for n in mine.names]))
        assert np.mean(bills, 0) == pytest.approx(cascades.means[i])


def _cascaded(program: CascadeProgram, q: int, at: list[int]) -> Array:
    """As `carried_out`, with candidates in another order."""
    known, asked = replay().answers[q], list[Asked]()
    while (step := program.decide(asked, set())).ask:
        asked += [known(at[m])._replace(llm=m) for m in step.ask]
    assert step.answer is not None
    paid = [at[answer.llm] for answer in asked]
    right = known.right[at[step.answer]]
    return np.array([right, known.usd[paid].sum(), known.seconds[paid].sum()])


def test_a_longer_cascade_may_be_worth_its_price() -> None:
    cascades = cascades_of(loop())
    alone = [right for c, (right, usd, _) in zip(cascades.ways, cascades.means, strict=True)
             if len(c.llms) == 1 and usd <= COST]  # fmt: skip
    best = cascades.best(Budget(COST))
    assert isinstance(best, Cascade)
    assert cascades.means[list(cascades.ways).index(best)][0] >= max(alone)


def test_majorities_by_hand() -> None:
    table = loop().table.rows(np.arange(4))
    keys = np.array([[0, 0, 1], [0, 1, 2], [-1, 0, 1], [0, 1, 1]])
    right = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    table = replace(table, keys=keys, right=right)  # the second LLM is the ablest
    three = majorities_of(table)
    assert three.ways == [(1, 2, 0)]
    # agreement; all differ: the ablest; one has no key: the ablest; agreement
    assert three.means[0, 0] == pytest.approx((0 + 1 + 1 + 1) / 4)
    assert three.means[0, 1] == pytest.approx(table.usd.sum(1).mean())
    assert three.means[0, 2] == pytest.approx(table.seconds.max(1).mean())
    alone = majorities_of(table, voters=1)
    assert [ways[0] for ways in alone.ways] == [1, 2, 0]
    assert alone.means[:, 0] == pytest.approx([0.75, 0.5, 0.0])
    assert not majorities_of(replace(table), voters=4).ways


def test_sets_are_worth_the_expected_best_answer_less_their_price() -> None:
    """Against all sequences of answers, drawn one by one from the posterior's predictions."""
    one = problem(3)
    sets = WholeSets(LoopBatch((one,)).weights)
    tree, total = one.tree, sets.weights.total
    state = tree.state([(one.column(Asked(0, "A")), "A")])
    values = sets.values(1, np.array([0]), np.array([state]), one.price[None])[0]
    values = values / total[1][0, state]
    for first, of in ((1, [(1,), (1, 2)]), (2, [(2,)])):
        best = max(_expected(one, [Asked(0, "A")], chosen) - one.price[list(chosen)].sum()
                   for chosen in of)  # fmt: skip
        assert values[first] == pytest.approx(best)  # 1 is the cheaper of both
    assert values[0] == -np.inf


def _expected(one: LoopProblem, asked: list[Asked], chosen: tuple[int, ...]) -> float:
    """E[max P(right)] after `chosen` have answered too, over their keys."""
    weights = LoopBatch((one,)).weights
    if not chosen:
        return posterior_of(one, asked).best[1]
    state = one.tree.state([(one.column(a), a.key) for a in asked])
    here, out = weights.total[len(asked)][0, state], 0.0
    for key in [*dict.fromkeys(a.key for a in asked), "new", None]:
        after = [*asked, Asked(chosen[0], key if key != "new" else f"new {len(asked)}")]
        there = one.tree.state([(one.column(a), a.key) for a in after])
        p = weights.total[len(after)][0, there] / here
        out += p * _expected(one, after, chosen[1:])
    return float(out)


def test_no_set_is_worth_less_the_dearer_it_is() -> None:
    sets, start = WholeSets(LoopBatch((problem(4),)).weights), np.array([0])
    prices = (problem(4).price[None] * f for f in (0.5, 2.0))
    cheap, dear = (sets.values(0, start, start, price)[0] for price in prices)
    assert (cheap >= dear).all()
    pairs = list(combinations(range(4), 2))
    assert set(pairs) <= set(sets.expected[0])
    assert max(map(len, sets.expected[0])) == 4
    assert max(map(len, sets.expected[3])) == 1


@pytest.mark.parametrize("later", LATER)
def test_whole_sets_are_replayed_as_their_program_decides(later: float) -> None:
    rule, known = SetReplay(replay(), later), replay()
    tok, _ = prices_within(rule, Budget(COST), 0.97)
    run = rule(tok)
    assert run.usd.mean() <= COST
    for q in range(len(known.problems)):
        one = replace(known.problems[q], lambda_tok=tok)
        bill, at = carried_out(CascadeRoutingProgram.of(one, later=later), q)
        assert bill == pytest.approx([run.right[q], run.usd[q], run.seconds[q]])
        assert len(at) == run.calls[q]


def test_prices_of_whole_sets_are_the_best_of_their_factors() -> None:
    tok, lat, later = set_prices(loop(), Budget(COST))
    assert tok > 0 == lat
    mine = SetReplay(replay(), later)(tok).right.mean()
    for other in LATER:
        rule = SetReplay(replay(), other)
        assert mine >= rule(*prices_within(rule, Budget(COST), 0.97)).right.mean()


def test_without_prices_all_are_asked_and_under_the_highest_only_the_cheapest() -> None:
    sets, start = WholeSets(LoopBatch((problem(4),)).weights), np.array([0])
    levels = sets.weights.tree.levels
    usd = problem(4).usd[None]
    dear, free = SetRule(sets, 1e9 * usd, 1.0), SetRule(sets, 0.0 * usd, 1.0)
    assert dear.choose(0, start, start)[0] == 0
    asked: set[int] = set()
    for state in range(len(levels[1].llms)):
        assert dear.choose(1, start, np.array([state]))[0] == STOP
    for state in range(len(levels[2].llms)):
        asked |= {int(free.choose(2, start, np.array([state]))[0])}
    assert asked > {STOP}


def test_what_readers_would_have_said_is_expected_not_replayed() -> None:
    read = replace(loop(), reading=lambda *_: None)
    assert isinstance(read.replay, Expected)
    with pytest.raises(ConfigError, match="design complete"):
        _ = read.replay_of_all
    assert isinstance(loop().replay, Replay)


def test_a_calibration_with_gaps_cannot_be_replayed() -> None:
    table = loop().table
    right = table.right.copy()
    right[0, 0] = np.nan
    gaps = replace(loop(), table=replace(table, right=right))
    for what in (cascades_of, lambda one: set_prices(one, Budget(COST))):
        with pytest.raises(ConfigError, match="design complete"):
            what(gaps)
