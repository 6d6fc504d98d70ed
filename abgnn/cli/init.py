"""`abgnn init`: LLMs, task and run script of a new experiment."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser

if TYPE_CHECKING:
    from rich.console import Console

    from abgnn.experiments.starter.starter import Starter

SIMULATED_COST, SIMULATED_LATENCY = 1e-3, 20.0


def add_arguments(parser: Parser) -> None:
    """Where to, and what would else be asked."""
    parser.description = (
        "Write my_llms.yaml (LLMs and prices), task.yaml (an experiment config) and run.sh, which "
        "calibrates, plans, certifies and answers a question. On a terminal, without flags, it "
        "asks for what it needs. Nothing is called, and no file is written over without --force."
    )
    text = "folder of the files, made if need be"
    parser.add_argument("folder", nargs="?", default=".", metavar="DIR", help=text)
    parser.add_argument("--force", action="store_true", help="write over files that are there")
    asked = parser.add_argument_group("what is asked, and by which LLMs")
    text = "general, math or code: roles, and questions without --questions"
    asked.add_argument("--domain", metavar="D", help=text + " (left out: general)")
    text = "jsonl or csv with question and answer (left out: packaged questions)"
    asked.add_argument("--questions", metavar="FILE", help=text)
    text = "packaged LLMs in the simulated world: no keys, no network, no money"
    asked.add_argument("--simulated", action="store_true", help=text)
    text = "an OpenAI-compatible endpoint, for example https://api.example.com/v1"
    asked.add_argument("--base-url", metavar="URL", help=text)
    text = "an LLM of the endpoint, USD per million tokens; repeatable"
    prices = "NAME=PRICE_IN/PRICE_OUT"
    asked.add_argument("--model", action="append", metavar=prices, help=text)
    text = "environment variable that holds the endpoint's key (left out: it needs none)"
    asked.add_argument("--key-env", metavar="VARIABLE", help=text)
    budget = parser.add_argument_group("budgets, at least one; limits")
    budget.add_argument("--cost", type=float, metavar="USD", help="mean USD per question")
    budget.add_argument("--latency", type=float, metavar="S", help="mean seconds per question")
    text = "most that all runs together may cost"
    budget.add_argument("--max-usd", type=float, default=5.0, metavar="USD", help=text)
    text = "longest reply"
    budget.add_argument("--max-tokens", type=int, default=2048, metavar="N", help=text)
    text = "rollouts of the calibration"
    budget.add_argument("--rollouts", type=int, default=320, metavar="N", help=text)


def run(args: Namespace, console: Console) -> int:
    """Ask or read flags, write, and say what comes next."""
    from datetime import date

    from abgnn.experiments.starter.files import starter_files, write_files

    if sys.stdin.isatty() and not _flags(args):
        from abgnn.cli.init_questions import ask

        ask(args, console)
    folder = Path(args.folder)
    files = starter_files(_starter(args), folder, date.today())
    write_files(files, folder, force=args.force)
    for name in files:
        console.print(f"{folder / name}", markup=False, highlight=False)
    command = shlex.join(("sh", str(folder / "run.sh")))
    console.print(f"next: {command}", markup=False, highlight=False)
    if args.key_env:
        console.print(f"before it: export {args.key_env}=…", markup=False, highlight=False)
    return 0


def _flags(args: Namespace) -> bool:
    """Whether any flag but --force was given."""
    return any(word.startswith("--") and word != "--force" for word in args.argv)


def _starter(args: Namespace) -> Starter:
    from abgnn.cli.init_questions import count_questions
    from abgnn.experiments.starter.starter import Model, Starter

    cost, latency = args.cost, args.latency
    if args.simulated and cost is None and latency is None:
        cost, latency = SIMULATED_COST, SIMULATED_LATENCY
    domain = args.domain or "general"
    return Starter(
        domain=domain,
        simulated=args.simulated,
        base_url=args.base_url,
        models=tuple(Model.read(text) for text in args.model or ()),
        key_env=args.key_env,
        questions=args.questions,
        n_questions=0 if args.questions is None else count_questions(args.questions),
        cost=cost,
        latency=latency,
        max_usd=args.max_usd,
        max_tokens=args.max_tokens,
        rollouts=args.rollouts,
    )
