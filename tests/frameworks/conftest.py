"""A folder of a newcomer's, with questions of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def write_questions(path: Path) -> None:
    """Twelve sums with their answers."""
    rows = [{"question": f"What is {i} + 3?", "answer": i + 3} for i in range(12)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a file of questions with answers, in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_questions(tmp_path / "q.jsonl")
    return "q.jsonl"
