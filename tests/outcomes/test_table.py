"""Readers of outcome tables: every layout, what is estimated, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.outcomes.layouts import read_outcomes
from tests.paths import SHARED

needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="the data beside the project")

LONG = [
    {"id": "a", "query": "1 + 1?", "task": "sums", "model": "big", "score": 1, "cost": 2e-3},
    {"id": "a", "query": "1 + 1?", "task": "sums", "model": "small", "score": 0, "cost": 1e-4},
    {"id": "b", "query": "Who?", "task": "names", "model": "small", "score": 0.5, "cost": 1e-4},
    {"id": "b", "query": "Who?", "task": "names", "model": "big", "score": 1, "cost": 3e-3},
]
BENCH = [
    {
        "sample_id": "mmlu.0",
        "prompt": "['Answer with a letter.', 'Is it? A yes B no']",
        "eval_name": "mmlu",
        "cheap": 0.0,
        "dear": 1.0,
        "cheap|model_response": "['B']",
        "cheap|total_cost": 1e-5,
        "dear|model_response": "A, for it is",
        "dear|total_cost": 2e-3,
        "oracle_model_to_route_to": "dear",
    },
    {
        "sample_id": "mbpp.0",
        "prompt": "[1, 2] is a list",
        "eval_name": "mbpp",
        "cheap": 1.0,
        "dear": 0.25,
        "cheap|model_response": "x" * 9,
        "cheap|total_cost": 2e-5,
        "dear|model_response": "y",
        "dear|total_cost": 1e-3,
        "oracle_model_to_route_to": "cheap",
    },
]
LLM = [
    {"prompt": "Pick one.\nAnswer:", "subject": "law", "m7b": 0, "g4": 1},
    {"prompt": "Pick two.\nAnswer:", "subject": "law", "m7b": 1, "g4": 1},
    {"prompt": "Pick three.\nAnswer:", "subject": "art", "m7b": 0, "g4": 0},
]
ROUTER = [
    {
        "task": "mmlu",
        "metric": "em_mc",
        "query": "Which?",
        "choices": "['red', 'blue']",
        "scores": {"s": 0.0, "l": 1.0},
    },
    {
        "task": "math",
        "metric": "MATH",
        "query": "x" * 10,
        "choices": None,
        "scores": {"s": 1, "l": 1},
    },
]
PROFILES = {
    "s": {"size": "7B", "input_price": 0.2, "output_price": 0.4},
    "l": {"size": "8x22B", "input_price": 1.0, "output_price": 2.0},
}


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(k for row in rows for k in row)))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_long_rows_become_questions_by_llms(tmp_path: Path) -> None:
    table = read_outcomes(write_csv(tmp_path / "t.csv", LONG))
    assert table.ids == ("a", "b")
    assert table.llms == ("big", "small")
    assert table.tasks == ("sums", "names")
    assert table.score.tolist() == [[1, 0], [1, 0.5]]
    assert table.cost.tolist() == [[2e-3, 1e-4], [3e-3, 1e-4]]
    assert table.ease.tolist() == [0.5, 0.75]
    assert table.prompt_tokens.tolist() == [[2, 2], [1, 1]]  # 6 and 4 characters
    assert np.isnan(table.latency).all()
    assert table.responses == ()


def test_long_without_id_groups_by_task_and_query_and_keeps_what_is_stated(tmp_path: Path) -> None:
    rows = [
        {"dataset": "d", "question": q, "model": m, "score": s, "input_tokens": 7, "latency": 1.5}
        for q, m, s in [("p", "x", 1), ("q", "x", 0), ("p", "y", "True"), ("q", "y", "False")]
    ]
    table = read_outcomes(write_csv(tmp_path / "t.csv", rows))
    assert table.ids == ("d/0", "d/1")
    assert table.score.tolist() == [[1, 1], [0, 0]]
    assert (table.prompt_tokens == 7).all()
    assert (table.latency == 1.5).all()


def as_csv(path: Path) -> Path:
    return write_csv(path / "t.csv", BENCH)


def as_parquet(path: Path) -> Path:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pandas.DataFrame(BENCH).to_parquet(path / "t.parquet")
    return path / "t.parquet"


def as_pickle(path: Path) -> Path:
    pytest.importorskip("pandas").DataFrame(BENCH).to_pickle(path / "t.pkl")
    return path / "t.pkl"


@pytest.mark.parametrize("write", [as_csv, as_parquet, as_pickle])
def test_routerbench_in_every_container(write: Callable[[Path], Path], tmp_path: Path) -> None:
    table = read_outcomes(write(tmp_path), allow_pickle=True)
    assert table.ids == ("mmlu.0", "mbpp.0")
    assert table.llms == ("cheap", "dear")
    assert table.texts == ("Answer with a letter.\n\nIs it? A yes B no", "[1, 2] is a list")
    assert table.score.tolist() == [[0, 1], [1, 0.25]]
    assert table.cost.tolist() == [[1e-5, 2e-3], [2e-5, 1e-3]]
    assert table.responses == (("B", "A, for it is"), ("x" * 9, "y"))
    assert table.completion_tokens.tolist() == [[1, 3], [3, 1]]


def test_a_pickle_is_read_on_request_only(tmp_path: Path) -> None:
    path = as_pickle(tmp_path)
    with pytest.raises(ConfigError, match=r"any code.*allow_pickle=True"):
        read_outcomes(path)


def test_a_pickle_without_permission_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    path = tmp_path / "t.pkl"
    path.write_bytes(f"cbuiltins\nopen\n(S'{mark}'\nS'w'\ntR.".encode())
    with pytest.raises(ConfigError, match="pickle"):
        read_outcomes(path, "routerbench")
    assert not mark.exists()


def test_routellm_takes_subjects_as_tasks_and_one_token_for_a_letter(tmp_path: Path) -> None:
    table = read_outcomes(write_csv(tmp_path / "t.csv", LLM))
    assert table.ids == ("law/0", "law/1", "art/0")
    assert table.llms == ("m7b", "g4")
    assert table.score.tolist() == [[0, 1], [1, 1], [0, 0]]
    assert (table.completion_tokens == 1).all()
    assert np.isnan(table.cost).all()


def test_routellm_counts_real_responses_and_names_the_benchmark(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "a": 1, "b": 0, "a_response": "12345", "b_response": "1"}]
    table = read_outcomes(write_csv(tmp_path / "my_gsm8k_run.csv", rows))
    assert table.llms == ("a", "b")
    assert table.tasks == ("gsm8k",)
    assert table.completion_tokens.tolist() == [[2, 1]]
    assert table.responses == (("12345", "1"),)


def test_llmrouter_prices_lengths_and_shows_choices(tmp_path: Path) -> None:
    table = read_outcomes(write_jsonl(tmp_path / "t.jsonl", ROUTER), profiles=PROFILES)
    assert table.ids == ("mmlu/0", "math/0")
    assert table.texts[0] == "Which?\nA. red\nB. blue"
    assert table.prompt_tokens[:, 0].tolist() == [6, 3]
    assert table.completion_tokens[:, 0].tolist() == [60, 350]
    expected = [[(6 * 0.2 + 60 * 0.4) / 1e6, (6 + 120) / 1e6], [140.6 / 1e6, 703 / 1e6]]
    np.testing.assert_allclose(table.cost, expected, rtol=1e-12)


def test_tasks_and_llms_are_chosen(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "t.jsonl", ROUTER)
    table = read_outcomes(path, tasks=["math"], llms=["l"])
    assert table.ids == ("math/0",)
    assert table.llms == ("l",)
    with pytest.raises(ConfigError, match=r"physics.*mmlu"):
        read_outcomes(path, tasks=["physics"])
    with pytest.raises(ConfigError, match=r"llms.*'xl'"):
        read_outcomes(path, llms=["xl"])
    with pytest.raises(ConfigError, match="a list of names, or paper"):
        read_outcomes(path, tasks="math")  # type: ignore[arg-type]


def test_estimates_do_not_depend_on_scores(tmp_path: Path) -> None:
    flipped = [{**r, "scores": {m: 1 - s for m, s in r["scores"].items()}} for r in ROUTER]
    one = read_outcomes(write_jsonl(tmp_path / "1.jsonl", ROUTER), profiles=PROFILES)
    two = read_outcomes(write_jsonl(tmp_path / "2.jsonl", flipped), profiles=PROFILES)
    assert (one.cost == two.cost).all()
    assert (one.score != two.score).all()


def test_a_missing_cell_names_question_and_llm_or_is_dropped(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", LONG[:3])
    with pytest.raises(ConfigError, match=r'big on question b.*missing="drop"'):
        read_outcomes(path)
    assert read_outcomes(path, missing="drop").ids == ("a",)


def test_an_empty_cell_is_missing_too(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [*LLM[:2], {**LLM[2], "g4": ""}])
    with pytest.raises(ConfigError, match="g4 on question art/0"):
        read_outcomes(path)
    assert len(read_outcomes(path, missing="drop").ids) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*LONG, LONG[0]], "id: got 'a'.*big is there twice"),
        ([LONG[0], {**LONG[1], "query": "else"}], "several texts"),
        ([{**BENCH[0]}, {**BENCH[1], "sample_id": "mmlu.0"}], "id: got 'mmlu.0'.*every id once"),
        ([{**LONG[0], "score": 1.5}], "big on question a: got 1.5.*0 to 1"),
        ([{**LONG[0], "score": -0.1}], "got -0.1"),
        ([{**LLM[0], "g4": "maybe"}], "g4 on question law/0: got 'maybe'.*a number"),
        ([{"prompt": "p", "subject": "law"}], "no LLM"),
        ([{"colour": "red", "size": 3}], "columns.*colour.*one of the layouts"),
    ],
)
def test_what_is_wrong_is_named(rows: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read_outcomes(write_csv(tmp_path / "t.csv", rows))


def test_empty_and_absent_files(tmp_path: Path) -> None:
    for name, content in [("a.csv", ""), ("b.csv", "query,task,model,score\n"), ("c.jsonl", "\n")]:
        (tmp_path / name).write_text(content)
        with pytest.raises(ConfigError, match="no rows"):
            read_outcomes(tmp_path / name)
    with pytest.raises(ConfigError, match="an existing"):
        read_outcomes(tmp_path / "absent.csv")
    (tmp_path / "t.xlsx").write_text("x")
    with pytest.raises(ConfigError, match=r"t\.xlsx.*\.parquet"):
        read_outcomes(tmp_path / "t.xlsx")
    (tmp_path / "bad.jsonl").write_text('{"query": 1}\n{"que\n')
    with pytest.raises(ConfigError, match=r"bad\.jsonl:2"):
        read_outcomes(tmp_path / "bad.jsonl")


def test_an_unknown_layout_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="routerbench"):
        read_outcomes(write_csv(tmp_path / "t.csv", LONG), "wide")  # type: ignore[arg-type]


def test_prices_are_asked_for_by_name(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "t.jsonl", ROUTER)
    with pytest.raises(ConfigError, match=r"price of l.*\['s'\]"):
        read_outcomes(path, profiles={"s": PROFILES["s"]})
    with pytest.raises(ConfigError, match=r"s\.input_price: got -1"):
        read_outcomes(path, profiles={**PROFILES, "s": {**PROFILES["s"], "input_price": -1}})


def test_rows_and_columns_of_a_table_carry_everything(tmp_path: Path) -> None:
    table = read_outcomes(as_csv(tmp_path))
    part = table.rows([1]).only(["dear"])
    assert part.ids == ("mbpp.0",)
    assert part.score.tolist() == [[0.25]]
    assert part.responses == (("y",),)
    with pytest.raises(ConfigError, match=r"OutcomeTable\.responses"):
        replace(table, responses=(("x",),))


@needs_data
def test_the_tables_beside_the_project() -> None:
    profiles = SHARED / "llmrouter_9llm_profiles.json"
    table = read_outcomes(
        SHARED / "outcomes_llmrouter_9llm.jsonl", tasks="paper", profiles=profiles
    )
    assert table.score.shape == (1071, 9)
    assert set(table.tasks) == {"mmlu", "math", "gsm8k", "mbpp", "human_eval"}
    assert np.isfinite(table.cost).all()
    gsm8k = read_outcomes(SHARED / "outcomes_routellm_gsm8k_2llm.csv")
    assert gsm8k.score.shape == (777, 2)
    assert set(gsm8k.tasks) == {"gsm8k"}
    mmlu = read_outcomes(SHARED / "outcomes_routellm_mmlu_2llm.csv")
    assert mmlu.score.shape == (8448, 2)
    assert len(set(mmlu.tasks)) == 57
    with pytest.raises(ConfigError, match=r"NarrativeQA_4102: got -0\.03"):  # as it is published
        read_outcomes(SHARED / "outcomes_routerarena_2llm_tokens.csv")
