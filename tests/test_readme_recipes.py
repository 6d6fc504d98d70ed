"""The recipes of the READMEs, followed to the letter in a copy of the project; their tests run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.readmes import READMES, Recipe, recipes

MOST_FILES = {"a layer": 3, "a policy": 4, "a client": 3, "a dataset": 3, "a framework": 4}
MOST_FILES |= {"a plot": 2}  # a command has tests of its own, beside the table of commands
RECIPES = [recipe for readme in READMES for recipe in recipes(readme) if recipe.new]
PARTS = ("abgnn", "datamodules", "configs", "tests", "pyproject.toml")


def run(tree: Path, *arguments: str) -> str:
    """What Python prints in the copy; the copy is what it imports, its exit status is 0."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]
    return ran.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which every recipe was followed."""
    copy = tmp_path_factory.mktemp("project")
    ignored = shutil.ignore_patterns("__pycache__", "*.png")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, copy / part, ignore=ignored)
        else:
            shutil.copy(ROOT / part, copy / part)
    for recipe in RECIPES:
        recipe.follow(copy)
    return copy


def test_there_is_a_recipe_for_each_part() -> None:
    assert {recipe.name for recipe in RECIPES} == set(MOST_FILES)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda r: r.name)
def test_it_takes_few_files(recipe: Recipe) -> None:
    """New and changed ones together, its own test included."""
    assert len(recipe.tests) == 1
    assert len(recipe.new) + len(recipe.edits) <= MOST_FILES[recipe.name]


def test_their_own_tests_pass(tree: Path) -> None:
    """In one process, for what they import takes most of the time."""
    files = [name for recipe in RECIPES for name in recipe.tests]
    options = ["-q", "-p", "no:cacheprovider", "-o", "addopts=", "-rA", "--durations=8"]
    shown = run(tree, "-m", "pytest", *options, *files)
    for name in files:
        assert re.search(rf"^PASSED {re.escape(name)}::", shown, re.M), name


def test_they_keep_the_rules_of_the_house(tree: Path) -> None:
    """The linter, and the map of imports: no line of it names a file of a recipe."""
    files = [name for r in RECIPES for name in r.new if name.endswith(".py")]
    run(tree, "-m", "ruff", "check", *files, *(name for r in RECIPES for name in r.edits))
    run(tree, "-m", "ruff", "format", "--check", *files)
    shown = run(tree, "tests/test_architecture.py")
    assert "every import" in shown or "rooms" in shown
    assert not [name for name in files if f"{name}:" in shown]
