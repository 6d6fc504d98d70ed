"""The planner on a real LLM: SmolLM2-135M in three modes, at most 300 calls, two budgets.

The budgets are in dollars, which the LLM's tokens decide. Seconds depend on what else the machine
does: `scripts/bench/live_seconds` holds measured against foretold ones.
"""

from __future__ import annotations

import pytest

from abgnn.evaluation.rows import Row, summarise
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import Experiment, build
from abgnn.models.planned import PlannedMixture
from abgnn.planning import Budget, Mixture
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.planning.predictive import predict
from abgnn.planning.search import Searcher
from abgnn.training.evaluate import evaluate

pytestmark = [pytest.mark.live, pytest.mark.slow]
LEVEL = 0.99  # several intervals are looked at


@pytest.fixture(scope="module")
def experiment(smollm2: str, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    folder = tmp_path_factory.mktemp("live")
    return build(
        ["live/smollm2.yaml", "data/arithmetic.yaml"],
        [
            "--trainer.logger=false",
            "--data.init_args.n_test=60",
            f"--model.mas.catalogue={smollm2}",
            f"--model.rollout.recording.path={folder}/calls.sqlite",
        ],
    )


@pytest.fixture(scope="module")
def known(experiment: Experiment) -> Calibration:
    return calibrate_experiment(experiment, 85, by="kind")


def held_out(experiment: Experiment, known: Calibration, mixture: Mixture) -> Row:
    data, model = experiment.data, experiment.model
    data.setup("test")
    policy = PlannedMixture(PlanFile.of(mixture, known))
    with model.new_executor(data) as executor:
        executor.check()
        return summarise("", evaluate(policy, model.mas, executor, data.queries("test")))


def chosen(mixture: Mixture) -> dict[tuple[str, int], float]:
    """Shares by kind of question and mode."""
    shares: dict[tuple[str, int], float] = {}
    for part in mixture.parts:
        place = part.group, part.candidate.design.agents[0][1]
        shares[place] = shares.get(place, 0.0) + part.share
    return shares


@pytest.mark.timeout(1800)
def test_at_most_300_calls_teach_which_mode_for_which_kind(
    experiment: Experiment, known: Calibration
) -> None:
    assert 150 < len(known.observed) <= 300
    assert known.label == "live"
    accuracy, low, high = known.model().solo(known.template.lead)
    assert ((low < accuracy) & (accuracy < high)).all()
    searcher = Searcher(known.model(), known.everything)
    cheapest = min(found.forecast.usd for found in searcher.library)
    shares, paid = [], []
    for cost in (1.1 * cheapest, 2 * cheapest):
        mixture = plan(known, Budget(cost, None))
        assert mixture.feasible
        shares.append(chosen(mixture))
        ahead = predict(known.model(), mixture, known.kinds, 60, level=LEVEL)
        measured = held_out(experiment, known, mixture)
        assert measured.failed == 0
        assert measured.performance in ahead.accuracy
        assert measured.cost_usd in ahead.usd
        assert 0 < ahead.seconds.low < ahead.seconds.high
        paid.append(measured.cost_usd)
    assert shares[0] != pytest.approx(shares[1])  # the budget decides
    assert paid[0] < paid[1]
    shares += [chosen(plan(known, Budget(k * cheapest, None))) for k in (1.3, 1.6, 2.5)]
    assert any(len({mode for _, mode in of}) > 1 for of in shares)  # and the kind of question
