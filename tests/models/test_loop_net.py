"""`LoopNet`: taught, trained by REINFORCE, kept only where it is better, and its checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer, seed_everything

from abgnn.data import Query
from abgnn.errors import ConfigError
from abgnn.models import LoopNet
from abgnn.models.loop_choice import LoopChoice
from abgnn.models.loop_knowledge import loop_knowledge
from abgnn.models.programs import ClosedLoopProgram, TabledLoopProgram
from abgnn.rollout import SimulatedClient
from abgnn.training import Reinforce, Teacher, loop_teaching
from abgnn.training.loop_lessons import LOOP_NET
from abgnn.training.loop_teaching import judge_loops
from tests.planning.closed_loop.calibrations import calibration, data, mas

PRICE = 300.0


@pytest.fixture
def policy() -> LoopNet:
    torch.manual_seed(0)
    made = LoopNet()
    made.know(loop_knowledge(calibration(), mas()))
    made.attach(mas().table)
    made.set_tradeoff(PRICE, 0.0)
    return made


@pytest.fixture(scope="module")
def asked() -> list[Query]:
    return data().queries("test")[:12]


def shaken(policy: LoopNet) -> LoopNet:
    """With a residual that does change decisions."""
    with torch.no_grad():
        for layer in (policy.net.lin_w, policy.net.lin_v):
            layer.weight.add_(torch.randn_like(layer.weight))
    return policy


def test_it_starts_as_the_closed_form(policy: LoopNet, asked: list[Query]) -> None:
    plans = policy(mas().batch(asked), sample=False).plans()
    assert {type(plan.program) for plan in plans} == {ClosedLoopProgram}
    assert not policy.trusted
    shaken(policy)  # which is not what decides
    assert policy(mas().batch(asked), sample=False).plans() == plans
    policy.keep()
    programs = [p.program for p in policy(mas().batch(asked), sample=False).plans()]
    assert {type(program) for program in programs} == {TabledLoopProgram}
    assert policy.trusted


def test_questions_with_gaps_teach_nothing(policy: LoopNet) -> None:
    known = policy.taught
    table = known.loop.table
    right = table.right.copy()
    right[0, 0] = np.nan
    gaps = replace(known, loop=replace(known.loop, table=replace(table, right=right)))
    lessons, fewer = known.lessons(), gaps.lessons()
    assert lessons is not None
    assert fewer is not None
    assert fewer[2].tolist() == lessons[2].tolist()[1:]
    right[1:] = np.nan
    assert replace(gaps, x=known.x).lessons() is None


def test_untaught_it_says_what_it_lacks() -> None:
    with pytest.raises(ConfigError, match="without a calibration"):
        _ = LoopNet().taught
    with pytest.raises(ConfigError, match="temperature"):
        LoopNet(temperature=0)


def test_a_checkpoint_decides_the_same(policy: LoopNet, asked: list[Query]) -> None:
    shaken(policy).keep()
    again = LoopNet()
    again.load_state_dict(policy.state_dict())
    again.attach(mas().table)
    batch = mas().batch(asked)
    assert again(batch, sample=False).plans() == policy(batch, sample=False).plans()
    assert again.set_budget(2e-4) == policy.set_budget(2e-4)


def test_only_decisions_on_the_way_count(policy: LoopNet, asked: list[Query]) -> None:
    choice = shaken(policy)(mas().batch(asked), sample=True)
    assert isinstance(choice, LoopChoice)
    module = Reinforce(policy, mas(), SimulatedClient(world_seed=5), PRICE, 0.0)
    with module.new_executor(data()) as executor:
        outcomes = executor.run(choice.plans(), samples=[0] * len(asked), phase="train")
    after = choice.executed(outcomes)
    for walk, outcome in zip(after.walks, outcomes, strict=True):
        assert walk is not None
        asks = [max(step.asks, default=-1) + 1 for step in outcome.steps]
        assert list(walk.choices.values()) == asks[: len(walk.choices)]
        assert len(walk.choices) >= len(asks) - 1  # all but one when nobody is left to ask
    again = policy.log_prob_of(after)
    assert again is not None
    torch.testing.assert_close(again, after.log_prob)
    torch.autograd.backward(after.log_prob.sum())
    assert all(p.grad is not None and p.grad.any() for p in policy.net.parameters())


def test_nothing_is_drawn_on_questions_that_judge(policy: LoopNet) -> None:
    held = policy.taught.held
    queries = data().queries("train")
    choice = policy(mas().batch(queries), sample=True)
    assert isinstance(choice, LoopChoice)
    assert [w is None for w in choice.walks] == [q.text in held for q in queries]
    assert 0 < len(held) < len(queries) / 2


@pytest.mark.parametrize(("gain", "kept"), [(0.02, True), (-0.02, False), (0.0, False)])
def test_a_net_is_kept_only_where_it_is_clearly_better(
    policy: LoopNet, monkeypatch: pytest.MonkeyPatch, gain: float, kept: bool
) -> None:
    net = shaken(policy).net

    def replayed(of: object, lessons: object, prices: object) -> np.ndarray:
        noise = 0.01 * np.random.default_rng(0).standard_normal(50)
        return noise + gain if of is net else np.zeros(50)

    monkeypatch.setattr(loop_teaching, "replayed", replayed)
    _, low = judge_loops(policy, LOOP_NET)
    assert policy.trusted == kept == (low > 0)


def test_reinforce_trains_it_and_the_gate_stands(tmp_path: Path) -> None:
    seed_everything(0, verbose=False)
    path = tmp_path / "complete.json"
    calibration().save(path)
    teacher = Teacher(str(path), steps=2)
    module = Reinforce(LoopNet(), mas(), SimulatedClient(world_seed=5), lambda_tok=PRICE, samples=2)
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, limit_val_batches=0, limit_train_batches=2, max_epochs=1,
        default_root_dir=tmp_path, callbacks=[teacher],
    )  # fmt: skip
    trainer.fit(module, data())
    policy = module.policy
    assert isinstance(policy, LoopNet)
    assert teacher.report is not None
    assert teacher.report.words().startswith("closed form as it is")
    assert policy.net.corrects  # the steps have reached it
    assert not policy.trusted
