"""What the graph network earns: five experiments, each with its controls.

    a  routing on a recorded table, every method from the same answers (needs --path)
    b  a planted signal of known headroom: the share that is recovered
    c  layers at equal parameters, on plans of other sizes and topologies than those learned from
    d  teacher and student on held-out kinds of questions, fewer LLMs, and new LLMs
    e  whether a policy uses what it reads: questions, edges and neighbours swapped

b to e are simulated and make no calls beyond a calibration. A finished cell is kept under --out
and not measured again. Nothing was chosen on the worlds that are reported by default.
"""

from __future__ import annotations

import logging
import sys
import warnings
from argparse import ArgumentParser
from importlib import import_module
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from graph_cells import Run

from abgnn.console import make_console
from abgnn.experiments.experiment import quiet

EXPERIMENTS = {
    "a": "graph_routing",
    "b": "graph_headroom",
    "c": "graph_ladder",
    "d": "graph_students",
    "e": "graph_counterfactual",
}


def main() -> None:
    """Measure what is missing, and print all."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=sorted(EXPERIMENTS), help="which experiments")
    parser.add_argument("--path", type=Path, help="folder of the recorded tables, for a")
    parser.add_argument("--out", type=Path, default=Path("runs/bench/graph"))
    parser.add_argument("--quick", action="store_true", help="as little as shows that all runs")
    parser.add_argument("--first", type=int, default=2500, help="seed of the first world")
    parser.add_argument("--worlds", type=int, help="how many, for all experiments alike")
    args = parser.parse_args()
    quiet()
    warnings.filterwarnings("ignore")
    for name in ("", ".utilities.rank_zero", ".accelerators.cuda"):
        logging.getLogger(f"lightning.pytorch{name}").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    run = Run(args.out, args.quick, make_console(150), args.path, args.first, args.worlds)
    for name in args.only or sorted(EXPERIMENTS):
        import_module(EXPERIMENTS[name]).measure(run)


if __name__ == "__main__":
    main()
