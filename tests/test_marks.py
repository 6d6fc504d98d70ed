"""Every test runs in `.ci/run`: what `scripts/test` leaves out, `scripts/test --slow` runs."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

from tests.paths import ROOT

SCRIPT = (ROOT / "scripts" / "test").read_text(encoding="utf-8")
CHOICES = re.findall(r'chosen="(.*?)"', SCRIPT)


@pytest.fixture(scope="module")
def marks(pytestconfig: pytest.Config) -> list[str]:
    lines: list[str] = pytestconfig.getini("markers")
    ours = lines[: 1 + next(i for i, line in enumerate(lines) if line.startswith("timing:"))]
    return [line.partition(":")[0] for line in ours]


def collected(path: Path, *arguments: str) -> set[str]:
    """What pytest would run of a file."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-c", str(ROOT / "pyproject.toml"), *arguments, str(path)],
        capture_output=True,
        text=True,
        cwd=path.parent,
        check=False,
    )
    assert done.returncode in (0, 5), done.stdout + done.stderr  # 5: nothing is left
    return set(re.findall(r"::(\w+)$", done.stdout, re.M))


def test_each_combination_of_marks_is_run_once(marks: list[str], tmp_path: Path) -> None:
    several = [c for n in range(len(marks) + 1) for c in combinations(marks, n)]
    tests = [
        "".join(f"@pytest.mark.{mark}\n" for mark in chosen) + f"def test_{i}(): pass\n"
        for i, chosen in enumerate(several)
    ]
    path = tmp_path / "test_marked.py"
    path.write_text("\n".join(["import pytest", *tests]), encoding="utf-8")
    assert "slow" in marks
    fast, slow = (collected(path, "-m", choice) for choice in CHOICES)
    assert not fast & slow
    assert fast | slow == collected(path) == {f"test_{i}" for i in range(len(several))}


def test_nothing_else_is_left_out() -> None:
    """Neither for all runs nor by the script; and `.ci/run` makes both runs."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    options = re.findall(r'^addopts = "(.*)"$', project, re.M)
    assert options == ["--strict-markers"]
    [run] = re.findall(r"^exec .*pytest(.*)$", SCRIPT, re.M)
    assert run.split() == ["-n", "2", "--dist", "loadgroup", "-m", '"$chosen"', '"$@"']
    steps = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert {"scripts/test", "scripts/test --slow"} <= set(steps)
