"""Runs with any of Lightning's loggers, several at once: MLflow's file store, CSV, TensorBoard."""

from __future__ import annotations

import csv
import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning.pytorch.loggers import Logger, WandbLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from abgnn.cli.main import main
from abgnn.plots.loggers import log_figure, log_text
from abgnn.plots.reliability import reliability_figure

PREFIX = "lightning.pytorch.loggers."
FEW = ["--data.n_train=8", "--data.n_val=4", "--data.batch_size=4", "--trainer.max_steps=2"]
SHARE = "simulated/train/backbone_share/Qwen3-32B-thinking"
CALLS = "simulated/train/calls/attempts"


def config(folder: Path, *loggers: str) -> str:
    made = [{"class_path": PREFIX + name} for name in loggers]
    callbacks = [
        {"class_path": f"abgnn.training.{name}", "init_args": {"every_n_steps": 1}}
        for name in ("PolicyFigures", "CallFigures")
    ]
    trainer = {"logger": made, "callbacks": callbacks, "enable_progress_bar": False}
    for logger in made:
        save = "mlruns" if "MLFlow" in logger["class_path"] else "runs"
        logger["init_args"] = {"save_dir": str(folder / save)}  # type: ignore[assignment]
    path = folder / "loggers.yaml"
    path.write_text(yaml.safe_dump({"trainer": trainer}), encoding="utf-8")
    return str(path)


def fit(path: str) -> None:
    assert main(["fit", "--config", "simulated/general.yaml", "--config", path, *FEW]) == 0


def of_csv(folder: Path) -> Mapping[str, float]:
    """The last value of every column."""
    [path] = folder.rglob("metrics.csv")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: float(row[name]) for row in rows for name in row if row[name]}


@pytest.mark.usefixtures("elsewhere")
def test_a_run_with_a_csv_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(config(tmp_path, "CSVLogger"))
    values = of_csv(tmp_path / "runs")
    assert values[CALLS] > 0
    assert 0 <= values[SHARE] <= 1
    assert values["simulated/train/loss"] == values["simulated/train/loss"]
    [saved] = (tmp_path / "runs").rglob("config.yaml")
    assert "CSVLogger" in saved.read_text(encoding="utf-8")
    told = capsys.readouterr().out
    assert "figures: CSVLogger" in told
    assert "tensorboard" not in told


@pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow-skinny is not installed")
@pytest.mark.usefixtures("elsewhere")
def test_three_loggers_at_once_get_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 asks for it
    from mlflow.tracking import MlflowClient

    path = config(tmp_path, "MLFlowLogger", "CSVLogger", "TensorBoardLogger")
    fit(path)
    client = MlflowClient(f"file:{tmp_path / 'mlruns'}")
    experiment = client.get_experiment_by_name("lightning_logs")
    [run] = client.search_runs([experiment.experiment_id])
    told, table = run.data.metrics, of_csv(tmp_path / "runs")
    events = next((tmp_path / "runs").rglob("events.out.tfevents*"))
    board = EventAccumulator(str(events.parent)).Reload()
    for name in (SHARE, CALLS, "simulated/train/loss", "simulated/train/cost_usd"):
        drawn = board.Scalars(name)[-1]
        assert told[name] == pytest.approx(table[name])
        assert drawn.value == pytest.approx(table[name], rel=1e-6)
        assert client.get_metric_history(run.info.run_id, name)[-1].step == drawn.step
    assert run.data.params["advantage"] == "LeaveOneOut"
    folder = tmp_path / "mlruns" / experiment.experiment_id / run.info.run_id
    kept = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    pictures = {f"artifacts/simulated/train/sampled_plan/{k:06d}.png" for k in (1, 2)}
    assert pictures | {"artifacts/simulated/train/trace/000001.md", "config.yaml"} <= kept
    assert (folder / "artifacts/simulated/train/sampled_plan/000001.png").stat().st_size > 5000
    assert any(name.startswith("checkpoints/") for name in kept)
    assert board.Tags()["images"] == ["simulated/train/sampled_plan"]
    assert not (tmp_path / "mlruns" / "config.yaml").exists()  # which two runs would share


class LikeWandb(Logger):
    """What W&B's logger is called with; W&B itself needs a service."""

    name, version = "w", "1"

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        pass

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        pass

    def log_image(self, *args: Any, **kwargs: Any) -> None:
        bound = inspect.signature(WandbLogger.log_image).bind(self, *args, **kwargs)
        self.told.append(tuple(bound.arguments.values())[1:])

    def log_text(self, *args: Any, **kwargs: Any) -> None:
        bound = inspect.signature(WandbLogger.log_text).bind(self, *args, **kwargs)
        self.told.append(tuple(bound.arguments.values())[1:])


def test_pictures_and_texts_go_to_those_that_take_them() -> None:
    logger, figure = LikeWandb(), reliability_figure([0.2, 0.8], [0.0, 1.0])
    log_figure([logger, object()], "val/reliability", figure, 3)
    log_text([logger, object()], "val/trace", "text", 3)
    assert logger.told[0] == ("val/reliability", [figure], 3)
    assert logger.told[1] == ("val/trace", ["text"], [["text"]], 3)
