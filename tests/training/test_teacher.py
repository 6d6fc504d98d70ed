"""The planner by question as teacher of policies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer, seed_everything

from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, PlanNet, Router
from abgnn.models.questions import questions_of
from abgnn.planning import Budget, Design, PlanSpace
from abgnn.planning.beliefs import Forecasts
from abgnn.planning.calibration import Calibration
from abgnn.rollout import SimulatedClient
from abgnn.training import BudgetDuals, Reinforce, Teacher
from abgnn.training.course import Course
from abgnn.training.imitation import Lessons, admissible, imitate, short_list
from abgnn.training.lessons import Material, lessons_for, planner_of, texts_of
from abgnn.training.operating_points import design_of
from datamodules import QuickQA


def module(**kwargs: object) -> Reinforce:
    seed_everything(0, verbose=False)
    mas = BaseMAS("general", encoder="offline")
    options: dict[str, object] = {"lambda_tok": 10.0, "lambda_lat": 1e-3, "samples": 2, **kwargs}
    policy = options.pop("policy", None) or PlanNet()
    return Reinforce(policy, mas, SimulatedClient(1), **options)  # type: ignore[arg-type]


def trainer(tmp_path: Path, teacher: Teacher, **kwargs: object) -> Trainer:
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        default_root_dir=tmp_path,
        callbacks=[teacher],
        **kwargs,  # type: ignore[arg-type]
    )


def data() -> QuickQA:
    return QuickQA(n_train=40, n_val=20, batch_size=20)


@pytest.fixture(scope="module")
def taught(
    tmp_path_factory: pytest.TempPathFactory, calibration_file: str
) -> tuple[str, Reinforce]:
    """A PlanNet that the planner has taught, and two steps of REINFORCE; its checkpoint."""
    folder = tmp_path_factory.mktemp("taught")
    made, teacher = module(), Teacher(calibration_file, steps=60)
    run = trainer(folder, teacher, max_epochs=1, enable_checkpointing=False)
    run.fit(made, datamodule=data())
    path = str(folder / "a.ckpt")
    run.save_checkpoint(path)
    assert teacher.reached is not None
    assert teacher.reached < 0.02  # of accuracy, over all designs
    return path, made


def test_questions_get_plans_of_their_own(taught: tuple[str, Reinforce]) -> None:
    _, made = taught
    made.policy.attach(made.mas.table)
    plans = made.plans(data().queries("test"))
    teams = {
        (tuple(a.role.name for a in p.agents), tuple(a.backbone for a in p.agents), p.edges)
        for p in plans
    }
    assert len(teams) >= 3
    assert int(made.rollouts) == 80  # of REINFORCE, none of the teacher


def test_what_was_taught_is_in_the_checkpoint(taught: tuple[str, Reinforce]) -> None:
    path, made = taught
    start = module()
    again = Reinforce.load_from_checkpoint(
        path, policy=start.policy, mas=start.mas, client=start.client, weights_only=True
    )
    again.policy.attach(again.mas.table)
    queries = data().queries("test")[:20]
    assert again.plans(queries) == made.plans(queries)


def test_a_resumed_run_is_not_taught_again(
    tmp_path: Path, taught: tuple[str, Reinforce], calibration_file: str
) -> None:
    path, _ = taught
    again, resumed = Teacher(calibration_file), module()
    run = trainer(tmp_path, again, max_epochs=2, enable_checkpointing=False)
    run.fit(resumed, datamodule=data(), ckpt_path=path)
    assert again.reached is None
    assert int(resumed.rollouts) == 160


def test_the_checkpoint_s_policy_reads_questions_as_the_planner_did(
    taught: tuple[str, Reinforce], calibration: Calibration
) -> None:
    _, made = taught
    policy, queries = made.policy, data().queries("train")
    assert isinstance(policy, PlanNet)
    read = policy.questions(queries, made.mas.encode([q.text for q in queries]))
    planner = calibration.by_question()
    for new, old in zip(
        (policy.taught.beliefs(read), read),
        (planner(calibration.questions), calibration.questions),
        strict=True,
    ):
        name = "difficulty" if new is read else "accuracy"
        np.testing.assert_allclose(getattr(new, name), getattr(old, name), atol=1e-4)


def lessons(mas: BaseMAS) -> Lessons:
    """One LLM is right on half of the questions, another on the others."""
    queries = data().queries("train")
    half = np.array([q.meta["subject"] in ("history", "law_government") for q in queries])
    designs = (Design(((0, 0),), (), None), Design(((0, 5),), (), None))
    accuracy = np.stack([np.where(half, 0.9, 0.5), np.where(half, 0.5, 0.9)], 1)
    same = np.full_like(accuracy, 1e-4)
    everyone = (tuple(range(len(mas.catalogue))),)
    return Lessons(queries, designs, Forecasts(accuracy, same, same), everyone)


def test_a_lesson_has_a_choice_for_every_question(mas: BaseMAS) -> None:
    made = lessons(mas)
    share = made.share(np.arange(40), (0.0, 0.0), 0.02, 12)
    assert share.sum(1) == pytest.approx(np.ones(40))
    right = made.forecasts.accuracy.argmax(1)
    assert set(right) == {0, 1}
    assert (share[np.arange(40), right] > 0.99).all()


def test_imitation_teaches_different_plans_on_different_questions() -> None:
    """One design for all questions would be right on half of them."""
    seed_everything(0, verbose=False)
    mas = BaseMAS("general", encoder="offline")
    made, policy = lessons(mas), AgentBalance()
    policy.attach(mas.table)
    imitate(policy, mas, made, [(0.0, 0.0)], Course(steps=120, texts=32))
    with torch.no_grad():
        plans = policy(mas.batch(made.queries), sample=False).plans()
    names = [mas.catalogue.names[m] for m in (0, 5)]
    wanted = [names[i] for i in made.forecasts.accuracy.argmax(1)]
    right = [plan.agents[-1].backbone == name for plan, name in zip(plans, wanted, strict=True)]
    assert sum(right) / len(right) > 0.8


def test_a_short_list_leaves_out_what_adds_nothing() -> None:
    rng = np.random.default_rng(0)
    best = rng.random((50, 1)) < 0.5
    utility = np.concatenate([0.5 + 0.2 * best, 0.7 - 0.2 * best, np.full((50, 8), 0.6)], 1)
    utility[:, 2:] += 1e-4 * rng.random((50, 8))
    assert sorted(short_list(utility, 12)[-2:]) == [0, 1]
    assert len(short_list(utility, 12)) <= 3
    assert len(short_list(utility, 1)) == 1
    assert short_list(np.ones((4, 3)), 12) == [0]


def test_designs_are_those_that_a_policy_can_choose(calibration: Calibration, mas: BaseMAS) -> None:
    queries = data().queries("train")
    planner = calibration.by_question()
    names = range(len(calibration.profile.names))
    pairs = PlanSpace(calibration.template, tuple((m, m + 1) for m in list(names)[:-1]), 2)
    questions = questions_of(mas, queries[:4], "subject")
    made = lessons_for(pairs, planner, Material.of(planner, calibration, queries[:4], questions))
    assert len(made.designs) >= 40
    assert admissible(made.designs, pairs) == list(range(len(made.designs)))
    assert made.forecasts.accuracy.shape == (4, len(made.designs))
    for design in planner.designs[::9]:
        plan = design.plan(queries[0], planner.template, planner.backbones)
        assert design_of(plan, planner.template, planner.backbones) == design


def test_lessons_on_asked_questions_leave_their_own_answers_out(
    calibration: Calibration, mas: BaseMAS
) -> None:
    made, planner = data(), calibration.by_question()
    queries = made.queries("train") + made.queries("test")[:10]
    questions = questions_of(mas, queries, "subject")
    material = Material.of(planner, calibration, queries, questions)
    asked = [query.text in calibration.questions.texts for query in queries]
    assert sum(asked) == 40
    assert sorted(q.text for q in material.queries) == sorted(q.text for q in queries)
    left_out = planner.forecasts_on(material.seen).accuracy
    known = planner.forecasts(material.questions).accuracy
    away = np.abs(left_out - known).mean(1)
    new = np.array([q.text not in calibration.questions.texts for q in material.queries])
    assert (away[new] < 1e-9).all()
    assert (away[~new] > 1e-4).mean() > 0.9


def test_a_calibration_of_0_1_is_of_the_training_questions(
    calibration: Calibration, mas: BaseMAS
) -> None:
    old = replace(calibration, questions=None, role_embedding=None, encoder="")
    queries = data().queries("train")
    again, planner = planner_of(old, mas, queries), calibration.by_question()
    assert again.designs == planner.designs
    with pytest.raises(ConfigError, match="calibration"):
        planner_of(old, mas, queries[:7])


def test_further_texts_are_none_of_the_test() -> None:
    made = QuickQA(n_train=40, n_val=20, n_test=50)
    texts = texts_of(made, 30)
    assert texts[:40] == made.queries("train")
    assert len(texts) == len({q.id for q in texts}) == 70
    assert not {q.id for q in texts} & {q.id for q in made.queries("test")}
    assert texts_of(QuickQA(n_train=40), 0) == QuickQA(n_train=40).queries("train")


def test_wrong_calibrations_and_policies(tmp_path: Path, calibration_file: str) -> None:
    names = list(module().mas.catalogue.names)
    other = module(policy=Router(names, ["general"]))
    with pytest.raises(ConfigError, match="AgentBalance"):
        trainer(tmp_path, Teacher(calibration_file), max_epochs=0).fit(other, datamodule=data())
    few = module()
    few.mas = BaseMAS("general", encoder="offline", exclude=["Qwen3-1.7B"], n_pools=2)
    with pytest.raises(ConfigError, match=r"Teacher\.calibration"):
        trainer(tmp_path, Teacher(calibration_file), max_epochs=0).fit(few, datamodule=data())
    with pytest.raises(ConfigError, match="texts"):
        Teacher(calibration_file, texts=-1)
    with pytest.raises(ConfigError, match="steps"):
        Teacher(calibration_file, steps=-1)


def test_the_prices_of_a_budget_are_those_by_question(
    tmp_path: Path, calibration: Calibration, calibration_file: str
) -> None:
    made, teacher = module(budget=Budget(5e-4)), Teacher(calibration_file, steps=0)
    run = trainer(tmp_path, teacher, max_epochs=0, enable_checkpointing=False)
    run.fit(made, datamodule=data())
    wanted = calibration.by_question().prices(Budget(5e-4))
    assert (made.lambda_tok, made.lambda_lat) == pytest.approx(wanted)
    [duals] = [c for c in run.callbacks if isinstance(c, BudgetDuals)]  # type: ignore[attr-defined]
    assert duals.lambdas == pytest.approx(wanted)


def test_packaged_mode_adds_the_teacher() -> None:
    experiment = build(["simulated/general.yaml", "modes/planner.yaml"], ["--trainer.logger=false"])
    teachers = [c for c in experiment.trainer.callbacks if isinstance(c, Teacher)]  # type: ignore[attr-defined]
    assert [t.calibration for t in teachers] == ["runs/calibration.json"]
    assert len(experiment.trainer.callbacks) > 2  # type: ignore[attr-defined]
