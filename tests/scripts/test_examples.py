"""The examples run, as scripts' cells and as notebooks, and both hold the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("jupytext")
FOLDER = ROOT / "scripts/examples"
sys.path.insert(0, str(FOLDER))
import render  # noqa: E402

LIVE = {"your_llms"}
NEEDS = {"plug_in": "langgraph", "serve_and_watch": "starlette", "your_llms": "xllamacpp"}
EACH = [
    pytest.param(p, marks=[pytest.mark.live] if p.stem in LIVE else [], id=p.stem)
    for p in render.scripts()
]


def test_there_is_one_for_each_thing_that_people_do() -> None:
    assert {path.stem for path in render.scripts()} == {
        "quick_tour", "your_llms", "own_layer", "own_dataset", "read_a_frontier", "escalate",
        "plug_in", "serve_and_watch",
    }  # fmt: skip


@pytest.mark.parametrize("script", EACH)
def test_the_notebook_is_the_script(script: Path) -> None:
    notebook = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    made = render.notebook_of(script)
    assert [(c.cell_type, c.source) for c in notebook.cells] == [
        (c.cell_type, c.source) for c in made.cells
    ], "run scripts/examples/render"
    nbformat.validate(notebook)


@pytest.mark.parametrize("script", EACH)
def test_it_ends_in_a_picture_or_a_table(script: Path) -> None:
    """In the notebook as it is shown, which holds no error and no path of whoever made it."""
    path = script.with_suffix(".ipynb")
    notebook = nbformat.read(path, as_version=4)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    assert all(out.output_type != "error" for out in outputs)
    last = [out for out in outputs if out.output_type != "stream" or "┃" in out.text][-1:]
    assert last, "no picture, no table"
    text = path.read_text(encoding="utf-8")
    assert "/tmp/" not in text
    assert "/home/" not in text
    assert path.stat().st_size < 300_000


@pytest.mark.slow
@pytest.mark.parametrize("script", EACH)
def test_it_runs(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder, by the kernel of this Python."""
    pytest.importorskip("ipykernel")
    if script.stem in NEEDS:
        pytest.importorskip(NEEDS[script.stem])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = render.executed(script, tmp_path)
    outputs = [out for cell in made.cells for out in cell.get("outputs", [])]
    assert outputs
