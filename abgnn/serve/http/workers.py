"""Several worker processes behind one socket, run by uvicorn's own supervisor.

The supervisor loads no policy: it checks settings, recording and endpoints, keeps local LLMs that
it has started, and replaces workers that die.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from abgnn.data.query import OpenQuestion
from abgnn.errors import ConfigError, EndpointError
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.server import server_config, tune, url_of
from abgnn.serve.http.shared_folder import shared_folder

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from abgnn.serve.recipe import SystemRecipe

_log = logging.getLogger(__name__)
_SILENT_S = 30  # after which uvicorn takes a worker for hung
_PAUSE_S = 1.0  # before a worker that could not start is tried again
_FAILED, _READY = "failed", "ready"  # files in the folder that workers share


@dataclass(frozen=True, slots=True)
class WorkerApp:
    """Makes a worker's application; uvicorn sends it to every process that it starts.

    Args:
        recipe: a `SystemRecipe`, pickled: a worker answers the supervisor before it imports much.
        limits: of requests; `concurrent` holds over all workers.
        key: that clients must show.
        workers: how many there are.
        folder: that they share.
    """

    recipe: bytes
    limits: ServeLimits
    key: str | None
    workers: int
    folder: Path

    def __call__(self) -> Starlette:
        _end_with_parent()
        try:
            app = self._app()
        except Exception as wrong:
            if any(self.folder.glob(f"{_READY}-*")):  # others answer: this one is tried again
                time.sleep(_PAUSE_S)
                raise
            if not isinstance(wrong, ConfigError | EndpointError):
                _log.exception("a worker could not start")
            part = self.folder / f"{_FAILED}-{os.getpid()}"
            part.write_bytes(_as_bytes(wrong))
            part.rename(self.folder / _FAILED)
            sys.exit(STARTUP_FAILURE)  # uvicorn ends them all
        tune()
        (self.folder / f"{_READY}-{os.getpid()}").touch()
        return app

    def _app(self) -> Starlette:
        from abgnn.serve.http.app import Service
        from abgnn.serve.http.shared_places import SharedPlaces

        recipe: SystemRecipe = pickle.loads(self.recipe)
        system = recipe.system(self.workers)
        places = SharedPlaces(self.folder / "places")
        return Service(system, self.limits, self.key, places).app()


def serve_workers(
    recipe: SystemRecipe,
    limits: ServeLimits,
    key: str | None,
    workers: int,
    sock: socket.socket,
    started: Callable[[str, str], None],
) -> None:
    """Serve until SIGTERM or SIGINT: then no new requests, and those under way finish.

    A worker that dies is replaced; the calls that it had under way count at their worst case
    (`lost`), and the questions that it had are lost to their clients.

    Args:
        recipe: of the system that every worker makes.
        limits, key: of the server as a whole.
        workers: processes, from 2.
        sock: the listening socket.
        started: called with the base URL and how calls are made, once all workers are ready.

    Raises:
        ConfigError: settings, files or the recording are wrong; caps without a recording.
        EndpointError: an endpoint is down, refuses us, or its key variable is missing.
    """
    deployment = recipe.files.deployment()
    settings = recipe.bounds.over(deployment.rollout)
    with (
        deployment.new_executor(OpenQuestion(), settings, processes=workers) as executor,
        shared_folder() as folder,
    ):
        executor.check()
        app = WorkerApp(pickle.dumps(recipe), limits, key, workers, folder)
        each = replace(limits, connections=-(-limits.connections // workers))
        config = server_config(
            app, each, factory=True, workers=workers, timeout_worker_healthcheck=_SILENT_S
        )
        url = url_of(sock)
        supervisor = _Supervisor(config, sockets=[sock])
        announce = _when_ready(folder, workers, supervisor, lambda: started(url, deployment.label))
        announce.start()
        try:
            supervisor.run()
        finally:
            supervisor.should_exit.set()
            announce.join()
        if (folder / _FAILED).exists():
            raise _from_bytes((folder / _FAILED).read_bytes())


class _Supervisor(Multiprocess):
    """uvicorn's, which notices a death at once, and no longer listens while workers finish."""

    def init_processes(self) -> None:
        super().init_processes()
        self._leave_pipes()

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        self._leave_pipes()

    def terminate_all(self) -> None:
        for sock in self.sockets:
            sock.close()
        super().terminate_all()

    def _leave_pipes(self) -> None:
        """Close our copies of the workers' ends: else a ping to a dead one waits its whole time."""
        for process in self.processes:
            process.child_conn.close()


def _as_bytes(error: Exception) -> bytes:
    """An error of a worker, for the supervisor."""
    if isinstance(error, ConfigError):
        parts = (error.field, error.value, error.allowed)
        try:
            return pickle.dumps(parts)
        except Exception:  # a value that only the worker knows
            return pickle.dumps((error.field, str(error.value), error.allowed))
    known = isinstance(error, EndpointError)
    return pickle.dumps((str(error) if known else f"{type(error).__name__}: {error}",))


def _from_bytes(data: bytes) -> ConfigError | EndpointError:
    parts = pickle.loads(data)
    return EndpointError(*parts) if len(parts) == 1 else ConfigError(*parts)


def _when_ready(
    folder: Path, workers: int, supervisor: Multiprocess, started: Callable[[], None]
) -> threading.Thread:
    """A thread that waits until so many workers are ready."""

    def wait() -> None:
        while not supervisor.should_exit.wait(0.1):
            if len(list(folder.glob(f"{_READY}-*"))) >= workers:
                started()
                return

    return threading.Thread(target=wait, name="abgnn-workers", daemon=True)


def _end_with_parent() -> None:
    """Stop as by SIGTERM when the supervisor is gone, in whatever way."""
    parent = parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="abgnn-parent", daemon=True).start()
