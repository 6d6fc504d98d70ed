"""The Pareto front against its definition; pools: sizes, order, distinctness, invariance."""

from __future__ import annotations

import pickle
import sys
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.pools.build import (
    Pools,
    build_pools,
    pareto_mask,
    read_pools,
)
from abgnn.pools.estimates import DOMAINS, triples

TABLE_5 = "pools/paper_table5.yaml"
# Few different values, so that ties and duplicates are common.
POINT = st.tuples(*[st.integers(1, 6).map(float)] * 3)
POINTS = st.lists(POINT, min_size=1, max_size=14)


@pytest.fixture(scope="module")
def paper() -> Catalogue:
    return Catalogue.from_yaml("catalogues/paper.yaml")


def pools_of(points: list[tuple[float, float, float]], **options: Any) -> Pools:
    names = [f"b{i:02}" for i in range(len(points))]
    return build_pools(names, *np.array(points).T, **options)


def dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    no_worse = a[0] >= b[0] and a[1] <= b[1] and a[2] <= b[2]
    return no_worse and a != b


@given(POINTS)
def test_front_is_who_nobody_dominates(points: list[tuple[float, float, float]]) -> None:
    expected = [not any(dominates(a, b) for a in points) for b in points]
    assert pareto_mask(*np.array(points).T).tolist() == expected


def test_duplicates_of_a_front_point_stay_together() -> None:
    assert pareto_mask([1, 1, 0], [1, 1, 1], [1, 1, 1]).tolist() == [True, True, False]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_named(bad: float) -> None:
    with pytest.raises(ConfigError, match=r"cost\[1\]"):
        pareto_mask([1, 1], [1, bad], [1, 1])
    with pytest.raises(ConfigError, match="latency"):
        pareto_mask([1, 1], [1, 1], [1])


@settings(max_examples=60, deadline=None)
@given(
    POINTS,
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 2),
    st.sampled_from(["move", "drop"]),
)
def test_pools_keep_their_promises(
    points: list[tuple[float, float, float]], n_pools: int, low: int, extra: int, overflow: str
) -> None:
    pools = pools_of(points, n_pools=n_pools, min_size=low, max_size=low + extra, overflow=overflow)
    front = np.flatnonzero(pools.front)
    assert 1 <= len(pools) <= n_pools
    assert len(pools) == 1 or len(front) >= len(pools) + low - 1
    assert all(min(low, len(front)) <= len(p) <= low + extra for p in pools.members)
    assert len(set(pools.members)) == len(pools)
    assert set(np.flatnonzero(pools.mask.any(0))) <= set(front)
    assert [np.flatnonzero(row).tolist() for row in pools.mask] == [list(p) for p in pools.members]
    assert (np.diff(pools.mean(pools.perf)) >= -1e-12).all()
    assert (np.diff(pools.cost_curve) > 0).all()
    assert pools.cost_curve[0] == 0
    assert len(pools) == 1 or pools.cost_curve[-1] == 1


@settings(max_examples=40, deadline=None)
@given(POINTS.flatmap(lambda p: st.tuples(st.just(p), st.permutations(range(len(p))))))
def test_the_order_of_backbones_does_not_matter(
    case: tuple[list[tuple[float, float, float]], list[int]],
) -> None:
    points, order = case
    names = [f"b{i:02}" for i in range(len(points))]
    shuffled = build_pools([names[i] for i in order], *np.array([points[i] for i in order]).T)
    assert [set(pool) for pool in shuffled.named()] == [set(p) for p in pools_of(points).named()]


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
@settings(max_examples=20, deadline=None)
def test_units_of_cost_and_latency_do_not_matter(cost: float, latency: float) -> None:
    rng = np.random.default_rng(3)
    points = np.sort(rng.uniform(0.1, 1, (9, 3)), axis=0)
    plain, scaled = (
        pools_of([tuple(r) for r in points * s]) for s in ([1, 1, 1], [1, cost, latency])
    )
    assert scaled.members == plain.members
    np.testing.assert_allclose(scaled.cost_curve, plain.cost_curve, atol=1e-9)


def test_three_clear_tiers_are_found() -> None:
    points = [
        (t + 0.01 * i, 10.0**t * (1 + 0.1 * i), 10.0**t * (1 + 0.1 * i))
        for t in (2, 0, 1)
        for i in range(3)
    ]
    pools = pools_of(points, n_pools=3)
    assert pools.members == ((3, 4, 5), (6, 7, 8), (0, 1, 2))
    np.testing.assert_allclose(pools.cost_curve, [0, 0.5, 1], atol=1e-3)


def test_too_large_a_cluster_moves_or_drops_its_members() -> None:
    # Four alike and one apart, at most three per pool: someone has to leave the four.
    tier = [(0.8 + 0.01 * i, 4 + 0.1 * i, 4 + 0.1 * i) for i in range(4)]
    points = [(0.5, 1.0, 1.0), *tier]
    moved = pools_of(points, n_pools=2, min_size=1)
    dropped = pools_of(points, n_pools=2, min_size=1, overflow="drop")
    assert moved.mask.any(0).all()
    assert moved.members == ((0, 1), (2, 3, 4))
    assert dropped.members[0] == (0,)
    assert len(dropped.members[1]) == 3
    # Beyond the ratio nobody may move: then the farthest is dropped here too.
    assert pools_of(points, n_pools=2, min_size=1, max_ratio=2.0).members == dropped.members


def test_few_backbones_make_few_pools() -> None:
    assert pools_of([(0.5, 1.0, 1.0)]).members == ((0,),)
    assert pools_of([(0.5, 1.0, 1.0)]).cost_curve.tolist() == [0.0]
    ladder = [(0.1 * i, float(i), float(i)) for i in range(1, 5)]
    assert pools_of(ladder[:2]).members == ((0, 1),)
    assert pools_of(ladder[:3]).members == ((0, 1, 2),)
    assert pools_of(ladder).members == ((0, 1, 2), (1, 2, 3))
    assert pools_of(ladder[:2], min_size=1).members == ((0,), (1,))
    assert len(pools_of([(0.5, 1.0, 1.0)] * 6)) == 1


def test_qwen25_is_dominated_everywhere_but_not_by_mmlu_redux_alone(paper: Catalogue) -> None:
    at = paper.index("Qwen2.5-72B-Instruct")
    for domain in DOMAINS:
        found = triples(paper, domain)
        assert not pareto_mask(found.perf, found.cost, found.latency)[at]
    found = triples(paper, "general")
    redux = [b.benchmarks["general"]["MMLU-Redux"] / 100 for b in paper]
    assert pareto_mask(redux, found.cost, found.latency)[at]


@pytest.mark.parametrize("domain", list(DOMAINS))
def test_the_papers_catalogue_gives_four_full_pools(paper: Catalogue, domain: str) -> None:
    found = triples(paper, domain)
    pools = build_pools(found.names, found.perf, found.cost, found.latency)
    assert [len(pool) for pool in pools.members] == [3, 3, 3, 3]
    assert pools.mask.any(0).tolist() == pools.front.tolist()  # nobody on the front is lost
    assert "Qwen3-1.7B" in pools.named()[0]
    assert "Qwen3-235B-A22B-thinking" in pools.named()[-1]


def test_code_pools_are_the_papers_but_for_one_member(paper: Catalogue) -> None:
    found = triples(paper, "code")
    ours = build_pools(found.names, found.perf, found.cost, found.latency).named()
    theirs = read_pools(TABLE_5, "code")
    differ = [set(a) ^ set(b) for a, b in zip(ours, theirs, strict=True)]
    assert differ == [set(), set(), {"Qwen3-1.7B-thinking", "Qwen3-32B-thinking"}, set()]


@pytest.mark.parametrize("domain", list(DOMAINS))
def test_table_5_can_be_stated(paper: Catalogue, domain: str) -> None:
    found = triples(paper, domain)
    stated = read_pools(TABLE_5, domain)
    pools = Pools.from_names(found.names, stated, found.perf, found.cost, found.latency)
    assert [set(pool) for pool in pools.named()] == [set(pool) for pool in stated]
    assert (np.diff(pools.mean(pools.perf)) > 0).all()
    assert (np.diff(pools.cost_curve) > 0).all()


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        ([["a"], ["x"]], r"pools\[1\]"),
        ([["a"], []], r"pools\[1\]"),
        ([["a", "a"]], r"pools\[0\]"),
        ([], "pools"),
        (["ab"], "pools"),
    ],
)
def test_wrong_stated_pools_are_refused(stated: Any, field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        Pools.from_names(["a", "b"], stated, [0.1, 0.2], [1, 2], [1, 2])


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"n_pools": 0}, "n_pools"),
        ({"min_size": 0}, "min_size"),
        ({"min_size": 4}, "max_size"),
        ({"backend": "dbscan"}, "backend"),
        ({"overflow": "split"}, "overflow"),
        ({"max_ratio": 1.0}, "max_ratio"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        pools_of([(0.1 * i, float(i), float(i)) for i in range(1, 6)], **options)


def test_free_or_nameless_backbones_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"cost\[0\]"):
        build_pools(["a"], [1.0], [0.0], [1.0])
    with pytest.raises(ConfigError, match="names"):
        build_pools(["a"], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0])


def test_stated_pools_of_another_domain_are_missed_by_name() -> None:
    with pytest.raises(ConfigError, match="general, math, code"):
        read_pools(TABLE_5, "poetry")


class BestMedoids:
    """Stands in for scikit-learn-extra's KMedoids: tries all sets of medoids."""

    def __init__(self, n_clusters: int, metric: str, **_: Any) -> None:
        assert metric == "precomputed"
        self.k = n_clusters

    def fit(self, distance: np.ndarray[Any, Any]) -> BestMedoids:
        sets = combinations(range(len(distance)), self.k)
        self.medoid_indices_ = min(sets, key=lambda m: distance[:, m].min(1).sum())
        return self


def test_the_other_backend_finds_the_same(
    monkeypatch: pytest.MonkeyPatch, paper: Catalogue
) -> None:
    # Also an exact check: FasterPAM's restarts reach the best set of medoids.
    module = SimpleNamespace(KMedoids=BestMedoids)
    monkeypatch.setitem(sys.modules, "sklearn_extra.cluster", module)
    monkeypatch.setitem(sys.modules, "sklearn_extra", SimpleNamespace(cluster=module))
    for domain in DOMAINS:
        found = triples(paper, domain)
        z = (found.names, found.perf, found.cost, found.latency)
        assert build_pools(*z, backend="sklearn-extra").members == build_pools(*z).members


def test_a_backend_that_is_not_installed_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn_extra", None)
    with pytest.raises(ConfigError, match=r"abgnn\[sklearn-extra\]"):
        pools_of([(0.5, 1.0, 1.0)], backend="sklearn-extra")


def test_pools_can_be_sent_to_another_process() -> None:
    pools = pools_of([(0.5, 1.0, 1.0), (0.6, 2.0, 2.0)])
    again = pickle.loads(pickle.dumps(pools))
    assert again.members == pools.members
    np.testing.assert_array_equal(again.perf, pools.perf)
