"""Where a policy's and the planner's difficulty starts: packaged, rated, of a file, or nowhere."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from abgnn.cli.main import main
from abgnn.data.query import Query
from abgnn.difficulty import rated_ease, start_difficulty
from abgnn.difficulty.fit import FitSettings, fit_estimator
from abgnn.difficulty.head_file import embedding_head, load_head, save_head
from abgnn.difficulty.head_header import read_header
from abgnn.difficulty.rated import differs, is_rated
from abgnn.difficulty.scale import standard_difficulty, standardised
from abgnn.difficulty.source import check_source
from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from abgnn.graph.base_mas import BaseMAS
from abgnn.graph.encoders import TextEncoder
from abgnn.nn import DifficultyHead
from datamodules import QuickQA
from tests.difficulty.test_difficulty import EASY, HARD, table

TEXTS = [*EASY, *HARD]
ASKED = [Query(str(n), text, "general", "A") for n, text in enumerate(TEXTS)]
PAPER = FitSettings(
    encoder="offline", train_layers=0, surface=False, tasks=False, by_table=False, epochs=3
)


@pytest.fixture(scope="module")
def embed() -> torch.Tensor:
    return TextEncoder("offline")(TEXTS)


def rated(*levels: object) -> list[Query]:
    return [replace(q, meta={"level": n}) for q, n in zip(ASKED, levels, strict=True)]


def test_unrated_questions_start_from_what_ships_at_the_catalogue_s_level(
    embed: torch.Tensor,
) -> None:
    head = DifficultyHead(384)
    assert start_difficulty(head, ASKED, embed, 0.8, "offline") == "shipped"
    difficulty = head(embed).detach()
    assert 1 - float(difficulty.mean()) == pytest.approx(0.8, abs=1e-5)
    assert difficulty[:2].max() < difficulty[2:].min()
    for other in (DifficultyHead(384, 8), DifficultyHead(384)):  # another shape, another encoder
        name = "offline" if other.lin1.out_features == 8 else "mpnet"
        assert start_difficulty(other, ASKED, embed, 0.8, name) == "mean"
        assert other(embed).tolist() == pytest.approx([0.2] * 4, abs=1e-6)


@pytest.mark.parametrize("accuracy", [0.613, 0.2, 0.8112345, 0.9])
def test_rounding_is_no_rating(embed: torch.Tensor, accuracy: float) -> None:
    """The standard deviation of equal floats need not be 0."""
    many = [replace(q, id=f"{q.id}/{k}") for k in range(97) for q in ASKED]
    assert not is_rated(many)
    head, alike = DifficultyHead(384), embed.repeat(97, 1)
    assert start_difficulty(head, many, alike, accuracy, "offline", "rated") == "shipped"
    assert not differs([0.1 + 0.2, 0.3, 0.3])
    assert differs([1, 2])
    assert not is_rated(rated(3, 3, 3, 3))
    assert is_rated(rated(3, None, 4, None))


def test_levels_count_where_a_config_says_so(embed: torch.Tensor) -> None:
    """Against what ships, which thinks the first two easy."""
    head = DifficultyHead(384)
    asked = rated(3, 3, 1, 1)
    assert start_difficulty(head, asked, embed, 0.8, "offline") == "shipped"
    assert start_difficulty(head, asked, embed, 0.8, "offline", "rated") == "rated"
    difficulty = head(embed).detach()
    assert difficulty[:2].min() > difficulty[2:].max()
    ease = rated_ease(rated(3, 3, 1, None), 0.8)
    assert ease[0] < ease[3] < ease[2]


def test_no_method_reads_the_levels_of_the_simulated_world() -> None:
    with pytest.raises(ConfigError, match=r"mas\.difficulty"):
        build(["simulated/general.yaml"], ["--model.mas.difficulty=rated"])
    check_source("rated", "live")
    with pytest.raises(ConfigError, match="no/such"):
        check_source("no/such", "live")
    asked = QuickQA().queries("train")[:30]
    blind = [replace(q, meta={k: v for k, v in q.meta.items() if k != "level"}) for q in asked]
    mas = BaseMAS(encoder="offline")
    assert standard_difficulty(mas, asked) == standard_difficulty(mas, blind)


def test_without_a_signal_difficulty_is_nought() -> None:
    """Not noise on the scale of a signal."""
    mas = BaseMAS(encoder="offline")
    mas.encode.model = "another"  # no head ships for it
    assert set(standard_difficulty(mas, QuickQA().queries("train")[:20]).values()) == {0.0}
    assert standardised(np.full(9, 0.1) + 1e-12 * np.arange(9)).tolist() == [0.0] * 9
    assert standardised(np.array([1.0, 3.0])).tolist() == [-1.0, 1.0]


def test_the_papers_head_has_one_intercept_and_reads_the_embedding_alone(tmp_path: Path) -> None:
    two = [table(30), table(30, seed=1)]
    fitted = fit_estimator(two, PAPER)
    assert fitted.head.lin1.in_features == 384
    assert (fitted.tasks, fitted.base.shape) == ([], (1,))
    save_head(fitted, tmp_path / "h.safetensors")
    assert read_header(tmp_path / "h.safetensors").args["surface"] is False
    again = load_head(tmp_path / "h.safetensors")
    np.testing.assert_allclose(again.ease(TEXTS), fitted.ease(TEXTS), atol=1e-6)
    own = embedding_head(fitted)
    assert own is not None
    said = 1 - own(TextEncoder("offline")(TEXTS)).detach().numpy()
    np.testing.assert_allclose(said, fitted.ease(TEXTS), atol=1e-6)


def test_a_head_that_reads_more_is_fitted_to_what_it_says(
    tmp_path: Path, embed: torch.Tensor
) -> None:
    settings = replace(PAPER, surface=True, tasks=True, epochs=10, lr_head=5e-3)
    fitted = fit_estimator([table(48)], settings)
    assert embedding_head(fitted) is None
    path = str(tmp_path / "h.safetensors")
    save_head(fitted, path)
    head = DifficultyHead(384)
    assert start_difficulty(head, ASKED, embed, 0.7, "offline", path) == "file"
    ease = 1 - head(embed).detach().double().numpy()
    assert float(ease.mean()) == pytest.approx(0.7, abs=1e-5)
    assert np.corrcoef(ease, fitted.ease(TEXTS))[0, 1] > 0.95


@pytest.mark.usefixtures("elsewhere")
def test_a_fitted_head_reaches_policy_and_planner_by_config(tmp_path: Path) -> None:
    """`abgnn difficulty fit`, then a config that names the file."""
    made = table(30)
    rows = ["query,task,model,score"]
    rows += [
        f'"{text}",{task},{llm},{made.score[i, j]}'
        for i, (text, task) in enumerate(zip(made.texts, made.tasks, strict=True))
        for j, llm in enumerate(made.llms)
    ]
    (tmp_path / "long.csv").write_text("\n".join(rows))
    fit = ["difficulty", "fit", "--config", "difficulty/policy.yaml", "--path", "long.csv"]
    assert main([*fit, "--epochs", "2"]) == 0
    path = "runs/difficulty/head.safetensors"
    quick = ["--trainer.logger=false", "--trainer.max_steps=0", "--model.calibration=null"]
    made_of = build(["simulated/general.yaml"], [f"--model.mas.difficulty={path}", *quick])
    made_of.fit()
    mas, head = made_of.model.mas, made_of.model.policy.get_submodule("difficulty")
    fitted = load_head(path)
    embed = mas.encode(TEXTS)
    ease = 1 - head(embed).detach().numpy()
    shift = [_logit(a) - _logit(b) for a, b in zip(ease, fitted.ease(TEXTS), strict=True)]
    assert shift == pytest.approx([shift[0]] * 4, abs=1e-4)  # its own weights, at another level
    planned = list(standard_difficulty(mas, ASKED).values())
    assert np.corrcoef(planned, [_logit(e) for e in ease])[0, 1] == pytest.approx(-1, abs=1e-4)


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
