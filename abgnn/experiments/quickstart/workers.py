"""Processes that worlds run in. Where the system can fork, they are copies of one that has imported
everything, once for all of them, and that starts before anything is imported here."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import forkserver

_IMPORTED = ["abgnn.experiments.quickstart.world"]
_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def prepare() -> None:
    """Begin with the imports, beside those of this process."""
    if _METHOD == "forkserver":
        multiprocessing.set_forkserver_preload(_IMPORTED)
        forkserver.ensure_running()


def pool_of(workers: int) -> ProcessPoolExecutor:
    """A pool of so many processes, each of one thread."""
    context = multiprocessing.get_context(_METHOD)  # torch has threads here: no fork of this one
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start)


def _start() -> None:
    import torch

    from abgnn.experiments.jobs.processes import start_worker

    start_worker()
    torch.set_num_threads(1)
