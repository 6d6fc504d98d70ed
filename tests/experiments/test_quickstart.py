"""`abgnn quickstart`: hindsight spends no more than ours, differences are paired, all is there."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from rich.console import Console

from abgnn.cli.main import main
from abgnn.cli.views.quickstart import quickstart_table
from abgnn.errors import ConfigError
from abgnn.experiments.quickstart import run
from abgnn.experiments.quickstart.config import Quickstart
from abgnn.experiments.quickstart.measured import (
    BLIND,
    MIXTURE,
    OURS,
    PAPER,
    PLANNER,
    SINGLE,
    Measured,
    Team,
    World,
    best_within,
)
from abgnn.experiments.quickstart.rivals import Paired, best_mixture, lines
from abgnn.experiments.quickstart.workers import pool_of, prepare

CONFIG = "quickstart/general.yaml"


def team(llm: str) -> frozenset[Team]:
    return frozenset([((("Solver", llm),), frozenset())])


def point(method: str, name: str, usd: float, *scores: float) -> Measured:
    seen = np.array([(score, usd, 1.0) for score in scores])
    return Measured(method, name, seen, team(name), float(np.mean(scores)))


def world(seed: int = 0, ours: float = 1.0) -> World:
    single = [point(SINGLE, "small", 1.0, 0, 1), point(SINGLE, "large", 3.0, 1, 1)]
    mine = [point(m, "", 1.5, ours, 1) for m in (OURS, PLANNER, BLIND)]
    return World(seed, "simulated", (*mine, *single, point(PAPER, "point 1", 9.0, 1, 1)))


def test_a_mixture_of_two_at_the_mean_cost() -> None:
    points = world().of(SINGLE)
    mixed = best_mixture(points, 2.0)
    assert mixed is not None
    assert mixed[:, 0].tolist() == [0.5, 1]
    assert mixed[:, 1].tolist() == [2, 2]
    dear = best_mixture(points, 99.0)
    assert dear is not None
    assert dear[:, 1].tolist() == [3, 3]  # a budget need not be spent
    assert best_mixture(points, 0.5) is None


def test_hindsight_may_spend_the_budget_and_no_more() -> None:
    best = best_within(world().of(SINGLE), 2.0)
    assert best is not None
    assert best.name == "small"
    assert best_within(world().of(PAPER), 2.0) is None


def test_what_is_chosen_in_hindsight_is_judged_on_other_rollouts() -> None:
    lucky = Measured(SINGLE, "lucky", np.array([(1.0, 1.0, 1.0)]), team("a"), 0.2)
    good = Measured(SINGLE, "good", np.array([(0.5, 1.0, 1.0)]), team("b"), 0.9)
    assert best_within([lucky, good], 2.0) is good


def test_rivals_may_spend_what_ours_spent() -> None:
    """Ours took 1.5 at a budget of .8: the small LLM at 1 is in reach."""
    table = {line.method: line for line in lines([world()], [0.8])}
    assert table[SINGLE].accuracy == (0.5,)
    assert table[MIXTURE].accuracy == (0.625,)
    assert table[OURS].against == (None,)
    assert table[PAPER].accuracy == (None,)
    assert table[PAPER].mean is None


def test_different_plans_are_counted_at_each_budget_and_in_all() -> None:
    cheap, dear = (point(OURS, llm, 1.0, 1) for llm in ("small", "large"))
    both = replace(dear, plans=cheap.plans | dear.plans)
    first = World(0, "simulated", (cheap, both, dear))
    second = World(1, "simulated", (cheap, cheap, cheap))
    assert run.different_plans([first, second]) == ([1.0, 1.5, 1.0], 1.5)


def test_differences_are_paired_by_question() -> None:
    gap = Paired.of(np.array([0.1] * 50))
    assert gap.mean == pytest.approx(0.1)
    assert gap.half == pytest.approx(0)
    table = {line.method: line for line in lines([world(0), world(1, ours=0.0)], [0.8])}
    against = table[SINGLE].against[0]
    assert against is not None
    assert against.mean == pytest.approx((1 + 0 + 0 + 0) / 4)
    assert against.half == pytest.approx(1.96 * np.std([1, 0, 0, 0], ddof=1) / 2)


def test_the_table_has_a_row_for_each_method() -> None:
    table = lines([world()], [0.8])
    shown = quickstart_table(table, [0.8], "t")
    assert shown.row_count == len(table)


def test_packaged_configs_are_read_and_faults_named(tmp_path: Path) -> None:
    for domain in ("general", "math", "code"):
        config = Quickstart.from_yaml(f"quickstart/{domain}.yaml")
        assert len(config.cost_budgets) == len(config.points) == 4
    with pytest.raises(ConfigError, match="--worlds"):
        config.with_worlds(99)
    path = tmp_path / "mine.yaml"
    path.write_text("fit: [simulated/general.yaml]\ncost_budgets: [-1]\npoints: []\n")
    with pytest.raises(ConfigError, match="cost_budgets"):
        Quickstart.from_yaml(str(path))
    path.write_text("fit: [simulated/general.yaml]\nbudget: 1\n")
    with pytest.raises(ConfigError, match="budget"):
        Quickstart.from_yaml(str(path))


def test_several_configs_share_the_processes_and_come_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = Quickstart.from_yaml(CONFIG).with_worlds(2)
    second = Quickstart.from_yaml("quickstart/code.yaml").with_worlds(1)
    started = list[tuple[Quickstart, int, bool]]()

    def one(config: Quickstart, seed: int, show: bool) -> World:
        started.append((config, seed, show))
        return replace(world(seed), points=world().points)

    monkeypatch.setattr(run, "run_world", one)
    done = run.run_quickstart([first, second], 1, Console(quiet=True))
    config, worlds = next(done)
    assert config is first
    assert [w.seed for w in worlds] == [31, 32]
    assert len(started) == 2  # the second config has not begun
    [(config, worlds)] = done
    assert config is second
    assert started == [(first, 31, True), (first, 32, False), (second, 31, True)]


def test_configs_that_would_write_into_one_folder_are_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    twice = ["--config", CONFIG, "--config", CONFIG, "--jobs", "1"]
    assert main(["quickstart", *twice]) == 2
    assert "a folder each" in capsys.readouterr().err


@pytest.mark.slow
def test_worlds_run_in_copies_of_a_process_that_has_imported_everything() -> None:
    prepare()
    with pool_of(1) as pool:
        assert pool.submit(_imported).result() == ("abgnn.experiments.quickstart.world", 1)


def _imported() -> tuple[str, int]:
    [name] = [name for name in sys.modules if name.endswith("quickstart.world")]
    return name, torch.get_num_threads()


@pytest.mark.slow
def test_command_prints_the_table_and_writes_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tiny"
    config = {
        "fit": ["simulated/general.yaml"],
        "cost_budgets": [6e-4, 3e-3],
        "points": [{"upper_bound": 2, "lambda_tok": 10, "lambda_lat": 1e-3, "delta": 0.3}],
        "worlds": [0],
        "set": {"data.init_args.n_train": 12, "data.init_args.n_test": 24},
        "rollouts": 60,
        "texts": 8,
        "epochs": 1,
        "samples": 1,
        "topologies": ["chain"],
        "shown": [{"level": 1}, {"level": 5}, {"subject": "law_government"}],
        "out": str(out),
    }
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(config))
    assert main(["quickstart", "--config", str(path), "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    for words in (OURS, PLANNER, "simulated", "different plans"):
        assert words in printed
    for file in ("frontier-simulated.png", "plans-simulated.png", "plan_net.ckpt"):
        assert (out / file).stat().st_size > 0
    rows = list(csv.DictReader((out / "table.csv").open(encoding="utf-8")))
    assert {row["source"] for row in rows} == {"simulated"}
    assert len(rows) == 7 * 3
    assert main(["run", "Is it?", "--checkpoint", str(out / "plan_net.ckpt")]) == 0
