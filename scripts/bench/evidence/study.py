"""All tables that READMEs show: what is missing is measured, until it is all there or time is up.

The parts are in scripts/bench/evidence/study.yaml. A job that has ended is a few rows in
scripts/bench/results/PART.csv, stamped with commit, configs, world, seeds, calls, questions and
dollars, and is not run again while its configs and abgnn's version stay as they are; whether other
code gives other figures, --check tells. First seeds of all parts come first, so that a study which
was cut short has all tables, with wider intervals.

    scripts/bench/study --hours 6 --path FOLDER     # of recorded outcomes; else no such parts
    scripts/bench/study --quick                     # the first seeds alone
    scripts/bench/study --check                     # a random tenth again, beside what was kept
    scripts/bench/tables                            # afterwards: tables, pictures, READMEs
"""

from __future__ import annotations

import random
import sys
import time
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from abgnn.console import make_console
from abgnn.errors import ConfigError
from abgnn.experiments.compare.run import silence
from abgnn.experiments.jobs.processes import LocalProcesses, cores
from abgnn.experiments.jobs.ray_tasks import ray_tasks
from abgnn.experiments.jobs.scheduler import Failed, Scheduler

from .check import compare_with
from .parts import Part, chosen_parts, read_parts
from .rows import RESULTS, Rows, rows_of
from .units import Done, Unit, carry_out, commit_here, files_of, units_of

SHARE = 0.1  # of the finished jobs that --check runs again
SMOKE = Path("runs/study/smoke")  # its rows are of the same jobs as real ones, with few calls


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what is missing; 1 where a job has failed, or a check found a difference."""
    args, console = _arguments(argv), make_console()
    warnings.filterwarnings("ignore")
    silence()
    try:
        parts, out = _parts(args), _out(args)
        stored = {part.name: rows_of(part.name, out) for part in parts}
        units = _units(args, parts)
        with _scheduler(args, units) as scheduler:
            if args.check:
                return _check(units, stored, scheduler, args, console)
            ran = [_run(some, stored, by, console) for some, by in waves(units, scheduler)]
        return max(ran, default=0)
    except ConfigError as error:
        console.print(str(error), style="red", markup=False)
        return 2


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(prog="scripts/bench/study", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--hours", type=float, default=6.0, help="after which no job begins (6)")
    parser.add_argument(
        "--parts", nargs="+", default=[], metavar="NAME", help="beginnings of names"
    )
    parser.add_argument("--path", type=Path, metavar="FOLDER", help="of recorded outcomes")
    parser.add_argument("--live", action="store_true", help="parts that call a local LLM, last")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="few seeds of some parts")
    size.add_argument("--seeds", type=int, metavar="N", help="so many of each part at most")
    size.add_argument("--smoke", action="store_true", help="the least of some parts")
    size.add_argument("--check", action="store_true", help="run a random tenth again")
    parser.add_argument("--seed", type=int, help="of --check; left out: another every time")
    parser.add_argument("--jobs", type=int, default=cores(), metavar="N", help="processes")
    parser.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="on Ray instead; every host needs FOLDER of --path",
    )
    text = f"of the CSVs (scripts/bench/results; of --smoke {SMOKE})"
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=text)
    return parser.parse_args(argv)


def _out(args: Namespace) -> Path:
    """Where rows are kept: those of the smoke form never beside real ones, whose place they take.

    Raises:
        ConfigError: they would be.
    """
    given: Path | None = args.out
    if given is None:
        return SMOKE if args.smoke else RESULTS
    if args.smoke and given.resolve() == RESULTS:
        raise ConfigError("--out", str(given), "another folder than the study's, for --smoke")
    return given


def _parts(args: Namespace) -> tuple[Part, ...]:
    if args.seeds is not None and args.seeds < 1:
        raise ConfigError("--seeds", args.seeds, "a number of seeds ≥ 1")
    parts = chosen_parts(read_parts(), args.parts)
    if args.smoke:
        parts = tuple(part.smallest() for part in parts if part.smoke)
    return tuple(part for part in parts if not part.live or args.live)


def _units(args: Namespace, parts: Sequence[Part]) -> list[Unit]:
    """All jobs, first seeds first; parts without their files are left out, and said to be."""
    commit, until = commit_here(), time.time() + 3600 * args.hours
    units: list[tuple[int, int, Unit]] = []
    for place, part in enumerate(parts):
        folder: Path | None = args.path
        if part.file is not None and (folder is None or not (folder / part.file).exists()):
            print(f"{part.name}: left out, it needs {part.file} in the folder of --path")
            continue
        most = part.seeds if args.seeds is None else args.seeds
        seeds = part.quick if args.quick else min(part.seeds, most)
        if not seeds:
            continue
        made = units_of(part, folder, commit, seeds)
        order = sorted({unit.key[1] for unit in made})
        units += [(order.index(u.key[1]), place, replace(u, until=until)) for u in made]
    return [unit for _, _, unit in sorted(units, key=lambda each: each[:2])]


def _scheduler(args: Namespace, units: Sequence[Unit]) -> AbstractContextManager[Scheduler]:
    if args.ray is not None:
        return ray_tasks(args.ray, files_of(units))
    return nullcontext(LocalProcesses(args.jobs))


def waves(units: Sequence[Unit], scheduler: Scheduler) -> list[tuple[list[Unit], Scheduler]]:
    """What runs side by side, and then one by one what a busy machine would make look slow."""
    together = [unit for unit in units if unit.source != "live"]
    alone = [unit for unit in units if unit.source == "live"]
    made: list[tuple[list[Unit], Scheduler]] = [(together, scheduler), (alone, LocalProcesses(1))]
    return [(some, by) for some, by in made if some]


def _run(
    units: Sequence[Unit], stored: dict[str, Rows], scheduler: Scheduler, console: Console
) -> int:
    todo = [unit for unit in units if not stored[unit.part].has(unit.key, unit.inputs)]
    console.print(f"{len(units) - len(todo)} of {len(units)} jobs are done; {scheduler}")
    failed, late, began = 0, 0, time.time()
    for n, (i, ended) in enumerate(scheduler.run(carry_out, todo), 1):
        unit = todo[i]
        where = f"{unit.part}, {', '.join(str(word) for word in unit.key if word != '')}"
        if isinstance(ended, Failed):
            failed += 1
            console.print(f"{where}: failed: {ended.why}", style="red", markup=False)
        elif not ended.rows:
            late += 1
        else:
            stored[unit.part].add(ended.rows)
            if n % 20 == 0 or n == len(todo):
                minutes = (time.time() - began) / 60
                console.print(f"{n} of {len(todo)} after {minutes:.1f} minutes: {where}")
    console.print(f"{failed} failed, {late} left for another time")
    return int(failed > 0)


def _check(
    units: Sequence[Unit], stored: dict[str, Rows], scheduler: Scheduler, args: Namespace,
    console: Console,
) -> int:  # fmt: skip
    """A random tenth of what is there and can be had again."""
    again = [u for u in units if u.source != "live" and stored[u.part].has(u.key, u.inputs)]
    seed = random.SystemRandom().randrange(10**6) if args.seed is None else args.seed
    chosen = random.Random(seed).sample(again, max(1, round(SHARE * len(again)))) if again else []
    console.print(f"{len(chosen)} of {len(again)} finished jobs again (--seed {seed}); {scheduler}")
    different, late = 0, 0
    for i, ended in scheduler.run(carry_out, chosen):
        unit = chosen[i]
        late += isinstance(ended, Done) and not ended.rows
        for line in compare_with(stored[unit.part].by_job, ended):
            different += 1
            console.print(f"{unit.part}: {line}", style="red", markup=False)
    console.print(f"{different} differences, {late} left for another time")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
