"""The study: parts from configs, rows that are kept and found again, figures, the smallest run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.evaluation.frontier import performance_at
from abgnn.experiments.compare.budgets import budgets_of_rows
from abgnn.experiments.inductive import SeedJob
from abgnn.experiments.jobs.processes import LocalProcesses
from abgnn.experiments.jobs.ray_files import stage
from abgnn.experiments.jobs.scheduler import Failed
from scripts.bench.evidence import study
from scripts.bench.evidence.check import compare_with
from scripts.bench.evidence.figures import interval_text, shown, usd_to_reach
from scripts.bench.evidence.headline import ahead_table, short_table
from scripts.bench.evidence.page import PAGE, page, stamps
from scripts.bench.evidence.parts import Part, chosen_parts, read_parts
from scripts.bench.evidence.rows import RESULTS, Made, Rows
from scripts.bench.evidence.study_tables import study_tables
from scripts.bench.evidence.units import Done, Unit, carry_out, digest_of, files_of, units_of
from scripts.bench.evidence.worlds import against
from tests.paths import ROOT

ONE = Made(
    "", 3, "planner", "planner", "1 mUSD", 0.875, 1.23456e-4, 12.5, 1.25, 90, 990, 90, 1.5,
    "simulated", 3, "abcd1234", "1234567", "2026-01-01", 2.5,
)  # fmt: skip


def test_every_part_is_of_configs_that_there_are() -> None:
    parts = read_parts()
    assert len({part.name for part in parts}) == len(parts) > 30
    for part in parts:
        for comparison in part.comparisons().values():
            assert len(comparison.seeds) == part.seeds
            names = {method.name for method in comparison.methods}
            assert {comparison.ours, comparison.base} <= names
    made = {name for table in study_tables().values() for name in table.parts}
    absent = {"headline-code-320", "table3-code-v2"}  # HumanEval is too small; not asked for
    assert made - {part.name for part in parts} == absent
    assert [part.name for part in chosen_parts(parts, ["table2"])] == ["table2", "table2-v2"]


def test_a_wrong_part_is_told(tmp_path: Path) -> None:
    file = tmp_path / "parts.yaml"
    file.write_text("parts: {a: {config: compare/plugins.yaml, sedes: 2}}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"a: sedes"):
        read_parts(file)
    with pytest.raises(ConfigError, match=r"command.*compare \| plugins"):
        Part("a", "b.yaml", command="fit")
    with pytest.raises(ConfigError, match=r"quick.*0 to 1"):
        Part("a", "b.yaml", seeds=1, quick=2)
    with pytest.raises(ConfigError, match=r"a: methods.*'planer'.*closed loop"):
        Part("a", "compare/headline-code.yaml", methods=("planer",)).comparisons()
    with pytest.raises(ConfigError, match=r"--parts.*'tabel'"):
        chosen_parts(read_parts(), ["tabel"])


def test_settings_of_a_part_reach_its_jobs() -> None:
    part = next(p for p in read_parts() if p.name == "world-double-interaction")
    [comparison] = part.comparisons().values()
    assert comparison.seeds[0] == 4100
    assert comparison.set["model.client.init_args.interaction"] == 2
    units = units_of(part, None, "1234567", 1)
    assert {unit.world for unit in units} == {3}
    assert all("--model.client.init_args.interaction=2.0" in u.job.overrides for u in units)  # type: ignore[union-attr]
    usual = next(p for p in read_parts() if p.name == "world-usual")
    others = units_of(usual, None, "1234567", 1)
    assert not {u.inputs for u in units} & {u.inputs for u in others}
    few = next(p for p in read_parts() if p.name == "headline-general-40")
    [fewer] = few.comparisons().values()
    paper = next(m for m in fewer.methods if m.name == "AgentBalance, REINFORCE")
    assert paper.train_calls == pytest.approx(fewer.train_calls / 4, abs=1), "in proportion"


def test_rows_are_kept_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "part.csv"
    two = replace(ONE, row="2 mUSD", performance=0.9)
    Rows(path).add([ONE, two])
    Rows(path).add([replace(ONE, seed=1, inputs="ffff0000")])
    again = Rows(path)
    assert again.all == [replace(ONE, seed=1, inputs="ffff0000"), ONE, two]
    assert again.has(ONE.key, "abcd1234")
    assert not again.has(ONE.key, "other000"), "another config: to be made again"
    again.add([replace(ONE, inputs="other000")])
    assert [made.inputs for made in Rows(path).by_job[ONE.key]] == ["other000"]
    assert [file.name for file in tmp_path.iterdir()] == ["part.csv"]


def test_a_job_made_again_leaves_none_of_its_earlier_rows(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "part.csv")
    other = replace(ONE, on="without Qwen3")  # of the same job, by another key
    apart = replace(ONE, seed=4, inputs="eeee0000")
    rows.add([ONE, other])
    rows.add([apart])
    again = replace(ONE, inputs="ffff0000")
    rows.add([again])
    assert Rows(rows.path).all == [again, apart]


def test_two_studies_add_to_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "part.csv"
    one, other = Rows(path), Rows(path)
    one.add([ONE])
    other.add([replace(ONE, seed=4)])
    one.add([replace(ONE, seed=5)])
    assert {made.seed for made in Rows(path).all} == {3, 4, 5}


def test_a_check_tells_what_differs() -> None:
    kept = {ONE.key: [ONE]}
    assert not list(compare_with(kept, Done((ONE,))))
    close = replace(ONE, cost_usd=ONE.cost_usd * (1 + 1e-6))
    assert not list(compare_with(kept, Done((close,))))
    off = replace(ONE, performance=0.874, train_calls=991)
    assert len(list(compare_with(kept, Done((off,))))) == 2
    unknown = replace(ONE, latency_s=float("nan"))
    assert not list(compare_with({ONE.key: [unknown]}, Done((unknown,)))), "not recorded"
    assert len(list(compare_with(kept, Done((unknown,))))) == 1
    gone, new = compare_with(kept, Done((replace(ONE, row="x"),)))
    assert "1 mUSD: it has this row no more" in gone
    assert "x: it had no such row" in new
    assert "failed: Bug" in next(compare_with(kept, Failed("Bug")))


def test_another_machine_gets_the_studys_code_and_what_its_jobs_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    [part] = chosen_parts(read_parts(), ["figure4-v2"])
    [unit] = units_of(part, None, "1234567", 1)
    assert isinstance(unit.job, SeedJob)
    first = unit.job.training[0]
    named = replace(first, overrides=(*first.overrides, "--model.mas.catalogue=pyproject.toml"))
    job = replace(unit.job, training=(named, *unit.job.training[1:]))
    stage(files_of([replace(unit, job=job)]), tmp_path)
    assert (tmp_path / "scripts/bench/evidence/units.py").is_file()
    assert (tmp_path / "pyproject.toml").is_file()
    assert not (tmp_path / "scripts/bench/results").exists()


def test_another_file_of_outcomes_is_another_input(tmp_path: Path) -> None:
    part = next(p for p in read_parts() if p.name == "recorded-llmrouter")
    assert part.file
    assert part.profiles
    (tmp_path / part.file).write_text("{}", encoding="utf-8")
    (tmp_path / part.profiles).write_text("{}", encoding="utf-8")
    before = part.contents(tmp_path)
    (tmp_path / part.file).write_text("[]", encoding="utf-8")
    assert part.contents(tmp_path) != before
    [comparison] = part.comparisons().values()
    assert not comparison.catalogue_from_table, "else the catalogue's own hash is among the inputs"
    assert part.contents(None) == b""
    [other] = chosen_parts(read_parts(), ["table3-general-v2"])
    job = units_of(other, None, "1234567", 1)[0].job
    assert len({digest_of(job, contents) for contents in (b"", b"{}", b"[]")}) == 3


def test_rows_are_of_this_codes_version_whatever_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [part] = chosen_parts(read_parts(), ["table2-v2"])

    def inputs() -> str:
        return units_of(part, None, "c", 1)[0].inputs

    before = inputs()
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0.1")
    assert inputs() == before
    monkeypatch.setattr("abgnn.experiments.compare.job.__version__", "0.0.1")
    assert inputs() != before


def test_a_job_that_is_too_late_is_not_begun() -> None:
    [part] = chosen_parts(read_parts(), ["table3-general-v2"])
    unit: Unit = units_of(part, None, "1234567", 1)[0]
    assert carry_out(replace(unit, until=0.0)) == Done(())


def test_live_jobs_run_one_by_one_when_all_others_have_ended() -> None:
    job: Any = None
    made = [
        Unit(part, ("", 0, "planner", ""), job, "", source, 0, "")
        for part, source in (("a", "live"), ("b", "simulated"), ("c", "live"), ("d", "recorded"))
    ]
    two = LocalProcesses(2)
    (first, by), (last, alone) = study.waves(made, two)
    assert ([unit.part for unit in first], by) == (["b", "d"], two)
    assert ([unit.part for unit in last], alone) == (["a", "c"], LocalProcesses(1))
    assert study.waves(made[:1], two) == [(made[:1], LocalProcesses(1))]


def test_the_least_budget_that_reaches_a_score() -> None:
    points = np.array([(1.0, 0.5), (2.0, 0.8), (4.0, 0.7)])
    assert usd_to_reach(points, 0.8) == pytest.approx(2)
    at = usd_to_reach(points, 0.6)
    assert performance_at(points, at) == pytest.approx(0.6)
    assert usd_to_reach(points, 0.25) == pytest.approx(0.5), "half of the questions answered"
    assert usd_to_reach(points, 0.81) == float("inf")


def test_of_equally_good_llms_the_cheapest_is_to_be_matched(tmp_path: Path) -> None:
    part = next(p for p in read_parts() if p.name == "world-usual")
    rows = [replace(row, performance=0.7) for row in headline(part, 0.0, 1)]
    usd = {"0": 2e-3, "1": 2e-4}
    Rows(tmp_path / "world-usual.csv").add(replace(row, cost_usd=usd[row.row]) for row in rows)
    assert shown(part, tmp_path)[""].share_of_best("closed loop") == pytest.approx([1.0])


LLMS = ("0", "1")


def headline(part: Part, gain: float, seeds: int) -> list[Made]:
    """Made-up rows of two LLMs, in which one method is so much better, in the order of the jobs."""
    [comparison] = part.comparisons().values()
    return [
        replace(
            ONE, seed=seed, method=method.name, point=point, row=name, cost_usd=usd,
            performance=0.6 + 0.1 * k + 0.001 * (seed % 3)
            + (gain if method.name == comparison.ours else 0.0),
        )
        for seed in comparison.seeds[:seeds]
        for method in comparison.methods
        for point in method.operating_points(LLMS)
        for k, (name, usd) in enumerate(zip(LLMS, (2e-4, 2e-3), strict=True))
    ]  # fmt: skip


def test_tables_show_complete_seeds_and_paired_gains(tmp_path: Path) -> None:
    part = next(p for p in read_parts() if p.name == "world-usual")
    rows = headline(part, 0.05, 3)
    cut = next(row.key for row in rows if row.seed == 4102 and row.method == "BAMAS")
    Rows(tmp_path / "world-usual.csv").add(row for row in rows if row.key != cut)
    made = shown(part, tmp_path)[""]
    assert made.comparison.seeds == (4100, 4101)
    text = ahead_table({"world-usual": {"": made}}, {"world-usual": "as it is"})
    [line] = [line for line in text.splitlines() if "closed loop" in line]
    assert "+5.0 ± 0.0" in line
    loop = against(made, "closed loop")
    assert (loop.verdict, round(loop.mean, 6)) == ("better", 5.0)
    assert against(made, "planner").verdict == "not shown"


def test_the_short_headline_has_points_and_dollars_of_every_domain_that_is_there(
    tmp_path: Path,
) -> None:
    part = next(p for p in read_parts() if p.name == "headline-math-160")
    Rows(tmp_path / "headline-math-160.csv").add(headline(part, 0.05, 2))
    text = short_table({"headline-math-160": shown(part, tmp_path)})
    assert "general" not in text
    cells = {line.split("|")[1].strip(): line.split("|")[2:-1] for line in text.splitlines()}
    assert [cell.strip() for cell in cells["**closed loop**"]] == ["+5.0 ± 0.0", "55 %"]
    assert [cell.strip() for cell in cells["BAMAS"]] == ["+0.0 ± 0.0", "100 %"]


@pytest.mark.parametrize("method", ["BAMAS", "AgentPrune", "planner"])
def test_a_first_seed_that_was_cut_short_is_not_shown(method: str, tmp_path: Path) -> None:
    part = next(p for p in read_parts() if p.name == "world-usual")
    rows = headline(part, 0.05, 1)
    cut = next(row.key for row in rows if row.method == method)
    file = Rows(tmp_path / "world-usual.csv")
    file.add(row for row in rows if row.key != cut)
    assert not shown(part, tmp_path)
    file.add(row for row in rows if row.key == cut)
    assert shown(part, tmp_path)[""].comparison.seeds == (4100,)


def test_budgets_that_were_found_in_a_table_are_those_that_rows_were_planned_for(
    tmp_path: Path,
) -> None:
    part = next(p for p in read_parts() if p.name == "recorded-zeroeval")
    [comparison] = part.comparisons().values()
    assert not comparison.cost_budgets
    costs, base = (1e-5, 3e-5, 9e-5, 2.7e-4), replace(ONE, seed=0, latency_s=float("nan"))
    rows = [
        replace(base, method=m.name, point=m.plain or "", row=name, cost_usd=usd, performance=0.6)
        for m in comparison.methods
        for name, usd in [
            (name, budget.cost_usd or 1e-3) for name, budget in budgets_of_rows(costs, ())
        ]
    ]
    Rows(tmp_path / f"{part.name}.csv").add(rows)
    made = shown(part, tmp_path)[""]
    assert made.comparison.cost_budgets == pytest.approx(costs)
    assert made.mean_within("closed loop") == pytest.approx([0.6])
    assert "+0.0" in ahead_table({part.name: {"": made}}, {part.name: "ZeroEval"})


def test_kept_rows_can_be_read_and_stamped() -> None:
    """Those of the repository."""
    for path in RESULTS.glob("*.csv"):
        if path.name != "stated.csv":
            rows = Rows(path).all
            assert rows, path
            assert all(row.commit and row.inputs and row.day for row in rows), path


def test_a_job_with_rows_of_several_keys_is_stamped_once() -> None:
    other = replace(ONE, on="without Qwen3", method="single LLM")
    again = replace(ONE, seed=4, inputs="ffff0000", seconds=3597.5)
    text = stamps(["figure4"], [ONE, other, again])
    assert "2 jobs" in text
    assert "$3.00 simulated, 1.0 hours" in text
    assert "seeds 3 to 4" in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (interval_text(-0.52, 0.31), "−0.5 ± 0.3"),
        (interval_text(0.5, float("nan")), "+0.5"),
        (interval_text(0.5, 0.02, 3, ""), "0.500 ± 0.020"),
    ],
)
def test_an_interval_as_text(text: str, shown: str) -> None:
    assert text == shown


@pytest.mark.skipif(not PAGE.exists(), reason="the study's page was not written yet")
def test_the_page_shows_the_kept_rows() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/bench/tables"


def test_a_table_without_rows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.bench.evidence.study_tables.parts_there", dict)
    with pytest.raises(ConfigError, match=r"Table 2.*complete seed"):
        study_tables()["table2"].markdown()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--smoke", "--out", str(RESULTS)], "--out"),
        (["--seeds", "0"], "--seeds"),
        (["--parts", "tabel"], "--parts"),
    ],
)
def test_wrong_flags_are_told_before_anything_is_run(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study.main(flags) == 2
    told = capsys.readouterr()
    assert said in told.out + told.err


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_smallest_study(tmp_path: Path) -> None:
    out = ["--out", str(tmp_path)]
    assert study.main(["--smoke", *out]) == 0
    files = {path.stem for path in tmp_path.glob("*.csv")}
    assert files == {part.name for part in read_parts() if part.smoke}
    before = {path: path.read_bytes() for path in tmp_path.glob("*.csv")}
    assert study.main(["--smoke", *out]) == 0
    assert {path: path.read_bytes() for path in before} == before, "nothing is made twice"
