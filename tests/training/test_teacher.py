"""The planner as teacher of the GNN."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning.pytorch import Trainer, seed_everything

from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, Router
from abgnn.planning import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.search import Searcher
from abgnn.rollout import SimulatedClient
from abgnn.training import Reinforce, Teacher
from abgnn.training.teacher import within
from datamodules import QuickQA


def module(**kwargs: object) -> Reinforce:
    seed_everything(0, verbose=False)
    mas = BaseMAS("general", encoder="offline")
    options: dict[str, object] = {"lambda_tok": 10.0, "lambda_lat": 1e-3, "samples": 2, **kwargs}
    policy = options.pop("policy", None) or AgentBalance(upper_bound=2, min_agents=2)
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


@pytest.mark.slow
def test_policy_starts_from_the_planner_s_design(tmp_path: Path, calibration_file: str) -> None:
    made, teacher = module(), Teacher(calibration_file)
    data = QuickQA(n_train=40, n_val=20)
    trainer(tmp_path, teacher, max_epochs=0, enable_checkpointing=False).fit(made, datamodule=data)
    assert int(made.rollouts) == 0
    assert teacher.design is not None
    made.policy.attach(made.mas.table)
    shares = []
    for split in ("train", "test"):
        queries = data.queries(split)
        wanted = [
            teacher.design.plan(query, made.mas.template, made.mas.catalogue.names)
            for query in queries
        ]
        pairs = zip(made.plans(queries), wanted, strict=True)
        shares.append(sum(set(a.edges) == set(b.edges) and a.agents == b.agents for a, b in pairs))
        shares[-1] /= len(queries)
    assert shares[0] == 1
    assert shares[1] > 0.9  # it holds for questions that were not imitated
    used = {m for _, m in teacher.design.agents} | {teacher.design.decision}
    assert any(used <= set(pool) for pool in made.mas.pools.members[:2])
    assert len(teacher.design.agents) >= 2


def test_reinforce_goes_on_and_a_resumed_run_is_not_taught_again(
    tmp_path: Path, calibration_file: str
) -> None:
    data = QuickQA(n_train=8, n_val=4, batch_size=4)
    first = trainer(tmp_path, Teacher(calibration_file), max_epochs=1)
    first.fit(module(), datamodule=data)
    path = str(tmp_path / "a.ckpt")
    first.save_checkpoint(path)
    again = Teacher(calibration_file)
    resumed = module()
    trainer(tmp_path, again, max_epochs=2).fit(resumed, datamodule=data, ckpt_path=path)
    assert again.design is None
    assert int(resumed.rollouts) == 32


def test_wrong_calibrations_and_policies(tmp_path: Path, calibration_file: str) -> None:
    data = QuickQA(n_train=8, n_val=4)
    names = list(module().mas.catalogue.names)
    other = module(policy=Router(names, ["general"]))
    with pytest.raises(ConfigError, match="AgentBalance"):
        trainer(tmp_path, Teacher(calibration_file), max_epochs=0).fit(other, datamodule=data)
    few = module()
    few.mas = BaseMAS("general", encoder="offline", exclude=["Qwen3-1.7B"], n_pools=2)
    with pytest.raises(ConfigError, match=r"Teacher\.calibration"):
        trainer(tmp_path, Teacher(calibration_file), max_epochs=0).fit(few, datamodule=data)
    with pytest.raises(ConfigError, match="confidence"):
        Teacher(calibration_file, confidence=1.0)


def test_packaged_mode_adds_the_teacher() -> None:
    experiment = build(["simulated/general.yaml", "modes/planner.yaml"], ["--trainer.logger=false"])
    teachers = [c for c in experiment.trainer.callbacks if isinstance(c, Teacher)]  # type: ignore[attr-defined]
    assert [t.calibration for t in teachers] == ["runs/calibration.json"]
    assert len(experiment.trainer.callbacks) > 2  # type: ignore[attr-defined]


def test_a_design_for_budgets_keeps_them_by_itself(calibration_file: str) -> None:
    known = Calibration.load(calibration_file)
    searcher = Searcher(known.model(), known.everything)
    free = searcher.best(1e-3, 1e-6)
    assert within(searcher, Budget(1.0), (1e-3, 0.0)).design == searcher.best(1e-3, 0.0).design
    for share in (0.8, 0.1):
        budget = Budget(share * free.forecast.usd, share * free.forecast.seconds)
        found = within(searcher, budget, (1e-3 / free.forecast.usd, 1e-3 / free.forecast.seconds))
        assert max(budget.uses(searcher, found)) <= budget.aim
        assert found.forecast.accuracy > 0.5
