"""`RayTasks`: jobs as tasks of a Ray cluster (extra `ray`), one CPU each."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from abgnn.errors import ConfigError
from abgnn.experiments.jobs.processes import cores, hush_seeds
from abgnn.experiments.jobs.ray_address import check_address
from abgnn.experiments.jobs.ray_files import stage
from abgnn.experiments.jobs.scheduler import Failed, J, R, attempt

RETRIES = 3  # of a job whose process or node died
_STORE = 256 * 2**20  # bytes of the object store of a cluster that is started here
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to Ray's makers
    "RAY_task_oom_retries": str(RETRIES),  # else a job that needs too much memory runs for ever
}


@dataclass(frozen=True, slots=True)
class Home:
    """The driver's folder and host: there, relative paths mean what they mean to the driver."""

    folder: str
    host: str


@dataclass(frozen=True, slots=True)
class RayTasks:
    """A `Scheduler` over the cluster that this process is connected to, see `ray_tasks`.

    A job whose process or node dies runs again, elsewhere, `RETRIES` times at most; what it had
    recorded is not paid again.
    """

    home: Home

    def __str__(self) -> str:
        return f"{self.slots} CPUs of Ray on {self.hosts} host" + "s" * (self.hosts > 1)

    @property
    def slots(self) -> int:
        """See `Scheduler`."""
        return max(1, int(sum(node["Resources"].get("CPU", 0) for node in _nodes())))

    @property
    def hosts(self) -> int:
        """See `Scheduler`."""
        able = {node["NodeManagerAddress"] for node in _nodes() if node["Resources"].get("CPU")}
        return len(able | {self.home.host})

    def run(
        self, function: Callable[[J], R], jobs: Sequence[J]
    ) -> Iterator[tuple[int, R | Failed]]:
        """See `Scheduler`."""
        import ray

        task: Any = ray.remote(num_cpus=1, max_retries=RETRIES)(_attempt)
        refs = {task.remote(function, job, self.home): i for i, job in enumerate(jobs)}
        pending = list(refs)
        try:
            while pending:
                [ended], pending = ray.wait(pending)
                yield refs.pop(ended), _result(ended)
        finally:
            for ref in pending:  # interrupted
                ray.cancel(ref, force=True)


@contextmanager
def ray_tasks(address: str = "", names: Sequence[str] = ()) -> Iterator[RayTasks]:
    """Connect to a cluster, which gets our code and the files that are named; then let go of it.

    Nodes need abgnn's dependencies, and keys of endpoints in their own environment: none is sent.

    Args:
        address: `host:port` of the head, or `auto`; empty: that of `RAY_ADDRESS`, else a cluster
            is started on this machine, and stopped in the end.
        names: configs and other files that jobs read, see `stage`.

    Raises:
        ConfigError: ray is not installed, there is no such cluster, or a password would be sent.
    """
    for key, value in _QUIET.items():
        os.environ.setdefault(key, value)
    ray = _library(address)
    address = address or os.environ.get("RAY_ADDRESS", "")
    check_address(address)
    with TemporaryDirectory(prefix="abgnn-ray-") as folder:
        stage(names, Path(folder))
        _connect(ray, address, folder)
        try:
            yield RayTasks(Home(os.getcwd(), _host()))
        finally:
            ray.shutdown()


def _library(address: str) -> ModuleType:
    try:
        import ray
    except ImportError as error:
        allowed = 'nothing, or ray installed: pip install "abgnn[ray]"'
        raise ConfigError("--ray", address, allowed) from error
    return ray


def _connect(ray: ModuleType, address: str, folder: str) -> None:
    ours: dict[str, Any] = {"address": address}
    if address in ("", "local"):
        ours = {"address": "local", "num_cpus": cores(), "include_dashboard": False}
        ours |= {"object_store_memory": _STORE}
    environment = {"working_dir": folder}
    try:
        ray.init(
            **ours,
            runtime_env=environment,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # of many kinds: no cluster, another version, no token, …
        ray.shutdown()
        text = f"the address of a Ray cluster ({type(error).__name__}: {error})"
        raise ConfigError("--ray", address, text) from error


def _nodes() -> list[dict[str, Any]]:
    import ray

    nodes: Callable[[], list[dict[str, Any]]] = ray.nodes
    return [node for node in nodes() if node["Alive"]]


def _host() -> str:
    import ray

    address: Callable[[], str] = ray.util.get_node_ip_address
    return address()


def _attempt(function: Callable[[J], R], job: J, home: Home) -> R | Failed:
    """On a node: carry out a job, in the driver's folder if it is here."""
    hush_seeds()
    if _host() == home.host and Path(home.folder).is_dir():
        os.chdir(home.folder)
    return attempt(function, job)


def _result(ref: Any) -> Any:
    import ray

    try:
        return ray.get(ref)
    except ray.exceptions.RayError as error:  # its process or node died once too often
        return Failed(f"{type(error).__name__}: {str(error).splitlines()[0]}")
