"""Certificates: exact and bootstrap bounds, verdicts, and their calibration by repetition."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from abgnn.cli.main import main
from abgnn.data.backbone import Usage
from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.errors import ConfigError
from abgnn.evaluation.certificate import certify, clopper_pearson, mean_bounds
from abgnn.rollout import Agent, Outcome, Plan


def outcomes(costs: list[float], seconds: list[float] | None = None) -> list[Outcome]:
    agents = (Agent(Role("Expert", "Answer."), "a"),)
    waits = seconds or [1.0] * len(costs)
    return [
        Outcome(Plan(Query(f"q{i}", "?", "general"), agents, (), 0), "x", 1.0, Usage(), c, s, s, ())
        for i, (c, s) in enumerate(zip(costs, waits, strict=True))
    ]


def test_clopper_pearson_is_exact() -> None:
    low, high = clopper_pearson(47, 50, 0.95)
    assert binom.sf(46, 50, low) == pytest.approx(0.05)  # as many successes or more
    assert binom.cdf(47, 50, high) == pytest.approx(0.05)
    assert clopper_pearson(0, 9, 0.9)[0] == 0
    assert clopper_pearson(9, 9, 0.9)[1] == 1


@pytest.mark.parametrize("n", [30, 120])
def test_bounds_of_skewed_means_cover_as_often_as_they_say(n: int) -> None:
    """300 repetitions at 95 %: 2.5 standard errors below it is 0.918."""
    rng = np.random.default_rng(n)
    cheap, dear = rng.lognormal(0, 0.4, 70_000), rng.lognormal(1.6, 0.4, 30_000)
    for world in (rng.lognormal(0, 1.0, 100_000), np.concatenate([cheap, dear])):
        truth = world.mean()
        bounds = [mean_bounds(rng.choice(world, n), 0.95, k) for k in range(300)]
        low, high = np.array(bounds).T
        assert (high >= truth).mean() > 0.918
        assert (low <= truth).mean() > 0.918
        assert np.median(high) < 2 * truth  # and are of use


def test_verdicts() -> None:
    rng = np.random.default_rng(0)
    paid = rng.lognormal(0, 0.5, 200).tolist()
    mean = float(np.mean(paid))
    told = [certify(outcomes(paid), cost_usd=b).verdict for b in (2 * mean, 1.02 * mean, mean / 2)]
    assert told == ["met", "not certified", "not met"]
    both = certify(outcomes(paid, paid), cost_usd=2 * mean, latency_s=mean / 2)
    assert [f.verdict for f in both.findings] == ["met", "not met"]
    assert both.verdict == "not met"


def test_share_within_latency_counts_queries_and_failures() -> None:
    waits = [1.0] * 97 + [9.0] * 3
    made = outcomes([1.0] * 100, waits)
    (found,) = certify(made, latency_s=5.0, share=0.9).findings
    assert found.value == 0.97
    assert found.verdict == "met"
    assert certify(made, latency_s=5.0, share=0.97).verdict == "not certified"
    assert certify(made, latency_s=5.0, share=0.999).verdict == "not met"
    twice = [*made, replace(made[0], error="down")]
    assert certify(twice, latency_s=5.0, share=0.9).findings[0].value == 0.96


def test_rollouts_of_a_query_are_one_observation() -> None:
    rng = np.random.default_rng(0)
    one = outcomes(rng.lognormal(0, 0.5, 40).tolist())
    assert certify(one * 8, cost_usd=1.0).findings == certify(one, cost_usd=1.0).findings
    assert certify(one * 8, cost_usd=1.0).n == 40


@pytest.mark.parametrize(
    "wrong",
    [{}, {"cost_usd": 1.0, "confidence": 1.0}, {"cost_usd": 1.0, "share": 0.9},
     {"latency_s": 1.0, "share": 1.0}, {"cost_usd": 0.0}, {"latency_s": float("nan")}],
)  # fmt: skip
def test_wrong_questions(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        certify(outcomes([1.0, 2.0]), **wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="two queries"):
        certify(outcomes([1.0]), cost_usd=1.0)


@pytest.mark.slow
def test_calibrate_plan_certify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = ["--config", "simulated/general.yaml"]
    assert main(["calibrate", *experiment, "--rollouts", "120", "--out", "c.json"]) == 0
    shown = capsys.readouterr().out
    assert "120 rollouts" in shown
    assert "simulated" in shown
    budgets = ["--cost", "0.0006", "--latency", "20"]
    assert main(["plan", "c.json", *budgets, "--margin", "0.97", "--out", "p.json"]) == 0
    assert "120 calibration rollouts (simulated)" in capsys.readouterr().out
    plan = json.loads(Path("p.json").read_text())
    assert plan["expected"]["cost_usd"] <= 0.97 * 0.0006 * 1.001
    loose = ["--cost", "0.0012", "--latency", "40"]
    assert main(["certify", *experiment, "--plan", "p.json", *loose, "--out", "s.json"]) == 0
    shown = capsys.readouterr().out
    found = json.loads(Path("s.json").read_text())
    assert found["verdict"] == "met"
    assert found["label"] == "simulated"
    assert found["n"] == 120
    assert "2025-12-01" in found["priced"]
    assert "mean latency" in shown
    assert main(["plan", *experiment, *budgets, "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert alone["label"] == "profiles only"
    assert main(["plan", *budgets]) == 2
    assert main(["certify", *experiment, "--cost", "1e-9"]) == 1
    # refused before anything is paid
    monkeypatch.setattr("abgnn.experiments.certify.evaluate", None)
    for wrong in ([], ["--cost", "-1"], ["--latency", "1", "--share", "2"]):
        assert main(["certify", *experiment, *wrong]) == 2
    assert main(["plan", "c.json", "--cost", "1e-9"]) == 1
