"""`Questions`: a user's own file is asked and scored as its answers say, or refused by its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abgnn.data.query import KeyedTask
from abgnn.errors import ConfigError
from datamodules import Questions

ROWS = [
    {"question": "What is 6 times 7?", "answer": 42, "level": 1},
    {"question": "What share of 8 is 6?", "answer": "75%"},
    {"question": "How many metres are 3.5 km?", "answer": "3,500"},
    {"question": "What is the capital of France?", "answer": "Paris", "subject": "geography"},
    {"question": "Who wrote Faust?", "answer": "J. W. von Goethe"},
    {"question": "Which is a gas?", "answer": "neon", "choices": ["iron", "Neon", "salt"]},
    {"question": "Which is a metal?\nA) iron\nB) neon", "answer": "a"},
]


def written(folder: Path, rows: list[dict[str, object]], name: str = "mine.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_each_is_scored_as_its_answer_says(tmp_path: Path) -> None:
    data = Questions(written(tmp_path, ROWS))
    times, share, metres, capital, author, gas, metal = data.load()
    assert [q.answer for q in (times, share, metres)] == ["42", "75", "3500"]
    assert (gas.answer, metal.answer) == ("B", "A")
    assert gas.text.startswith("Which is a gas?\nA) iron\nB) Neon\nC) salt\n")
    assert metal.text.count("B) neon") == 1
    right = {
        times: ["42", "6 · 7 = 42", "The answer is 42.0."],
        share: ["So it is 75 %.", "The answer is 75."],
        metres: ["The answer is 3500 m."],
        capital: ["Paris", "**paris.**", "I recall it.\nThe answer is Paris.", r"\boxed{Paris}"],
        author: ["The answer is J. W. von Goethe.", "j. w. von goethe"],
        gas: ["The answer is (B).", "Neon"],
        metal: ["A", "The answer is iron."],
    }
    wrong = {
        times: ["43", "", "The answer is 4 or 2"],
        capital: ["London", "Not Paris but Lyon, as everybody in this town would tell you", ""],
        author: ["The answer is J. K. Rowling.", "Goethe's friend"],
        gas: ["The answer is (A).", "A or B"],
        metal: ["neon"],
    }
    assert not [(q.text, r) for q, said in right.items() for r in said if data.score(q, r) != 1]
    assert not [(q.text, r) for q, said in wrong.items() for r in said if data.score(q, r) != 0]
    assert times.meta == {"level": 1}
    assert capital.meta == {"subject": "geography"}


def test_specimens_are_judged_as_they_are_meant(tmp_path: Path) -> None:
    data = Questions(written(tmp_path, ROWS), domain="math")
    assert isinstance(data, KeyedTask)
    for query in data.load():
        assert query.domain == data.domain == "math"
        assert data.score(query, data.specimen(query, correct=True)) == 1
        assert data.score(query, data.specimen(query, correct=False)) == 0
        keys = data.answer_keys(query)
        responses = [data.specimen(query, key) for key in keys]
        assert [data.score(query, r) for r in responses] == [1.0] + [0.0] * (len(keys) - 1)
        assert [data.key(query, r) for r in responses] == keys


def test_a_csv_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    lines = ["question,answer,choices,level", "Which is a gas?,B,iron|Neon|salt,2", "6 · 7?,42,,"]
    path.write_text("\n".join(lines), encoding="utf-8")
    gas, times = Questions(str(path)).load()
    assert gas.meta == {"level": 2, "choices": ("iron", "Neon", "salt")}
    assert (gas.answer, times.answer, dict(times.meta)) == ("B", "42", {})


def test_answers_may_be_read_as_text_throughout(tmp_path: Path) -> None:
    [query] = (data := Questions(written(tmp_path, ROWS[:1]), answers="text")).load()
    assert data.score(query, "The answer is 42.") == 1
    assert data.score(query, "The answer is 42.0") == 0


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ({"question": "?"}, "columns", "a column `answer`"),
        ({"answer": "x"}, "columns", "a column `question`"),
        ({"question": " ", "answer": "x"}, "question", "not empty"),
        ({"question": "?", "answer": "…"}, "answer", "a text of words"),
        ({"question": "?", "answer": "x" * 101}, "answer", "at most 100 characters"),
        ({"question": "?", "answer": "x", "choices": ["x"]}, "choices", "2 to 26 different texts"),
        ({"question": "?", "answer": "x", "choices": 3}, "choices", "2 to 26 different texts"),
        ({"question": "?", "answer": "c", "choices": ["x", "y"]}, "answer", "A to B"),
        ({"question": "Who?", "answer": "Paris"}, "question", "every question once"),
        ({"question": "?", "answer": "x", "id": "first"}, "id", "every id once"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(
    row: dict[str, object], field: str, words: str, tmp_path: Path
) -> None:
    path = written(tmp_path, [{"question": "Who?", "answer": "me", "id": "first"}, row])
    with pytest.raises(ConfigError) as refused:
        Questions(path).load()
    assert refused.value.field == f"{path}:2: {field}"
    assert words in refused.value.allowed


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"answers": "regex"}, "auto | number | letter | text"),
        ({"domain": "law"}, "general | math | code"),
    ],
)
def test_a_wrong_setting(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("|", r"\|")):
        Questions("mine.jsonl", **settings)  # type: ignore[arg-type]


def test_numbers_only_where_numbers_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a number or a fraction"):
        Questions(written(tmp_path, ROWS), answers="number").load()
    with pytest.raises(ConfigError, match="a list of at least two texts"):
        Questions(written(tmp_path, ROWS[:1]), answers="letter").load()
    with pytest.raises(ConfigError, match="existing file"):
        Questions(str(tmp_path / "none.jsonl")).load()
