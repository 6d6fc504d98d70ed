"""Closed loops among simulated LLMs (world version 3), in fresh worlds, at matched realised cost.

In every case, a world and a draw of training questions, every LLM alone answers 160 of them
(`--design complete`); closed loops are planned from that and executed on other questions, at four
budgets between the cheapest and the dearest LLM. Beside them, at the cost that the loop really
had: the best mixture of single LLMs and the best single LLM, both picked on the test questions; a
router of the same beliefs; plans by question of the same calibration. With --standard also loops
and plans by question from 320 rollouts of committees. ± is 95 % over worlds. A finished case is
kept and not run again.

    scripts/bench/loop_world --domain general --file MMLU.jsonl --first 3100 --worlds 6
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from argparse import ArgumentParser
from pathlib import Path

import torch
from lightning.pytorch import seed_everything

sys.path.insert(0, str(Path(__file__).parents[2]))

from loop_world_case import DATA, Case
from loop_world_figures import Figures, measured
from loop_world_shown import shown

from abgnn.console import make_console
from abgnn.experiments.experiment import quiet


def case_of(args: object, seed: int, draw: int, path: Path) -> Figures:
    """From its file, or measured and kept."""
    if not path.exists():
        seed_everything(seed, verbose=False)
        figures = measured(Case(args, seed, draw), standard=args.standard)  # type: ignore[attr-defined]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures))
    out: Figures = json.loads(path.read_text())
    return out


def main() -> None:
    """Measure what is missing, and print all."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--domain", choices=sorted(DATA), default="general")
    parser.add_argument("--file", help="MMLU's questions, or MATH's; else the packaged ones")
    parser.add_argument("--first", type=int, default=3100, help="seed of the first world")
    parser.add_argument("--worlds", type=int, default=6)
    parser.add_argument("--draws", type=int, default=2, help="of the training questions")
    parser.add_argument("--questions", type=int, default=160, help="of the training")
    parser.add_argument("--copies", type=int, default=1, help="of every test question")
    parser.add_argument("--standard", action="store_true", help="320 rollouts of committees, too")
    parser.add_argument("--out", default="runs/bench/loop_world")
    args = parser.parse_args()
    quiet()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    name = Path(args.file).stem if args.file else "packaged"
    size = f"{args.domain}-{name}-{args.questions}x{args.copies}"
    size += "-standard" if args.standard else ""
    worlds = [
        [
            case_of(args, seed, draw, Path(args.out) / f"{size}-{seed}-{draw}.json")
            for draw in range(args.draws)
        ]
        for seed in range(args.first, args.first + args.worlds)
    ]
    for table in shown(args.domain, worlds):
        make_console().print(table)


if __name__ == "__main__":
    main()
