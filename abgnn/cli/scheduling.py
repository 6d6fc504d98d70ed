"""`--jobs` and `--ray`: who runs a command's jobs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from abgnn.experiments.jobs.scheduler import Scheduler


def add_jobs(parser: Parser) -> None:
    """Both flags, for a command that else works in one process."""
    text = "processes that share the work; left out: this one does all of it"
    parser.add_argument("--jobs", type=int, metavar="N", help=text)
    add_ray(parser)


def add_ray(parser: Parser) -> None:
    """`--ray [ADDRESS]`."""
    text = (
        "run the jobs as tasks of a Ray cluster (extra `ray`): HOST:PORT, auto, or none: that of "
        "RAY_ADDRESS, else one on this machine. Nodes have endpoints' keys in their environment"
    )
    parser.add_argument("--ray", nargs="?", const="", metavar="ADDRESS", help=text)


@contextmanager
def scheduler_of(args: Namespace, made: Sequence[str] = ()) -> Iterator[Scheduler | None]:
    """The scheduler of a command's arguments; None: neither flag was there.

    `made` are arguments that the command made of its own: files that they name are sent, too.
    """
    if args.ray is None:
        yield None if args.jobs is None else _processes(args.jobs)
        return
    if args.jobs is not None:
        raise ConfigError("--jobs", args.jobs, "nothing beside --ray: a job runs on every CPU")
    from abgnn.experiments.jobs.ray_tasks import ray_tasks

    with ray_tasks(args.ray, [*args.argv, *made]) as tasks:
        yield tasks


def _processes(workers: int) -> Scheduler:
    from abgnn.experiments.jobs.processes import LocalProcesses

    return LocalProcesses(workers)
