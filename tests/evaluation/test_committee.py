"""Committees and cascades on recorded outcomes, against mixtures at the same cost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abgnn.cli.main import main
from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.evaluation.answer_signals import SIGNALS, asking, reading
from abgnn.evaluation.cascade import Played, folds, read_cascade
from abgnn.evaluation.committee import committee_and_cascade, versus
from abgnn.evaluation.frontier import performance_at
from abgnn.evaluation.logistic import fit_logistic
from abgnn.experiments.experiment import build
from abgnn.outcomes.layouts import read_outcomes
from abgnn.outcomes.table import OutcomeTable
from abgnn.training import HeldOutTable
from tests.paths import SHARED

GPT4 = {
    "mixtral_8x7b": {"size": "13B", "input_price": 0.6, "output_price": 0.6},
    "gpt4_1106": {"size": "200B", "input_price": 10, "output_price": 30},
}


def made(
    score: np.ndarray, cost: np.ndarray, responses: tuple[tuple[str, ...], ...] = ()
) -> OutcomeTable:
    shape = score.shape
    n = [str(i) for i in range(shape[0])]
    ones = np.ones(shape)
    llms = tuple(f"llm{m}" for m in range(shape[1]))
    return OutcomeTable(
        tuple(n), tuple(n), ("t",) * shape[0], llms, score, ones * cost, ones, ones, ones, responses
    )


@pytest.fixture
def readable() -> OutcomeTable:
    """The cheap LLM's wrong answers stop short; the dear one is always right and costs 10."""
    right = np.random.default_rng(0).random(300) < 0.5
    score = np.stack([right, np.ones(300)], 1).astype(float)
    said = tuple(("It is 4.\n#### 4" if ok else "It is 4 plus", "4") for ok in right)
    return made(score, np.array([1.0, 10.0]), said)


def test_a_mixture_played_gains_nothing_and_luck_is_measured() -> None:
    table = made(np.array([[0.0, 1.0]] * 10), np.array([1.0, 3.0]))
    half = Played("half", np.tile([0.0, 1.0], (1, 5)), np.tile([1.0, 3.0], (1, 5)))
    row = versus(table, half, resamples=50)
    assert row.score == row.mixture == 0.5
    assert row.gain == 0
    better = replace(half, score=half.score * 0 + 1, cost=half.cost * 0 + 2)
    assert versus(table, better).gain == pytest.approx(0.5)
    beyond = replace(half, score=half.score * 0 + 1, cost=half.cost * 0 + 9)
    assert versus(table, beyond).gain == 0  # money need not be spent


def test_reading_pays_and_escalating_blindly_does_not(readable: OutcomeTable) -> None:
    blind, read = committee_and_cascade(readable, seeds=(0, 1), resamples=200)
    assert blind.high < 0.02
    assert blind.gain < 0
    assert read.low > 0.1
    assert read.score > blind.score


def test_what_cannot_be_read_does_not_pay(readable: OutcomeTable) -> None:
    mute = replace(readable, responses=(("It is 4.", "4"),) * 300)
    _, read = committee_and_cascade(mute, seeds=(0, 1), resamples=200)
    assert read.gain < 0.02


def test_escalations_stay_within_the_budget_set_from_expected_costs(readable: OutcomeTable) -> None:
    for play in read_cascade(readable, (0, 1), budgets=(0.2, 0.8)):
        assert play.cost.shape == (4, 300)
        for row, share in enumerate((0.2, 0.8, 0.2, 0.8)):
            assert play.cost[row].mean() <= 1 + share * 9


def test_judged_questions_teach_nothing(readable: OutcomeTable) -> None:
    """Flipping the scores of one fold leaves the choices made in that fold as they were."""
    _, test = next(folds(300, 5, 0))
    flipped = readable.score.copy()
    flipped[test, 0] = 1 - flipped[test, 0]
    before = read_cascade(readable, (0,))[1]
    after = read_cascade(replace(readable, score=flipped), (0,))[1]
    assert (before.cost[:, test] == after.cost[:, test]).all()


def test_a_committee_pays_three_times_for_one_majority() -> None:
    rng = np.random.default_rng(0)
    score = (rng.random((400, 5)) < [0.6, 0.6, 0.6, 0.1, 0.9]).astype(float)
    table = made(score, np.array([1.0, 1.0, 1.0, 0.5, 6.0]))
    committee = committee_and_cascade(table, resamples=100)[0]
    assert committee.cost_usd == 3
    assert committee.score == pytest.approx((score[:, :3].sum(1) >= 2).mean())


def test_agreement_pays_where_errors_differ_and_less_where_wrong_ones_agree() -> None:
    rng = np.random.default_rng(0)
    score = (rng.random((600, 4)) < [0.7, 0.7, 0.6, 0.95]).astype(float)
    table = made(score, np.array([1.0, 1.0, 1.0, 12.0]))
    often, never = (
        committee_and_cascade(table, resamples=0, agree_when_wrong=w)[2].gain for w in (1.0, 0.0)
    )
    assert never > often > 0


def test_without_costs_or_players_there_is_no_comparison() -> None:
    table = made(np.eye(2), np.array([1.0, 2.0]))
    with pytest.raises(ConfigError, match="responses, or at least two cheap"):
        committee_and_cascade(table)
    with pytest.raises(ConfigError, match="profiles"):
        committee_and_cascade(replace(table, cost=table.cost * np.nan))


def test_reading_redoes_sums_and_traces_numbers() -> None:
    question = "Ann has 16 eggs and sells 9 for $2 each."
    good = "She has 16 - 9 = 7 left and gets 9 * 2 = $<<9*2=18>>18.\n#### 18"
    bad = "Assume 5 more: 16 - 9 = 8 left, 8 * 2.5 = 20.0, so about -1.5 and"
    signals = [dict(zip(SIGNALS, row, strict=True)) for row in reading([question] * 2, [good, bad])]
    assert signals[0]["wrong calculations"] == 0
    assert signals[1]["wrong calculations"] == pytest.approx(np.log(2))
    assert [s["states a final answer"] for s in signals] == [1, 0]
    assert [s["stops in mid-sentence"] for s in signals] == [0, 1]
    assert [s["answer closes the last calculation"] for s in signals] == [1, 0]
    assert [s["answer is not whole"] for s in signals] == [0, 1]
    assert [s["answer is negative"] for s in signals] == [0, 1]
    assert signals[0]["numbers of the question left out"] == 0
    assert signals[1]["numbers from nowhere"] > signals[0]["numbers from nowhere"] == 0
    assert signals[1]["hedges"] > signals[0]["hedges"] == 0


@pytest.mark.parametrize(
    "answer", ["", "9" * 400, "1/0 = 5", "((((((1+2 = 3", "2**9**9 = 1", "= = =", "1,2,,3. = 4"]
)
def test_any_answer_can_be_read(answer: str) -> None:
    assert np.isfinite(reading([answer], [answer])).all()
    assert np.isfinite(asking([answer])).all()


def test_logistic_recovers_a_known_rate() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 2)) * [1, 50] + [0, 7]
    p = 1 / (1 + np.exp(-(1.5 * x[:, 0] - 0.5)))
    fitted = fit_logistic(x, (rng.random(4000) < p).astype(float), ridge=1.0)
    assert np.abs(fitted(x) - p).max() < 0.08
    assert abs(fit_logistic(x, p * 0 + 0.25)(x).mean() - 0.25) < 1e-6


def test_the_command_shows_compares_and_writes_a_catalogue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"task": "gsm8k", "query": f"q {i}", "scores": {m: int(rng.random() < 0.5) for m in "abcd"}}
        for i in range(60)
    ]
    file, prices = tmp_path / "t.jsonl", tmp_path / "p.json"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    listed = {
        m: {"size": "7B", "input_price": p, "output_price": p}
        for m, p in zip("abcd", (1, 1, 1, 9), strict=True)
    }
    prices.write_text(json.dumps(listed))
    out = tmp_path / "c.yaml"
    args = ["outcomes", str(file), "--profiles", str(prices), "--compare", "--catalogue", str(out)]
    assert main(args) == 0
    shown = capsys.readouterr().out
    assert "recorded" in shown
    assert "committee of three" in shown
    assert Catalogue.from_yaml(out).names == ("a", "b", "c", "d")
    assert main(["outcomes", str(tmp_path / "t.pkl")]) == 2


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data beside the project")
def test_on_real_outcomes_the_committee_loses_and_the_reader_gains() -> None:
    gsm8k = read_outcomes(SHARED / "outcomes_routellm_gsm8k_2llm.csv", profiles=GPT4)
    blind, read = committee_and_cascade(gsm8k, resamples=200)
    assert blind.gain < 0.002
    assert read.gain > 0.04
    assert read.low > 0.03
    choice = read_outcomes(
        SHARED / "outcomes_llmrouter_9llm.jsonl",
        profiles=SHARED / "llmrouter_9llm_profiles.json",
        tasks=["mmlu", "arc_challenge", "commonsense_qa", "openbook_qa", "agentverse-logicgrid"],
    )
    committee, blind, read = committee_and_cascade(choice, resamples=200)
    assert committee.gain < -0.02
    assert committee.high < 0
    assert blind.gain < 0
    assert read.gain > 0.02
    assert read.low > 0


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data beside the project")
@pytest.mark.slow
def test_packaged_policies_on_real_outcomes(tmp_path: Path) -> None:
    """The router gains over the mixture of single LLMs; AgentBalance builds no committee."""
    files = [
        f"--data.init_args.path={SHARED / 'outcomes_llmrouter_9llm.jsonl'}",
        f"--data.init_args.profiles={SHARED / 'llmrouter_9llm_profiles.json'}",
        "--data.init_args.n_train=200",
        "--trainer.logger=false",
        "--trainer.enable_checkpointing=false",
        "--trainer.enable_progress_bar=false",
        "--trainer.max_epochs=1",
        "--model.lambda_tok=1000",
    ]
    configs, found = ["recorded/routing.yaml"], []
    for more in ([], ["recorded/agent_balance.yaml"]):
        experiment = build([*configs, *more], files)
        held_out = HeldOutTable(singles=True, show=False)
        experiment.trainer.callbacks.append(held_out)  # type: ignore[attr-defined]
        experiment.fit()
        found.append(held_out.rows)
    (_, router, *singles), (_, balance, *_) = found
    points = np.array([(r.cost_usd, r.performance) for r in singles])
    assert router.performance > performance_at(points, router.cost_usd) + 0.02
    assert balance.calls == router.calls == 1
