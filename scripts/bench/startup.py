"""Start-up: CPU seconds (user and system, of the process and of all that it starts) and what is
loaded; references and commands take turns, so that a busy machine slows both.

`python scripts/bench/startup.py [runs]`
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from abgnn.cli.table import COMMANDS

ROOT = Path(__file__).parents[2]
TORCH = "import torch"
STACK = "import torch, torch_geometric.data, sentence_transformers"
WATCHED = ("torch", "lightning", "sentence_transformers", "transformers", "scipy", "matplotlib")
MOST = 0.25  # of TORCH, for every --help
CONFIG = "simulated/general.yaml"

_END = f"""
import atexit, os, sys
def _loaded():
    with open(os.environ["STARTUP_LOADED"], "w") as file:
        file.write(" ".join(m for m in {WATCHED!r} if m in sys.modules))
atexit.register(_loaded)
"""
_MAIN = "from abgnn.cli.main import main; sys.exit(main(sys.argv[1:]))"


@dataclass
class Measured:
    """One line of the table.

    Args:
        code: what the process runs, after the part that writes down what it has loaded.
        args: its arguments.
        seconds: CPU seconds of each run.
        loaded: which of `WATCHED` the last run has loaded.
    """

    code: str
    args: Sequence[str] = ()
    seconds: list[float] = field(default_factory=list)
    loaded: str = ""

    def run(self, folder: Path) -> None:
        """Once more, in a process of its own."""
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        env["STARTUP_LOADED"] = str(folder / "loaded.txt")
        argv = [sys.executable, "-c", _END + self.code, *self.args]
        with (folder / "output.txt").open("w") as out:
            process = subprocess.Popen(argv, cwd=folder, env=env, stdout=out, stderr=out)
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{self.args}: {(folder / 'output.txt').read_text()}")
        self.seconds.append(usage.ru_utime + usage.ru_stime)
        self.loaded = (folder / "loaded.txt").read_text()


def make_files(folder: Path) -> None:
    """A calibration, a plan of it, a recording and a table of outcomes."""
    recording = {"model": {"rollout": {"recording": {"path": "calls.sqlite"}}}}
    (folder / "recorded.yaml").write_text(json.dumps(recording))
    configs = ["--config", CONFIG, "--config", "recorded.yaml"]
    budget = ["--cost", "0.001", "--latency", "60"]
    for args in (
        ["calibrate", *configs, "--rollouts", "320", "--out", "calibration.json"],
        ["plan", "calibration.json", *budget, "--out", "plan.json"],
    ):
        Measured("import sys; " + _MAIN, args).run(folder)
    llms = (("small", 0, 0.0001), ("middle", 1, 0.0002), ("large", 1, 0.001))
    rows = [f"question {q},task,{llm},{s},{usd}" for q in range(50) for llm, s, usd in llms]
    (folder / "outcomes.csv").write_text("\n".join(["query,task,llm,score,cost", *rows]))


def commands() -> dict[str, Measured]:
    """Every help, the commands that read a file, a question, `System`."""
    helps = [["--help"], *([command.name, "--help"] for command in COMMANDS)]
    budget = ["--cost", "0.001", "--latency", "60"]
    others = [
        ["--version"],
        ["plan", "calibration.json", *budget],
        ["recordings", "calls.sqlite"],
        ["outcomes", "outcomes.csv"],
        ["report", "calibration.json", "plan.json", "calls.sqlite"],
        ["pools"],
        ["certify", "--config", CONFIG, "--plan", "plan.json", "--cost", "1"],
        ["run", "What is a quark?", "--config", CONFIG],
        ["run", "What is a quark?", "--config", CONFIG, "--plan", "plan.json"],
    ]
    lines = {f"abgnn {' '.join(args)}": Measured(_MAIN, args) for args in [*helps, *others]}
    return {**lines, "from abgnn import System": Measured("from abgnn import System")}


def show(references: Mapping[str, Measured], lines: Mapping[str, Measured]) -> Table:
    """CPU seconds, their share of both references', what was loaded."""
    runs = len(references[TORCH].seconds)
    table = Table(title=f"start-up, median of {runs} runs", title_justify="left")
    for head in ("what", "CPU s", "torch = 1", "stack = 1", "loads"):
        table.add_column(head, justify="left" if head in ("what", "loads") else "right")
    of = [median(reference.seconds) for reference in references.values()]
    for name, line in {**references, **lines}.items():
        own = median(line.seconds)
        table.add_row(name, f"{own:.3f}", *(f"{own / r:.3f}" for r in of), line.loaded or "-")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="?", type=int, default=3, help="of each command (3)")
    parser.add_argument("--only", default="", help="lines that contain this text")
    args = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 150)
    references = {TORCH: Measured(TORCH), STACK: Measured(STACK)}
    lines = {name: line for name, line in commands().items() if args.only in name}
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder))
        for _ in range(args.runs):
            for line in (*references.values(), *lines.values()):
                line.run(Path(folder))
    console.print(show(references, lines))
    torch = median(references[TORCH].seconds)
    helps = {n: median(m.seconds) / torch for n, m in lines.items() if n.endswith("--help")}
    if helps:
        worst = max(helps, key=lambda name: helps[name])
        console.print(f"help: at most {helps[worst]:.3f} of `{TORCH}` ({worst}); bound {MOST}")
    loads = [name for name in helps if "torch" in lines[name].loaded]
    return int(bool(loads) or any(share > MOST for share in helps.values()))


if __name__ == "__main__":
    sys.exit(main())
