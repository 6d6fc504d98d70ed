"""Where one role answers, the kind of beliefs is chosen by what it says of left-out questions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abgnn.data.arrays import Array
from abgnn.data.template import Role, Template
from abgnn.planning import Budget, Observations, Prior, QuestionPlan, Questions
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.calibration import Calibration
from abgnn.planning.lone_beliefs import LOGISTIC, NEARNESS, lone_outcomes
from abgnn.planning.lone_calls import expected_accuracy, logit_of
from abgnn.planning.nearness import Published
from abgnn.planning.two_stage import TwoStagePredictions
from abgnn.planning.two_stage_fit import difference_error
from abgnn.planning.two_stage_means import squashed
from tests.planning.question_world import profile as team_profile
from tests.planning.question_world import template as team_template

NAMES, H = ("first", "second", "third"), 8
USD = np.array([1e-4, 2e-4, 8e-4])
PRIOR = Prior(NAMES, np.full(3, 0.6), USD, 1e4 * USD, np.zeros(3, dtype=bool), USD, 100.0)
SOLVE, VOTE = Role("Solver", "Solve it.", lead=True), Role("Vote", "Count.")
ROUTING = Template("routing", (SOLVE, VOTE), (), decision=1)


def questions(n: int, seed: int, width: int = H, first: float = 1.0) -> Questions:
    """`first`: how far texts differ in their first dimension, in units of the others."""
    rng = np.random.default_rng(seed)
    embedding = rng.standard_normal((n, width)) * np.array([first, *[1.0] * (width - 1)])
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    kinds = tuple("ab"[i % 2] for i in range(n))
    texts = tuple(f"question {seed}/{i}" for i in range(n))
    return Questions(texts, texts, embedding, np.zeros((n, 22)), np.zeros(n), kinds, "kind")


def spread(asked: Questions) -> Array:
    """Which LLM is right depends on a direction of the texts that is one of many, `[Q, 3]`."""
    side = np.clip(asked.embedding.shape[1] ** 0.5 * asked.embedding[:, 0], -1, 1)
    return np.stack([0.5 + 0.45 * side, 0.5 - 0.45 * side, np.full(len(asked), 0.55)], 1)


def steep(asked: Questions) -> Array:
    """It depends, by far, on the direction in which texts differ most."""
    first = asked.embedding[:, 0] > 0
    one, other = np.where(first, 0.99, 0.01), np.where(first, 0.01, 0.99)
    return np.stack([one, other, other], 1)


def observed(chance: Array, share: float = 1.0) -> Observations:
    """Lone calls, on a share of all (question, LLM) pairs."""
    rng = np.random.default_rng(0)
    query, llm = np.nonzero(rng.random(chance.shape) < share)
    right = (rng.random(len(query)) < chance[query, llm]).astype(float)
    zero, whole = np.zeros(len(query)), np.zeros(len(query), dtype=np.int64)
    return Observations(
        query, llm, whole, right, zero, zero, USD[llm], 1e4 * USD[llm], zero + 50,
        np.zeros(len(chance)), np.zeros(len(chance), dtype=np.int64),
    )  # fmt: skip


def calibration(asked: Questions, calls: Observations, published: Published | None) -> Calibration:
    width = asked.embedding.shape[1]
    roles = np.linalg.qr(np.random.default_rng(1).standard_normal((width, 2)))[0].T
    return Calibration(
        "recorded", "general", PRIOR, ROUTING, ((0, 1, 2),), calls, len(calls), 0.0,
        questions=asked, role_embedding=roles, published=published,
    )  # fmt: skip


def two_stage(planner: QuestionPlanner, asked: Questions) -> Array:
    assert planner.lone is not None
    assert isinstance(planner.lone.source, TwoStagePredictions)
    return planner.lone.source(asked)[0]


@pytest.fixture(scope="module")
def routed() -> Calibration:
    asked = questions(120, 0)
    return calibration(asked, observed(spread(asked)), None)


def test_two_stages_win_where_few_components_miss_what_counts() -> None:
    asked = questions(240, 0, width=100)
    lone = calibration(asked, observed(spread(asked)), None).by_question().lone
    assert lone is not None
    assert lone.name == "two-stage"
    assert lone.errors["two-stage"] == min(lone.errors.values())
    assert lone.about.startswith("two-stage; leave-one-out error of differences between LLMs: two-")


def test_the_logistic_wins_where_the_text_decides_by_far() -> None:
    asked = questions(120, 0, first=4.0)
    lone = calibration(asked, observed(steep(asked)), None).by_question().lone
    assert lone is not None
    assert lone.name == LOGISTIC
    assert lone.errors[LOGISTIC] == min(lone.errors.values())


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_fresh_questions_are_believed_and_planned_by_the_chosen_kind(share: float) -> None:
    asked, fresh = questions(120, 0), questions(100, 9)
    planner = calibration(asked, observed(spread(asked), share), None).by_question()
    assert planner.lone is not None
    belief, chance = planner(fresh), spread(fresh)
    told_apart = chance[:, 0] - chance[:, 1]
    assert np.corrcoef(belief.accuracy[:, 0, 0] - belief.accuracy[:, 0, 1], told_apart)[0, 1] > 0.7
    assert belief.usd[:, 0] == pytest.approx(np.tile(USD, (100, 1)))
    two, own = two_stage(planner, fresh), replace(planner, lone=None)(fresh)
    share = planner.lone.share
    both = share * two + (1 - share) * own.accuracy[:, 0]
    assert belief.accuracy[:, 0] == pytest.approx(both)
    chosen = [planner.designs[d].agents[0][1] for d in planner.choose(fresh, 0.0, 0.0)]
    assert chance[np.arange(100), chosen].mean() > chance.mean(0).max() + 0.1


def test_prices_are_found_on_what_is_said_of_questions_that_are_left_out(
    routed: Calibration,
) -> None:
    planner = routed.by_question()
    at = [planner.designs.index(d) for d in planner.designs if len(d.agents) == 1]
    llms = [planner.designs[d].agents[0][1] for d in at]
    score = lone_outcomes(routed.observed, 3).score[:, llms]
    left_out = planner.trained.accuracy[:, at]
    assert routed.questions is not None
    inside = planner.forecasts(routed.questions).accuracy[:, at]
    assert difference_error(score, inside) < difference_error(score, left_out)
    plan = QuestionPlan.of(routed, Budget(3e-4))
    fresh = questions(200, 5)
    used = plan.planner.forecasts(fresh).usd[np.arange(200), plan.choose(fresh)].mean()
    assert 0.8 * 3e-4 < used < 1.1 * 3e-4


def test_a_kind_that_is_not_stated_is_the_likeliest(routed: Calibration) -> None:
    planner, fresh = routed.by_question(), questions(20, 3)
    unstated = replace(fresh, kinds=("",) * 20)
    likely = planner.read(unstated).kind.argmax(1)
    stated = replace(fresh, kinds=tuple("ab"[g] for g in likely))
    assert planner.lone is not None
    two = replace(planner, lone=replace(planner.lone, share=1.0))
    assert two(unstated).accuracy[:, 0] == pytest.approx(two_stage(planner, stated))


def test_a_plan_file_keeps_them(routed: Calibration, tmp_path: Path) -> None:
    plan, fresh = QuestionPlan.of(routed, Budget(3e-4)), questions(50, 4)
    plan.write(tmp_path / "plan.json")
    again = QuestionPlan.read(tmp_path / "plan.json")
    assert again.planner.about == plan.planner.about
    assert again.planner(fresh).accuracy == pytest.approx(plan.planner(fresh).accuracy, abs=1e-4)
    assert (again.choose(fresh) == plan.choose(fresh)).mean() > 0.97
    assert again.expected == pytest.approx(plan.expected, rel=1e-4)


def test_squashed_predictions_keep_their_order() -> None:
    raw = np.array([-0.5, 0.02, 0.08, 0.5, 0.95, 0.99, 1.0, 1.2])
    made = squashed(raw)
    assert (np.diff(made) > 0).all()
    assert made[2:5] == pytest.approx(raw[2:5])
    assert 0.03 <= made.min() < made.max() <= 0.985


def test_a_logit_is_found_for_any_expected_accuracy() -> None:
    accuracy, sd = np.random.default_rng(0).uniform(0.001, 0.999, (2, 500))
    for query_sd in (0.0, 1.6, 4.0):
        mean = logit_of(accuracy, sd, query_sd)
        assert expected_accuracy(mean, sd, query_sd) == pytest.approx(accuracy, abs=1e-9)


PUBLISHED = Published(
    np.eye(H)[:2], np.array([[2.0, -1.0], [-1.0, 2.0], [0.5, np.nan]])
)  # two families of benchmarks, one of which the third LLM has no score on


def near(family: int, n: int = 10) -> Questions:
    asked = questions(n, 2)
    embedding = np.tile(np.eye(H)[family], (n, 1)) + 0.05 * asked.embedding
    return replace(asked, embedding=embedding / np.linalg.norm(embedding, axis=1, keepdims=True))


def silent(asked: Questions, published: Published | None, *, team: bool = False) -> QuestionPlanner:
    """A planner without any call."""
    nothing = Observations.none(np.zeros(len(asked)))
    made = calibration(asked, nothing, published)
    if team:
        roles = np.linalg.qr(np.random.default_rng(1).standard_normal((H, 3)))[0].T
        known = replace(team_profile(), names=NAMES)
        made = replace(made, profile=known, template=team_template(), role_embedding=roles)
    return made.by_question()


@pytest.mark.parametrize("team", [False, True])
def test_without_any_call_published_scores_tell_questions_apart(team: bool) -> None:
    planner = silent(questions(40, 0), PUBLISHED, team=team)
    assert planner.about == "nearness of published scores to the question, no call"
    for family in (0, 1):
        best = planner(near(family)).accuracy[:, 0].argmax(1)
        assert (best == family).all()
        free = planner.choose(near(family), 0.0, 0.0)
        designs = [planner.designs[d] for d in free]
        assert all(family in design.backbones for design in designs)
    lead = [d for d in planner.designs if d.agents == ((0, 0),)]
    first, second = (planner.forecasts(near(f), lead).accuracy.mean() for f in (0, 1))
    assert first > second + 0.3
    assert planner.prices(Budget(1.2e-4))[0] > 0  # found on the questions, which nobody answered


def test_teams_follow_what_is_believed_of_their_agents() -> None:
    planner = silent(questions(40, 0), PUBLISHED, team=True)
    team = [d for d in planner.designs if d.decision == 0 and len(d.agents) > 1][:1]
    assert team
    ahead = [planner.forecasts(near(f), team).accuracy.mean() for f in (0, 1)]
    blind = silent(questions(40, 0), None, team=True)
    assert blind.lone is None
    other = [blind.forecasts(near(f), team).accuracy.mean() for f in (0, 1)]
    assert ahead[0] - ahead[1] > 2 * abs(other[0] - other[1]) > 0


def test_scores_on_one_family_tell_no_question_from_another() -> None:
    one = replace(PUBLISHED, logits=np.where([True, False], PUBLISHED.logits, np.nan))
    assert silent(questions(40, 0), one).lone is None


def test_published_scores_are_a_candidate_beside_few_calls(tmp_path: Path) -> None:
    asked = replace(questions(30, 0), kinds=("",) * 30)
    rng = np.random.default_rng(0)
    side = rng.random(30) < 0.5
    embedding = np.where(side[:, None], near(0, 30).embedding, near(1, 30).embedding)
    asked = replace(asked, embedding=embedding)
    chance = np.stack([np.where(side, 0.95, 0.1), np.where(side, 0.1, 0.95), 0 * side + 0.5], 1)
    known = calibration(asked, observed(chance, 0.4), PUBLISHED)
    known.save(tmp_path / "calibration.json")
    lone = Calibration.load(tmp_path / "calibration.json").by_question().lone
    assert lone is not None
    assert set(lone.errors) == {"two-stage", LOGISTIC, "mean of both", NEARNESS}
