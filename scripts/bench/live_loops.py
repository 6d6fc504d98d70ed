"""Closed loops beside the best static plan, live: three ways of asking SmolLM2-135M arithmetic.

Every mode answers 80 training questions (`--design complete`, 240 calls). Both plans are made of
them for the same latency budgets, and answer held-out questions, set by set; a call that both make
is made once. ± is 95 % over questions, paired.

    python scripts/bench/live_loops.py --questions 40 --sets 4
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from tempfile import TemporaryDirectory

import numpy as np
from rich.table import Table

from abgnn.console import make_console
from abgnn.data.outcome import Outcome
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import Experiment, build
from abgnn.models import PlannedLoops, PlannedQuestions, Policy
from abgnn.planning import Budget
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.question_plan import QuestionPlan
from abgnn.training.evaluate import evaluate

TRAIN = 80
TIMES_THE_FASTEST = (1.5, 2.5, 4.0)  # latency budgets


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=40, help="of a set")
    parser.add_argument("--sets", type=int, default=4)
    args = parser.parse_args()
    asked = args.questions * args.sets
    with TemporaryDirectory() as folder:
        experiment = build(
            ["live/smollm2.yaml", "data/arithmetic.yaml"],
            ["--trainer.logger=false", f"--data.init_args.n_train={TRAIN}",
             f"--data.init_args.n_questions={TRAIN + asked + 30}",
             f"--data.init_args.n_test={asked}", "--model.calibration=null",
             f"--model.rollout.recording.path={folder}/calls.sqlite"],
        )  # fmt: skip
        names = experiment.model.mas.catalogue.names
        known = calibrate_experiment(experiment, TRAIN * len(names), design="complete")
        observed = known.observed
        lone = [observed.seconds[observed.backbone == m].mean() for m in range(len(names))]
        scores = [observed.right[observed.backbone == m].mean() for m in range(len(names))]
        console, table = make_console(110), _table(known.label, args.sets)
        for name, score, seconds in zip(names, scores, lone, strict=True):
            console.print(f"{name}: {score:.3f}, {seconds:.2f} s in the calibration")
        for times in TIMES_THE_FASTEST:
            budget = Budget(None, float(times * min(lone)))
            plans: dict[str, Policy] = {
                "static": PlannedQuestions(QuestionPlan.of(known, budget)),
                "closed loop": PlannedLoops(LoopPlan.of(known, budget)),
            }
            made = {name: _run(experiment, plan) for name, plan in plans.items()}
            for row in _rows(made, float(times * min(lone)), args.sets):
                table.add_row(*row)
        console.print(table)


def _table(label: str, sets: int) -> Table:
    heads = ["budget, s", "plan", "accuracy", *(f"set {k + 1}" for k in range(sets))]
    return Table(*heads, "less static", "s per question", "calls", title=label)


def _run(experiment: Experiment, policy: Policy) -> list[Outcome]:
    data, model = experiment.data, experiment.model
    data.setup("test")
    with model.new_executor(data) as executor:
        executor.check()
        return evaluate(policy, model.mas, executor, data.queries("test"))


def _rows(made: dict[str, list[Outcome]], budget: float, sets: int) -> Sequence[list[str]]:
    static = np.array([o.score for o in made["static"]])
    rows = []
    for name, outcomes in made.items():
        score = np.array([o.score for o in outcomes])
        less = score - static
        half = 1.96 * less.std(ddof=1) / len(less) ** 0.5
        each = [f"{part.mean():.3f}" for part in np.array_split(score, sets)]
        seconds = np.mean([o.latency for o in outcomes])
        calls = np.mean([len(o.calls) for o in outcomes])
        difference = "" if name == "static" else f"{100 * less.mean():+.1f} ± {100 * half:.1f}"
        first = f"{budget:.2f}" if name == "static" else ""
        rows.append(
            [
                first,
                name,
                f"{score.mean():.3f}",
                *each,
                difference,
                f"{seconds:.2f}",
                f"{calls:.2f}",
            ]
        )
    return rows


if __name__ == "__main__":
    main()
