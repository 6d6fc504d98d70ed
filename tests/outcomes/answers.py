"""A table of answers for tests: LLMs of rising ability and price, questions of two tasks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.special import expit

LLMS = tuple(f"llm-{size}b" for size in (1, 2, 3, 4, 7, 8, 13, 30, 70, 100, 200, 400))
TASKS = ("sums", "facts")


def answer_rows(
    n: int = 260, seed: int = 0, llms: tuple[str, ...] = LLMS
) -> list[dict[str, object]]:
    """n questions; wrong answers gather on one option, hard questions are hard for all."""
    rng = np.random.default_rng(seed)
    ability = np.linspace(-0.4, 2.2, len(llms))
    bill = np.geomspace(20, 4000, len(llms))  # micro-USD
    rows: list[dict[str, object]] = []
    for i in range(n):
        hard = rng.normal()
        right = rng.random(len(llms)) < expit(ability - 1.2 * hard)
        keys = ["A" if r else "B" if rng.random() < 0.6 else rng.choice(list("CD")) for r in right]
        length = rng.integers(80, 400, len(llms))
        cells = {
            m: [str(keys[j]), int(right[j]), int(length[j]), round(bill[j] * length[j] / 240, 2)]
            for j, m in enumerate(llms)
        }
        head = {
            "id": f"q{i}",
            "task": TASKS[i % 2],
            "question": f"Which one of four? {i * i} {hard:.1f}",
        }
        rows.append({**head, "options": 4, "gold": "A", "llms": cells})
    return rows


def write_answers(path: Path, rows: list[dict[str, object]]) -> str:
    """As jsonl."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)
