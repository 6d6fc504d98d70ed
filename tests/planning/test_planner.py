"""The planner: fitted on simulated calls, searched, mixed; by hand where that is possible."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.data.template_yaml import build_template
from abgnn.errors import ConfigError
from abgnn.planning import (
    Budget,
    Design,
    Observations,
    OutcomeModel,
    PlanSpace,
    Prior,
    VirtualQueries,
    budgeted_mix,
    calibration_plans,
    calls_per_rollout,
)
from abgnn.planning.calibration import Calibration
from abgnn.planning.correctness import fit_correctness, solo_ability
from abgnn.planning.correctness_layout import Layout
from abgnn.planning.quadrature import Likelihood
from abgnn.planning.search import Searcher
from abgnn.planning.usage_model import UsageModel, fit_bill

M = 4
ROLES = [Role(n, f"You are the {n}.") for n in ("Expert", "Helper", "Critic", "Decision Maker")]
TEMPLATE = build_template("complete", ROLES)
ALL = PlanSpace(TEMPLATE, (tuple(range(M)),))
TRUE_ABILITY = np.array([0.5, 1.0, 2.5, 3.0])


def profile(accuracy: tuple[float, ...] = (0.6, 0.7, 0.85, 0.9)) -> Prior:
    return Prior(
        ("a", "b", "c", "d"),
        np.array(accuracy),
        np.array([1e-4, 2e-4, 1e-3, 4e-3]),
        np.array([2.0, 4.0, 10.0, 40.0]),
        np.array([False, False, False, True]),
        np.full(M, 1e-7),
        300.0,
    )


def observations(n: int = 2000, queries: int = 200, seed: int = 0) -> Observations:
    """Calls of a world of the model's form: d is worse than published, a costs twice as much."""
    rng = np.random.default_rng(seed)
    backbone, slot = rng.integers(M, size=n), rng.integers(4, size=n)
    query, dz = rng.integers(queries, size=n), rng.standard_normal(queries)
    n_messages = np.where(slot == 3, rng.integers(1, 4, size=n), 0)
    share_right = np.where(n_messages > 0, rng.random(n), 0.0)
    ability = np.array([0.5, 1.0, 2.5, 0.8])[backbone]
    u = 1.5 * rng.standard_normal(queries)
    logit = ability - 1.2 * dz[query] + u[query] + np.log2(1 + n_messages) * (2 * share_right - 1)
    right = (rng.random(n) < expit(logit)).astype(float)
    usd = profile().usd[backbone] * np.where(backbone == 0, 2.0, 1.0)
    noise = np.exp(0.3 * rng.standard_normal((3, n)))
    seconds, visible = profile().seconds[backbone] * noise[1], 300 * noise[2]
    return Observations(
        query, backbone, slot, right, n_messages.astype(float), share_right, usd * noise[0],
        seconds, visible, dz, np.zeros(queries, dtype=np.int64),
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted() -> OutcomeModel:
    return OutcomeModel.fit(observations(), profile(), TEMPLATE)


def nothing(queries: int = 50) -> OutcomeModel:
    dz = np.random.default_rng(0).standard_normal(queries)
    return OutcomeModel.fit(Observations.none(dz), profile(), TEMPLATE)


def test_ability_gives_the_published_score() -> None:
    accuracy = np.array([0.3, 0.6, 0.95])
    a = solo_ability(accuracy, 1.7)
    x = np.random.default_rng(0).standard_normal(400_000)
    assert expit(a[:, None] + 1.7 * x).mean(1) == pytest.approx(accuracy, abs=2e-3)


def test_without_calls_the_profiles_are_all() -> None:
    model = nothing()
    accuracy, low, high = model.solo(draws=2000)
    assert accuracy == pytest.approx(profile().accuracy, abs=0.05)
    assert (low < accuracy).all()
    assert (high - low > 0.05).all()
    assert model.correct.tau == pytest.approx([0.25] * 4)
    zero = np.zeros(1)
    usd = [float(model.usd.mean(m, 0, m == 3, zero)[0]) for m in range(M)]
    assert usd == pytest.approx(profile().usd.tolist(), rel=0.05)


def test_calls_correct_a_wrong_profile(fitted: OutcomeModel) -> None:
    accuracy, low, high = fitted.solo()
    assert accuracy[3] < 0.72  # published: 0.9
    assert low[3] < accuracy[3] < high[3]
    assert accuracy[2] > 0.8
    assert fitted.correct.tau[2:].sum() > 0.9  # so published scores are not trusted
    zero = np.zeros(1)
    assert float(fitted.usd.mean(0, 0, False, zero)[0]) == pytest.approx(2.1e-4, rel=0.1)
    assert float(fitted.usd.mean(1, 0, False, zero)[0]) == pytest.approx(2.1e-4, rel=0.1)
    assert fitted.correct.query_sd == pytest.approx(1.5, abs=0.3)
    slope = fitted.correct.layout.slope
    assert fitted.correct.mean[slope] == pytest.approx(-1.2, abs=0.25)


def test_right_profiles_are_trusted() -> None:
    good = np.clip(solo_rates(), 0.05, 0.95)
    model = OutcomeModel.fit(observations(600), profile(tuple(good)), TEMPLATE)
    assert model.correct.tau[:2].sum() > 0.5


def solo_rates() -> np.ndarray:
    """What a lone call of each backbone reaches in the world of `observations`."""
    x = np.random.default_rng(1).standard_normal(100_000) * np.hypot(1.2, 1.5)
    return expit(np.array([0.5, 1.0, 2.5, 0.8])[:, None] + x).mean(1)


def test_messages_help_when_right_and_harm_when_wrong(fitted: OutcomeModel) -> None:
    at = fitted.correct.layout.messages.start + 4
    good, _, bad, _ = fitted.correct.mean[at : at + 4]
    assert good > 0.5
    assert bad < -0.5


def test_more_calls_make_surer() -> None:
    few = fit_correctness(observations(200), profile(), 4)
    many = fit_correctness(observations(3000), profile(), 4)
    spread = [np.sqrt(np.diag(f.covariance)[f.layout.ability]).mean() for f in (few, many)]
    assert spread[1] < 0.7 * spread[0]
    assert np.linalg.eigvalsh(many.covariance).min() > 0


def test_likelihood_gradient_is_that_of_the_marginal() -> None:
    """EM's fixed point is a maximum of the penalised marginal likelihood, for fixed s."""
    seen = observations(300, 40)
    layout = Layout(M, 4)
    x = layout.features(
        profile(),
        seen.backbone,
        seen.slot,
        seen.difficulty[seen.query],
        seen.n_messages,
        seen.share_right,
    )
    calls = Likelihood(x, seen.right, seen.query, seen.n_queries)
    theta, spread = np.random.default_rng(0).normal(0, 0.3, layout.size), 1.5
    weight, _ = calls.nodes(theta, spread)
    no_pull = np.ones(layout.size)  # towards where θ is
    gradient, _ = calls.newton(theta, spread, weight, theta, no_pull)
    for k in (0, 3, layout.slope, layout.size - 1):
        value = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[k] += sign * 1e-5
            value.append(calls.nodes(moved, spread)[1])
        assert gradient[k] == pytest.approx((value[0] - value[1]) / 2e-5, rel=1e-4, abs=1e-5)


def test_bills_without_noise_are_found() -> None:
    seen = observations(4000)
    exact = np.exp(np.log(profile().usd)[seen.backbone] + 0.3 * (seen.slot == 1))
    bill = fit_bill(seen, exact, profile(), 4, profile().usd)
    role = bill.coef[M : M + 4]
    assert role[1] - role[0] == pytest.approx(0.3, abs=0.02)


def test_messages_read_lengthen_bills() -> None:
    seen = observations(4000)
    longer = np.where(seen.backbone == 0, -0.2, 0.4) * np.log2(1 + seen.n_messages)
    longer = np.exp(longer)
    bill = fit_bill(seen, profile().usd[seen.backbone] * longer, profile(), 4, profile().usd)
    assert bill.log_read(1, 0) == 0.0
    assert bill.log_read(0, 3) == pytest.approx(-0.4, abs=0.05)
    assert bill.log_read(1, 3) == pytest.approx(0.8, abs=0.05)
    drawn = bill.draws(2000, np.random.default_rng(0))
    assert bill.log_read(1, 3, drawn).mean() == pytest.approx(0.8, abs=0.05)


def test_every_backbone_has_a_noise_of_its_own() -> None:
    seen = observations(4000)
    noise = np.random.default_rng(1).normal(0, np.where(seen.backbone == 0, 0.1, 0.6))
    value = profile().usd[seen.backbone] * np.exp(noise)
    bill = fit_bill(seen, value, profile(), 4, profile().usd)
    assert np.sqrt(bill.variance) == pytest.approx([0.1] + [0.6] * (M - 1), rel=0.2)


def test_play_by_hand(fitted: OutcomeModel) -> None:
    virtual = VirtualQueries(fitted, 4096)
    alone = virtual.forecast(Design(((0, 1),), (), None))
    chain = virtual.forecast(Design(((0, 1), (1, 2)), ((0, 1),), 2))
    price = fitted.profile.price_in[2]
    cast = ((0, 1, 0), (1, 2, 1), (3, 2, 2))  # role, LLM, messages read

    def bills(bill: UsageModel, which: int) -> list[float]:
        b = bill.coef[M + 4 + 2] + bill.coef[M + 4 + 3 :]
        return [
            float(virtual._billed(s, m)[which].mean()) * float(1 + n) ** (b[m] / np.log(2))
            for s, m, n in cast
        ]

    own, visible = bills(fitted.usd, 0), bills(fitted.visible, 2)
    read = (visible[0] + 30) + (visible[0] + visible[1] + 60)
    assert alone.usd == pytest.approx(own[0])
    assert chain.usd == pytest.approx(sum(own) + price * read)
    assert chain.seconds == pytest.approx(sum(bills(fitted.seconds, 1)))  # each waits
    assert chain.seconds > alone.seconds
    solo, _, _ = fitted.solo(0, draws=400)
    assert alone.accuracy == pytest.approx(solo[1], abs=0.03)


def test_common_random_numbers_make_a_difference_of_one_edge_small(fitted: OutcomeModel) -> None:
    one, two = (VirtualQueries(fitted, 1024, seed) for seed in (1, 2))
    base = Design(((0, 1), (1, 1)), (), 1)
    more = replace(base, edges=((0, 1),))
    gaps = [v.forecast(more).accuracy - v.forecast(base).accuracy for v in (one, two)]
    levels = [v.forecast(base).accuracy for v in (one, two)]
    assert abs(gaps[0] - gaps[1]) < abs(levels[0] - levels[1]) + 0.01


def test_search_beats_every_library_plan_and_follows_the_prices(fitted: OutcomeModel) -> None:
    searcher = Searcher(fitted, ALL)
    free = searcher.best(0.0, 0.0)
    dear = searcher.best(1e4, 0.0)
    assert dear.forecast.usd < free.forecast.usd
    assert {m for _, m in dear.design.agents} <= {0, 1}
    best = max(searcher.judged(f.design).forecast.accuracy for f in searcher.library[:200])
    assert free.forecast.accuracy > best - 0.01


def test_neighbours_are_admissible_and_distinct() -> None:
    pools = PlanSpace(TEMPLATE, ((0, 1), (2, 3)), min_agents=2)
    start = Design(((0, 0), (2, 1)), ((0, 2),), 0)
    near = list(pools.neighbours(start))
    assert start not in near
    for design in near:
        assert {m for _, m in design.agents} | {design.decision} <= {0, 1}
        assert len(design.agents) >= 2
        slots = [s for s, _ in design.agents]
        assert slots == sorted(slots)
        for u, v in design.edges:
            assert u in slots
            assert v in slots
            assert (u, v) in TEMPLATE.edges
        design.plan(Query("q", "?", "general"), TEMPLATE, profile().names)
    alone = list(ALL.neighbours(Design(((0, 0),), (), None)))
    assert any(len(d.agents) == 2 for d in alone)
    assert not any(d.agents == () for d in alone)


@pytest.mark.parametrize(("cost", "latency"), list(itertools.product((3e-4, 2e-3), (6.0, 30.0))))
def test_mixtures_keep_both_budgets_and_beat_their_parts(
    fitted: OutcomeModel, cost: float, latency: float
) -> None:
    searcher = Searcher(fitted, ALL)
    mix = budgeted_mix(searcher, Budget(cost, latency, margin=0.97))
    assert mix.feasible
    assert len(mix.parts) <= 3
    assert sum(p.share for p in mix.parts) == pytest.approx(1)
    assert mix.usd <= 0.97 * cost * (1 + 1e-9)
    assert mix.seconds <= 0.97 * latency * (1 + 1e-9)
    worth = [p.candidate.forecast.utility(*mix.prices) for p in mix.parts]
    assert worth == pytest.approx([worth[0]] * len(worth), abs=1e-6)  # none is the better buy
    assert all(
        searcher.judged(f.design).forecast.utility(*mix.prices) < worth[0] + 0.03
        for f in searcher.library[:60]
    )
    able = [
        f.forecast.accuracy
        for f in (searcher.judged(g.design) for g in searcher.library[:60])
        if f.forecast.usd <= 0.9 * cost and f.forecast.seconds <= 0.9 * latency
    ]
    assert mix.accuracy >= max(able, default=0) - 0.02


def test_impossible_budgets_say_so_and_no_budget_is_the_best(fitted: OutcomeModel) -> None:
    searcher = Searcher(fitted, ALL)
    assert not budgeted_mix(searcher, Budget(1e-9)).feasible
    assert len(budgeted_mix(searcher, Budget()).parts) == 1
    with pytest.raises(ConfigError, match="cost"):
        Budget(0.0)


def test_calibration_plans_are_random_factorial_and_nested() -> None:
    queries = [Query(f"q{i}", "?", "general") for i in range(7)]
    many = calibration_plans(queries, ALL, profile().names, 400, seed=3)
    assert calibration_plans(queries, ALL, profile().names, 40, seed=3) == many[:40]
    sizes = np.bincount([len(p.agents) - (len(p.agents) > 1) for p in many], minlength=4)
    assert sizes[3] == pytest.approx(300, abs=30)  # every role
    assert (sizes[1:3] > 30).all()
    assert sum(len(p.agents) for p in many) / 400 == pytest.approx(calls_per_rollout(3), abs=0.2)
    played = np.unique([a.backbone for p in many for a in p.agents], return_counts=True)[1]
    assert len(played) == M
    assert played.max() < 1.4 * played.min()
    with pytest.raises(ConfigError, match="rollouts"):
        calibration_plans(queries, ALL, profile().names, -1)
    with pytest.raises(ConfigError, match="queries"):
        calibration_plans([], ALL, profile().names, 1)


@pytest.mark.parametrize(("roles", "agents"), [(1, 1), (6, 7), (9, 7)])
def test_rollouts_ask_six_roles_at_most(roles: int, agents: int) -> None:
    template = build_template(
        "complete",
        [*[replace(ROLES[0], name=f"r{i}", lead=i == 0) for i in range(roles)], ROLES[-1]],
    )
    space = PlanSpace(template, ALL.pools)
    plans = calibration_plans([Query("q", "?", "general")], space, profile().names, 2000)
    sizes = [len(p.agents) for p in plans]
    assert max(sizes) == agents
    assert np.mean(sizes) == pytest.approx(calls_per_rollout(roles), abs=0.1)
    asked = Counter(a.role.name for p in plans for a in p.agents)
    assert len(asked) == roles + (roles > 1)  # where there are more than six, all have their turn


def test_a_file_keeps_everything(tmp_path: Path) -> None:
    made = Calibration(
        "simulated",
        "general",
        profile(),
        TEMPLATE,
        ((0, 1), (2, 3)),
        observations(50),
        20,
        0.5,
        "x",
    )
    made.save(tmp_path / "c.json")
    again = Calibration.load(tmp_path / "c.json")
    assert again.template == TEMPLATE
    assert again.pools == made.pools
    assert np.array_equal(again.observed.right, made.observed.right)
    assert again.model().correct.mean == pytest.approx(made.model().correct.mean)
    (tmp_path / "d.json").write_text("{}")
    for name in ("d.json", "nothing.json"):
        with pytest.raises(ConfigError, match="abgnn calibrate"):
            Calibration.load(tmp_path / name)


def test_catalogue_order_does_not_matter() -> None:
    seen = observations(400)
    order = np.array([2, 0, 3, 1])
    given = profile()
    turned = Prior(
        tuple(given.names[m] for m in order),
        *(getattr(given, f)[order] for f in ("accuracy", "usd", "seconds", "thinks", "price_in")),
        given.answer_tokens,
    )
    moved = replace(seen, backbone=np.argsort(order)[seen.backbone])
    one, two = OutcomeModel.fit(seen, given, TEMPLATE), OutcomeModel.fit(moved, turned, TEMPLATE)
    ability = one.correct.layout.ability
    assert two.correct.mean[ability] == pytest.approx(one.correct.mean[ability][order], abs=1e-6)
