"""A simulated experiment on a benchmark from a local file, from the command line."""

import json
from pathlib import Path

import pytest

from abgnn.cli.main import main

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_fit_gsm8k_from_a_file(tmp_path: Path) -> None:
    rows = [
        {"question": f"Ann has {i} nuts and gets 3. How many has she?", "answer": f"#### {i + 3}"}
        for i in range(24)
    ]
    file = tmp_path / "tiny.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = ["--data", "datamodules.GSM8K", "--data.path", str(file)]
    sizes = ["--data.n_train=8", "--data.n_val=4", "--trainer.enable_progress_bar=false"]
    assert main(["fit", "--config", "simulated/math.yaml", *data, *sizes]) == 0
    [saved] = (tmp_path / "runs").rglob("config.yaml")
    assert "datamodules.GSM8K" in saved.read_text()
    assert list((tmp_path / "runs").rglob("*.ckpt"))


def test_a_faulty_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tiny.jsonl"
    file.write_text('{"question": "Ann?", "answer": "#### 3"}\n{"question": "Bob?"}\n')
    data = ["--data", "datamodules.GSM8K", "--data.path", str(file)]
    assert main(["fit", "--config", "simulated/math.yaml", *data]) == 2
    assert "tiny.jsonl:2: columns" in capsys.readouterr().err
