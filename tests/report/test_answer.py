"""The answer on top: its figures are those of the files, and what they do not hold is not known."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abgnn.experiments.quickstart.config import Quickstart
from abgnn.experiments.quickstart.measured import OURS, SINGLE, TEAMS, Measured, World
from abgnn.experiments.quickstart.rivals import METHODS
from abgnn.experiments.quickstart.run import write_quickstart
from abgnn.report.answers import Answer, chosen, interval_of
from abgnn.report.page import build_page
from abgnn.report.reading import read_runs
from abgnn.report.section_answer import answers_of
from tests.report.test_report import (
    EVIL,
    HEAD,
    calibration,
    certificate_data,
    harmless,
    page_of,
    plan_data,
    points,
)


def answers(*paths: Path) -> list[Answer]:
    return answers_of(read_runs([str(path) for path in paths]))


def top(page: str) -> str:
    """The text of the answer's paragraph."""
    part = re.findall(r'<p class="lead">(.*?)</p>', page, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", "", part[0])


def comparison(folder: Path, *rows: tuple[Any, ...], spent: float = 1.5) -> Path:
    folder.mkdir(parents=True)
    (folder / "points.csv").write_text(points(*rows))
    for k in range(2):
        job = {"job": {"method": "ours", "seed": k, "budgets": [0.001, 0.002, 0.004, 0.01]},
               "result": {"label": "simulated", "rows": [], "spent_usd": spent}}  # fmt: skip
        (folder / "jobs").mkdir(exist_ok=True)
        (folder / "jobs" / f"{k}.json").write_text(json.dumps(job))
    return folder


ROWS = [
    row
    for seed, shift in enumerate((0.0, 0.02, 0.04))
    for row in (
        ("ours", seed, "p1", 0.60 + shift, 0.001, 5),
        ("ours", seed, "p2", 0.80 + shift, 0.003, 9),
        ("single LLM", seed, "small", 0.50, 0.0005, 2),
        ("single LLM", seed, "middle", 0.65, 0.0015, 3),
        ("single LLM", seed, "large", 0.90, 0.02, 4),
    )
]


def test_a_comparison_by_hand(tmp_path: Path) -> None:
    """At 2 mUSD, half way: 0.70, 0.72, 0.74; middle is the best LLM, small and middle are drawn."""
    made = answers(comparison(tmp_path / "c", *ROWS))
    assert [a.cost_usd for a in made] == [0.001, 0.002, 0.004, 0.01]
    first = chosen(made)
    assert first is not None
    assert (first.system, first.cost_usd, first.label) == ("ours", 0.002, "simulated")
    half = 4.302653 * 0.02 / math.sqrt(3)
    assert first.accuracy.mean == pytest.approx(0.72)
    assert first.accuracy.high == pytest.approx(0.72 + half)
    assert first.single is not None
    assert first.plain is not None
    assert first.single.name == "the best single LLM (middle)"
    assert (first.single.accuracy, first.single.usd) == pytest.approx((0.65, 0.0015))
    assert first.single.ahead.mean == pytest.approx(0.07)
    assert first.single.ahead.low == pytest.approx(0.07 - half)
    assert first.plain.accuracy == pytest.approx(0.575)
    assert first.plain.ahead.sign == 1
    page = page_of(tmp_path)
    said = top(page)
    assert "Within 2 mUSD a question, ours answered 72.0 %" in said
    assert "(middle), which is known only in hindsight, reached 65.0 % for 1.5 mUSD" in said
    assert "the system is 7.0 points above (± 5.0)" in said
    assert "among the 2 that cost no more reached 57.5 %" in said
    assert "1 comparison $3.00" in page  # of both jobs
    assert page.index('id="answer"') < page.index('id="curves"')


def test_of_a_single_seed_the_interval_is_that_of_the_questions(tmp_path: Path) -> None:
    first = chosen(answers(comparison(tmp_path / "c", *[row for row in ROWS if row[1] == 0])))
    assert first is not None
    assert first.single is not None
    assert first.accuracy.high == pytest.approx(0.70 + 1.96 * 0.01)
    assert first.single.ahead.low == pytest.approx(0.05 - 1.96 * math.hypot(0.01, 0.01))
    assert interval_of([0.5], [math.nan], "seeds").low is None


def test_where_no_llm_is_that_cheap_it_says_so(tmp_path: Path) -> None:
    dear = [row for row in ROWS if row[2] not in ("small", "middle")]
    said = top(page_of(comparison(tmp_path / "c", *dear)))
    assert "is not known: the cheapest single LLM takes 20 mUSD" in said
    alone = [row for row in ROWS if row[0] == "ours"]
    said = top(page_of(comparison(tmp_path / "d", *alone)))
    assert "is not known: these files hold no single LLM on the same questions" in said
    assert "Nor is what doing nothing clever would reach" in said


def quickstart(folder: Path) -> Path:
    """Two worlds of four questions, written by the quickstart itself."""

    def made(method: str, name: str, score: list[float], usd: float) -> Measured:
        by_question = np.array([(s, usd, 9.0) for s in score])
        plans = frozenset([((("Solver", name),), frozenset[tuple[int, int]]())])
        return Measured(method, name, by_question, plans, float(np.mean(score)))

    worlds = [
        World(seed, "simulated", (
            *(made(m, f"{b} mUSD", [1, 1, 1, seed - 31], 1e-3 * b)
              for m in METHODS[:3] for b in (0.5, 2)),
            made(SINGLE, "small", [1, 0, 0, 0], 1e-4), made(SINGLE, "large", [1, 1, 0, 1], 4e-4),
            made(TEAMS, "star small", [1, 0, 1, 0], 4e-4),
        ))
        for seed in (31, 32)
    ]  # fmt: skip
    config = Quickstart(fit=("x",), cost_budgets=(5e-4, 2e-3), points=(), worlds=(31, 32),
                        out=str(folder))  # fmt: skip
    write_quickstart(config, worlds)
    return folder


def test_a_quickstart_is_read_with_its_paired_differences(tmp_path: Path) -> None:
    folder = quickstart(tmp_path / "general")
    first = chosen(answers(folder))
    assert first is not None
    assert (first.system, first.cost_usd) == (OURS.removeprefix("ours: "), 5e-4)
    assert first.accuracy.mean == pytest.approx(7 / 8)
    se = (0.25**2 + 0) ** 0.5 / 2  # of the worlds: 0.25 and 0
    assert first.accuracy.low == pytest.approx(7 / 8 - 1.96 * se)
    assert first.accuracy.high == 1.0
    assert first.single is not None
    assert first.plain is not None
    differences = [0, 0, 1, -1, 0, 0, 1, 0]
    assert first.single.ahead.mean == pytest.approx(np.mean(differences))
    half = 1.96 * np.std(differences, ddof=1) / math.sqrt(8)
    assert first.single.ahead.high == pytest.approx(np.mean(differences) + half)
    assert first.plain.accuracy == pytest.approx((0.25 + 0.75) / 2)
    page = page_of(folder)
    harmless(page)
    said = top(page)
    assert "no clear difference (+12.5 ±" in said
    assert "What the evaluations in general/table.csv cost is not in these files." in page
    assert "curve0-cost_usd-s0-line" in page  # its curves are shown, too
    assert "All of this is simulated." in said


def test_a_quickstart_of_an_older_version_has_no_interval(tmp_path: Path) -> None:
    folder = quickstart(tmp_path / "general")
    with (folder / "points.csv").open(newline="") as file:
        rows = [row[:-1] for row in csv.reader(file)]
    (folder / "points.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    assert "(its interval is not known)" in top(page_of(folder))


def test_a_certificate_names_its_plan_and_what_a_calibration_believes(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(plan_data()))
    digest = hashlib.sha256((tmp_path / "plan.json").read_bytes()).hexdigest()[:16]
    made = certificate_data() | {"subject": f"x.yaml, plan {digest}"}
    (tmp_path / "certificate.json").write_text(json.dumps(made))
    [alone] = answers(tmp_path)
    assert alone.ground == "certified"
    assert alone.single is None
    said = top(page_of(tmp_path))
    assert f"the plan {tmp_path.name}/plan.json (2 teams) answered 75.0 %" in said
    assert "The budgets are met." in said
    assert "no calibration" in said
    calibration().save(tmp_path / "calibration.json")
    [beside] = answers(tmp_path)
    assert beside.single is not None
    assert "believes, not measured on these questions" in beside.single.name
    assert beside.single.ahead.low is None
    assert "with no interval known" in top(page_of(tmp_path))


def test_a_plan_alone_is_only_expected(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(plan_data()))
    said = top(page_of(tmp_path))
    assert "is expected to answer 90.0 %" in said
    assert "[85.0, 95.0; 90 % in the model, of the next 100 questions]" in said
    assert "nothing yet" in said


def test_a_training_run_is_held_against_llms_that_cost_no_more(tmp_path: Path) -> None:
    head = HEAD.replace("method,seed,train_calls,", "")
    rows = [
        ("single small", 0.5, 0.001),
        ("single large", 0.9, 0.01),
        ("policy before training", 0.4, 0.002),
        ("policy after training", 0.7, 0.002),
    ]
    lines = [f"live,{name},{score},0.05,{usd},9,100,1,0,50" for name, score, usd in rows]
    (tmp_path / "held_out.csv").write_text("\n".join([head, *lines]) + "\n")
    said = top(page_of(tmp_path))
    assert "With no budget set, the policy after training answered 70.0 %" in said
    assert "The best single LLM (small)" in said
    assert "All of this is from live calls." in said


def test_live_comes_before_simulated_and_the_choice_is_told(tmp_path: Path) -> None:
    comparison(tmp_path / "a", *ROWS)
    (tmp_path / "plan.json").write_text(json.dumps(plan_data("live")))
    first = chosen(answers(tmp_path))
    assert first is not None
    assert first.label == "live"
    page = page_of(tmp_path)
    assert "the first of 2 files with an answer" in page
    assert "Every file and every budget (5)" in page
    assert "live: 1 file<" in page
    assert "recorded: nothing" in page


def test_files_without_an_answer_say_that_it_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "shares.csv").write_text("source,backbone,share\nsimulated,a,0.1\n")
    page = page_of(tmp_path)
    assert "is not known from these files" in top(page)
    assert "What it cost is not in these files." in page


def test_hostile_names_stay_texts_in_the_answer(tmp_path: Path) -> None:
    quoted = EVIL.replace('"', "'") + "</script>&quot;\x1b"
    rows = [(quoted if m == "ours" else m, s, f"{quoted}{n}", p, usd, t)
            for m, s, n, p, usd, t in ROWS]  # fmt: skip
    comparison(tmp_path / "<img src=x>", *rows)
    page = page_of(tmp_path)
    read = harmless(page)
    readings = [json.loads(value) for _, key, value in read.attributes if key == "data-read"]
    assert len(readings) == 3
    assert any("</script>" in point[3] for point in readings[0]["points"])
    assert "\x1b" not in page
    assert build_page(read_runs([str(tmp_path)])) == page
