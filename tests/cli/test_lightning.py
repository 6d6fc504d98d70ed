"""`abgnn fit` and its like: a short help of ours, every key by LightningCLI."""

from __future__ import annotations

import sys
import warnings

import pytest

from abgnn.cli.main import main
from abgnn.cli.table import find_command

pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.mark.parametrize("name", ["fit", "validate", "test", "predict"])
def test_help_is_short(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) < 30
    assert all(text in out for text in ("--config NAME", "--ckpt_path FILE", "--keys", "--KEY"))


def test_keys_are_listed_by_lightning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--keys"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: abgnn")
    for key in ("--model.lambda_tok", "--trainer.max_epochs", "--ckpt_path"):
        assert key in out


def test_keys_pass_on_in_their_order() -> None:
    argv = ["--config", "a", "--model.lr=1", "-c", "b", "--model.mas.n_pools", "3"]
    args = find_command("fit").parser().read(argv)
    assert args.argv == argv
    assert args.config == ["a", "b"]


@pytest.mark.slow
def test_arguments_of_the_process_play_no_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["host-program", "test", "--model.lambda_tok=99", "--nonsense"]
    monkeypatch.setattr(sys, "argv", argv)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*args parameter is intended.*")
        quick = ["--config", "simulated/general.yaml", "--data.init_args.n_train=4"]
        assert main(["predict", *quick, "--trainer.enable_progress_bar=false"]) == 0
    assert sys.argv is argv
    assert "plans, nothing spent" in capsys.readouterr().out


def test_a_wrong_key_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", "simulated/general.yaml", "--model.lamda_tok=1"]) == 2
    assert "lamda_tok" in capsys.readouterr().err
