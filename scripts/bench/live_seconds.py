"""Foretold and measured seconds of two planned mixtures on SmolLM2-135M, on this machine.

The tests judge foretold accuracy and dollars of a live plan, not its seconds: those hold only as
long as the machine is as busy as it was during the calibration.

    python scripts/bench/live_seconds.py --rollouts 85 --questions 60
"""

from __future__ import annotations

from argparse import ArgumentParser
from tempfile import TemporaryDirectory

from rich.table import Table

from abgnn.console import make_console
from abgnn.evaluation.rows import Row, summarise
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import Experiment, build
from abgnn.models.planned import PlannedMixture
from abgnn.planning import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.planning.predictive import Prediction, predict
from abgnn.planning.search import Searcher
from abgnn.training.evaluate import evaluate

LEVEL = 0.95
TIMES_THE_FASTEST = (1.3, 3.5)  # latency budgets


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=85)
    parser.add_argument("--questions", type=int, default=60)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        experiment = build(
            ["live/smollm2.yaml", "data/arithmetic.yaml"],
            ["--trainer.logger=false", f"--data.init_args.n_test={given.questions}",
             f"--model.rollout.recording.path={folder}/calls.sqlite"],
        )  # fmt: skip
        known = calibrate_experiment(experiment, given.rollouts, by="kind")
        table = Table("budget, s", "foretold, s", "measured, s", "within", title=known.label)
        for budget in _budgets(known):
            ahead, measured = _both(experiment, known, budget)
            low, high = ahead.seconds.low, ahead.seconds.high
            within = "yes" if measured.latency_s in ahead.seconds else "no"
            table.add_row(
                f"{budget.latency_s:.2f}", f"{low:.2f} to {high:.2f}", f"{measured.latency_s:.2f}",
                within,
            )  # fmt: skip
        make_console(100).print(table)


def _budgets(known: Calibration) -> list[Budget]:
    searcher = Searcher(known.model(), known.everything)
    fastest = min(found.forecast.seconds for found in searcher.library)
    return [Budget(None, times * fastest) for times in TIMES_THE_FASTEST]


def _both(experiment: Experiment, known: Calibration, budget: Budget) -> tuple[Prediction, Row]:
    """What the planner foretells for a budget, and what the same mixture then takes."""
    data, model = experiment.data, experiment.model
    data.setup("test")
    queries, mixture = data.queries("test"), plan(known, budget)
    ahead = predict(known.model(), mixture, known.kinds, len(queries), level=LEVEL)
    policy = PlannedMixture(PlanFile.of(mixture, known))
    with model.new_executor(data) as executor:
        executor.check()
        return ahead, summarise("", evaluate(policy, model.mas, executor, queries))


if __name__ == "__main__":
    main()
