"""Questions of an outcome table: ids, domains, strata, scores, and files that are not there."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from abgnn.data.query import Task
from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from abgnn.models.fixed import FixedGraph
from abgnn.training.evaluate import evaluate
from datamodules import Outcomes

TASKS = ("gsm8k", "mbpp", "mmlu", "math")
LLMS = ("gemma-2-9b-it", "qwen2.5-7b-instruct")


@pytest.fixture
def path(tmp_path: Path) -> str:
    rows = [
        {
            "task": TASKS[i % 4],
            "metric": "em_mc",
            "query": f"question {i}",
            "scores": {llm: float((i // 4 + m) % 3 > 0) for m, llm in enumerate(LLMS)},
        }
        for i in range(80)
    ]
    file = tmp_path / "t.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def test_rows_become_queries_with_domain_and_stratum(path: str) -> None:
    data = Outcomes(path, n_train=20, n_val=8)
    assert isinstance(data, Task)
    queries = data.load()
    assert len(queries) == 80
    assert {q.meta["subject"]: q.domain for q in queries} == {
        "gsm8k": "math",
        "math": "math",
        "mbpp": "code",
        "mmlu": "general",
    }
    for query in queries:
        assert data.table.ids[query.meta["row"]] == query.id
        assert data.table.texts[query.meta["row"]] == query.text
    train = Counter(q.meta["subject"] for q in data.queries("train"))
    assert set(train.values()) == {5}


def test_one_domain_and_some_tasks(path: str) -> None:
    data = Outcomes(path, tasks=["mbpp", "mmlu"], domain="general", n_train=4, n_val=0)
    assert {q.domain for q in data.load()} == {"general"}
    assert len(data.load()) == 40
    with pytest.raises(ConfigError, match=r"Outcomes\.domain"):
        Outcomes(path, domain="law")  # type: ignore[arg-type]


def test_ids_do_not_depend_on_the_tasks_chosen(path: str) -> None:
    every = {q.id: q.text for q in Outcomes(path).load()}
    for query in Outcomes(path, tasks=["mmlu"]).load():
        assert every[query.id] == query.text


def test_scores_are_what_the_response_carries(path: str) -> None:
    data = Outcomes(path)
    query = data.load()[0]
    assert data.score(query, data.specimen(query, correct=True)) == 1
    assert data.score(query, data.specimen(query, correct=False)) == 0
    with pytest.raises(ConfigError, match="RecordedClient"):
        data.score(query, "The answer is 4.")


def test_a_file_that_is_not_there_is_asked_for_late_and_clearly(path: str) -> None:
    data = Outcomes("absent.jsonl")
    with pytest.raises(ConfigError, match=r"Outcomes\.path.*absent\.jsonl.*LLMRouter.*--path"):
        data.setup()
    with pytest.raises(ConfigError, match=r"Outcomes\.profiles.*none\.json"):
        Outcomes(path, profiles="none.json").setup()


def test_the_packaged_experiment_runs_on_a_table(path: str, tmp_path: Path) -> None:
    profiles = tmp_path / "p.json"
    price = {"size": "9B", "input_price": 0.1, "output_price": 0.1}
    profiles.write_text(json.dumps(dict.fromkeys(LLMS, price)))
    overrides = {
        "data.init_args.path": path,
        "data.init_args.profiles": profiles,
        "data.init_args.tasks": "null",
        "data.init_args.n_train": 8,
        "trainer.logger": "false",
    }
    experiment = build(["recorded/routing.yaml"], [f"--{k}={v}" for k, v in overrides.items()])
    model, data = experiment.model, experiment.data
    assert model.label == "recorded"
    plans_of = FixedGraph(LLMS[0], ["Solver"])
    executor = model.new_executor(data)
    with executor:
        queries = data.queries("test")
        outcomes = evaluate(plans_of, model.mas, executor, queries)
        with pytest.raises(ConfigError, match="codegemma-7b"):  # not in this table
            executor.check()
    column = data.table.llms.index(LLMS[0])
    for query, outcome in zip(queries, outcomes, strict=True):
        row = query.meta["row"]
        assert outcome.error is None
        assert outcome.score == data.table.score[row, column]
        assert outcome.cost == pytest.approx(data.table.cost[row, column])
