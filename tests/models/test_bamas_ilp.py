"""The integer program: the released teams, exhaustive search, weights beyond doubles, tiers."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import pytest

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.models.bamas.ilp import JOBS, MOST, PATTERNS, Group, Pattern, Team, buy, tier_weights
from abgnn.models.bamas.solve import Problem, Row, search, solve
from abgnn.models.bamas.tiers import WEAKEST, Tier, choose_tiers, groups_of

STRONG = {"planner": 1.0, "executor": 1.0, "critic": 1.0}
MBPP = {"planner": 0.9, "executor": 0.8, "critic": 0.8}
SHORT = {"planner": 320, "executor": 384, "critic": 384}
SETS = {
    "GSM8K": (WEAKEST, SHORT),
    "MBPP": (MBPP, {**SHORT, "planner": 384}),
    "MATH": (WEAKEST, {**SHORT, "executor": 1024, "critic": 1024}),
}
# set, budget in micro-USD: linear = star; feedback's executors, critics; the planner, executors
RELEASED = [
    ("GSM8K", 500, "LL", "L", "L", "L", "L"),
    ("GSM8K", 875, "HL", "H", "L", "L", "H"),
    ("GSM8K", 1250, "HH", "H", "H", "H", "HL"),
    ("GSM8K", 1625, "HHLL", "HH", "LL", "H", "HH"),
    ("GSM8K", 2000, "HHHL", "HHH", "L", "L", "HHH"),
    ("MBPP", 500, "LL", "L", "L", "L", "L"),
    ("MBPP", 875, "HL", "H", "L", "L", "H"),
    ("MBPP", 1250, "HH", "H", "H", "H", "H"),
    ("MBPP", 1625, "HHLL", "HH", "LL", "L", "HHL"),
    ("MBPP", 2000, "HHHL", "HHH", "L", "L", "HHH"),
    ("MATH", 1000, "LL", "L", "L", "H", "L"),
    ("MATH", 2000, "HL", "H", "L", "H", "H"),
    ("MATH", 3000, "HHL", "HH", "L", "H", "HLL"),
]


def released(name: str) -> tuple[Group, ...]:
    """DeepSeek at 0.27/1.10, GPT-4.1 nano at 0.10/0.40 USD per million tokens."""
    lowest, max_tokens = SETS[name]
    tiers = (Tier("H", 0.27, 1.10, STRONG), Tier("L", 0.10, 0.40, lowest))  # type: ignore[arg-type]
    return groups_of(tiers, max_tokens)  # type: ignore[arg-type]


def letters(team: Team | None, job: str) -> str:
    assert team is not None
    return "".join("HL"[t] for t in team.tiers(job))  # type: ignore[arg-type]


def test_estimated_costs_are_the_released_ones() -> None:
    costs = {
        name: [
            [float(g.cost) for g in released(name) if g.job == job]
            for job in ("planner", "executor")
        ]
        for name in SETS
    }
    assert costs == {
        "GSM8K": [[487.0, 178.0], [557.4, 203.6]],
        "MBPP": [[557.4, 203.6], [557.4, 203.6]],
        "MATH": [[487.0, 178.0], [1261.4, 459.6]],
    }


@pytest.mark.parametrize(("name", "budget", "line", "solve_", "judge", "plan", "work"), RELEASED)
def test_released_teams(
    name: str, budget: int, line: str, solve_: str, judge: str, plan: str, work: str
) -> None:
    team = {p: buy(released(name), p, Fraction(budget)) for p in PATTERNS}
    assert letters(team["linear"], "executor") == line
    assert letters(team["star"], "executor") == line
    assert letters(team["feedback"], "executor") == solve_
    assert letters(team["feedback"], "critic") == judge
    assert letters(team["planner"], "planner") == plan
    assert letters(team["planner"], "executor") == work


def test_a_budget_may_be_met_to_the_last_cent() -> None:
    """557.4 + 203.6 micro-USD are 761; in doubles, prices times tokens miss it by a rounding."""
    groups = released("GSM8K")
    met = buy(groups, "linear", Fraction(761))
    assert met is not None
    assert met.cost == 761
    assert letters(met, "executor") == "HL"
    short = buy(groups, "linear", Fraction(761) - Fraction(1, 10**12))
    assert letters(short, "executor") == "H"
    assert buy(groups, "linear", Fraction("203.5")) is None
    assert buy(groups, "feedback", Fraction(407)) is None
    assert buy(groups, "linear", Fraction(0)) is None


def test_weights_recurse_from_the_lowest_tier() -> None:
    costs = {0: Fraction(5), 1: Fraction(3), 2: Fraction(2)}
    assert tier_weights(costs, Fraction(10)) == {2: 1, 1: 6, 0: 24}  # 1+5; 1+5+6·3


def best_by_hand(
    groups: list[Group], pattern: Pattern, budget: Fraction, copies: int
) -> tuple[Fraction, Fraction] | None:
    """Objective and least cost over all teams, the rules written out anew."""
    able = [g for g in groups if g.job in JOBS[pattern]]
    first: dict[int, Fraction] = {}
    for g in able:
        first.setdefault(g.tier, g.cost)
    weight, total = {}, 0
    for tier in sorted(first, reverse=True):
        weight[tier] = total + 1
        total += weight[tier] * int(budget // first[tier])
    best: tuple[Fraction, Fraction] | None = None
    for counts in itertools.product(range(copies + 1), repeat=len(able)):
        cost = sum((g.cost * n for g, n in zip(able, counts, strict=True)), Fraction(0))
        if cost > budget or not admitted(able, counts, pattern):
            continue
        value = Fraction(0)
        for g, n in zip(able, counts, strict=True):
            f = "1.005" if g.job == "critic" else "1"
            if g.job == "executor" and pattern != "planner" and g.tier == 0:
                f = "1.01"
            value += (
                n * g.performance * weight[g.tier] * Fraction("1.001" if g.job == "planner" else f)
            )
        if best is None or (value, -cost) > (best[0], -best[1]):
            best = value, cost
    return best


def admitted(able: list[Group], counts: tuple[int, ...], pattern: Pattern) -> bool:
    def number(job: str, tier: int = 99) -> int:
        pairs = zip(able, counts, strict=True)
        return sum(n for g, n in pairs if g.job == job and g.tier <= tier)

    for job in JOBS[pattern]:
        if not 1 <= number(job) <= MOST[pattern].get(job, 99):
            return False
    return pattern != "feedback" or all(
        number("critic", t) <= number("executor", t) for t in range(9)
    )


def random_groups(rng: random.Random, tiers: int, *, coarse: bool) -> list[Group]:
    """Coarse numbers make ties; fine ones do not."""
    groups = []
    for job in ("planner", "executor", "critic"):
        for tier in range(tiers):
            cost = rng.randint(1, 8) if coarse else Fraction(rng.randint(200, 9000), 10)
            p = Fraction(rng.randint(1, 4), 4) if coarse else Fraction(rng.randint(100, 1000), 1000)
            groups.append(Group(job, tier, Fraction(cost), p))  # type: ignore[arg-type]
    rng.shuffle(groups)
    return groups


@pytest.mark.parametrize("cases", [60, pytest.param(200, marks=pytest.mark.slow)])
def test_teams_are_optimal(cases: int) -> None:
    """Against exhaustive search; some instances have no team at all."""
    rng, none = random.Random(0), 0
    for case in range(cases):
        tiers, pattern = rng.choice([2, 2, 3]), PATTERNS[case % 4]
        copies = 5 if tiers == 2 else 3
        groups = random_groups(rng, tiers, coarse=case % 3 == 0)
        budget = Fraction(rng.randint(2, 30) if case % 3 == 0 else rng.randint(100, 3000))
        team = buy(groups, pattern, budget, copies)
        want = best_by_hand(groups, pattern, budget, copies)
        assert (team and (team.objective, team.cost)) == want, case
        none += team is None
    assert cases / 40 < none < cases / 2


def test_weights_beyond_doubles_lose_nothing() -> None:
    """Small costs, four tiers: weights up to 10^21, and a lowest tier that must still be full."""
    rng = random.Random(1)
    for _ in range(10):
        groups = [
            Group(
                "executor",
                t,
                Fraction(rng.randint(10, 99), 10**6),
                Fraction(rng.randint(500, 999), 1000),
            )
            for t in range(4)
        ]
        team = buy(groups, "linear", Fraction(1000), copies=1)
        assert team is not None
        assert team.counts == (1, 1, 1, 1)
        pair = buy(groups, "linear", groups[0].cost + groups[3].cost + Fraction(1, 10**6), copies=1)
        assert pair is not None
        want = best_by_hand(
            groups, "linear", groups[0].cost + groups[3].cost + Fraction(1, 10**6), 1
        )
        assert (pair.objective, pair.cost) == want


def test_what_doubles_cannot_tell_apart() -> None:
    """10^20 and 10^20 + 1 are one double; the exact search finds the better one."""
    problem = Problem((10**20, 10**20 + 1, 1), (1, 1, 1), 2, (1, 1, 1))
    assert solve(problem) == (1, 1, 0)
    assert solve(Problem(problem.value, problem.cost, 1, problem.upper)) == (0, 1, 0)
    assert solve(Problem((3, 2), (10**20 + 1, 1), 10**20, (1, 1))) == (0, 1)


def test_ties_go_to_the_cheapest_then_to_the_first() -> None:
    assert solve(Problem((2, 2, 2), (3, 2, 2), 4, (1, 1, 1), (Row((1, 1, 1), 1),))) == (0, 1, 0)
    assert solve(Problem((1, 1), (1, 1), 3, (2, 2))) == (2, 1)


def test_a_start_does_not_change_the_end() -> None:
    rng = random.Random(2)
    for _ in range(50):
        n = 4
        problem = Problem(
            tuple(rng.randint(1, 9) for _ in range(n)),
            tuple(rng.randint(1, 9) for _ in range(n)),
            rng.randint(5, 40),
            (3,) * n,
            (Row((-1, -1, 0, 0), -1), Row((1, 1, 1, 0), 4)),
        )
        found = search(problem)
        assert found is not None
        assert solve(problem) == found == search(problem, (1, 0, 0, 0))


def test_a_first_group_may_mislead_the_weights() -> None:
    """As released a tier can be outweighed by cheap agents below it; with the minimum it cannot."""
    one = Fraction(1)
    groups = [
        Group("planner", 0, Fraction(4), one),
        Group("planner", 1, Fraction(50), one),  # the first met: c of the lower tier
        Group("executor", 0, Fraction(92), one),
        Group("executor", 1, Fraction(20), one),
    ]
    budget = Fraction(100)
    first, least = (buy(groups, "planner", budget, tier_cost=c) for c in ("first", "min"))  # type: ignore[arg-type]
    assert first is not None
    assert least is not None
    assert first.tiers("executor") == (1, 1, 1, 1)
    assert least.tiers("executor") == (0,)


def test_the_papers_objective() -> None:
    """Two agents at least, all LLMs of a tier alike."""
    groups = released("GSM8K")
    assert buy(groups, "linear", Fraction(400), objective="paper") is None  # one agent only
    assert letters(buy(groups, "linear", Fraction(408), objective="paper"), "executor") == "LL"
    team = buy(groups, "planner", Fraction(1625), objective="paper")
    assert team is not None
    # W = 1 + floor(1625 / 178) = 10: a strong planner and two strong executors
    assert (letters(team, "planner"), letters(team, "executor")) == ("H", "HH")
    assert team.objective == 30


def backbones(*rows: tuple[str, float]) -> Catalogue:
    return Catalogue(
        tuple(Backbone(name, name, "standard", price, 4 * price, 1.0, {}) for name, price in rows)
    )


def test_tiers_by_rank_of_score() -> None:
    """Those that a cheaper one beats are passed over; ends are kept."""
    catalogue = backbones(("a", 0.1), ("b", 0.2), ("poor", 0.3), ("c", 0.4), ("d", 0.8))
    score = {"a": 0.5, "b": 0.6, "poor": 0.55, "c": 0.7, "d": 0.8}

    def names(number: int) -> list[str]:
        return [t.backbone for t in choose_tiers(catalogue, score, number=number)]

    assert names(2) == ["d", "a"]
    assert names(3) == ["d", "b", "a"]
    assert names(4) == ["d", "c", "b", "a"]
    with pytest.raises(ConfigError, match="n_tiers"):
        names(5)
    by_score = choose_tiers(catalogue, score, ["d", "a"], performance="scores")
    assert [t.performance["critic"] for t in by_score] == [1.0, 0.625]


def test_performance_between_the_ends() -> None:
    catalogue = backbones(("a", 0.1), ("b", 0.2), ("c", 0.4))
    tiers = choose_tiers(catalogue, {"a": 0.5, "b": 0.6, "c": 0.7}, ["c", "b", "a"])
    assert [t.performance["executor"] for t in tiers] == [1.0, 0.75, 0.5]
    assert [t.performance["planner"] for t in tiers] == [1.0, 0.975, 0.95]
    mbpp = choose_tiers(catalogue, {"a": 0.5, "c": 0.7}, ["c", "a"], performance=MBPP)
    assert mbpp[1].performance == MBPP


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"names": ["a"]}, "policy.tiers"),
        ({"names": ["a", "a"]}, "policy.tiers"),
        ({"names": ["a", "nobody"]}, "backbone"),
        ({"performance": "guessed"}, "policy.performance"),
        ({"performance": {"executor": 1.5}}, "policy.performance.executor"),
        ({"performance": {"cook": 0.5}}, "policy.performance.cook"),
    ],
)
def test_wrong_tiers_are_named(kwargs: dict[str, object], field: str) -> None:
    catalogue = backbones(("a", 0.1), ("b", 0.2))
    with pytest.raises(ConfigError, match=field):
        choose_tiers(catalogue, {"a": 0.5, "b": 0.6}, **kwargs)  # type: ignore[arg-type]


def test_tiers_of_a_packaged_catalogue() -> None:
    catalogue = Catalogue.from_yaml(config_path("catalogues/paper.yaml"))
    tiers = choose_tiers(catalogue, {n: 0.5 + 0.01 * i for i, n in enumerate(catalogue.names)})
    assert tiers[0].price_out > tiers[1].price_out
