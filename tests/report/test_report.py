"""The page of `abgnn report`: what is recognised, what it says of it, and that nothing injects."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abgnn.cli.main import main
from abgnn.data.backbone import Usage
from abgnn.data.outcome import Outcome
from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.errors import ConfigError
from abgnn.evaluation.certificate import certify
from abgnn.planning import Budget, LoopPlan
from abgnn.planning.belief_table import BeliefTable
from abgnn.planning.calibration import Calibration
from abgnn.report.page import build_page
from abgnn.report.reading import read_runs
from abgnn.report.records import CertificateFile, Points, Spend
from abgnn.report.script import SCRIPT
from abgnn.rollout.ledger.schema import open_writable
from tests.planning.closed_loop.calibrations import calibration as complete_calibration
from tests.planning.test_planner import TEMPLATE, observations, profile

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
VOID = {"meta", "img", "br"}
HEAD = (
    "source,method,seed,train_calls,name,performance,performance_se,cost_usd,latency_s,tokens,"
    "calls,failed,n"
)


class Page(HTMLParser):
    """Elements, their attributes, and the text outside of the style sheet and the script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.said, self.ran, self.open = "", "", [""]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, key, value or "") for key, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> where another element is open"

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.ran += data
        elif "style" not in self.open:
            self.said += data


def harmless(page: str) -> Page:
    """No script but ours, no handler, nothing from elsewhere; ids and elements are in order."""
    read = Page(page)
    assert read.open == [""], "elements that are not closed"
    assert not {"img", "iframe", "object", "link", "form"} & set(read.tags)
    assert (read.tags["script"], read.tags["style"]) == (1, 1)
    assert read.ran == SCRIPT
    assert not [a for a in read.attributes if a[0] in ("script", "style")]
    assert not [a for a in read.attributes if a[1].startswith("on") or a[1] in ("src", "srcset")]
    links = [value for _, key, value in read.attributes if key in ("href", "xlink:href")]
    assert all(link.startswith("#") for link in links)
    assert not re.search(r"url\((?!#)|@import", page)
    ids = Counter(value for _, key, value in read.attributes if key == "id")
    assert max(ids.values()) == 1
    assert {link[1:] for link in links} <= set(ids)
    return read


def page_of(*paths: Path) -> str:
    return build_page(read_runs([str(path) for path in paths]))


def points(*rows: tuple[Any, ...], source: str = "simulated") -> str:
    """points.csv of a comparison: (method, seed, name, performance, USD, seconds)."""
    out = io.StringIO()
    writer = csv.writer(out)
    for method, seed, name, performance, usd, seconds in rows:
        writer.writerow(
            [source, method, seed, 0, name, performance, 0.01, usd, seconds, 100, 1, 0, 50]
        )
    return f"{HEAD}\n{out.getvalue()}"


def calibration(label: str = "simulated") -> Calibration:
    made = observations(200, 50)
    return Calibration(label, "general", profile(), TEMPLATE, ((0, 1), (2, 3)), made, 100, 0.25,
                       "list of 2026-01-01")  # fmt: skip


def plan_data(label: str = "simulated", role: str = "Helper") -> dict[str, Any]:
    return {
        "format": "abgnn plan 1",
        "label": label,
        "budget": {"cost_usd": 0.002, "latency_s": None, "quantile": None},
        "feasible": True,
        "expected": {"accuracy": 0.9, "cost_usd": 0.0019, "latency_s": 12.0},
        "by": None,
        "predicted": {"queries": 100, "accuracy": {"low": 0.85, "middle": 0.9, "high": 0.95}},
        "parts": [
            {"share": 0.75, "agents": [["Expert", "a"], [role, "b"]], "edges": [["Expert", role]],
             "decision": "a"},
            {"share": 0.25, "agents": [["Expert", "c"]], "edges": [], "decision": None},
        ],
    }  # fmt: skip


def certificate_data(budget: float = 0.01) -> dict[str, Any]:
    agents, rng = (Agent(Role("r", "p"), "a"),), np.random.default_rng(0)
    outcomes = [
        Outcome(
            Plan(Query(f"q{i}", "?", ""), agents, (), 0), "", float(i % 4 > 0), Usage(),
            float(0.004 + 0.002 * rng.random()), 2.0, 2.0, (),
        )
        for i in range(40)
    ]  # fmt: skip
    return certify(outcomes, cost_usd=budget, label="simulated", priced="as of May").to_dict()


def trace_line(**other: Any) -> str:
    line = {"run": "r1", "phase": "train", "backbone": "a", "prompt_tokens": 10,
            "completion_tokens": 5, "usd": 0.5, "uncertain": False, "error": None}  # fmt: skip
    return json.dumps(line | other) + "\n"


def recording(path: Path) -> None:
    db = open_writable(path)
    columns = (
        "run, phase, query, sample, round, agent, turn, role, backbone, model, key, attempt, "
        "owner, started_at, reserved, state, prompt_tokens, completion_tokens, pusd, uncertain, "
        "error"
    )
    for phase, pusd, error in (("train", 2 * 10**12, None), ("test", 10**12, "timeout")):
        values = ("r", phase, "q", 0, 0, 0, 0, "role", "a", "m", phase, 1, "o", 1.0, 0, "settled",
                  10, 5, pusd, 0, error)  # fmt: skip
        marks = ", ".join("?" * len(values))
        db.execute(f"INSERT INTO attempts ({columns}) VALUES ({marks})", values)
    db.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of everything; read only."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    (folder / "compare" / "jobs").mkdir(parents=True)
    calibration().save(folder / "calibration.json")
    (folder / "plan.json").write_text(json.dumps(plan_data()))
    (folder / "certificate.json").write_text(json.dumps(certificate_data()))
    (folder / "compare" / "points.csv").write_text(
        points(
            ("ours", 0, "p1", 0.5, 0.001, 10), ("ours", 0, "p2", 0.9, 0.003, 30),
            ("ours", 1, "p1", 0.5, 0.001, 10), ("ours", 1, "p2", 0.9, 0.003, 30),
            ("ablation: no gate", 0, "p1", 0.4, 0.001, 10),
            ("ablation: no gate", 1, "p1", 0.3, 0.001, 10),
        )
    )  # fmt: skip
    job = {"job": {"method": "planner", "seed": 0, "budgets": [0.002], "waits": [20.0]},
           "result": {"label": "simulated", "rows": []}}  # fmt: skip
    (folder / "compare" / "jobs" / "0.json").write_text(json.dumps(job))
    (folder / "fit").mkdir()
    config = "model:\n  client:\n    class_path: abgnn.rollout.SimulatedClient\n"
    (folder / "fit" / "config.yaml").write_text(f"{config}api_key: sk-123\napi_key_env: NAME\n")
    (folder / "fit" / "trace.jsonl").write_text(
        trace_line() + trace_line(usd=0.25) + trace_line(phase="test", usd=2.0, uncertain=True)
    )
    recording(folder / "fit" / "calls.sqlite")
    rows = points(("x", 0, "policy after training", 0.8, 0.002, 5)).replace(
        "method,seed,train_calls,", ""
    )
    (folder / "fit" / "held_out.csv").write_text(rows.replace("simulated,x,0,0,", "simulated,"))
    (folder / "fit" / "hparams.yaml").write_text("a: 1\n")
    return folder


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return page_of(run)


def test_everything_is_shown_with_its_label_and_the_same_bytes(run: Path, page: str) -> None:
    read = harmless(page)
    assert "<title>abgnn report (simulated)</title>" in page
    titles = (
        "Certificates",
        "Performance within budgets",
        "Tables",
        "Ablation",
        "beliefs",
        "Share",
    )
    for title in (*titles, "Plans and topologies", "Spend by phase", "Configuration"):
        assert title in read.said, title
    assert not re.search(r"<caption>(?!.*?class=\"label\".*?</caption>)", page)
    assert not re.search(r"<figcaption>(?!.*?class=\"label\".*?</figcaption>)", page)
    assert read.tags["figure"] == read.tags["figcaption"] > 8
    pictures = re.findall(r'<svg role="img" aria-labelledby="[\w-]+"', page)
    swatches = page.count('class="swatch" aria-hidden="true"')
    assert len(pictures) == read.tags["figure"] == read.tags["svg"] - swatches
    assert "fit/hparams.yaml" in read.said  # not shown, and told
    assert "Not in order" not in read.said
    assert page == page_of(run)


def test_figures_of_points(run: Path, page: str) -> None:
    """P@ by hand: half way between (1, 50 %) and (3, 90 %) lies (2, 70 %)."""
    [found] = [r for r in read_runs([str(run)]).records if isinstance(r, Points)]
    assert (found.budgets, found.waits, len(found.rows)) == ((0.002,), (20.0,), 6)
    table = page[page.index("P@ cost budgets") :]
    assert "≤ 2 mUSD" in table[:600]
    assert re.search(r'<th scope="row">ours</th><td>70.0</td>', table)
    # gaps −0.1 and −0.2: mean −0.15, t(0.975, 1) = 12.706, sd 0.0707 / √2
    assert "-0.150 ± 0.635" in page


def test_tables_of_ablations_and_of_other_systems(tmp_path: Path) -> None:
    (tmp_path / "ablation-x").mkdir()
    head = "source,method,point,seeds,column,mean,minus_ours,half_width_95"
    (tmp_path / "ablation-x" / "ablation.csv").write_text(
        f"{head}\nsimulated,full,p1,5,mUSD,0.512345,,\nsimulated,dense,p1,5,mUSD,0.75,0.2377,0.1\n"
    )
    rows = [("full", 0, "p1", 0.5, 0.001, 10), ("dense", 0, "p1", 0.25, 0.001, 10),
            ("single", 0, "a", 0.9, 0.001, 10)]  # fmt: skip
    (tmp_path / "ablation-x" / "points.csv").write_text(points(*rows))
    (tmp_path / "shares.csv").write_text("source,backbone,share\nsimulated,a,0.123456\n")
    other = points(rows[0]).replace("method,seed", "system,catalogue").replace("full,0", "S,new")
    (tmp_path / "points.csv").write_text(other)
    page = page_of(tmp_path)
    harmless(page)
    part = page[page.index('id="ablation"') : page.index('id="read"')]
    assert '<th scope="row">dense</th><td class="words">p1</td><td>0.75 (0.2377 ± 0.1)</td>' in part
    assert '<th scope="row">full</th><td class="words">p1</td><td>0.5123</td>' in part
    assert '<th scope="row">dense</th><td>0.250</td><td>-0.250 (one seed)</td>' in part
    assert '<th scope="row">single' not in part  # has no operating point of the full model
    assert '<th scope="row">a</th><td>0.1235</td>' in page
    assert '<th scope="row">S (new)</th>' in page


def test_money_by_phase_and_labels_of_the_run(run: Path) -> None:
    found = read_runs([str(run)])
    trace, ledger = sorted(found.of(Spend), key=lambda s: s.path, reverse=True)
    assert {trace.label, ledger.label} == {"simulated"}  # from the config beside them
    assert [(p.phase, p.calls, p.usd, p.uncertain) for p in trace.phases] == [
        ("test", 1, 0.0, 2.0),
        ("train", 2, 0.75, 0.0),
    ]
    assert [(p.phase, p.failed, p.tokens, p.usd) for p in ledger.phases] == [
        ("test", 1, 15, 1.0),
        ("train", 0, 15, 2.0),
    ]
    assert trace.calls == {"a": 3}


def test_certificate_plan_and_beliefs_say_what_they_hold(run: Path, page: str) -> None:
    [made] = read_runs([str(run)]).of(CertificateFile)
    assert (made.verdict, made.n, made.priced) == ("met", 40, "as of May")
    read = Page(page)
    assert "certificate.json: budgets met (simulated)" in read.said
    assert "Prices: as of May." in read.said
    assert "75.0% of queries: Expert → Helper, Expert → decision, Helper → decision" in read.said
    assert "25.0% of queries: a lone agent" in read.said
    beliefs = BeliefTable.of(calibration())
    assert (beliefs.low <= beliefs.accuracy).all()
    assert beliefs.calls.sum() == 200
    assert f"{beliefs.low[0]:.3f} … {beliefs.high[0]:.3f}" in read.said
    assert "prices: list of 2026-01-01" in read.said


def test_a_plan_of_closed_loops_says_whose_answers_stand(tmp_path: Path) -> None:
    LoopPlan.of(complete_calibration(), Budget(0.0006)).write(tmp_path / "loops.json")
    page = harmless(page_of(tmp_path))
    assert "its answer stands" in page.said
    assert "loops.json" in page.said
    assert "Qwen3-8B" in page.said


def test_secrets_are_left_out_of_configurations(page: str) -> None:
    assert "sk-123" not in page
    assert "api_key_env: NAME" in page


def test_hostile_texts_stay_texts(run: Path, tmp_path: Path) -> None:
    name = "<script>alert(0)<b>"
    hostile = Path(shutil.copytree(run, tmp_path / name))
    bomb = r"$\frac{$" + "\x00\x1b[31m\x85\ud800]]>"
    (hostile / "plan.json").write_text(json.dumps(plan_data(label=EVIL, role=EVIL + bomb)))
    calibrated = json.loads((hostile / "calibration.json").read_text())
    calibrated["profile"]["names"] = [EVIL, bomb, "<b>", "&lt;"]
    (hostile / "calibration.json").write_text(json.dumps(calibrated))
    made = certificate_data() | {"verdict": EVIL, "priced": EVIL, "seed": EVIL}
    made["findings"][0]["name"] = EVIL
    (hostile / "certificate.json").write_text(json.dumps(made))
    quoted = EVIL.replace('"', "'")
    (hostile / "compare" / "points.csv").write_text(
        points((quoted, EVIL, f"{EVIL}{'x' * 99}", 0.5, 0.001, 10), source=quoted)
    )
    (hostile / "ablation.csv").write_text(f"source,{quoted}\nsimulated,{quoted}\n")
    (hostile / "fit" / "trace.jsonl").write_text(trace_line(phase=EVIL, backbone=EVIL, run=bomb))
    (hostile / "fit" / "config.yaml").write_text(f'a: "</pre></style></title>{quoted}"\n')
    (hostile / f"{quoted.replace('/', '')}.txt").write_text("")
    page = page_of(hostile)
    read = harmless(page)
    assert "</pre></style></title>" in read.said
    assert read.said.count("<script>alert(1)</script>") > 10
    assert "Not in order" not in read.said
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800]", page)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", '{"format": "abgnn plan 1", "par', "broken or cut off"),
        ("a.json", '{"format": "abgnn plan 1"}', "'parts' is missing"),
        ("a.json", '{"format": "abgnn calibration 1"}', "another version"),
        ("a.json", '{"verdict": "met", "findings": [{}]}', "'name' is missing"),
        ("a.json", "[" * 100_000, "RecursionError"),
        ("a.csv", HEAD + "\nsimulated,x,0,0,p,0.5", "1 of 1 rows are broken or cut off"),
        ("a.csv", points(("x", 0, "p", "nan", 1, 1)), "1 of 1 rows are broken or cut off"),
        ("trace.jsonl", trace_line() + '{"run": "r', "1 of 2 lines are broken or cut off"),
        ("a.sqlite", "not a database, but long enough to be looked at", "a recording of abgnn"),
        ("config.yaml", "a: [1", "no YAML"),
        ("a.csv", points(("x", 0, "p", 0.5, 1e308, 1)), "1 of 1 rows are broken or cut off"),
        ("trace.jsonl", trace_line(usd=float("inf")), "is no number below"),
        ("plans.jsonl", '{"agents": [], "edges": [], "decision": 0}', "'query' is missing"),
        ("a.csv", "\xff", "codec can't decode"),
    ],
)
def test_broken_files_are_told_and_no_crash(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_bytes(content.encode("latin1"))
    read = harmless(page_of(tmp_path))
    assert said in read.said[read.said.index("Not in order") :]


def test_plans_that_cannot_be_drawn_are_told(tmp_path: Path) -> None:
    plan = plan_data()
    plan["parts"][0]["edges"] = [["Expert", "Helper"], ["Helper", "Expert"]]
    (tmp_path / "cycle.json").write_text(json.dumps(plan))
    broken = json.loads((_saved(tmp_path)).read_text())
    broken["observed"]["backbone"][0] = 99
    (tmp_path / "calibration.json").write_text(json.dumps(broken))
    notices = {n.path.rpartition("/")[2]: n.text for n in read_runs([str(tmp_path)]).notices}
    assert "CycleError" in notices["cycle.json"]
    assert "IndexError" in notices["calibration.json"]


def _saved(folder: Path) -> Path:
    calibration().save(folder / "calibration.json")
    return folder / "calibration.json"


def test_predicted_plans_are_counted_by_kind(tmp_path: Path) -> None:
    plans = [
        Plan(Query(f"q{i}", "?", ""), (Agent(Role("r", "p"), name),), (), 0).to_dict()
        for i, name in enumerate("aba")
    ]
    (tmp_path / "plans.jsonl").write_text("".join(json.dumps(p) + "\n" for p in plans))
    page = page_of(tmp_path)
    assert "different plans: 2, for 3 questions" in page
    assert "origin not stated" in page
    assert page.index("2 of 3 questions") < page.index("1 of 3 questions")


def test_a_mix_of_labels_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(plan_data("live")))
    (tmp_path / "b.json").write_text(json.dumps(plan_data("simulated")))
    page = page_of(tmp_path)
    assert "<title>abgnn report (live, simulated)</title>" in page
    assert "Labels are mixed (live, simulated)" in page


def test_jobs_of_an_unfinished_comparison_and_links_in_a_circle(tmp_path: Path) -> None:
    row = {"name": "p", "performance": 0.5, "performance_se": 0.1, "cost_usd": 0.001,
           "latency_s": 5, "tokens": 10, "calls": 1, "failed": 0, "n": 10}  # fmt: skip
    (tmp_path / "jobs").mkdir()
    for seed in (0, 1):
        job = {"method": "m", "seed": seed}
        data = {"job": job, "result": {"label": "recorded", "rows": [row]}}
        (tmp_path / "jobs" / f"{seed}.json").write_text(json.dumps(data))
    (tmp_path / "jobs" / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "points.csv")  # would wait for ever
    [found] = read_runs([str(tmp_path), str(tmp_path / "jobs" / "0.json")]).records
    assert isinstance(found, Points)
    assert [(r.method, r.seed) for r in found.rows] == [("m", "0"), ("m", "1")]
    assert found.label == "recorded"


@pytest.mark.parametrize("runs", [[], ["nowhere"], ["nothing"]])
def test_nothing_recognised_is_a_config_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "nothing" / "a.json").write_text("[1]")
    with pytest.raises(ConfigError, match="RUNS"):
        read_runs(runs)


@pytest.mark.usefixtures("elsewhere")
def test_command(run: Path, page: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run), "--out", "deep/page.html"]) == 0
    assert "deep/page.html" in capsys.readouterr().out
    assert (tmp_path / "deep" / "page.html").read_text() == page
    assert main(["report", str(run / "fit" / "hparams.yaml")]) == 2
    assert main(["report", str(run), "--out", str(run)]) == 2
    (tmp_path / "link.html").symlink_to(run / "plan.json")
    before = (run / "plan.json").read_text()
    for out in (run / "plan.json", Path("link.html")):  # no input is written over
        assert main(["report", str(run), "--out", str(out)]) == 2
    assert (run / "plan.json").read_text() == before
    assert "--out" in capsys.readouterr().err


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_on_a_phone_nothing_is_refused_or_wider_than_the_screen(page: str, tmp_path: Path) -> None:
    """The page's policy refuses every request and the console tells; wide tables scroll inside."""
    assert CHROMIUM is not None
    probe = (
        "<script>document.title = JSON.stringify("
        "[document.documentElement.scrollWidth, innerWidth])</script></body>"
    )
    page = re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", page.replace("&#x27;", "'"))
    file = tmp_path / "page.html"
    file.write_text(page.replace("</body>", probe))
    ran = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom",
         "--enable-logging=stderr", "--window-size=390,844",
         f"--user-data-dir={tmp_path / 'profile'}", file.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "CONSOLE" not in ran.stderr
    width, inner = json.loads(re.findall(r"<title>(\[.*?\])</title>", ran.stdout)[0])
    assert width <= inner <= 500
