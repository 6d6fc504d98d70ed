"""Table 2: what its config may say, its differences by hand, and what it owns up to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from abgnn.cli.main import main
from abgnn.errors import ConfigError
from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.config import Comparison, Method
from abgnn.experiments.compare.job import Job, Result
from abgnn.experiments.compare.plugin_table import Plugged, differences, write_plugin_tables
from abgnn.experiments.compare.plugins import PluginComparison, compares_plugins
from abgnn.experiments.compare.run import plan_jobs

Point = tuple[float, float, float]
SMALL: dict[str, Any] = {
    "frameworks": {
        "Group chat": {
            "framework": {"class_path": "abgnn.frameworks.GroupChat"},
            "cost_budgets": [3e-4, 3e-3],
            "latency_budgets": [20, 100],
        }
    },
    "fit": ["simulated/general.yaml"],
    "ours": "+ AgentBalance",
    "base": "vanilla",
    "seeds": [0],
    "train_calls": 0,
    "set": {"data.init_args.n_test": 6},
    "methods": {"vanilla": {"plain": "vanilla"}, "+ AgentBalance": {"points": {"p": {}}}},
}


def written(path: Path, **changes: Any) -> str:
    path.write_text(yaml.safe_dump({**SMALL, **changes}), encoding="utf-8")
    return str(path)


def made(method: str, seed: int, points: Sequence[Point], plain: str | None) -> tuple[Job, Result]:
    """A job and its result: points of (performance, USD, seconds)."""
    job = Job(method, "p", seed, ("c",), (f"--seed={seed}",), plain, 100, 1, (), "w")
    rows = tuple(Row(f"p{i}", p, 0, c, t, 100, 3 + i, 0, 10) for i, (p, c, t) in enumerate(points))
    return job, Result("simulated", 0, rows, tuple(((p, c, t),) for p, c, t in points), 1.0)


def plugged(*gains: float) -> Plugged:
    """Vanilla has 0.5 for 1 USD and 10 s, ours that much more or less at the same price."""
    methods = (Method("vanilla", plain="vanilla"), Method("ours"))
    seeds = tuple(range(len(gains)))
    comparison = Comparison(
        ("x",), methods, (0.5, 1.0, 2.0), (10.0,), "ours", base="vanilla", seeds=seeds
    )
    results = dict(
        pair
        for seed, gain in enumerate(gains)
        for pair in (
            made("vanilla", seed, [(0.5, 1.0, 10.0), (0.6, 4.0, 40.0)], "vanilla"),
            made("ours", seed, [(0.5 + gain, 1.0, 10.0)], None),
        )
    )
    return Plugged(comparison, list(results), results, "simulated")


def test_differences_are_paired_and_judged() -> None:
    found = {d.column: d for d in differences("S", plugged(0.1, 0.3, 0.2))}
    at = found["P@T2"]
    assert (at.seeds, at.mean, at.vanilla_mean) == (3, pytest.approx(0.2), pytest.approx(0.5))
    assert at.half == pytest.approx(4.303 * 0.1 / 3**0.5, rel=1e-3)  # Student's t, 2 degrees
    assert not at.beats
    assert at.verdict == "cannot be told apart"
    assert at.text == "+20.0±24.8 n.s."
    assert found["P@T1"].mean == pytest.approx(0.1)  # halfway to (0, 0), both of them
    assert found["cross P@T2"].mean == pytest.approx(0.2)
    sure = {d.column: d for d in differences("S", plugged(0.2, 0.21, 0.2))}
    assert sure["P@T2"].verdict == "beats vanilla"
    lost = {d.column: d for d in differences("S", plugged(-0.2, -0.21, -0.2))}
    assert lost["P@T2"].verdict == "loses"
    assert {d.method for d in found.values()} == {"ours"}


def shown(one: Plugged, out: Path) -> str:
    console = Console(record=True, width=500)
    write_plugin_tables({"S": one}, out, console)
    return console.export_text()


def test_what_does_not_beat_vanilla_is_said(tmp_path: Path) -> None:
    text = shown(plugged(-0.2, -0.21, -0.2), tmp_path)
    assert "S, ours, where it does not beat vanilla: P@T1: loses (-10.2±0.7)" in text
    text = shown(plugged(0.2, 0.21, 0.2), tmp_path)
    assert "where it does not beat vanilla: nowhere (simulated)" in text
    text = shown(plugged(0.2), tmp_path)
    assert "one seed has no interval: nothing here is shown to beat vanilla (simulated)" in text
    assert "where it has no higher mean than vanilla: nowhere" in text
    assert "does not beat" not in text


def test_all_that_is_written_says_where_it_is_from(tmp_path: Path) -> None:
    text = shown(plugged(0.1, 0.2), tmp_path)
    assert text.count("(simulated)") >= 5
    assert "3 to 4" in text  # LLM calls of a question
    for name in ("table2.csv", "differences.csv"):
        with (tmp_path / name).open() as file:
            assert {line["source"] for line in csv.DictReader(file)} == {"simulated"}
    tex = (tmp_path / "table2.tex").read_text()
    assert tex.startswith("% simulated answers")
    rows = [line for line in tex.splitlines() if line.endswith(r"\\")]
    assert [row.count("&") for row in rows] == [7, 7, 7]
    assert r"\textbf{65.0" in tex


def test_the_packaged_config_has_two_systems_and_five_seeds() -> None:
    assert compares_plugins("compare/plugins.yaml")
    assert not compares_plugins("compare/simulated-general.yaml")
    made = PluginComparison.from_yaml("compare/plugins.yaml")
    assert list(made.systems) == ["Layered Graph", "AutoGen"]
    for comparison in made.systems.values():
        assert len(comparison.seeds) == 5
        assert len(comparison.cost_budgets) == len(comparison.latency_budgets) == 4
        label, jobs = plan_jobs(comparison.with_seeds(1))
        assert label == "simulated"
        assert {job.method for job in jobs} == {m.name for m in comparison.methods}
        assert all(any("model.mas.framework" in o for o in job.overrides) for job in jobs)
    folders = {c.out for c in made.with_out("there").systems.values()}
    assert folders == {"there/layered-graph", "there/autogen"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"frameworks": {}}, "small.yaml: frameworks"),
        ({"frameworks": {"A": {"framework": {}}}}, r"frameworks\[A\].cost_budgets"),
        ({"frameworks": {"A": {"frame": {}}}}, r"frameworks\[A\]: frame"),
        ({"cost_budgets": [1]}, "small.yaml: cost_budgets"),
        ({"base": "+ AgentBalance"}, "base"),
        ({"methods": {**SMALL["methods"], "vanilla": {"plain": "chain"}}}, "plain: vanilla"),
    ],
)
def test_faulty_configs_are_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        PluginComparison.from_yaml(written(tmp_path / "small.yaml", **changes))


@pytest.mark.slow
def test_the_command_runs_every_system_and_goes_on(tmp_path: Path) -> None:
    config, out = written(tmp_path / "small.yaml"), tmp_path / "out"
    command = ["compare", "--config", config, "--out", str(out), "--jobs", "1"]
    assert main(command) == 0
    with (out / "table2.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(r["system"], r["method"]) for r in rows} == {
        ("Group chat", "vanilla"), ("Group chat", "+ AgentBalance")
    }  # fmt: skip
    with (out / "group-chat" / "points.csv").open() as file:
        calls = {p["method"]: float(p["calls"]) for p in csv.DictReader(file)}
    assert calls["vanilla"] == 7  # six speakers and the decision agent
    before = {f: f.stat().st_mtime_ns for f in (out / "group-chat" / "jobs").iterdir()}
    assert main(command) == 0
    assert {f: f.stat().st_mtime_ns for f in (out / "group-chat" / "jobs").iterdir()} == before
