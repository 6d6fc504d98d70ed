"""Addresses and key variables in a folder are a stranger's: nothing is sent without leave."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from abgnn import System
from abgnn.cli.main import main
from abgnn.errors import ConfigError
from abgnn.experiments.explain import explain_gate
from abgnn.serve.pretrained.consent import Consent
from abgnn.serve.pretrained.read import read_folder
from tests.serve.pretrained.conftest import Spoil
from tests.servers.fixtures import running

MINE = "sk-mine-for-my-own"
KEY = "sk-the-key-of-whoever-loads"
OWN = """
currency: USD
defaults: {{base_url: "{url}", api_key_env: MY_OWN_KEY}}
backbones:
{entries}
"""


def live(url: str) -> Spoil:
    """The folder's LLMs behind an address, with a variable of the saver's choice."""

    def change(config: dict[str, Any]) -> None:
        config["client"] = {"class_path": "abgnn.rollout.OpenAIClient"}
        for backbone in config["catalogue"]["backbones"]:
            backbone.update(base_url=url, api_key_env="AWS_SECRET_ACCESS_KEY", max_tokens=50)

    return change


def own_catalogue(folder: Path, url: str) -> str:
    names = [
        b["name"]
        for b in json.loads((folder / "config.json").read_text())["catalogue"]["backbones"]
    ]
    entries = "\n".join(
        f"  - {{name: {name}, model: {name}, type: standard, price_in: 7, price_out: 9, "
        f"active_params_b: 1, max_tokens: 40}}"
        for name in names
    )
    path = folder.parent / "mine.yaml"
    path.write_text(OWN.format(url=url, entries=entries), encoding="utf-8")
    return str(path)


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("MY_OWN_KEY", MINE)


@pytest.mark.usefixtures("keyed")
def test_nothing_is_sent_before_leave_is_given(
    spoilt: Callable[[Spoil], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.setblocking(False)
        url = f"http://127.0.0.1:{stranger.getsockname()[1]}/v1"
        folder = spoilt(live(url))
        with pytest.raises(ConfigError, match="trust_endpoints=True") as told:
            System.from_pretrained(folder)
        assert f"{url}: the key in AWS_SECRET_ACCESS_KEY" in str(told.value)
        assert KEY not in str(told.value)
        assert main(["run", "What is a quark?", "--checkpoint", str(folder)]) == 2
        assert "--trust-endpoints" in capsys.readouterr().err
        with pytest.raises(BlockingIOError):  # nobody has even knocked
            stranger.accept()


@pytest.mark.usefixtures("keyed")
def test_with_leave_calls_go_to_the_folder_or_to_ones_own_catalogue_at_its_prices(
    spoilt: Callable[[Spoil], Path],
) -> None:
    with running(key=KEY) as strangers, running(key=MINE) as mine:
        folder = spoilt(live(strangers.base_url))
        with System.from_pretrained(folder, trust_endpoints=True) as system:
            expected = system.plan("What is a quark?")
            assert (system.label, system.run("What is a quark?").error) == ("live", None)
        before = len(strangers.log())
        assert before == len(expected.agents)
        own = own_catalogue(folder, mine.base_url)
        with System.from_pretrained(folder, endpoints=own) as system:
            assert system.plan("What is a quark?") == expected
            outcome = system.run("What is a quark?")
        assert outcome.error is None
        assert (len(strangers.log()), len(mine.log())) == (before, before)
    calls = outcome.calls
    usd = sum(7e-6 * c.usage.prompt_tokens + 9e-6 * c.usage.completion_tokens for c in calls)
    assert outcome.cost == pytest.approx(usd)


def test_wrong_endpoints_are_told_by_flag_and_value(
    spoilt: Callable[[Spoil], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(spoilt(live("http://127.0.0.1:9/v1")))
    ask = ["run", "What is a quark?", "--checkpoint"]
    assert main([*ask, folder, "--endpoints", "nowhere.yaml"]) == 2
    assert "endpoints (--endpoints): got 'nowhere.yaml'" in capsys.readouterr().err
    config = ["--config", "simulated/general.yaml", "--endpoints", "catalogues/paper.yaml"]
    assert main([*ask[:2], *config]) == 2
    told = capsys.readouterr().err
    assert "endpoints (--endpoints): got 'catalogues/paper.yaml'" in told
    assert "simulated/general.yaml" in told


def test_explaining_a_saved_policy_needs_no_leave_since_it_calls_nothing(
    spoilt: Callable[[Spoil], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    question = "Which treaty ended the Thirty Years' War?"
    folder = spoilt(live("http://127.0.0.1:9/v1"))
    ask = ["explain", question, "--role", "Critic", "--epochs", "2", "--checkpoint", str(folder)]
    assert main(ask) == 0
    trained = read_folder(folder, Consent(trust_endpoints=True)).trained
    assert trained is not None
    made = explain_gate(trained, question, "Critic", epochs=2)
    told = " ".join(capsys.readouterr().out.split())
    assert f"Critic: {made.backbone} takes part with {made.chance:.0%}" in told
    assert main([*ask[:2], "--config", "simulated/general.yaml", "--trust", "my_layers"]) == 2
    assert "trust (--trust)" in capsys.readouterr().err


def test_a_catalogue_that_lacks_one_of_the_llms(
    spoilt: Callable[[Spoil], Path], tmp_path: Path
) -> None:
    folder = spoilt(live("http://127.0.0.1:9/v1"))
    mine = Path(own_catalogue(folder, "http://127.0.0.1:9/v1"))
    mine.write_text(mine.read_text().replace("name: Qwen3-8B,", "name: Other,"), encoding="utf-8")
    with pytest.raises(ConfigError, match="Qwen3-8B") as told:
        System.from_pretrained(folder, endpoints=str(mine))
    assert (told.value.field, told.value.value) == ("endpoints (--endpoints)", str(mine))
    with pytest.raises(ConfigError, match="trust_endpoints"):
        System.from_pretrained(folder, endpoints=str(mine), trust_endpoints=True)
