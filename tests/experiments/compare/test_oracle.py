"""Oracles: choices by hand, and a small simulated world in which nothing beats them clearly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abgnn.console import make_console
from abgnn.evaluation.rows import summarise
from abgnn.experiments.compare.controls import BEST_FIXED, CLAIRVOYANT
from abgnn.experiments.compare.oracle import (
    clairvoyant_choices,
    oracle_policies,
    shrunk,
)
from abgnn.experiments.compare.points import on_a_frontier
from abgnn.experiments.compare.report import _limit_tables
from abgnn.experiments.compare.table import Cell, Line
from abgnn.experiments.experiment import Experiment, build
from abgnn.models import FixedGraph
from abgnn.training.evaluate import evaluate


def test_choices_by_hand() -> None:
    cheap = [[1.0, 1e-3, 1.0], [0.0, 1e-3, 1.0]]  # right on the first question only
    dear = [[1.0, 1e-2, 9.0], [1.0, 1e-2, 9.0]]
    choices = clairvoyant_choices(np.array([cheap, dear]), axis=1, prices=5)
    assert choices[0] == [0, 1]  # the dear one where the cheap one fails
    assert choices[-1] == [0, 0]  # at a price at which it is not worth it
    assert [sum(c) for c in choices] == sorted((sum(c) for c in choices), reverse=True)


def test_luck_is_shrunk() -> None:
    score = np.array([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.5]])
    made = shrunk(score, samples=2)
    assert made[0, 0] < made[1, 0]  # both were right, but the second mostly is
    assert made[1, 1] > made[0, 1]


def test_envelope_by_hand() -> None:
    means = np.array([[0.5, 1.0, 5.0], [0.6, 2.0, 1.0], [0.55, 3.0, 9.0], [0.9, 4.0, 9.0]])
    assert on_a_frontier(means) == [0, 1, 3]


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    made = build(
        ["simulated/general.yaml"], ["--trainer.logger=false", "--data.init_args.n_test=12"]
    )
    made.data.setup("test")
    return made


@pytest.mark.slow
def test_nothing_fixed_is_better_than_the_clairvoyant(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abgnn.experiments.compare.oracle._SAMPLES", 6)
    model, queries = experiment.model, experiment.data.queries("test")
    rows = {}
    with model.new_executor(experiment.data) as executor:
        for kind in (CLAIRVOYANT, BEST_FIXED):
            rows[kind] = [
                summarise(name, evaluate(policy, model.mas, executor, queries, samples=16))
                for name, policy in oracle_policies(kind, experiment)
            ]
        lead = model.mas.template.roles[model.mas.template.lead].name
        alone = [
            summarise("", evaluate(FixedGraph(m, [lead]), model.mas, executor, queries, samples=16))
            for m in model.mas.catalogue.names
        ]
    best = max(r.performance for r in rows[CLAIRVOYANT])
    assert best >= max(r.performance for r in (*rows[BEST_FIXED], *alone)) - 0.03
    costs = [r.cost_usd for r in rows[CLAIRVOYANT][:10]]
    assert costs[0] > 3 * costs[-1]


def test_shares_of_the_limit_are_shown(tmp_path: Path) -> None:
    named = ("AUC_tok", "narrow_tok", "AUC_lat", "narrow_lat")
    cells = [{c: Cell(value, 0.0) for c in named} for value in (0.45, 0.9)]
    lines = [Line("ours", cells[0], 1, 0, 1, 1), Line("limit", cells[1], 1, 0, 1, 1)]
    assert _limit_tables(lines, "", "simulated") == []
    console = make_console(120)
    with console.capture() as shown:
        console.print(*_limit_tables(lines, "limit", "simulated"))
    assert shown.get().count("0.500") == 4
    assert "simulated" in shown.get()
