"""A folder of a newcomer's, with questions of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a file of questions with answers, in the current folder."""
    monkeypatch.chdir(tmp_path)
    rows = [{"question": f"What is {i} + 3?", "answer": i + 3} for i in range(12)]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "q.jsonl"
