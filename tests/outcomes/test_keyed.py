"""Tables of answers with keys: what is read, what is refused and where, and that no key tells."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abgnn.data.query import Query, options_of
from abgnn.data.template import Role
from abgnn.errors import ConfigError
from abgnn.outcomes import catalogue_of, read_outcomes
from abgnn.rollout import Messages, RecordedClient
from datamodules import Outcomes
from tests.outcomes.answers import LLMS, answer_rows, write_answers
from tests.paths import SHARED

ROW: dict[str, Any] = {
    "id": "q0",
    "task": "sums",
    "question": "1 + 1?",
    "options": 0,
    "gold": "2",
    "llms": {"small": ["3", 0, 35, 12.5], "large": [None, 0.5, 70, 400]},
}


def test_keys_options_tokens_and_bills_are_the_file_s(tmp_path: Path) -> None:
    rows = [
        ROW,
        {
            **ROW,
            "id": "q1",
            "options": 4,
            "llms": {"small": ["2", 1, 7, 1], "large": ["2", 1, 7, 2]},
        },
    ]
    table = read_outcomes(write_answers(tmp_path / "a.jsonl", rows))
    assert table.llms == ("small", "large")
    assert table.keys == (("3", ""), ("2", "2"))
    assert table.options == (0, 4)
    assert table.completion_tokens[0].tolist() == [10, 20]
    assert table.cost[0].tolist() == pytest.approx([12.5e-6, 400e-6])
    part = table.rows([1]).only(["large"])
    assert (part.keys, part.options) == ((("2",),), (4,))


def test_an_empty_text_is_an_answer_and_null_is_none(tmp_path: Path) -> None:
    llms = {"small": ["", 1, 35, 12.5], "large": [None, 0, 70, 400], "other": [" ", 1, 7, 1]}
    table = read_outcomes(write_answers(tmp_path / "a.jsonl", [{**ROW, "llms": llms}]))
    small, large, other = table.keys[0]
    assert small == other != ""
    assert large == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": 1}, r"a\.jsonl:3: options.* 1.*0 \(an open question\)"),
        ({"options": "four"}, r"a\.jsonl:3: options"),
        ({"question": None}, r"a\.jsonl:3: question.*a text"),
        ({"llms": {}}, r"a\.jsonl:3: llms"),
        ({"llms": {"small": ["3", 0, 35]}}, r"a\.jsonl:3: llms\[small\].*key or null"),
        ({"llms": {"small": [["3"], 0, 35, 1]}}, r"a\.jsonl:3: llms\[small\]\[0\]"),
        ({"llms": {"small": ["3", 2, 35, 1]}}, r"a\.jsonl:3: llms\[small\]\[1\].*from 0 to 1"),
        ({"llms": {"small": ["3", "yes", 35, 1]}}, r"a\.jsonl:3: llms\[small\]\[1\].*yes"),
        ({"llms": {"small": ["3", 1, -1, 1]}}, r"a\.jsonl:3: llms\[small\]\[2\].*-1.*≥ 0"),
        ({"llms": {"small": ["3", 1, 35, None]}}, r"a\.jsonl:3: llms\[small\]\[3\]"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f"{json.dumps(ROW)}\n\n{json.dumps({**ROW, 'id': 'q1', **change})}\n")
    with pytest.raises(ConfigError, match=message):
        read_outcomes(path)


def test_a_missing_answer_is_an_error_or_leaves_the_question_out(tmp_path: Path) -> None:
    rows = [ROW, {**ROW, "id": "q1", "llms": {"small": ["2", 1, 7, 1], "large": None}}]
    path = write_answers(tmp_path / "a.jsonl", rows)
    with pytest.raises(ConfigError, match="score of large on question q1"):
        read_outcomes(path)
    assert read_outcomes(path, missing="drop").ids == ("q0",)


def test_no_key_tells_whether_the_answer_is_right(tmp_path: Path) -> None:
    """A right and a wrong answer with the same key, with none, and of a table without keys."""
    rows = answer_rows(12)
    rows[0]["llms"] = {m: ["A", int(j % 2), 100, 10 + j] for j, m in enumerate(LLMS)}
    rows[1]["llms"] = {m: [None, int(j % 2), 100, 10 + j] for j, m in enumerate(LLMS)}
    data = Outcomes(write_answers(tmp_path / "a.jsonl", rows), n_train=4, n_val=0)
    alike, silent, *_ = data.load()
    client, backbones = RecordedClient.of(data.table), list(catalogue_of(data.table))
    assert [data.key(alike, _said(client, b, alike)) for b in backbones[:2]] == ["A", "A"]
    assert [data.score(alike, _said(client, b, alike)) for b in backbones[:2]] == [0, 1]
    assert {data.key(silent, _said(client, b, silent)) for b in backbones} == {""}
    assert data.key(alike, data.specimen(alike, correct=True)) == ""
    scores = [{"query": q, "task": "t", "scores": {"s": 0, "l": 1}} for q in "ab"]
    bare = Outcomes(write_answers(tmp_path / "b.jsonl", scores), n_train=1, n_val=0)
    assert {bare.key(bare.load()[0], bare.specimen(alike, correct=c)) for c in (True, False)} == {
        ""
    }


def test_recorded_texts_come_down_to_their_answers(tmp_path: Path) -> None:
    head = {"query": "1 + 1?", "task": "sums", "cost": 1e-6}
    texts = ("So it is two. The answer is 2.", "1 + 1 = 2, thus Answer: 2")
    rows = [
        {**head, "model": m, "score": 1, "response": t} for m, t in zip("sl", texts, strict=True)
    ]
    data = Outcomes(write_answers(tmp_path / "a.jsonl", rows), n_train=0, n_val=0)
    (query,), client = data.load(), RecordedClient.of(data.table)
    assert [data.key(query, _said(client, b, query)) for b in catalogue_of(data.table)] == [
        "2",
        "2",
    ]


def test_questions_carry_their_number_of_options(tmp_path: Path) -> None:
    rows = [{**ROW, "id": f"q{i}", "options": n} for i, n in enumerate((0, 10))]
    data = Outcomes(write_answers(tmp_path / "a.jsonl", rows), n_train=0, n_val=0)
    assert [options_of(query) for query in data.load()] == [0, 10]
    assert options_of(Query("q", "?", "general", meta={"choices": ["a", "b"], "options": 9})) == 2


def test_a_catalogue_without_scores_knows_prices_alone(tmp_path: Path) -> None:
    table = read_outcomes(write_answers(tmp_path / "a.jsonl", answer_rows(20)))
    catalogue = catalogue_of(table, scores=False)
    assert catalogue.names == LLMS
    assert {tuple(b.benchmarks) for b in catalogue} == {()}
    assert catalogue["llm-70b"].active_params_b == 70


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data beside the project")
def test_real_answers_are_read() -> None:
    table = read_outcomes(SHARED / "answers_mmlupro_19llm.jsonl")
    assert (len(table.ids), len(table.llms), set(table.options)) == (
        1115,
        19,
        {*range(3, 11)} & {*table.options},
    )
    assert np.mean([key != "" for row in table.keys for key in row]) > 0.9


def _said(client: RecordedClient, backbone: Any, query: Query) -> str:
    messages = Messages(Role("Solver", "Solve."), query.text, (), ())
    return asyncio.run(client.complete(backbone, messages, query=query, sample=0)).text
