"""Benchmarks: upstream layouts, splits, limits, and rows that cannot be used."""

import json
import logging
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from abgnn.data.query import KeyedTask, Task
from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from datamodules import GSM8K, MATH, MBPP, MMLU, Benchmark, HumanEval
from datamodules.mmlu_subjects import AREA_AND_TOPIC
from tests.paths import CONFIGS, ROOT

ROWS: dict[type[Benchmark], dict[str, Any]] = {
    MMLU: {"question": "Two?", "choices": ["1", "2", "3", "4"], "answer": 1, "subject": "sums"},
    MATH: {
        "problem": "Half of $1$?",
        "solution": "It is $\\boxed{\\frac{1}{2}}$.",
        "level": "Level 3",
        "type": "Algebra",
    },
    GSM8K: {"question": "Two twos?", "answer": "2+2=<<2+2=4>>4\n#### 1,004"},
    MBPP: {
        "task_id": 7,
        "text": "Write a function to double.",
        "code": "def twice(x):\r\n  return 2 * x",
        "test_list": ["assert twice(1) == 2", "assert twice(4) == 8"],
        "test_setup_code": "",
    },
    HumanEval: {
        "task_id": "HumanEval/0",
        "prompt": 'def twice(x):\n    """ Double. """\n',
        "entry_point": "twice",
        "canonical_solution": "    return 2 * x\n",
        "test": "def check(candidate):\n    assert candidate(4) == 8\n",
    },
}
KINDS = list(ROWS)
ANSWER = {
    MMLU: "answer",
    MATH: "solution",
    GSM8K: "answer",
    MBPP: "code",
    HumanEval: "canonical_solution",
}
DOMAINS = {MMLU: "general", MATH: "math", GSM8K: "math", MBPP: "code", HumanEval: "code"}


def write(folder: Path, *rows: dict[str, Any]) -> str:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def made(kind: type[Benchmark], path: Path | str, **more: Any) -> Benchmark:
    return kind(n_train=0, n_val=0, path=str(path), **more)


@pytest.mark.parametrize("kind", KINDS)
def test_hub_columns_as_jsonl(kind: type[Benchmark], tmp_path: Path) -> None:
    data = made(kind, write(tmp_path, ROWS[kind]))
    [query] = data.load()
    assert isinstance(data, Task)
    assert query.domain == DOMAINS[kind]
    assert query.id
    for correct in (True, False):
        response = data.specimen(query, correct=correct)
        assert response == data.specimen(query, correct=correct)
        assert data.score(query, response) == correct
    for response in ("", "I cannot answer this.", "\0"):
        assert data.score(query, response) == 0.0
    data.teardown("fit")


@pytest.mark.parametrize("kind", KINDS)
def test_a_specimen_for_every_key(kind: type[Benchmark], tmp_path: Path) -> None:
    data = made(kind, write(tmp_path, ROWS[kind]))
    [query] = data.load()
    assert isinstance(data, KeyedTask)
    keys = data.answer_keys(query)
    specimens = [data.specimen(query, key) for key in keys]
    assert specimens[0] == data.specimen(query, correct=True)
    assert len({data.key(query, text) for text in specimens}) == len(keys) > 3
    assert [data.score(query, text) for text in specimens] == [1.0] + [0.0] * (len(keys) - 1)
    data.teardown("fit")


def test_subjects_of_mmlu_are_areas_and_topics(tmp_path: Path) -> None:
    row = {**ROWS[MMLU], "subject": "professional_law", "question": "Three?"}
    [law, other] = made(MMLU, write(tmp_path, row, ROWS[MMLU])).load()
    assert (law.meta["area"], law.meta["topic"], law.meta["mapped"]) == ("law", 2, True)
    assert law.meta["subject"] == "professional_law"
    assert "area" not in other.meta, "sums is none of the 57"
    assert len(AREA_AND_TOPIC) == 57
    assert len(set(AREA_AND_TOPIC.values())) == 35


def test_what_is_asked(tmp_path: Path) -> None:
    asked = {k: made(k, write(tmp_path, ROWS[k])).load()[0] for k in KINDS}
    assert asked[MMLU].text.startswith("Two?\nA) 1\nB) 2\nC) 3\nD) 4\n\n")
    assert "The answer is (X)" in asked[MMLU].text
    assert (asked[MMLU].answer, asked[MMLU].meta["subject"]) == ("B", "sums")
    assert "\\boxed{}" in asked[MATH].text
    assert asked[MATH].answer == "\\frac{1}{2}"
    assert dict(asked[MATH].meta) == {"subject": "Algebra", "level": 3}
    assert "The answer is N" in asked[GSM8K].text
    assert (asked[GSM8K].answer, asked[GSM8K].meta["steps"]) == ("1004", 1)
    assert "`twice`" in asked[MBPP].text
    assert "#### 1,004" not in asked[GSM8K].text


def test_hendrycks_csv_folders(tmp_path: Path) -> None:
    for split, answer in (("test", "C"), ("dev", "A")):
        (tmp_path / split).mkdir()
        for subject in ("anatomy", "world_religions"):
            (tmp_path / split / f"{subject}_{split}.csv").write_text(
                f'"Which, {subject}?",p,"q ""q""",r,0.5,{answer}\nSecond {subject}?,1,2,3,4,B\n'
            )
    queries = made(MMLU, tmp_path).load()
    assert Counter(q.meta["subject"] for q in queries) == {"anatomy": 2, "world_religions": 2}
    assert queries[0].answer == "C"
    assert queries[0].meta["choices"] == ("p", 'q "q"', "r", "0.5")
    assert [q.id for q in queries[:2]] == ["mmlu/anatomy_test/0", "mmlu/anatomy_test/1"]
    assert made(MMLU, tmp_path, split="dev").load()[0].answer == "A"
    (tmp_path / "test" / "anatomy_test.csv").write_text("What?,1,2,3,4,E\n")
    with pytest.raises(ConfigError, match=r"anatomy_test.csv:1: answer: got 'E'.*ABCD"):
        made(MMLU, tmp_path).load()


def test_math_folders_and_levels(tmp_path: Path) -> None:
    for number, level in ((1, "Level 5"), (22, "Level ?")):
        folder = tmp_path / "test" / "number_theory"
        folder.mkdir(parents=True, exist_ok=True)
        row = {**ROWS[MATH], "problem": f"No. {number}", "level": level, "type": "Number Theory"}
        (folder / f"{number}.json").write_text(json.dumps(row))
    first, second = made(MATH, tmp_path).load()
    assert (first.id, first.meta["level"]) == ("math/number_theory/1", 5)
    assert dict(second.meta) == {"subject": "Number Theory"}


def test_sanitized_mbpp(tmp_path: Path) -> None:
    row = {k: v for k, v in ROWS[MBPP].items() if k not in ("text", "test_setup_code")}
    row |= {"prompt": "Take a root.", "code": "import math\ndef root(x):\n  return math.sqrt(x)"}
    row |= {"test_imports": ["import math"]}
    row["test_list"] = [
        "assert root(4) == 2",
        "assert math.isclose(root(2), 1.41421356, rel_tol=1e-6)",
    ]
    file = tmp_path / "sanitized-mbpp.json"
    file.write_text(json.dumps([row]))
    data = made(MBPP, file)
    [query] = data.load()
    assert data.score(query, data.specimen(query, correct=True)) == 1.0
    assert data.score(query, "```python\ndef root(x):\n    return x / 2\n```") == 0.0
    data.teardown("fit")


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_without_an_answer(kind: type[Benchmark], tmp_path: Path) -> None:
    for row in ({**ROWS[kind], ANSWER[kind]: None}, {**ROWS[kind], ANSWER[kind]: "  "}):
        path = write(tmp_path, ROWS[kind], row)
        with pytest.raises(ConfigError) as error:
            made(kind, path).load()
        assert error.value.field == f"{path}:2: {ANSWER[kind]}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_column(kind: type[Benchmark], tmp_path: Path) -> None:
    row = {k: v for k, v in ROWS[kind].items() if k != ANSWER[kind]}
    path = write(tmp_path, row)
    with pytest.raises(ConfigError) as error:
        made(kind, path).load()
    assert error.value.field == f"{path}:1: columns"
    assert f"`{ANSWER[kind]}`" in error.value.allowed


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        (GSM8K, {"answer": "It is 4."}, "answer"),
        (GSM8K, {"answer": "#### four"}, "answer"),
        (MATH, {"solution": "It is a half."}, "solution"),
        (MATH, {"solution": "\\boxed{}"}, "solution"),
        (MMLU, {"answer": 4}, "answer"),
        (MMLU, {"answer": "E"}, "answer"),
        (MMLU, {"choices": "1, 2"}, "choices"),
        (MBPP, {"test_list": []}, "test_list"),
        (MBPP, {"test_list": ["assert other(1) == 2"]}, "code"),
        (MBPP, {"code": "def twice(x) return"}, "code"),
    ],
)
def test_values_that_cannot_be_used(
    kind: type[Benchmark], change: dict[str, Any], field: str, tmp_path: Path
) -> None:
    path = write(tmp_path, {**ROWS[kind], **change})
    with pytest.raises(ConfigError) as error:
        made(kind, path).load()
    assert error.value.field == f"{path}:1: {field}"


def test_an_id_twice_names_both_places(tmp_path: Path) -> None:
    row = {**ROWS[GSM8K], "id": "x"}
    path = write(tmp_path, row, {**row, "question": "Another?"})
    with pytest.raises(ConfigError, match=rf"{path}:2: id: got 'x'.*{path}:1"):
        made(GSM8K, path).load()


def test_a_text_twice_is_asked_once(tmp_path: Path) -> None:
    rows = [{**ROWS[GSM8K], "id": str(i), "question": f"Q{min(i, 2)}"} for i in range(4)]
    assert [q.id for q in made(GSM8K, write(tmp_path, *rows)).load()] == ["0", "1", "2"]


@pytest.fixture
def many(tmp_path: Path) -> str:
    """300 problems of three levels in unequal numbers and two subjects."""
    rows = [
        {**ROWS[MATH], "problem": f"P{i}", "level": 1 + (i % 10 > 4) + (i % 10 > 7)}
        for i in range(300)
    ]
    return write(tmp_path, *({**r, "type": "AB"[i % 2]} for i, r in enumerate(rows)))


def test_splits_are_disjoint_seeded_and_stratified(many: str) -> None:
    data = MATH(path=many, seed=1)
    splits = {s: data.queries(s) for s in ("train", "val", "test")}
    assert [len(q) for q in splits.values()] == [40, 20, 240]
    assert len({q.id for qs in splits.values() for q in qs}) == 300
    for queries in splits.values():
        mix = Counter(q.meta["level"] for q in queries)
        for level, share in ((1, 0.5), (2, 0.3), (3, 0.2)):
            assert abs(mix[level] - share * len(queries)) <= 2
    assert MATH(path=many, seed=1).queries("train") == splits["train"]
    assert MATH(path=many, seed=2).queries("train") != splits["train"]


def test_limit_deals_with_the_front_of_the_order(many: str) -> None:
    whole, part = MATH(path=many), MATH(path=many, limit=100)
    assert part.queries("train") == whole.queries("train")
    assert len(part.queries("test")) == 40
    front = MATH(n_train=100, n_val=0, n_test=0, path=many).queries("train")
    dealt = [q for s in ("train", "test", "val") for q in part.queries(s)]
    assert {q.id for q in dealt} == {q.id for q in front}
    assert len(MATH(path=many, limit=1000).queries("test")) == 240
    with pytest.raises(ConfigError, match=r"MATH.limit: got 0"):
        MATH(path=many, limit=0)
    with pytest.raises(ConfigError, match=r"MATH.n_val.*at most 10"):
        MATH(path=many, limit=50).queries("train")


def test_defaults() -> None:
    assert (HumanEval().n_train, MMLU().n_train, MBPP().n_train) == (20, 40, 40)
    for wrong in ({"dataset": "a/b"}, {"split": ""}):
        with pytest.raises(ConfigError):
            GSM8K(**wrong)
    with pytest.raises(ConfigError, match=r"MATH.verifier"):
        MATH(verifier="sympy")  # type: ignore[arg-type]


class FakeHub(ModuleType):
    """Stands for `datasets`; notes what was asked for."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        super().__init__("datasets")
        self.rows, self.asked = rows, []  # type: ignore[var-annotated]

    def load_dataset(self, *place: str, **how: Any) -> list[dict[str, Any]]:
        self.asked.append((*place, how))
        if how["split"] == "nosplit":
            raise ValueError("Unknown split")
        return self.rows


@pytest.mark.parametrize("kind", KINDS)
def test_hub_is_asked_for_the_pinned_revision(
    kind: type[Benchmark], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = FakeHub([ROWS[kind]])
    monkeypatch.setitem(sys.modules, "datasets", hub)
    data = kind(n_train=0, n_val=0, dataset=kind.HUB.dataset, subsets=["one"])
    [query] = data.queries("test")
    assert hub.asked == [
        (
            kind.HUB.dataset,
            "one",
            {"split": "test", "revision": kind.HUB.revision, "streaming": kind is MMLU},
        )
    ]
    assert len(kind.HUB.revision) == 40
    assert kind in (MBPP, HumanEval) or "one/test/0" in query.id
    with pytest.raises(ConfigError, match="Unknown split"):
        kind(dataset="a/b", revision="c", split="nosplit").setup()


def test_hub_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"abgnn\[hub\].*path:"):
        GSM8K().queries("train")


@pytest.mark.slow
def test_hub_unreachable(tmp_path: Path) -> None:
    """Downloaded at once or streamed: what to do is said."""
    pytest.importorskip("datasets")
    code = (
        "from datamodules import GSM8K, MMLU\nfrom abgnn.errors import ConfigError\n"
        "for data in (GSM8K(), MMLU()):\n"
        "    try:\n        data.queries('train')\n    except ConfigError as e:\n        print(e)\n"
    )
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    root = ROOT
    ran = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=root, capture_output=True, text=True, check=True
    )
    for line, hub in zip(ran.stdout.splitlines(), (GSM8K.HUB, MMLU.HUB), strict=True):
        assert line.startswith(f"dataset: got '{hub.dataset}@{hub.revision[:8]}")
        assert "a hub that can be reached" in line
        assert "path:" in line


def test_no_questions_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    row = {**ROWS[MBPP], "code": "class P: pass\ndef twice(x):\n  return P()"}
    row["test_list"] = ["assert twice(1) == P()"]
    path = write(tmp_path, row)
    with (
        caplog.at_level(logging.WARNING, "datamodules"),
        pytest.raises(ConfigError, match="any questions"),
    ):
        made(MBPP, path).load()
    assert f"{path}:1" in caplog.text


DATA = CONFIGS / "data"
CONFIGS = sorted(p for p in DATA.glob("*.yaml") if p.stem != "arithmetic")  # that is generated


@pytest.mark.parametrize("config", CONFIGS, ids=lambda p: p.stem)
def test_configs_lie_over_an_experiment(config: Path) -> None:
    data = build(["simulated/math.yaml", f"data/{config.name}"], ["--data.limit=70"]).data
    assert (data.n_train, data.n_val, data.limit) == (20 if "human" in config.stem else 40, 20, 70)
    assert data.hub == type(data).HUB
    assert data.split == "test"
    assert len(CONFIGS) == len(KINDS)
