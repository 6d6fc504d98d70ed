"""Plans that tell kinds of questions apart, intervals for the next queries, latency quantiles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.models.planned import PlannedMixture
from abgnn.planning import Design, Mixture, Observations, OutcomeModel, VirtualQueries, budgeted_mix
from abgnn.planning.budgets import Budget, Stratum, Weighted
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.planning.predictive import predict
from abgnn.planning.search import Candidate, Searcher
from abgnn.training.profiles_alone import kinds_of
from tests.planning.test_planner import ALL, TEMPLATE, M, observations, profile

ABILITY = np.array([[2.5, -1.0], [-1.0, 2.5], [0.0, 0.0], [0.0, 0.0]])  # [M, kinds]


def two_kinds(n: int = 900, queries: int = 150, seed: int = 0) -> Observations:
    """Lone calls of the first role: a is good at kind 0, b at kind 1; kind 1 is told at length."""
    rng = np.random.default_rng(seed)
    backbone, query = rng.integers(M, size=n), rng.integers(queries, size=n)
    dz, group = rng.standard_normal(queries), np.arange(queries) % 2
    kind = group[query]
    logit = ABILITY[backbone, kind] - 0.5 * dz[query]
    noise = np.exp(0.2 * rng.standard_normal((3, n)))
    longer = np.where(kind == 1, 2.0, 1.0)
    zero = np.zeros(n)
    return Observations(
        query, backbone, np.zeros(n, dtype=np.int64), (rng.random(n) < expit(logit)).astype(float),
        zero, zero, profile().usd[backbone] * noise[0] * longer,
        profile().seconds[backbone] * noise[1], 300 * noise[2], dz, group,
    )  # fmt: skip


def calibration(seen: Observations, *, apart: bool) -> Calibration:
    observed = seen if apart else replace(seen, group=np.zeros_like(seen.group))
    kinds, by = (("x", "y"), "kind") if apart else (("",), None)
    return Calibration(
        "simulated", "general", profile((0.7, 0.7, 0.7, 0.7)), TEMPLATE, ((0, 1, 2, 3),), observed,
        len(seen), 0.0, "", by, kinds,
    )  # fmt: skip


def test_plans_for_further_budgets_do_not_search_from_the_start_and_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen, made = two_kinds(300, 60), list[int]()
    fresh = [plan(calibration(seen, apart=True), Budget(usd), seed=3) for usd in (3e-4, 1e-3)]
    start = Searcher.__init__

    def counted(self: Searcher, *args: object, **kwargs: object) -> None:
        made.append(1)
        start(self, *args, **kwargs)

    monkeypatch.setattr(Searcher, "__init__", counted)
    known = calibration(seen, apart=True)
    assert [plan(known, Budget(usd), seed=3) for usd in (1e-3, 3e-4)] == fresh[::-1]
    assert len(made) == 2  # one a kind
    assert plan(known, Budget(1e-3), seed=4) != fresh[1]
    assert len(made) == 4


def test_each_kind_gets_the_llm_that_is_good_at_it() -> None:
    apart = plan(calibration(two_kinds(), apart=True), Budget(1e-3))
    chosen = {p.group: {m for _, m in p.candidate.design.agents} for p in apart.parts}
    assert 0 in chosen["x"]
    assert 1 in chosen["y"]
    together = plan(calibration(two_kinds(), apart=False), Budget(1e-3))
    assert apart.accuracy > together.accuracy + 0.1
    assert sum(p.share for p in apart.parts if p.group == "x") == pytest.approx(0.5, abs=0.01)


def test_tastes_are_shrunk_where_there_are_none() -> None:
    seen = observations(1500)
    noise = np.random.default_rng(0).integers(2, size=seen.n_queries)
    model = OutcomeModel.fit(replace(seen, group=noise), profile(), TEMPLATE)
    assert np.abs(model.correct.mean[model.correct.layout.kind_effect]).max() < 0.4
    assert model.correct.kind_effect[0] > model.correct.kind_effect[2]
    strong = OutcomeModel.fit(two_kinds(), profile((0.7, 0.7, 0.7, 0.7)), TEMPLATE)
    assert strong.correct.kind_effect[2] > 0.5


def test_bills_of_kinds() -> None:
    model = OutcomeModel.fit(two_kinds(), profile((0.7,) * 4), TEMPLATE)
    zero, kinds = np.zeros(2), np.array([0, 1])
    usd = model.usd.mean(1, 0, False, zero, kinds)
    assert usd[1] / usd[0] == pytest.approx(2.0, rel=0.1)


def test_kinds_share_the_budget() -> None:
    """What the easy kind does not need pays for the other: within the sum, above one of them."""
    model = OutcomeModel.fit(two_kinds(), profile((0.7,) * 4), TEMPLATE)
    strata = [Stratum(k, 0.5, Searcher(model, ALL, 0, g)) for g, k in enumerate("xy")]
    mix = budgeted_mix(strata, Budget(3.5e-4, margin=0.97))
    assert mix.feasible
    assert mix.usd <= 0.97 * 3.5e-4 * (1 + 1e-9)
    assert len(mix.parts) <= 3
    tight = budgeted_mix(strata, Budget(1e-9))
    assert not tight.feasible
    assert {p.group for p in tight.parts} == {"x", "y"}


def best_by_kind(model: OutcomeModel) -> Mixture:
    """Alone, a answers questions of kind x and b those of kind y: nothing is searched."""
    virtual = VirtualQueries(model, 64)
    designs = [Design(((0, m),), (), None) for m in (0, 1)]
    alone = [Candidate(d, virtual.forecast(d)) for d in designs]
    parts = tuple(Weighted(0.5, one, kind) for one, kind in zip(alone, "xy", strict=True))
    return Mixture(parts, Budget(), feasible=True)


@pytest.mark.slow
def test_the_next_queries_fall_within_the_interval() -> None:
    """Nominal 90 %: of 30 worlds of the model's form, few fall outside."""
    inside = {"accuracy": 0, "usd": 0, "seconds": 0}
    for seed in range(30):
        model = OutcomeModel.fit(two_kinds(400, 100, seed), profile((0.7,) * 4), TEMPLATE)
        ahead = predict(model, best_by_kind(model), ("x", "y"), queries=60, seed=seed)
        rng = np.random.default_rng(1000 + seed)
        kind = rng.integers(2, size=60)  # a at kind x, b at kind y
        noise = np.exp(0.2 * rng.standard_normal((2, 60)))
        right = rng.random(60) < expit(ABILITY[kind, kind] - 0.5 * rng.standard_normal(60))
        inside["accuracy"] += float(right.mean()) in ahead.accuracy
        inside["usd"] += float((profile().usd[kind] * (1 + kind) * noise[0]).mean()) in ahead.usd
        inside["seconds"] += float((profile().seconds[kind] * noise[1]).mean()) in ahead.seconds
    assert min(inside.values()) >= 23, inside


def test_more_queries_ahead_make_narrower_intervals_but_not_nothing() -> None:
    model = calibration(two_kinds(), apart=True).model()
    few, many = (predict(model, best_by_kind(model), ("x", "y"), n) for n in (20, 500))
    assert many.accuracy.high - many.accuracy.low < 0.6 * (few.accuracy.high - few.accuracy.low)
    assert many.accuracy.high - many.accuracy.low > 0.005
    with pytest.raises(ConfigError, match="queries"):
        predict(model, best_by_kind(model), ("x", "y"), 0)


def test_strict_plans_keep_budgets_in_most_futures() -> None:
    for seen in (calibration(observations(), apart=False), calibration(two_kinds(), apart=True)):
        upper = {}
        for strict in (False, True):
            mixture = plan(seen, Budget(6e-4, 8.0, strict=strict))
            ahead = predict(seen.model(), mixture, seen.kinds, 100)
            upper[strict] = max(ahead.usd.high / 6e-4, ahead.seconds.high / 8.0)
        assert upper[False] > 1
        assert upper[True] < 1.01
    few = calibration(observations(150), apart=False)
    surer = plan(calibration(observations(), apart=False), Budget(6e-4, strict=True))
    assert plan(few, Budget(6e-4, strict=True)).budget.aim < surer.budget.aim  # less is known


def test_a_latency_that_most_queries_keep() -> None:
    seen = calibration(observations(), apart=False)
    mean = plan(seen, Budget(None, 12.0))
    most = plan(seen, Budget(None, 12.0, 0.95))
    searcher = Searcher(seen.model(), ALL)
    late = sum(p.share * searcher.slow(p.candidate.design, 12.0) for p in most.parts)
    assert late <= 0.05
    assert sum(p.share * searcher.slow(p.candidate.design, 12.0) for p in mean.parts) > 0.1
    assert most.seconds < mean.seconds
    for bad in (0.2, 1.0):
        with pytest.raises(ConfigError, match="quantile"):
            Budget(None, 12.0, bad)
    with pytest.raises(ConfigError, match="latency"):
        Budget(1e-3, quantile=0.95)


def test_a_policy_follows_the_kind_of_the_question(tmp_path: Path) -> None:
    seen = calibration(two_kinds(), apart=True)
    path = tmp_path / "plan.json"
    PlanFile.of(plan(seen, Budget(1e-3)), seen).write(path)
    policy = PlannedMixture(str(path))
    played = {kind: set() for kind in ("x", "y", "other")}  # type: dict[str, set[str]]
    for kind, names in played.items():
        for i in range(30):
            query = Query(f"{kind}{i}", "?", "general", meta={"kind": kind})
            names |= {m for _, m in policy.plan_file.part_of(query).agents}
    assert "a" in played["x"]
    assert "b" not in played["x"]
    assert "b" in played["y"]
    assert {"a", "b"} <= played["other"]


def test_a_kind_that_questions_do_not_have() -> None:
    queries = [Query("q", "?", "general", meta={"level": 1})]
    assert kinds_of(queries, "level") == (("1",), {"q": 0})
    with pytest.raises(ConfigError, match="level"):
        kinds_of(queries, "topic")
