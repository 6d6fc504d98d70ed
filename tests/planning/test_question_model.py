"""The outcome model that reads questions: features, calls, beliefs, forecasts of teams."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from abgnn.data import Query
from abgnn.errors import ConfigError
from abgnn.planning import Design, QuestionPlanner
from abgnn.planning.question_calls import Seen, call_features
from abgnn.planning.question_features import QuestionFeatures
from abgnn.planning.questions import kind_entry
from abgnn.planning.team_forecasts import OPTIMISM
from tests.planning.question_world import H, M, Planted, planted, profile, questions


@pytest.fixture(scope="module")
def world() -> Planted:
    return planted()


@pytest.fixture(scope="module")
def planner(world: Planted) -> QuestionPlanner:
    return world.planner()


def test_features_are_centred_and_of_unit_length(world: Planted) -> None:
    features = QuestionFeatures.fit(world.questions, world.role_embedding)
    phi = features.phi(world.questions)
    assert phi.shape == (120, features.size)
    assert np.abs(phi.mean(0)).max() < 1e-12
    assert np.square(phi).sum(1).mean() == pytest.approx(1)
    assert features.kinds == ("law", "stem")


def test_a_question_without_a_kind_is_of_those_that_it_is_near(world: Planted) -> None:
    features = QuestionFeatures.fit(world.questions, world.role_embedding)
    unnamed, _ = questions(20, 5, named=False)
    kind = features.kind(unnamed)
    assert kind.sum(1) == pytest.approx(np.ones(20))
    assert (kind.argmax(1) == np.arange(20) % 2).all()  # law first, then stem, in turn
    named, _ = questions(20, 5)
    assert (np.sort(features.kind(named), 1) == [0, 1]).all()


def test_kinds_are_found_in_meta() -> None:
    def asked(n: int, **meta: object) -> list[Query]:
        return [
            Query(f"{i}", f"q {i}", "general", "A", {k: v(i) for k, v in meta.items()})  # type: ignore[operator]
            for i in range(n)
        ]

    area, subject = (lambda i: "ab"[i % 2]), (lambda i: "abcd"[i % 4])
    assert kind_entry(asked(40, area=area, subject=subject)) == "subject"
    assert kind_entry(asked(16, area=area, subject=subject)) == "area"  # too few of each subject
    assert kind_entry(asked(40, level=lambda i: i % 3)) is None  # a number is no kind
    assert kind_entry(asked(40, area=lambda i: "a")) is None
    assert kind_entry([]) is None


def test_lone_logits_are_what_calls_without_messages_are_fitted_by(
    world: Planted, planner: QuestionPlanner
) -> None:
    model, lone = planner.model, planner.team.lone
    seen = Seen.of(model.features, world.questions)
    x = call_features(model.layout, world.observed, seen, profile())
    of, regressors = world.observed, lone.regressors(seen)
    for n in (0, 7, 100):
        q, j, m = of.query[n], of.slot[n], of.backbone[n]
        drawn = lone.logits(regressors[:, [q]], j, m)[:, 0]
        wanted = model.draws[: len(drawn) // 2] @ x[n]
        assert drawn[: len(drawn) // 2] == pytest.approx(wanted, abs=1e-4)


def test_messages_add_what_they_are_fitted_by(world: Planted, planner: QuestionPlanner) -> None:
    model = planner.model
    one = world.observed.rows(np.arange(len(world.observed)) == 3)
    read = replace(one, n_messages=np.array([2.0]), share_right=np.array([0.5]))
    seen = Seen.of(model.features, world.questions)
    rows = [call_features(model.layout, of, seen, profile())[0] for of in (read, one)]
    theta = model.draws[: len(planner.team.u) // 2]
    good, bad = planner.team.reading(int(one.slot[0]), int(one.backbone[0]), 2)
    wanted = theta @ (rows[0] - rows[1])
    assert ((good + bad) / 2)[: len(theta)] == pytest.approx(wanted, abs=1e-4)


def test_who_is_good_at_what_is_learned_for_questions_never_seen(planner: QuestionPlanner) -> None:
    fresh, logits = questions(60, 9)
    believed = planner(fresh).accuracy[:, 0]  # [Q, M]
    true = np.mean([expit(logits + u) for u in np.random.default_rng(0).standard_normal(200)], 0)
    assert np.corrcoef(believed.ravel(), true.ravel())[0, 1] > 0.9
    best = believed - 100 * profile().usd
    law = np.array(fresh.kinds) == "law"
    assert (best[law].argmax(1) == 0).all()
    assert (best[~law].argmax(1) != 0).all()


def test_without_kinds_the_text_alone_tells() -> None:
    fresh, logits = questions(60, 9, named=False)
    believed = planted(160, named=False).planner()(fresh).accuracy[:, 0]
    difference = believed[:, 0] - believed[:, 2]
    assert np.corrcoef(difference, logits[:, 0] - logits[:, 2])[0, 1] > 0.8


def test_forecasts_of_lone_designs_are_the_beliefs(planner: QuestionPlanner) -> None:
    fresh, _ = questions(70, 3)  # more than a chunk
    belief = planner(fresh)
    designs = [Design(((j, m),), (), None) for j in range(2) for m in range(M)]
    made = planner.forecasts(fresh, designs)
    assert made.accuracy == pytest.approx(belief.accuracy[:, :2].reshape(70, -1))
    assert made.usd == pytest.approx(belief.usd[:, :2].reshape(70, -1))
    assert planner.about == "the outcome model's"  # where several roles answer


def test_one_question_is_forecast_as_among_many(planner: QuestionPlanner) -> None:
    fresh, _ = questions(70, 3)
    team = Design(((0, 0), (1, 1)), ((0, 1),), 2)
    many, one = (
        planner.forecasts(fresh, [team]),
        planner.forecasts(fresh.rows(np.array([66])), [team]),
    )
    assert one.accuracy[0, 0] == pytest.approx(many.accuracy[66, 0], abs=1e-5)
    assert one.seconds[0, 0] == pytest.approx(many.seconds[66, 0])
    lone = planner(fresh)
    assert many.usd[66, 0] > lone.usd[66, 0, 0] + lone.usd[66, 1, 1] + lone.usd[66, 2, 2]


def test_shapes_that_do_not_fit_are_refused() -> None:
    made, _ = questions(4, 0)
    with pytest.raises(ConfigError, match=r"Questions\.difficulty"):
        replace(made, difficulty=np.zeros(3))
    assert len(made.rows(np.array([1, 3]))) == 2
    assert made.embedding.shape == (4, H)


def test_a_team_must_be_expected_to_be_better_than_it_looks(planner: QuestionPlanner) -> None:
    """A team of which nobody reads anybody is as good as its last agent, less what is taken off."""
    fresh, _ = questions(8, 3)
    idle = Design(((0, 1), (1, 2)), (), None)
    made, alone = planner.forecasts(fresh, [idle]), planner(fresh).accuracy[:, 1, 2]
    assert made.accuracy[:, 0] == pytest.approx(alone - OPTIMISM, abs=0.02)


def test_a_training_question_is_foretold_as_if_it_were_new(world: Planted) -> None:
    """What a fit without its answers says, but for the standard deviations of its prior."""
    planner = world.planner()
    q = int(np.abs(planner.seen.shift).max((1, 2)).argmax())  # type: ignore[union-attr]
    kept = world.observed.query != q
    without = replace(world, observed=world.observed.rows(kept)).planner()
    one = world.questions.rows(np.array([q]))
    with_it, refitted = planner(one).logit[0, :2], without(one).logit[0, :2]
    left_out = planner.team.belief(planner.seen.rows(np.array([q]))).logit[0, :2]
    assert np.abs(with_it - refitted).max() > 0.1
    assert np.abs(left_out - refitted).mean() < 0.15 * np.abs(with_it - refitted).mean()
