"""Every row of the shared data: its gold answer scores 1, near misses score 0."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from csv import DictReader
from fractions import Fraction

import pytest

from abgnn.data.query import Query
from datamodules import GSM8K, MATH, MBPP, MMLU, Benchmark, HumanEval
from datamodules.scoring import last_number
from tests.paths import SHARED

DATA = SHARED
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs the folder beside the checkout")


def made(kind: type[Benchmark], name: str) -> tuple[Benchmark, list[Query]]:
    data = kind(n_train=0, n_val=0, path=str(DATA / name))
    return data, data.load()


def wrongly(data: Benchmark, said: list[tuple[Query, str]], right: bool) -> list[tuple[str, str]]:
    with ThreadPoolExecutor(2) as pool:
        scores = list(pool.map(lambda item: data.score(*item), said))
    data.teardown("fit")
    return [(q.id, r[-300:]) for (q, r), s in zip(said, scores, strict=True) if s != right]


@pytest.mark.parametrize(
    ("kind", "name", "rows"),
    [
        (MMLU, "mmlu_dev.jsonl", 275),  # of 276 and 906, one is there twice
        (MMLU, "mmlu_val.jsonl", 905),
        (MATH, "math_agieval.jsonl", 562),
        (GSM8K, "gsm8k_train.jsonl", 1499),
        (MBPP, "mbpp_trainval.jsonl", 291),
        (HumanEval, "humaneval.jsonl", 99),
    ],
)
@pytest.mark.parametrize("correct", [True, False])
def test_every_specimen(kind: type[Benchmark], name: str, rows: int, correct: bool) -> None:
    data, queries = made(kind, name)
    assert len(queries) == rows
    said = [(q, data.specimen(q, correct=correct)) for q in queries]
    assert wrongly(data, said, correct) == []


def test_mmlu_letters_and_texts() -> None:
    data, queries = made(MMLU, "mmlu_val.jsonl")
    right, wrong = [], []
    for q in queries:
        for letter, choice in zip("ABCD", q.meta["choices"], strict=True):
            said = right if letter == q.answer else wrong
            said += [(q, f"({letter})"), (q, f"So **{letter}**."), (q, f"{letter}) {choice}")]
            wide = chr(ord(letter) + 0xFEE0)
            said += [(q, f"（{wide}）"), (q, f"故选{letter}。")]
            said.append((q, f"<think>\nThe answer is A. No: (B)\n</think>\n{letter}"))
            wrong.append((q, f"It is not **{letter}**."))
            letter_like = re.search(r"\b[A-D]\b|^[a-d]$", choice)
            if len(set(q.meta["choices"])) == 4 and not letter_like:
                said.append((q, f"The answer is: {choice}"))
    assert wrongly(data, right, True) == []
    assert wrongly(data, wrong, False) == []


def test_gsm8k_forms_and_near_misses() -> None:
    data, queries = made(GSM8K, "gsm8k_train.jsonl")
    right, wrong = [], []
    for q in queries:
        n = Fraction(q.answer)
        forms = ("#### {:,}", "The answer is ${:,}.00.", "**{:,} dollars**", r"\boxed{{{:,}}}")
        right += [(q, form.format(int(n))) for form in (*forms, "12 + 30 = {:,}")]
        misses = (n + 1, -n if n else 7, n * 10 or 5, n + Fraction(1, 2))
        wrong += [(q, f"The answer is {float(miss):,}") for miss in misses]
        wrong.append((q, f"The answer is {int(n)} or {int(n) + 1}."))
    assert wrongly(data, right, True) == []
    assert wrongly(data, wrong, False) == []


def test_gsm8k_worked_answers_are_read() -> None:
    for line in (DATA / "gsm8k_train.jsonl").read_text().strip().split("\n"):
        row = json.loads(line)
        assert last_number(row["answer"]) == Fraction(row["final"].replace(",", ""))


def test_math_worked_solutions_are_read() -> None:
    data, queries = made(MATH, "math_agieval.jsonl")
    rows = map(json.loads, (DATA / "math_agieval.jsonl").read_text().strip().split("\n"))
    said = [
        (q, r["solution"]) for q, r in zip(queries, rows, strict=True) if "boxed" in r["solution"]
    ]
    assert len(said) > 500
    assert wrongly(data, said, True) == []


def _misses(gold: str) -> list[str]:
    """Another digit, another bracket, another sign, a part more or less."""
    digits = [i for i, c in enumerate(gold) if c.isdigit()]
    found = {gold[:i] + str((int(gold[i]) + 1) % 10) + gold[i + 1 :] for i in digits[-2:]}
    if re.fullmatch(r"[1-9]\d*", gold):
        found |= {f"{gold}0", f"-{gold}", f"{gold}.5", f"{gold}x", f"{gold} \\text{{ or }} 0"}
    if gold.startswith("(") and "cup" not in gold:
        found.add(f"[{gold[1:]}")
    return sorted(found | {gold.replace("+", "-", 1), f"{gold},7"} - {gold})


def test_math_near_misses() -> None:
    data, queries = made(MATH, "math_agieval.jsonl")
    said = [
        (q, f"$\\boxed{{{m}}}$") for q in queries[::2] for m in _misses(q.answer) if m != q.answer
    ]
    assert len(said) > 1000
    assert wrongly(data, said, False) == []


@pytest.mark.parametrize(
    ("kind", "name"), [(MBPP, "mbpp_trainval.jsonl"), (HumanEval, "humaneval.jsonl")]
)
def test_code_near_misses(kind: type[Benchmark], name: str) -> None:
    """Nothing, a constant, and the reference's result in a list."""
    data, queries = made(kind, name)
    said = []
    for q in queries[::5]:
        entry = q.meta["entry_point"]
        said += [
            (q, f"```python\ndef {entry}(*a, **k):\n    {body}\n```")
            for body in ("pass", "return 0.5")
        ]
        program = data.specimen(q, correct=True).removeprefix("```python\n").removesuffix("```")
        said.append(
            (
                q,
                f"```python\n{program}\nf = {entry}\ndef {entry}(*a):\n    return [f(*a)]\n```",
            )
        )
    assert wrongly(data, said, False) == []


def test_real_responses_to_gsm8k() -> None:
    """Two LLMs recorded as right on a question must be read as the same number."""
    with (DATA / "outcomes_routellm_gsm8k_2llm.csv").open(newline="") as file:
        rows = [
            r for r in DictReader(file) if float(r["mixtral_8x7b"]) == float(r["gpt4_1106"]) == 1
        ]
    read = [
        [last_number(r[f"{llm}_response"]) for llm in ("mixtral_8x7b", "gpt4_1106")] for r in rows
    ]
    apart = [pair for pair in read if pair[0] != pair[1]]
    assert len(rows) == 433
    assert len(apart) == 2  # recorded by a scorer that does not see the sign
    assert all(a == -b for a, b in apart if a is not None and b is not None)


def test_real_responses_in_other_clothes() -> None:
    """Behind a think block, or in full width, a response is read as the same number."""
    with (DATA / "outcomes_routellm_gsm8k_2llm.csv").open(newline="") as file:
        said = [
            r[f"{llm}_response"] for r in DictReader(file) for llm in ("mixtral_8x7b", "gpt4_1106")
        ]
    wide = {ord(narrow): ord(narrow) + 0xFEE0 for narrow in "0123456789()%$"}
    read = [last_number(text) for text in said]
    assert len(read) == 1554
    thoughts = zip(said[1:] + said[:1], said, strict=True)
    assert [last_number(f"<think>\n{a}\n</think>\n{b}") for a, b in thoughts] == read
    assert [last_number(text.translate(wide)) for text in said] == read
    for gap in ("\u202f", " "):
        assert [last_number(re.sub(r"(?<=\d),(?=\d{3})", gap, text)) for text in said] == read
