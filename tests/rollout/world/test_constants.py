"""The simulated world by hand: published tables, equations, counted random numbers."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from abgnn.data.backbone import Usage
from abgnn.errors import ConfigError
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.latents import (
    Ability,
    Latents,
    backbone_ability,
    query_latents,
    solve_rate,
)
from abgnn.rollout.world.mechanics import PeerAnswer, SimulatedCall
from abgnn.rollout.world.noise import digest, normals, uniforms
from abgnn.rollout.world.rules import rules_of
from tests.rollout.helpers import backbone, query

SECOND, THIRD = rules_of(2), rules_of(3)
GOLDEN = [1.0711383517017357, 1.0976146018309927]


@pytest.mark.parametrize(
    ("score", "logit"),
    [
        (64.4, 1.03),
        (73.9, 1.79),
        (79.5, 2.31),
        (82.0, 2.57),
        (85.7, 3.00),
        (86.8, 3.15),
        (87.5, 3.24),
        (88.6, 3.40),
        (89.1, 3.47),
        (89.2, 3.49),
        (90.9, 3.77),
        (92.7, 4.12),
        (92.9, 4.16),
    ],
)
def test_ability_table_of_general(score: float, logit: float) -> None:
    b = backbone("b", benchmarks={"general": {"MMLU-Redux": score, "GPQA": 1.0}})
    assert backbone_ability(b, "general", 0, 0.0, SECOND).logit == pytest.approx(logit, abs=0.006)


@pytest.mark.parametrize(("published", "rate"), [(11.6, 0.737), (22.8, 0.831), (70.7, 0.955)])
def test_solve_rate_of_code(published: float, rate: float) -> None:
    b = backbone("b", benchmarks={"code": {"LiveCodeBench v5": published, "CodeForces": 1387}})
    assert solve_rate(b, "code") == pytest.approx(rate, abs=6e-4)


def test_solve_rate_without_the_usual_benchmark() -> None:
    b = backbone("b", benchmarks={"math": {"GSM8K": 80.0, "home-made": 0.4, "rating": 1500.0}})
    assert solve_rate(b, "math") == pytest.approx(0.6)
    with pytest.raises(ConfigError, match=r"Backbone\(b\)\.benchmarks\.general.*MMLU-Redux"):
        solve_rate(b, "general")


def test_difficulty_has_unit_variance_and_reads_meta() -> None:
    topics = world.topic_table()
    draws = [
        query_latents(query(i, area="hum", topic=i % 10, level=i // 10 % 5 + 1), 0, topics, 3)
        for i in range(5000)
    ]
    z = np.array([d.z for d in draws])  # [queries]
    assert abs(z.mean()) < 0.05
    assert abs(z.std() - 1) < 0.05
    visible = [z[i::50].mean() for i in range(50)]  # given topic and level
    assert abs(np.var(visible) - 0.61) < 0.05
    assert {d.subject for d in draws} == {"hum"}
    assert np.mean([d.length for d in draws]) == pytest.approx(
        350 * math.exp(0.15**2 / 2), rel=0.02
    )


def test_level_above_five_counts_as_five_and_worlds_share_the_topics() -> None:
    topics = world.topic_table()
    five, six = (query_latents(query(0, topic=3, level=n), 0, topics, 3).z for n in (5, 6))
    one = query_latents(query(0, topic=3, level=1), 0, topics, 3).z
    assert five == six
    assert five - one == pytest.approx(0.5 * 2.8 / (0.7 * math.sqrt(2)))
    assert query_latents(query(0, topic=3, level=5), 1, topics, 3).z != five


def call(role: str, kind: str = "standard", *received: PeerAnswer, z: float = 0.5) -> SimulatedCall:
    on = backbone("b", type=kind)
    return SimulatedCall(
        on, Ability(2.0, 0.5), role, "general", Latents("stem", z, 300.0), SECOND, received
    )


def test_logit_by_hand() -> None:
    right, wrong = PeerAnswer(1.35, True, 100), PeerAnswer(0.7, False, 100)
    assert call("Knowledgeable Expert").logit() == pytest.approx(2.0 - 1.1)
    assert call("Mathematician").logit() == pytest.approx(2.0 - 0.2 + 0.5 - 1.1)
    assert call("Mathematician", "reasoning").logit() == pytest.approx(2.0 + 0.1 + 0.5 - 1.1)
    assert call("Nobody's Role").logit() == pytest.approx(0.9)
    shift = (1.35 * 0.825 - 0.7 * 0.75) / math.sqrt(2)
    assert call("Critic", "standard", right, wrong).logit() == pytest.approx(
        0.9 + 0.25 + 1.5 * shift
    )
    crowd = call("Knowledgeable Expert", "standard", *[right] * 4).logit()
    assert crowd == pytest.approx(0.9 + 1.5 * 1.35 * 0.825 * 2 - 0.12 * 2)
    decision = call("Decision Maker", "standard", *[right] * 6).logit()
    assert decision == pytest.approx(0.85 * 0.9 + 1.25 * 1.35 * 0.825 * math.sqrt(6) - 0.12)


def test_tokens_by_hand() -> None:
    received = (PeerAnswer(1.0, True, 100), PeerAnswer(1.0, False, 50))
    visible = 300 * math.exp(0.1 - 0.045)
    shown, usage = call("Historian", "standard", *received).tokens(0.0)
    assert shown == round(visible)
    assert usage == Usage(150 + 130 + 130 + 80, shown)
    shown, usage = call("Decision Maker", "standard", *received).tokens(0.0)
    assert shown == round(0.6 * visible)
    assert usage.prompt_tokens == 150 + 130 + 130 + 80 + 100
    shown, usage = call("Critic", "reasoning").tokens(1.0)
    assert shown == round(0.8 * visible * math.exp(0.3))
    assert usage.completion_tokens == round(0.8 * visible * math.exp(0.3) * 5 * math.exp(0.075))
    assert usage.reasoning_tokens == usage.completion_tokens - shown


@pytest.mark.parametrize(("active", "rate"), [(1.7, 113), (8, 61), (14, 49), (22, 41), (32, 35)])
def test_seconds_by_hand(active: float, rate: float) -> None:
    on = backbone("b", active_params_b=active)
    latents = Latents("stem", 0.0, 300.0)
    it = SimulatedCall(on, Ability(2.0, 0.5), "Critic", "general", latents, SECOND)
    reading = it.seconds(Usage(6000, 0), 0.0) - 0.4
    assert reading == pytest.approx(math.sqrt(active / 8))
    writing = it.seconds(Usage(0, 1000), 0.0) - 0.4
    assert 1000 / writing == pytest.approx(rate, abs=0.6)


def test_noise_is_fixed_for_good() -> None:
    """Golden draws: another NumPy, platform or refactoring must not change published worlds."""
    assert normals(2, 0, "query", "q/0") == pytest.approx(GOLDEN, rel=1e-12)
    assert normals(3, 0, "query", "q/0")[:2] == normals(2, 0, "query", "q/0")
    assert normals(1, 0, "a", "bc") != normals(1, 0, "ab", "c")
    many = np.array([normals(1, "x", i)[0] for i in range(4000)])
    assert abs(many.mean()) < 0.06
    assert abs(many.std() - 1) < 0.05


def test_quirk_moves_backbones_off_their_profiles_reproducibly() -> None:
    b = backbone("b")
    exact, off = (
        backbone_ability(b, "general", 0, 0.0, SECOND),
        backbone_ability(b, "general", 0, 0.4, SECOND),
    )
    assert (exact.verbosity, exact.slowness) == (1.0, 1.0)
    assert off == backbone_ability(b, "general", 0, 0.4, SECOND)
    assert off != backbone_ability(b, "general", 1, 0.4, SECOND)
    spread = np.std(
        [
            math.log(backbone_ability(backbone(f"b{i}"), "general", 0, 0.4, SECOND).slowness)
            for i in range(400)
        ]
    )
    assert spread == pytest.approx(0.4, rel=0.12)


@pytest.mark.parametrize("count", [1, 4, 5, 23])
def test_draws_are_those_of_a_new_philox_whatever_was_drawn_before(count: int) -> None:
    for key in (("a", 1), ("b", 2), ("a", 1)):
        bits = np.random.Philox(key=np.frombuffer(digest(*key), dtype="<u8")).random_raw(count)
        assert uniforms(count, *key) == [((int(b) >> 11) + 0.5) * 2.0**-53 for b in bits]


def test_threads_do_not_draw_each_others_numbers() -> None:
    wanted = [normals(3, "thread", k) for k in range(200)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda k: normals(3, "thread", k), range(200))) == wanted
