"""Difficulty: calibration figures, kernel fit, the estimator, what ships, and the command."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from abgnn.cli.main import main
from abgnn.difficulty.averaged import AveragedEase
from abgnn.difficulty.config import DifficultyConfig
from abgnn.difficulty.estimator import DifficultyEstimator
from abgnn.difficulty.fit import FitSettings, fit_estimator
from abgnn.difficulty.folds import Predicted, cross_predict, figures, fold_numbers
from abgnn.difficulty.head_file import load_head, save_head
from abgnn.difficulty.judge import around_means, judge
from abgnn.difficulty.kernel import KernelEase
from abgnn.difficulty.packaged import packaged_estimator, packaged_head
from abgnn.difficulty.questions import EaseData, domain_weights
from abgnn.difficulty.task_means import TaskMeans
from abgnn.errors import ConfigError
from abgnn.evaluation.ease_metrics import (
    EaseFigures,
    Observed,
    auroc,
    auroc_within,
    expected_calibration_error,
)
from abgnn.graph.encoders import TextEncoder
from abgnn.outcomes.table import OutcomeTable
from abgnn.plots.reliability import reliability_figure
from tests.paths import ROOT, SHARED

EASY = [
    "Tom has 5 apples and buys 7 more. He gives 3 to Ann. How many apples does he have left?",
    "Write a python function to remove spaces from a given string.",
]
HARD = [
    "Find the number of triples $(a, b, c)$ of positive integers with $a + b + c \\le 100$.",
    "Let $f(x) = \\frac{x^3}{3} - 4x$. Find all $k$ for which $f(x) = k$ has two solutions.",
]
FAST = FitSettings(encoder="offline", train_layers=0, epochs=3)


def table(n: int = 60, seed: int = 0) -> OutcomeTable:
    """Sums: those of large numbers are hard; recall questions: those of science are hard."""
    rng = np.random.default_rng(seed)
    texts, tasks, hard = [], [], []
    for i in range(n):
        big, a, b = i % 4 < 2, rng.integers(1, 9), rng.integers(1, 9)
        if i % 2:
            scale = 98765 if big else 1
            texts.append(f"What is {(a + 10 * i) * scale} + {b * scale}?")
        else:
            topic = "quantum field theory" if big else "the colour of grass"
            texts.append(f"Tell me fact {i} about {topic}.")
        tasks.append("gsm8k" if i % 2 else "trivia")
        hard.append(big)
    chance = np.where(hard, 0.15, 0.9)[:, None]
    score = (rng.random((n, 5)) < chance).astype(float)
    nan = np.full_like(score, np.nan)
    ids = tuple(f"q{i}" for i in range(n))
    names = tuple("abcde")
    return OutcomeTable(ids, tuple(texts), tuple(tasks), names, score, nan, nan, nan, nan)


def test_auroc_by_hand_and_with_ties() -> None:
    assert auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) == 0.75
    assert auroc([1, 1, 1], [0, 1, 1]) == 0.5
    assert np.isnan(auroc([0.1, 0.2], [1, 1]))


def test_auroc_within_sees_no_difference_between_tasks() -> None:
    task = ["a"] * 4 + ["b"] * 4
    label = [0, 0, 0, 1, 1, 1, 1, 0]
    assert auroc([0] * 4 + [1] * 4, label) == 0.75
    assert auroc_within([0] * 4 + [1] * 4, label, task) == 0.5
    assert auroc_within([0, 1, 2, 3, 7, 6, 5, 4], label, task) == 1.0


def test_figures_by_hand() -> None:
    score = [[1, 1, 0], [0, 0, 0], [0, 0.4, 1]]
    observed = Observed.of(score, ["t"] * 3)
    assert observed.hard.tolist() == [False, True, True]
    ease = np.array([0.9, 0.2, 0.5])
    found = EaseFigures.of(ease, observed)
    assert found.auroc == found.auroc_within == 1.0
    assert found.brier == pytest.approx(np.mean((ease[:, None] - np.array(score)) ** 2))
    errors = [abs(0.9 - 2 / 3), 0.2, abs(0.5 - 1.4 / 3)]
    assert found.ece == pytest.approx(np.mean(errors))
    assert expected_calibration_error([0.31, 0.39], [0.5, 0.2]) == pytest.approx(0.0)  # one bin
    assert expected_calibration_error([1.0], [1.0]) == 0  # the last bin is closed


def test_task_means_are_shrunk_and_unknown_tasks_get_the_mean() -> None:
    means = TaskMeans.fit(["a", "a", "b"], [1.0, 1.0, 0.4], shrink=2)
    assert means(["a", "b", "c"]).tolist() == pytest.approx([3.6 / 4, 2.0 / 3, 0.8])


def test_kernel_learns_what_the_task_mean_cannot() -> None:
    made, encode = table(), TextEncoder("offline")
    found = judge(made, None, encode, repeats=2, resamples=20)
    assert found["mean of the task"]["auroc_within"].value == pytest.approx(0.5)
    fitted = found["fitted to the table"]
    assert fitted["auroc_within"].low > 0.8
    assert fitted["auroc"].low <= fitted["auroc"].value <= fitted["auroc"].high


def test_kernel_is_blind_to_order_and_far_from_data_says_the_mean() -> None:
    made = table(40)
    embed = TextEncoder("offline")(made.texts).double().numpy()
    texts, tasks = list(made.texts), list(made.tasks)
    some = KernelEase().fit(texts[:30], embed[:30], tasks[:30], made.ease[:30])
    order = np.random.default_rng(0).permutation(30)
    other = KernelEase().fit(
        [texts[i] for i in order], embed[order], [tasks[i] for i in order], made.ease[order]
    )
    args = (texts[30:], embed[30:], tasks[30:])
    np.testing.assert_allclose(some.predict(*args), other.predict(*args), atol=1e-9)
    noisy = KernelEase().fit(texts[:30], embed[:30], tasks[:30], made.ease[:30], noise=1e9)
    np.testing.assert_allclose(noisy.predict(*args), noisy.means(tasks[30:]), atol=1e-6)
    with pytest.raises(ConfigError, match="as many of each"):
        KernelEase().fit(texts, embed[:3], tasks, made.ease)


def test_average_differs_from_its_parts_and_learns() -> None:
    made = table(80)
    embed = TextEncoder("offline")(made.texts).numpy()
    rows = np.arange(80)
    learn, asked = rows[rows % 2 == 0], rows[rows % 2 == 1]

    def some(values: tuple[str, ...], at: np.ndarray) -> list[str]:
        return [values[i] for i in at]

    both = AveragedEase(trees=50).fit(
        some(made.texts, learn), embed[learn], some(made.tasks, learn), made.ease[learn]
    )
    given = (some(made.texts, asked), embed[asked], some(made.tasks, asked))
    said, kernel = both.predict(*given), both.kernel.predict(*given)
    assert auroc_within(said, made.ease[asked] > 0.5, given[2]) > 0.8
    assert np.abs(said - kernel).max() > 0.01
    again = AveragedEase(trees=50).fit(
        some(made.texts, learn), embed[learn], some(made.tasks, learn), made.ease[learn]
    )
    assert np.array_equal(again.predict(*given), said)


def test_folds_keep_equal_texts_together_and_predict_all() -> None:
    texts = ["a", "b", "a", "c", "d", "a", "e"]
    number = fold_numbers(texts, 3, 0)
    assert number[0] == number[2] == number[5]
    assert set(number) == {0, 1, 2}
    seen: list[set[int]] = []

    def fit_predict(train: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
        assert not {texts[i] for i in train} & {texts[i] for i in test}
        seen.append(set(test.tolist()))
        return test + 10.0 * seed

    predicted = cross_predict(texts, fit_predict, folds=3, repeats=2)
    assert predicted.ease.tolist() == [list(range(7)), [10.0 + i for i in range(7)]]
    with pytest.raises(ConfigError, match="folds"):
        fold_numbers(["a", "a", "b"], 3, 0)


def test_fits_of_different_folds_are_not_ranked_against_each_other() -> None:
    """Each fold ranks perfectly, at another level: pooled over folds, ranks would be mixed."""
    score = np.array([[0.0], [1.0], [0.0], [1.0]])
    predicted = Predicted(np.array([[0.1, 0.2, 0.8, 0.9]]), np.array([[0, 0, 1, 1]]))
    observed = Observed.of(score, ["t"] * 4)
    assert figures(predicted, observed, resamples=5)["auroc"].value == 1.0
    assert EaseFigures.of(predicted.ease[0], observed).auroc == 0.75


def test_domains_are_drawn_one_to_one_to_four() -> None:
    tasks = ["mbpp"] * 30 + ["gsm8k"] * 10 + ["mmlu"] * 10
    weight = domain_weights(tasks)
    share = [float(weight[part].sum() / weight.sum()) for part in (slice(30), slice(30, 40))]
    assert share == pytest.approx([1 / 6, 1 / 6])
    assert float(weight[40:].sum() / weight.sum()) == pytest.approx(4 / 6)
    assert domain_weights(["gsm8k", "gsm8k"]).tolist() == [0.5, 0.5]


def test_no_question_is_on_both_sides() -> None:
    one, two = table(30), table(30)  # the same texts, judged by others
    data = EaseData([one, two], val_share=0.3)
    train, val = ({data.texts[i] for i in side} for side in (data.train, data.val))
    assert not train & val
    assert len(data.train) + len(data.val) == 60
    assert abs(len(val) - 9) <= 1


@pytest.mark.parametrize(("layers", "width"), [(0, 384), (2, 384)])
def test_estimator_learns_and_its_file_says_the_same(
    tmp_path: Path, layers: int, width: int
) -> None:
    made = table(48)
    settings = FitSettings(
        encoder="offline", train_layers=layers, epochs=10 if layers == 0 else 2, lr_head=5e-3
    )
    fitted = fit_estimator([made], settings, tmp_path / "log")
    ease = fitted.ease(made.texts, made.tasks)
    assert auroc_within(-ease, made.ease < 0.5, made.tasks) > 0.9
    save_head(fitted, tmp_path / "head.safetensors")
    again = load_head(tmp_path / "head.safetensors")
    np.testing.assert_allclose(again.ease(made.texts, made.tasks), ease, atol=1e-6)
    assert again.head.lin1.in_features == width + 22
    size = (tmp_path / "head.safetensors").stat().st_size
    assert size < 1e6 if layers == 0 else size < 40e6  # the frozen part is not stored
    assert list((tmp_path / "log").rglob("events*"))


def test_only_the_last_layers_learn_and_each_at_its_rate() -> None:
    made = DifficultyEstimator("offline", 384, train_layers=4)
    assert made.encoder is not None
    names = set(made.encoder.trained())
    layers = {int(n.split(".layer.")[1].split(".")[0]) for n in names}
    assert layers == {2, 3, 4, 5}
    head, encoder = made.configure_optimizers().param_groups
    assert (head["lr"], encoder["lr"]) == (5e-4, 1e-5)
    assert head["weight_decay"] == encoder["weight_decay"] == 1e-3
    with pytest.raises(ConfigError, match="train_layers"):
        DifficultyEstimator("offline", 384, train_layers=7)


def test_an_untrained_residual_says_the_task_mean() -> None:
    made = table(20)
    fresh = DifficultyEstimator("offline", 384, train_layers=0)
    data = EaseData([made])
    fresh.start_from(data.surface, data.task, made.ease)
    means = TaskMeans.fit(made.tasks, made.ease)
    tasks = [*made.tasks, "unknown"]
    np.testing.assert_allclose(fresh.ease([*made.texts, "x"], tasks), means(tasks), atol=1e-6)


def test_reliability_figure_shows_filled_bins() -> None:
    axes = reliability_figure([0.05, 0.95, 0.96], [0.1, 1, 0]).axes[0]
    np.testing.assert_allclose(axes.collections[0].get_offsets(), [(0.05, 0.1), (0.955, 0.5)])


def test_head_around_means_ignores_level_and_scale() -> None:
    """A head of other LLMs is worth its order within a task."""
    rng = np.random.default_rng(0)
    tasks = ["a", "b"] * 100
    ease = np.clip(0.5 + 0.2 * rng.standard_normal(200), 0, 1)
    head = 0.3 + 0.1 * ease
    train, test = np.arange(150), np.arange(150, 200)
    got = around_means(head, tasks, ease, train, test)
    np.testing.assert_allclose(got, ease[test], atol=0.02)
    blind = around_means(np.full(200, 0.4), tasks, ease, train, test)
    np.testing.assert_allclose(blind, TaskMeans.fit(tasks[:150], ease[:150])(tasks[150:]))


def test_what_ships_is_small_and_knows_hard_from_easy() -> None:
    folder = ROOT / "abgnn" / "difficulty" / "heads"
    assert sum(p.stat().st_size for p in folder.iterdir()) < 1e6
    ease = packaged_estimator().ease([*EASY, *HARD])
    assert ease[:2].min() > ease[2:].max() + 0.05
    before = torch.get_rng_state()
    head = packaged_head()
    assert torch.equal(torch.get_rng_state(), before)
    difficulty = head(TextEncoder("offline")([*EASY, *HARD])).tolist()
    assert max(difficulty[:2]) < min(difficulty[2:])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("epochs: many", "a value of type int"),
        ("epochs: 0", "1 or more"),
        ("lr_head: fast", "a number"),
        ("layers: 3", "no such key"),
        ("tables: [{file: x}]", "a mapping with a path"),
        ("tables: [{path: x, kind: y}]", "layout"),
        ("tables: []", "--path"),
        ("- a", "a mapping of keys"),
    ],
)
def test_wrong_configs(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "c.yaml").write_text(content)
    overrides = {} if "tables" in content else {"tables": [{"path": "x"}]}
    with pytest.raises(ConfigError, match=said):
        DifficultyConfig.from_yaml(str(tmp_path / "c.yaml"), overrides)


def test_packaged_configs_are_those_of_appendix_f() -> None:
    given = {"tables": [{"path": "x"}]}
    paper = DifficultyConfig.from_yaml("difficulty/paper.yaml", given).settings
    assert (paper.encoder, paper.train_layers) == ("sentence-transformers/all-mpnet-base-v2", 4)
    assert (paper.lr_encoder, paper.lr_head, paper.weight_decay) == (1e-5, 5e-4, 1e-3)
    assert paper.rebalance
    assert (paper.surface, paper.tasks, paper.by_table) == (False, False, False)
    assert DifficultyConfig.from_yaml("difficulty/offline.yaml", given).settings.train_layers == 0


@pytest.mark.usefixtures("elsewhere")
def test_command_fits_and_judges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = table(30)
    rows = ["query,task,model,score"]
    rows += [
        f'"{text}",{task},{llm},{made.score[i, j]}'
        for i, (text, task) in enumerate(zip(made.texts, made.tasks, strict=True))
        for j, llm in enumerate(made.llms)
    ]
    (tmp_path / "long.csv").write_text("\n".join(rows))
    fit = ["difficulty", "fit", "--config", "difficulty/offline.yaml", "--path", "long.csv"]
    assert main([*fit, "--epochs", "2"]) == 0
    head = "runs/difficulty/head.safetensors"
    assert head in capsys.readouterr().out
    assert (tmp_path / head).is_file()
    judged = ["difficulty", "eval", "--path", "long.csv", "--repeats", "1"]
    assert main([*judged, "--head", head]) == 0
    out = capsys.readouterr().out
    assert "fitted to the table" in out
    assert "not held out" not in out
    assert main([*judged, "--head", "long.csv"]) == 2
    assert "a file of" in capsys.readouterr().err
    assert main([*fit, "--out", "long.csv/x"]) == 2


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared outcome tables")
@pytest.mark.slow
def test_difficulty_targets_on_real_outcomes() -> None:
    """One division into folds of the five tasks; scripts/bench/difficulty has all of them."""
    from abgnn.outcomes.layouts import read_outcomes

    made = read_outcomes(SHARED / "outcomes_llmrouter_9llm.jsonl", tasks="paper")
    found = judge(made, None, TextEncoder("offline"), repeats=1, resamples=2)["fitted to the table"]
    assert found["auroc"].value > 0.82
    assert found["auroc_within"].value > 0.66
    assert found["brier"].value < 0.214
    assert found["ece"].value < 0.04


def test_table_is_printed() -> None:
    from abgnn.difficulty.judge import figures_table

    found = judge(table(20), np.full(20, 0.5), TextEncoder("offline"), repeats=1, resamples=2)
    console = Console(file=io.StringIO(), width=150)
    console.print(figures_table(found, "a table"))
    assert isinstance(console.file, io.StringIO)
    assert "head, around the task's mean" in console.file.getvalue()
