"""What TensorBoard shows of the planner, and of a run's result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch import Callback, Trainer, seed_everything
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from abgnn.errors import ConfigError
from abgnn.evaluation.ease_metrics import expected_calibration_error
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance
from abgnn.planning.calibration import Calibration
from abgnn.planning.validation import foretold
from abgnn.rollout import SimulatedClient
from abgnn.training import HeldOutTable, PlannerFigures, PolicyFigures, Reinforce
from abgnn.training.profiles_alone import profiles_alone
from datamodules import QuickQA
from tests.planning.test_planner import TEMPLATE, observations, profile

POOLS = ((0, 1), (2, 3))


def calibration(label: str = "recorded", calls: int = 400, queries: int = 60) -> Calibration:
    observed = observations(calls, queries)
    return Calibration(label, "general", profile(), TEMPLATE, POOLS, observed, 100, 0.1)


def fit(
    mas: BaseMAS, folder: Path, *callbacks: Callback, taught_by: str | None = None
) -> tuple[Trainer, EventAccumulator]:
    seed_everything(0, verbose=False)
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        logger=TensorBoardLogger(folder, name="run", default_hp_metric=False),
        callbacks=list(callbacks),
    )
    module = Reinforce(
        AgentBalance(upper_bound=2), mas, SimulatedClient(1), samples=2, calibration=taught_by
    )
    trainer.fit(module, datamodule=QuickQA(n_train=4, n_val=4, n_test=6, batch_size=4))
    events = EventAccumulator(str(trainer.log_dir))
    events.Reload()
    return trainer, events


def test_beliefs_and_reliability_say_where_the_calibration_is_from(
    mas: BaseMAS, tmp_path: Path
) -> None:
    path, made = tmp_path / "c.json", calibration()
    made.save(path)
    _, events = fit(mas, tmp_path, PlannerFigures(str(path)))
    drawn = set(events.Tags()["images"])
    assert drawn == {"recorded/planner/beliefs", "recorded/planner/reliability"}
    [ece] = events.Scalars("recorded/planner/ece")
    error = expected_calibration_error(foretold(made), made.observed.right)
    assert ece.value == pytest.approx(error, rel=1e-5)


@pytest.mark.slow
def test_the_calibration_that_teaches_is_drawn(mas: BaseMAS, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    profiles_alone(mas, QuickQA(n_train=4).queries("train")).save(path)
    _, events = fit(mas, tmp_path, PlannerFigures(), taught_by=str(path))
    assert events.Tags()["images"] == ["profiles only/planner/beliefs"]  # no call, no reliability
    assert "profiles only/planner/ece" not in events.Tags()["scalars"]


def test_profiles_and_roles_are_in_the_projector(mas: BaseMAS, tmp_path: Path) -> None:
    trainer, events = fit(mas, tmp_path, PlannerFigures())
    assert events.Tags()["images"] == []  # no calibration, no figures of one
    config = (Path(str(trainer.log_dir)) / "projector_config.pbtxt").read_text()
    assert "simulated/backbones" in config
    tables = {
        p.parent.name: p.read_text().splitlines()
        for p in Path(str(trainer.log_dir)).rglob("metadata.tsv")
    }
    named = {tuple(lines) for lines in tables.values()}
    assert tuple(mas.table.names) in named
    assert tuple(role.name for role in mas.template.roles) in named
    vectors = [p.read_text().splitlines() for p in Path(str(trainer.log_dir)).rglob("tensors.tsv")]
    assert {len(v[0].split("\t")) for v in vectors} == {
        mas.table.embed[0].numel(),
        mas.role_embed.size(1),
    }


def hparams(events: EventAccumulator, kind: str) -> HParamsPluginData:
    content = events.SummaryMetadata(f"_hparams_/{kind}").plugin_data.content
    return HParamsPluginData.FromString(content)


def test_hparams_tab_has_the_held_out_row_and_the_settings(mas: BaseMAS, tmp_path: Path) -> None:
    table = HeldOutTable(singles=False, show=False)  # after ours: its last row comes at the end
    _, events = fit(mas, tmp_path, PolicyFigures(), PlannerFigures(), table)
    row = table.rows[-1]
    found = {
        name: events.Scalars(f"simulated/held_out/{name}")[-1].value
        for name in ("accuracy", "usd", "seconds")
    }
    wanted = {"accuracy": row.performance, "usd": row.cost_usd, "seconds": row.latency_s}
    assert found == pytest.approx(wanted, rel=1e-5)
    metrics = hparams(events, "experiment").experiment.metric_infos
    assert {m.name.tag for m in metrics} == {f"simulated/held_out/{n}" for n in wanted}
    settings = hparams(events, "session_start_info").session_start_info.hparams
    assert settings["client"].string_value == "simulated"
    assert settings["lambda_tok"].number_value == 10.0


def test_without_a_table_the_last_validation_is_the_result(mas: BaseMAS, tmp_path: Path) -> None:
    trainer, events = fit(mas, tmp_path, PlannerFigures())
    last = float(trainer.callback_metrics["simulated/val/performance"])
    assert events.Scalars("simulated/held_out/accuracy")[-1].value == pytest.approx(last)


def test_a_run_without_a_logger_draws_nothing(mas: BaseMAS, tmp_path: Path) -> None:
    module = Reinforce(AgentBalance(upper_bound=2), mas, SimulatedClient(1), samples=2)
    trainer = Trainer(
        accelerator="cpu",
        max_steps=1,
        logger=False,
        default_root_dir=tmp_path,
        enable_progress_bar=False,
        enable_checkpointing=False,
        limit_val_batches=0,
        callbacks=[PlannerFigures()],
    )
    trainer.fit(module, datamodule=QuickQA(n_train=4, n_val=4, batch_size=4))
    assert not list(tmp_path.iterdir())


def test_a_missing_calibration_is_told_before_training(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="abgnn calibrate"):
        PlannerFigures(str(tmp_path / "none.json"))


def test_foretold_is_calibrated_and_has_not_seen_the_question() -> None:
    made = calibration(calls=3000, queries=1500)
    predicted, right = foretold(made), made.observed.right
    assert ((predicted > 0) & (predicted < 1)).all()
    assert expected_calibration_error(predicted, right) < 0.05
    assert np.mean((predicted - right) ** 2) < 0.9 * np.var(right)  # better than the mean
    asked = np.random.default_rng(0).permutation(np.unique(made.observed.query))
    fold = np.isin(made.observed.query, asked[0::4])
    wrong = np.where(fold, 1 - made.observed.right, made.observed.right)
    object.__setattr__(made.observed, "right", wrong)
    assert np.allclose(foretold(made)[fold], predicted[fold])  # its own answers do not matter
    assert not np.allclose(foretold(made)[~fold], predicted[~fold])
