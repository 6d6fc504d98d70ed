"""`abgnn certify`: are budgets met, and how sure is that?"""

from __future__ import annotations

import hashlib
import json
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.cli.scheduling import add_jobs, scheduler_of

if TYPE_CHECKING:
    from rich.console import Console

    from abgnn.evaluation.certificate import Certificate
    from abgnn.experiments.jobs.scheduler import Scheduler


def add_arguments(parser: Parser) -> None:
    """Who is judged, on which budgets."""
    parser.description = (
        "Execute the held-out questions and state, with confidence bounds, whether each budget is "
        "`met`, `not met`, or `not certified`: too few questions to tell. Exit status 1 if one is "
        "not met. With a recording, known calls are free."
    )
    text = "an experiment config (LLMs, test questions), such as simulated/math.yaml; repeatable"
    parser.add_argument("--config", action="append", required=True, metavar="NAME", help=text)
    text = "a file of `abgnn plan --out`; left out: the config's own policy"
    parser.add_argument("--plan", metavar="FILE", help=text)
    parser.add_argument("--cost", type=float, metavar="USD", help="budget: mean USD per query")
    text = "budget: mean seconds per query"
    parser.add_argument("--latency", type=float, metavar="S", help=text)
    text = "judge whether this share of the queries (0.95) ends within --latency, not the mean"
    parser.add_argument("--share", type=float, metavar="P", help=text)
    text = "that all budgets' bounds hold together, however often one looks"
    parser.add_argument("--confidence", type=float, default=0.95, metavar="P", help=text)
    text = (
        "1 the first time that this plan is judged, 2 the second, …: every look spends four "
        "fifths of the error probability that earlier ones left (left out: one more than the "
        "file of --out says)"
    )
    parser.add_argument("--look", type=int, metavar="K", help=text)
    parser.add_argument("--out", metavar="FILE", help="JSON file of the certificate to write")
    add_jobs(parser)


def run(args: Namespace, console: Console) -> int:
    """Execute and judge; 1 if a budget is not met."""
    from abgnn.cli.progress import progress_on

    subject = _subject(args)
    look = args.look if args.look is not None else _next_look(args.out, subject)
    with scheduler_of(args) as scheduler, progress_on(console) as progress:
        certificate = _judge(args, scheduler)(
            progress=progress,
            subject=subject,
            look=look,
            cost_usd=args.cost,
            latency_s=args.latency,
            share=args.share,
            confidence=args.confidence,
        )
    console.print(certificate.text(), highlight=False)
    if args.out:
        path = Path(args.out)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(certificate.to_dict(), indent=1) + "\n", encoding="utf-8")
    return 1 if certificate.verdict == "not met" else 0


def _subject(args: Namespace) -> str:
    """What is judged: configs, and the digest of a plan; looks at the same one are counted."""
    made = " ".join(args.config)
    if args.plan and Path(args.plan).is_file():
        made += f", plan {hashlib.sha256(Path(args.plan).read_bytes()).hexdigest()[:16]}"
    return made


def _next_look(out: str | None, subject: str) -> int:
    """One more than the certificate in the file says, if it is of the same subject."""
    try:
        earlier = json.loads(Path(out).read_text(encoding="utf-8")) if out else {}
        return int(earlier["look"]) + 1 if earlier["subject"] == subject else 1
    except (OSError, ValueError, KeyError, TypeError):
        return 1


def _judge(args: Namespace, scheduler: Scheduler | None) -> Callable[..., Certificate]:
    """Who judges: a mixture on one config needs no PyTorch; configs over configs are Lightning's.

    A plan that reads the question has it encoded.
    """
    from abgnn.planning.calibration import file_format
    from abgnn.planning.reading_plan import FORMATS, read_reading_plan

    reads = args.plan is not None and file_format(args.plan) in FORMATS
    if args.plan and len(args.config) == 1 and not reads:
        from abgnn.experiments.certify_plan import certify_plan, read_questions
        from abgnn.experiments.deployment import read_deployment
        from abgnn.experiments.jobs.openers import deployment_blocks
        from abgnn.planning.plan_file import PlanFile
        from datamodules.plain import PLAIN

        [name] = args.config
        plan, deployment = PlanFile.read(args.plan), read_deployment(name)
        blocks = deployment_blocks(name, PLAIN, deployment, scheduler)
        return partial(certify_plan, deployment, read_questions(name, PLAIN), plan, blocks=blocks)
    from abgnn.experiments.certify import certify_policy
    from abgnn.experiments.experiment import build
    from abgnn.experiments.jobs.openers import experiment_blocks
    from abgnn.models.planned import PlannedMixture
    from abgnn.models.policy import Policy
    from abgnn.models.reading_plans import planned_policy
    from abgnn.rollout.telemetry.switch import set_up

    experiment = build(args.config, ["--trainer.logger=false"])
    set_up(experiment.model.rollout_settings.telemetry)
    policy: Policy = experiment.model.policy
    if args.plan:
        known = read_reading_plan(args.plan) if reads else None
        policy = PlannedMixture(args.plan) if known is None else planned_policy(known)
    blocks = experiment_blocks(args.config, experiment, scheduler)
    return partial(certify_policy, experiment, policy, blocks=blocks)
