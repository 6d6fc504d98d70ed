"""Jobs on a Ray cluster of two nodes, one of which is lost in the middle of a comparison."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from abgnn.cli.compare import compare
from abgnn.cli.main import main
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.job import Result
from abgnn.experiments.jobs.processes import LocalProcesses
from abgnn.experiments.jobs.ray_tasks import Home, RayTasks, ray_tasks
from abgnn.experiments.jobs.scheduler import Failed, J, R, Scheduler
from abgnn.rollout.ledger.postgres_url import is_url
from tests.cli.test_progress import Counted
from tests.experiments.jobs.work import Backwards, worked
from tests.rollout.ledger.killing import Ledger
from tests.rollout.ledger.places import Place, new_schema
from tests.servers.fixtures import Server, spawned
from tests.servers.postgres import MISSING, binaries, started

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timing,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("ray") is None, reason="extra `ray` is missing"),
    pytest.mark.usefixtures("elsewhere"),
]

STORE = 80 * 2**20
QUIETLY = Console(quiet=True)
SECRET = "ABGNN_TEST_SECRET_KEY"
MARKED = """
import os
from pathlib import Path

def run(folder, function, job):
    import ray
    node = ray.get_runtime_context().get_node_id()
    (Path(folder) / f"{node} {os.getpid()}").touch()
    return function(job)

def place(name):
    import abgnn, os
    shipped = Path("named.yaml").resolve()
    there = {"abgnn": abgnn.__file__, "named": str(shipped) if shipped.is_file() else None}
    return {**there, "folder": os.getcwd(), "key": os.environ.get(name)}
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head with one CPU; tests add nodes. It sends nothing out, and has no dashboard."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=head)
        try:
            yield made
        finally:
            made.shutdown()


@pytest.fixture
def address(cluster: Any) -> Iterator[str]:
    """Of the cluster; a test that fails leaves no connection behind."""
    yield cluster.address
    import ray

    ray.shutdown()


@pytest.fixture
def marked() -> Any:
    """A module of the user's in the working folder."""
    Path("marked.py").write_text(MARKED, encoding="utf-8")
    sys.path.insert(0, os.getcwd())
    import marked

    return marked


@dataclass(frozen=True)
class Marking:
    """A scheduler whose jobs leave a mark: the node and process where they started."""

    inner: Scheduler
    run_marked: Callable[..., Any]
    marks: Path

    def __str__(self) -> str:
        return str(self.inner)

    @property
    def slots(self) -> int:
        return self.inner.slots

    @property
    def hosts(self) -> int:
        return self.inner.hosts

    def run(
        self, function: Callable[[J], R], jobs: Sequence[J]
    ) -> Iterator[tuple[int, R | Failed]]:
        return self.inner.run(partial(self.run_marked, str(self.marks), function), jobs)


def until(happened: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def paid_by(process: str, place: Place) -> int:
    """Attempts of a process that have ended."""
    ended = f"""SELECT count(*) FROM attempts
        WHERE state = 'settled' AND owner LIKE '% {process} %'"""
    if not is_url(place.path) and not Path(place.path).is_file():
        return 0
    try:
        return int(place.rows(ended)[0][0])
    except Exception:  # it is just being made; each database has its own class for that
        return 0


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Of the recording that all nodes share."""
    if request.param == "SQLite":
        (tmp_path / "ray").mkdir()
        yield Place(str(tmp_path / "ray" / "calls.sqlite"))
        return
    if binaries() is None:
        pytest.skip(MISSING)
    with started() as server:
        yield new_schema(server)


@dataclass
class Killer:
    """Kills a node of a cluster in the middle of a job, in a thread of its own."""

    cluster: Any
    marks: Path
    ready: Callable[[str], bool]  # given the process of the job that runs there

    def __post_init__(self) -> None:
        self.marks.mkdir()
        self.node = self.cluster.add_node(num_cpus=1, object_store_memory=STORE)
        self.killed: list[str] = []
        self.thread = threading.Thread(target=self._kill, daemon=True)

    def _here(self) -> list[str]:
        return [p.name.split()[1] for p in self.marks.glob(f"{self.node.node_id} *")]

    def _kill(self) -> None:
        until(self._here)
        [process] = self._here()
        until(partial(self.ready, process))
        self.cluster.remove_node(self.node, allow_graceful=False)
        self.killed.append(process)


def compared(
    comparison: Comparison, scheduler: Scheduler, out: str, progress: Counted | None = None
) -> tuple[list[Result], bytes]:
    done = compare(replace(comparison, out=out), scheduler, QUIETLY, progress)
    assert not done.failed
    return list(done.results.values()), (Path(out) / "table.csv").read_bytes()


def on_two_nodes(
    comparison: Comparison, killer: Killer, address: str, marked: Any, out: str
) -> tuple[list[Result], bytes, Counted]:
    """The comparison on Ray; the killer strikes meanwhile."""
    counted = Counted()
    with ray_tasks(address, ["small.yaml"]) as tasks:
        assert (tasks.slots, tasks.hosts) == (2, 1)
        killer.thread.start()
        results, table = compared(
            comparison, Marking(tasks, marked.run, killer.marks), out, counted
        )
        killer.thread.join(60)
        assert killer.killed
        while tasks.slots > 1:  # the event: the cluster has noticed
            time.sleep(0.1)
    assert (counted.done, counted.total) == (len(results), len(results))
    return results, table, counted


def test_a_lost_node_changes_no_figure(
    cluster: Any, address: str, marked: Any, tmp_path: Path
) -> None:
    """Simulated, two policies trained beside controls: the table is the local one, to the byte."""
    points = {"cheap": {"model.lambda_tok": 40}, "dear": {"model.lambda_tok": 0}}
    few = {"data.init_args.n_test": 10, "model.samples": 2}
    config = {
        "fit": ["simulated/general.yaml"], "ours": "AgentBalance", "seeds": [3], "set": few,
        "train_calls": 60, "cost_budgets": [5e-4, 5e-3], "latency_budgets": [20, 100],
        "methods": {
            "AgentBalance": {"points": points}, "complete": {"plain": "complete"}
        },
    }  # fmt: skip
    Path("small.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    comparison = Comparison.from_yaml("small.yaml")
    killer = Killer(cluster, tmp_path / "marks", lambda process: True)
    results, table, counted = on_two_nodes(comparison, killer, address, marked, "ray")
    local, wanted = compared(comparison, LocalProcesses(2), "local")
    assert table == wanted
    assert [replace(r, seconds=0.0) for r in results] == [replace(r, seconds=0.0) for r in local]
    assert counted.paid == pytest.approx(sum(r.spent_usd for r in local))


SEEDS = [0, 2, 3, 4]  # no question of one is a question of another
FEW = {"n_train": 4, "n_val": 2, "n_test": 8}
IN_FLIGHT = 2  # rollouts of a job at once


def live(server: Server, recording: Place) -> Comparison:
    """A comparison on a provider's LLMs: teams of all roles, for each seed."""
    llm = {"base_url": server.base_url, "active_params_b": 1, "price_in": 1.0, "price_out": 2.0}
    scores = {"benchmarks": {"general": {"any": 50.0}}, "max_tokens": 200, "type": "standard"}
    names = [{"name": n, "model": n, **llm, **scores} for n in ("small", "large")]
    Path("llms.yaml").write_text(yaml.safe_dump({"currency": "USD", "backbones": names}))
    model = {
        "mas": {"domain": "general", "catalogue": "llms.yaml", "encoder": "offline", "n_pools": 1},
        "policy": {"class_path": "abgnn.models.RandomGraph"},
        "client": {"class_path": "abgnn.rollout.OpenAIClient"},
        "max_in_flight": IN_FLIGHT,
        "rollout": {"recording": {"path": recording.path}},
    }
    data = {"class_path": "datamodules.QuickQA", "init_args": FEW}
    Path("fit.yaml").write_text(yaml.safe_dump({"model": model, "data": data}))
    config = {
        "fit": ["fit.yaml"], "ours": "complete", "seeds": SEEDS, "train_calls": 0,
        "seeded": ["seed_everything", "data.init_args.seed"],
        "cost_budgets": [1e-3, 1e-1], "latency_budgets": [1, 100],
        "methods": {"complete": {"plain": "complete"}},
    }  # fmt: skip
    Path("small.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return Comparison.from_yaml("small.yaml")


def without_seconds(results: Sequence[Result]) -> list[list[list[tuple[float, float]]]]:
    return [[[(s, c) for s, c, _ in row] for row in r.by_query] for r in results]


def test_a_lost_node_costs_what_was_in_flight_and_nothing_else(
    cluster: Any, address: str, marked: Any, tmp_path: Path, place: Place
) -> None:
    """Live against a provider that counts; then replayed on this machine, which asks nothing."""
    with spawned("--delay", "0.05") as server:
        comparison = live(server, place)
        killer = Killer(cluster, tmp_path / "marks", lambda process: paid_by(process, place) >= 20)
        results, table, _ = on_two_nodes(comparison, killer, address, marked, "ray")
        asked = Counter(line["sha"] for line in server.log())
        books = Ledger.read(place)
        twice = sum(asked.values()) - len(asked)
        assert twice <= books.lost <= IN_FLIGHT * 6  # at most all roles of a team at once
        assert books.calls == books.responses == len(asked)
        for path in (tmp_path / "ray" / "jobs").glob("*.json"):
            path.unlink()
        again, replayed = compared(comparison, Backwards(), "ray")
        assert len(server.log()) == sum(asked.values())  # all is recorded
        assert replayed == table
        assert without_seconds(again) == without_seconds(results)
        assert sum(r.spent_usd for r in again) == 0
        unrecorded = live(server, Place(str(tmp_path / "fresh.sqlite")))
        fresh, _ = compared(unrecorded, Backwards(), "local")
        assert without_seconds(fresh) == without_seconds(results)
        assert len(server.log()) == sum(asked.values()) + len(asked)
    sys.__stdout__ and sys.__stdout__.write(
        f"\n{len(asked)} calls, {twice} asked twice, {books.lost} in flight at the kill\n"
    )


def test_jobs_fail_alone_and_a_node_has_its_own_keys(
    address: str, marked: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Code and configs are the driver's; on another host than its own, so is nothing else."""
    monkeypatch.setenv(SECRET, "sk-secret")  # the nodes were started without it
    Path("named.yaml").write_text("x: 1", encoding="utf-8")
    Path(".env").write_text("KEY=sk-secret", encoding="utf-8")
    with ray_tasks(address, ["named.yaml"]) as tasks:
        ended = dict(tasks.run(worked, ["a", "fails", "dies", "folder", "b"]))
        assert ended[1] == Failed("ValueError: no such luck")
        died = ended.pop(2)
        assert isinstance(died, Failed)
        assert "WorkerCrashed" in died.why
        assert (ended[0], ended[3], ended[4]) == ("A", str(tmp_path), "B")
        elsewhere = RayTasks(Home(str(tmp_path), "192.0.2.1"))
        [(_, there)] = elsewhere.run(marked.place, [SECRET])
        assert elsewhere.hosts == 2
    assert isinstance(there, dict)
    assert there["key"] is None
    assert there["folder"] != str(tmp_path)
    for shipped in (there["abgnn"], there["named"]):
        assert shipped.startswith(there["folder"])
    assert not (Path(there["folder"]) / ".env").exists()


def test_commands_with_ray_write_what_they_write_without(address: str) -> None:
    config = ["--config", "simulated/general.yaml"]
    files = []
    for name, extra in (("one", []), ("ray", ["--ray", address])):
        calibration, certificate = f"{name}.json", f"{name}-certificate.json"
        made = ["calibrate", *config, "--rollouts", "40", "--out", calibration, *extra]
        assert main(made) == 0
        judged = ["certify", *config, "--cost", "1", "--out", certificate, *extra]
        assert main(judged) == 0
        files.append([Path(p).read_bytes() for p in (calibration, certificate)])
    assert files[0] == files[1]


def test_an_interrupted_run_leaves_no_task(address: str) -> None:
    import ray

    with ray_tasks(address) as tasks:
        jobs = tasks.run(time.sleep, [0, 600, 600])
        next(jobs)
        jobs.close()
        until(lambda: ray.available_resources().get("CPU") == tasks.slots, 60)
