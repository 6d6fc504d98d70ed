"""`abgnn compare`: methods on the same budgets, worlds, questions and number of training calls."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.cli.frontier import add_files
from abgnn.cli.scheduling import add_ray, scheduler_of

if TYPE_CHECKING:
    from rich.console import Console

    from abgnn.experiments.compare.config import Comparison
    from abgnn.experiments.compare.plugins import PluginComparison
    from abgnn.experiments.compare.run import Finished
    from abgnn.experiments.jobs.scheduler import Scheduler
    from abgnn.experiments.progress import Progress

_CONFIGS = """\
configs that ship, each of them also a template for one's own:
  compare/simulated-general.yaml     Table 1: AgentBalance, baselines, rows that learn nothing;
                                     also -math, -code
  compare/headline-general.yaml      every method with the same questions and calls, ours taught and
                                     planned, closed loops, cascades; also -math, -code, -live
  compare/ablation-general.yaml      Table 3: six variants, differences paired by seed;
                                     also -math, -code
  compare/plugins.yaml               Table 2: MacNet and AutoGen's group chat as they are,
                                     and with AgentBalance plugged in
  compare/sensitivity-general.yaml   Figure 5: one setting of the reward at a time
  compare/recorded-llmrouter.yaml    on recorded outcomes; needs --path and --profiles
  compare/recorded-answers.yaml      closed loops, cascades, majorities and a router on any table of
                                     recorded answers with keys; needs --path
  compare/simulated-loop-general.yaml  the same in a simulated world, and rows that ask again"""


def add_arguments(parser: Parser) -> None:
    """A compare config, how much of it, where to."""
    parser.description = (
        "Train and evaluate several methods on the same questions, worlds and number of LLM calls; "
        "writes jobs/, points.csv, table.csv, table.tex and a picture. Started again, it does "
        "what is missing. Exit status 1 if a job has failed."
    )
    parser.epilog = _CONFIGS
    text = "a compare config, for example compare/simulated-general.yaml"
    parser.add_argument("--config", required=True, metavar="NAME", help=text)
    text = "folder of the results, in place of the config's"
    parser.add_argument("--out", metavar="DIR", help=text)
    text = "how many of the config's seeds, from the first on; left out: all"
    parser.add_argument("--seeds", type=int, metavar="N", help=text)
    text = "processes; left out: as many as there are cores"
    parser.add_argument("--jobs", type=int, metavar="N", help=text)
    add_ray(parser)
    add_files(parser)


def run(args: Namespace, console: Console) -> int:
    """Compare; 1 if a job has failed."""
    from abgnn.cli.progress import progress_on
    from abgnn.experiments.compare.config import Comparison, arguments
    from abgnn.experiments.compare.plugins import compare_plugins
    from abgnn.experiments.jobs.processes import LocalProcesses, cores

    asked = _read(args)  # before anything is started
    made = arguments(asked.set) if isinstance(asked, Comparison) else ()
    with scheduler_of(args, made) as chosen, progress_on(console) as progress:
        scheduler = chosen or LocalProcesses(cores())
        if isinstance(asked, Comparison):
            done = [compare(asked, scheduler, console, progress)]
        else:
            done = list(compare_plugins(asked, scheduler, console, progress).values())
    for finished in done:
        _print_failed(finished, console)
    return int(any(finished.failed for finished in done))


def _read(args: Namespace) -> Comparison | PluginComparison:
    """What the arguments ask for."""
    from abgnn.experiments.compare.config import Comparison
    from abgnn.experiments.compare.from_table import from_table
    from abgnn.experiments.compare.plugins import PluginComparison, compares_plugins

    files = {"path": args.path, "profiles": args.profiles}
    if compares_plugins(args.config):
        plugins = PluginComparison.from_yaml(args.config).with_seeds(args.seeds)
        return plugins.with_files(**files).with_out(args.out)
    comparison = Comparison.from_yaml(args.config).with_seeds(args.seeds).with_files(**files)
    return from_table(replace(comparison, out=args.out or comparison.out))


def compare(
    comparison: Comparison,
    scheduler: Scheduler,
    console: Console,
    progress: Progress | None = None,
) -> Finished:
    """Run what is missing, then write and print everything; see `Comparison`."""
    from abgnn.experiments.compare.report import write_comparison
    from abgnn.experiments.compare.run import plan_jobs, run_jobs

    label, jobs = plan_jobs(comparison, scheduler.hosts)
    out = Path(comparison.out)
    console.print(f"{len(jobs)} jobs in {scheduler}; results ({label}): {out / 'jobs'}")
    done = run_jobs(jobs, label, out / "jobs", scheduler, console, progress)
    if done.results:
        write_comparison(comparison, jobs, done.results, label, console)
    return done


def _print_failed(finished: Finished, console: Console) -> None:
    for job, error in finished.failed.items():
        text = f"failed: {job.method}, {job.point}, seed {job.seed}: {error}"
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
