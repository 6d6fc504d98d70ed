"""From scripts in jupytext's percent format to executed notebooks beside them."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent
SECONDS = 600  # of a cell, on a busy machine


def scripts() -> list[Path]:
    """Every example, by name."""
    return sorted(p for p in FOLDER.glob("*.py") if p.name != Path(__file__).name)


def notebook_of(script: Path) -> NotebookNode:
    """The script as a notebook without outputs; ids of cells are their numbers."""
    made = jupytext.read(script)
    made.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    for i, cell in enumerate(made.cells):
        cell.id, cell.metadata = f"cell-{i}", {}
    return made


def executed(script: Path, folder: Path) -> NotebookNode:
    """The notebook with its outputs, run in a folder.

    Raises:
        CellExecutionError: a cell failed.
    """
    made = notebook_of(script)
    NotebookClient(made, timeout=SECONDS, resources={"metadata": {"path": str(folder)}}).execute()
    for cell in made.cells:
        cell.metadata = {}
        if cell.cell_type == "code":  # what libraries log is no part of the example
            cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
    return made


def main() -> None:
    """Execute, and write."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="examples; left out: all")
    names = parser.parse_args().names
    for script in scripts():
        if names and script.stem not in names:
            continue
        with TemporaryDirectory() as folder:
            made = executed(script, Path(folder))
        nbformat.write(made, script.with_suffix(".ipynb"))
        print(script.with_suffix(".ipynb").name)


if __name__ == "__main__":
    main()
