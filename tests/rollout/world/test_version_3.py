"""Version 3 of the world, held against what real tables, debates and judgements gave."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.rollout.world.interaction import deviations
from abgnn.rollout.world.latents import Latents, backbone_ability, query_latents
from abgnn.rollout.world.mechanics import PeerAnswer, SimulatedCall
from abgnn.rollout.world.rules import rules_of
from abgnn.rollout.world.study import World
from abgnn.rollout.world.wrong_answers import agreement, place_of, repeat_share
from scripts.bench import world_checks
from tests.rollout.helpers import backbone, query

THIRD = rules_of(3)
WORLDS = range(1300, 1306)


@pytest.mark.parametrize(
    ("measure", "n"),
    [
        (world_checks.wrong_answers, 300),
        (world_checks.repeats, 400),
        (world_checks.corrections, 300),
        (world_checks.judges, 300),
        (world_checks.subjects, 15),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_real_data_say(measure: object, n: int) -> None:
    assert callable(measure)
    checks = list(measure(WORLDS, n))
    assert [check for check in checks if not check.holds] == []


@pytest.mark.slow
def test_teams() -> None:
    checks = list(world_checks.teams(range(1300, 1316), 600))
    assert [check for check in checks if not check.holds] == []


def test_the_published_score_is_the_mean() -> None:
    """Over areas, topics, forms and difficulty, in every domain; also with the interaction."""
    for domain, benchmark in (("general", "MMLU-Redux"), ("math", "MATH-500")):
        llms = [backbone(f"b{i}", benchmarks={domain: {benchmark: 75.0}}) for i in range(8)]
        asked = [Query(f"mean/{i}", "?", domain) for i in range(1500)]
        logits = World(5).true_logits(asked, llms, "Someone")  # [Q, M]
        assert np.mean(1 / (1 + np.exp(-logits))) == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("version", [2, 3])
def test_many_logits_are_those_of_single_calls(version: Literal[2, 3]) -> None:
    world = World(4, quirk=0.2, version=version)
    llms = [backbone("a"), backbone("b", type="reasoning")]
    asked = [*(query(i, level=i % 5 + 1) for i in range(6)), Query("m/0", "?", "math")]
    for role in ("Mathematician", "Decision Maker"):
        one_by_one = [[world.true_logit(q, b, role) for b in llms] for q in asked]
        np.testing.assert_allclose(world.true_logits(asked, llms, role), one_by_one)


def test_interaction_by_area_topic_and_form() -> None:
    tables = np.array(
        [deviations(backbone(f"b{i}"), "general", 0, (0.35, 0.5, 0.0)) for i in range(300)]
    )  # [M, 4, 10, 5]
    assert tables.shape == (300, 4, 10, 5)
    np.testing.assert_allclose(tables.mean((1, 2, 3)), 0, atol=1e-12)
    areas = tables.mean((2, 3))  # [M, 4]
    assert areas.std() == pytest.approx(0.35, rel=0.1)
    assert (tables.mean(3) - areas[:, :, None]).std() == pytest.approx(0.5, rel=0.05)
    assert tables.std(3).max() == pytest.approx(0), "forms say nothing in general"
    forms = np.array([deviations(backbone(f"b{i}"), "code", 0, (0, 0, 0.35)) for i in range(300)])
    assert forms.std() == pytest.approx(0.35, rel=0.1)
    same = [deviations(backbone(n, model="w", family="f"), "general", 0, (0, 0.5, 0)) for n in "ab"]
    assert np.corrcoef(np.ravel(same[0]), np.ravel(same[1]))[0, 1] == pytest.approx(0.5, abs=0.3)


def call(role: str, *received: PeerAnswer, strength_of: str = "b") -> SimulatedCall:
    on = backbone(strength_of)
    ability = backbone_ability(on, "general", 0, 0.0, THIRD)
    return SimulatedCall(on, ability, role, "general", Latents("stem", 0.5, 300.0), THIRD, received)


def test_messages_by_hand() -> None:
    right, wrong = PeerAnswer(1.35, True, 100), PeerAnswer(0.7, False, 100)
    one = call("Knowledgeable Expert")
    c, m = one.ability.capability, one.ability.strength
    h = m * (1.35 * (0.6 + 0.6 * c) - 0.7 * (0.5 + 0.4 * c)) / 2
    assert call("Knowledgeable Expert", right, wrong).logit() == pytest.approx(
        one.logit() + 1.5 * h
    )
    many = call("Knowledgeable Expert", *[right, wrong] * 4).logit()
    assert many == pytest.approx(one.logit() + 1.5 * h), "their mean, however many"
    decision = call("Decision Maker", right, wrong).logit()
    assert decision == pytest.approx(0.45 * call("Decision Maker").own_logit() + 2 * h)
    strengths = [
        backbone_ability(backbone(f"b{i}"), "general", 0, 0.0, THIRD).strength for i in range(300)
    ]
    assert np.log(strengths).std() == pytest.approx(0.6, rel=0.1)
    pushed = backbone_ability(backbone("b"), "general", 0, 0.0, rules_of(3, "pushy")).strength
    assert pushed == pytest.approx(2 * m)
    with pytest.raises(ConfigError, match="messages"):
        rules_of(2, "neutral")


def test_seconds_have_tails_by_endpoint_and_the_published_mean() -> None:
    noise = np.random.default_rng(0).normal(size=20_000)
    tails = []
    for i in range(20):
        ability = backbone_ability(backbone(f"b{i}"), "general", 0, 0.0, THIRD)
        delays = np.exp(ability.tail * noise + ability.center)
        assert delays.mean() == pytest.approx(1, abs=0.02)
        tails.append(ability.tail)
        assert 0.15 <= ability.tail <= 0.6
    assert max(tails) - min(tails) > 0.2


@pytest.mark.parametrize(("attraction", "wrong"), [(0.55, 3), (0.55, 9), (0.6, 11), (0.4, 19)])
def test_which_wrong_answer(attraction: float, wrong: int) -> None:
    uniform = np.random.default_rng(0).random(20_000)
    places = np.array([place_of(float(u), 2, attraction, wrong) for u in uniform])
    shares = np.bincount(places, minlength=wrong) / len(places)
    rest = (1 - attraction) / wrong
    np.testing.assert_allclose(shares, rest + attraction * (np.arange(wrong) == 2), atol=0.01)
    rho = repeat_share(attraction, wrong, 0.8)
    assert rho**2 + (1 - rho**2) * agreement(attraction, wrong) == pytest.approx(0.8)


def test_version_2_does_not_read_mapped_subjects() -> None:
    topics = {s: tuple(float(t) for t in range(10)) for s in ("stem", "hum", "soc", "law")}
    stated, mapped = query(area="law", topic=3), query(area="law", topic=3, mapped=True)
    assert query_latents(mapped, 0, topics, 3) == query_latents(stated, 0, topics, 3)
    assert query_latents(mapped, 0, topics, 2) == query_latents(query(), 0, topics, 2)
    assert query_latents(stated, 0, topics, 2) == query_latents(stated, 0, topics, 3)
