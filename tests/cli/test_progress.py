"""Windows into progress: figures in a terminal, nothing but results in a pipe."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from abgnn.cli.main import main
from abgnn.cli.progress import progress_on
from abgnn.cli.table import find_command
from abgnn.data.resources import config_path
from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.job import Job, Result
from abgnn.experiments.jobs.scheduler import Failed
from abgnn.experiments.sweep import Sweep, run_sweep
from abgnn.rollout.ledger.base import Limits
from abgnn.rollout.ledger.left import left_usd
from abgnn.rollout.ledger.sqlite import SqliteLedger
from abgnn.rollout.settings import Caps, Recording, RolloutSettings
from tests.rollout.ledger.workers import caller

pytestmark = pytest.mark.usefixtures("elsewhere")


def terminal(*argv: str) -> str:
    """All that a command writes to a terminal, without what steers it."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120, color_system=None)
    command = find_command(argv[0])
    command.file().run(command.parser().read(argv[1:]), console)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())


def capped(tmp_path: Path, usd: float) -> str:
    """A config that lies over another one and caps the run."""
    caps = {"run_usd": usd, "max_tokens": 2000}
    path = tmp_path / "capped.yaml"
    path.write_text(yaml.safe_dump({"model": {"rollout": {"caps": caps}}}), encoding="utf-8")
    return str(path)


def frontier_config(tmp_path: Path) -> str:
    config = yaml.safe_load(config_path("frontier/simulated-general.yaml").read_text())
    config |= {"topologies": [], "points": config["points"][:1]}
    config["variants"] = {"AgentBalance": ["--data.init_args.n_train=4"]}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return str(path)


CONFIG = ("--config", "simulated/general.yaml")


def test_calibrate_and_certify_show_rollouts_and_money(tmp_path: Path) -> None:
    out = terminal("calibrate", *CONFIG, "--config", capped(tmp_path, 5.0), "--rollouts", "12")
    assert re.search(r"rollouts .* 12/12 +\$0\.\d{4} spent, \$4\.\d{4} left .* to go", out)
    out = terminal("certify", *CONFIG, "--cost", "1")
    done = re.search(r"rollouts .* (\d+)/(\d+) +\$\d\.\d{4} spent +\S+ +to go", out)
    assert done
    assert done[1] == done[2]


def test_a_pipe_gets_results_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", *CONFIG, "--rollouts", "12"]) == 0
    assert main(["certify", *CONFIG, "--cost", "1"]) == 0
    assert main(["frontier", "--config", frontier_config(tmp_path)]) == 0
    out, err = capfd.readouterr()
    assert "12 rollouts" in out
    for text in (out, err):
        assert not re.search(r"to go| spent|Epoch|it/s", text)


class Counted:
    """A `Progress` that only counts."""

    def __init__(self) -> None:
        self.total, self.done, self.paid = 0, 0, 0.0

    def start(self, total: int, pieces: str, left_usd: float | None = None) -> None:
        self.total += total

    def advance(self, paid_usd: float) -> None:
        self.done += 1
        self.paid += paid_usd


def test_a_frontier_knows_all_its_rollouts_at_the_start(tmp_path: Path) -> None:
    counted = Counted()
    run_sweep(Sweep.from_yaml(frontier_config(tmp_path)), Console(quiet=True), counted)
    assert counted.done == counted.total > 100
    assert counted.paid > 0


def test_compare_shows_jobs_and_money(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Row("one", 0.5, 0.1, 1e-3, 5.0, 100.0, 1.0, 0.0, 10)

    def instead(
        function: object, todo: Mapping[int, Job], workers: int
    ) -> Iterator[tuple[int, Result | Failed]]:
        for i in todo:
            good = Result("simulated", 1, (row,), (((0.5, 1e-3, 5.0),) * 10,), 1.0, 0.25)
            yield i, good if i else Failed("it broke")

    monkeypatch.setattr("abgnn.experiments.jobs.processes._run", instead)
    config = yaml.safe_load(config_path("compare/simulated-general.yaml").read_text())
    names = ["AgentBalance", "single LLM"]
    methods = {name: config["methods"][name] for name in names}
    config |= {"seeds": [0], "methods": methods, "drawn": names, "base": names[1]}
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    out = terminal("compare", "--config", str(path), "--out", "out", "--jobs", "1")
    ended, total, usd = re.findall(r"jobs .*? (\d+)/(\d+) +\$(\S+) spent", out)[-1]
    assert ended == total == "5"
    assert float(usd) == 0.25 * 4


def test_no_terminal_no_progress() -> None:
    with progress_on(Console(file=io.StringIO())) as progress:
        assert progress is None


def test_what_is_left_counts_what_the_run_has_spent_before(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    settings = RolloutSettings(Recording(str(path), run="r"), Caps(run_usd=1.0, max_tokens=10))
    assert left_usd(RolloutSettings()) is None
    assert left_usd(settings) == 1.0
    assert not path.exists()
    ledger = SqliteLedger(path)
    assert ledger.reserve(caller(run="r"), 25 * 10**10, Limits())
    assert ledger.reserve(caller(run="another"), 25 * 10**10, Limits())
    assert left_usd(settings) == pytest.approx(0.75)
    ledger.close()
