"""`abgnn doctor`: what is there, what is missing, and the command that mends it."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """What is to run."""
    parser.description = (
        "Python, packages, extras, encoder, sandbox, GPU, and for a config or a catalogue: "
        "questions, keys (whether they are set, never what they are), endpoints, age of prices, "
        "room for recordings. Nothing is paid. Exit status 1 if what is asked for cannot run."
    )
    text = "an experiment config that is to run; left out: the installation alone"
    parser.add_argument("--config", metavar="NAME", help=text)
    text = "in place of a config: LLMs that live calls are to reach"
    parser.add_argument("--catalogue", metavar="FILE", help=text)
    text = "where calls are to be recorded: a file, or postgresql://user@host/database"
    parser.add_argument("--recording", metavar="FILE", help=text)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: Namespace, console: Console) -> int:
    """Show every finding as it comes; 1 if there is a problem."""
    from dataclasses import asdict

    from abgnn.cli.views.doctor import show_finding, show_sum
    from abgnn.experiments.doctor.examine import Asked, examine
    from datamodules.plain import PLAIN

    findings = []
    for finding in examine(Asked(args.config, args.catalogue, args.recording), PLAIN):
        findings.append(finding)
        if not args.json:
            show_finding(finding, console)
    fine = all(finding.state != "problem" for finding in findings)
    if args.json:
        report = {"ok": fine, "findings": [asdict(finding) for finding in findings]}
        console.print_json(json.dumps(report))
    else:
        show_sum(findings, console)
    return 0 if fine else 1
