"""Other catalogues for the same weights: figures by hand, and the command end to end."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from abgnn.cli.main import main
from abgnn.data.catalogue import Catalogue
from abgnn.data.resources import config_path
from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.inductive import Change, Measured, scored
from abgnn.experiments.inductive_table import figures, shares
from abgnn.graph.base_mas import BaseMAS
from abgnn.rollout.world.latents import solve_rate


def measured(performance: float, usd: float, seconds: float, **calls: int) -> Measured:
    row = Row("p", performance, 0.0, usd, seconds, 1.0, 1.0, 0.0, 10)
    return Measured("planner", "as trained", 0, row, calls)


def test_figures_and_shares_by_hand() -> None:
    asked = Comparison.from_yaml("compare/inductive-general.yaml")
    rows = [measured(0.8, 2.1e-3, 63, a=3, b=1), measured(0.4, 4.6e-4, 19, a=0, c=4)]
    found = figures(asked, rows)
    assert found["P@T1"] == pytest.approx(0.4)
    assert found["P@T4"] == found["P@T3"] == pytest.approx(0.8)
    area = 0.2 * 4.6e-4 + 0.6 * (2.1e-3 - 4.6e-4) + 0.8 * (4.9e-3 - 2.1e-3)
    assert found["narrow_tok"] == pytest.approx(area / 4.9e-3)
    assert found["AUC_tok"] == pytest.approx((area + 0.8 * 3 * 4.9e-3) / (4 * 4.9e-3))
    assert shares(rows, "planner", "as trained") == {"c": 0.5, "a": 0.375, "b": 0.125}


def test_variants_and_what_the_simulated_world_needs() -> None:
    mas = BaseMAS(encoder="offline")
    trained, fewer, more = Change().variants(mas.catalogue).values()
    assert (len(trained), len(fewer), len(more)) == (11, 9, 14)
    unscored = more["Qwen3-Next-80B-A3B"]
    assert not unscored.benchmarks.get("general")
    known = scored(more, "general")
    assert solve_rate(known[unscored.name], "general") > solve_rate(known["Qwen3-1.7B"], "general")
    assert known["DeepSeek-R1"] == more["DeepSeek-R1"]
    assert known.names == more.names


def test_pools_are_those_of_the_new_catalogue() -> None:
    mas = BaseMAS(encoder="offline")
    before = mas.pools.named()
    [star] = [b for b in Catalogue.from_yaml(Path("catalogues/transfer.yaml")) if "R1" in b.name]
    other = mas.with_catalogue(mas.catalogue.merged(Catalogue((star,))))
    assert any(star.name in pool for pool in other.pools.named())
    assert mas.pools.named() == before


@pytest.mark.slow
def test_command(tmp_path: Path) -> None:
    config = yaml.safe_load(config_path("compare/inductive-general.yaml").read_text("utf-8"))
    points = {"only": {"model.lambda_tok": 0, "model.policy.init_args.upper_bound": 4}}
    config |= {"seeds": [1], "samples": 1, "train_calls": 40, "out": str(tmp_path / "out")}
    config |= {"set": {"data.init_args.n_test": 8, "data.init_args.n_train": 8}}
    config |= {"cost_budgets": [5e-3], "latency_budgets": [100]}
    config["methods"]["AgentBalance"]["points"] = points
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    assert main(["inductive", "--config", str(path)]) == 0
    rows = list(csv.DictReader((tmp_path / "out" / "points.csv").open(encoding="utf-8")))
    assert {row["source"] for row in rows} == {"simulated"}
    assert {row["catalogue"] for row in rows} == {"as trained", "without 2", "with 3 unseen"}
    assert len([r for r in rows if r["system"] == "AgentBalance"]) == 3
    assert (tmp_path / "out" / "inductive-simulated.png").stat().st_size > 10_000
    gone = {"Qwen3-235B-A22B", "Qwen3-235B-A22B-thinking"}
    used = list(csv.DictReader((tmp_path / "out" / "shares.csv").open(encoding="utf-8")))
    assert not gone & {r["backbone"] for r in used if r["catalogue"] == "without 2"}


def test_config_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inductive"]) == 2
    assert "--config" in capsys.readouterr().err
