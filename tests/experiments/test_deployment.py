"""What is read of a config without Lightning is what Lightning reads of it."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path

import pytest
import torch

import datamodules
from abgnn.errors import ConfigError
from abgnn.experiments.certify_plan import read_questions
from abgnn.experiments.deployment import EXECUTES, LEARNS, read_deployment
from abgnn.experiments.experiment import Experiment
from abgnn.experiments.trained import _TRADEOFF, from_config
from abgnn.training import Reinforce
from datamodules.plain import PLAIN
from tests.conftest import SIMULATED


def test_its_keys_are_those_of_the_module() -> None:
    parameters = inspect.signature(Reinforce.__init__).parameters
    assert {*EXECUTES, *LEARNS} == parameters.keys() - {"self"}
    assert {key: parameters[key].default for key in _TRADEOFF} == _TRADEOFF


def test_it_is_what_lightning_reads(simulated: Experiment) -> None:
    deployment, module = read_deployment(SIMULATED), simulated.model
    assert type(deployment.client) is type(module.client)
    assert deployment.label == module.label == "simulated"
    assert deployment.mas.catalogue == module.mas.catalogue
    assert deployment.mas.template == module.mas.template
    assert deployment.rollout == module.rollout_settings
    assert deployment.max_in_flight == module.max_in_flight


def test_an_untrained_policy_has_the_weights_of_the_seed() -> None:
    first, torch_state = from_config(SIMULATED).policy.state_dict(), torch.get_rng_state()
    torch.rand(3)  # whatever was drawn before
    again = from_config(SIMULATED).policy.state_dict()
    assert first.keys() == again.keys()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert torch.equal(torch_state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("model: {mas: {domain: general}, lambda_tokk: 1}", "lambda_tokk"),
        ("data: {class_path: datamodules.QuickQA}", "model"),
        ("model: [", "YAML"),
    ],
)
def test_a_config_that_cannot_be(tmp_path: Path, text: str, field: str) -> None:
    (tmp_path / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=field):
        read_deployment(str(tmp_path / "bad.yaml"))


def test_every_packaged_question_set_has_a_class_without_lightning(simulated: Experiment) -> None:
    for path, module in PLAIN.items():
        name = path.rpartition(".")[2]
        plain = getattr(import_module(module), name)
        lightning = getattr(datamodules, name)
        assert issubclass(lightning, plain)
        assert issubclass(lightning, datamodules.QuestionDataModule)
        assert not issubclass(plain, datamodules.QuestionDataModule)
    questions = read_questions(SIMULATED, PLAIN)
    assert questions.queries("test") == simulated.data.queries("test")
