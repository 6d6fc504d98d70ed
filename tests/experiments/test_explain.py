"""`abgnn explain`: the masks are of the agent's own graph, the words of its own profile."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from abgnn.cli.main import main
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.experiments.explain import GateExplanation, explain_gate
from abgnn.experiments.trained import Trained, from_config
from abgnn.models import SelfConsistency
from abgnn.planning.plan_file import FORMAT

QUESTION = "Which treaty ended the Thirty Years' War?"


@pytest.fixture(scope="module")
def trained() -> Trained:
    """With weights that read something: those of the start read beliefs alone."""
    made = from_config("simulated/general.yaml")
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in made.policy.parameters():
            parameter.add_(0.03 * torch.randn_like(parameter))
    return made


@pytest.fixture(scope="module")
def made(trained: Trained) -> GateExplanation:
    return explain_gate(trained, QUESTION, "Critic", epochs=10)


def test_it_says_what_a_gate_depends_on(trained: Trained, made: GateExplanation) -> None:
    roles = [role.name for role in trained.mas.template.roles]
    assert (made.role, made.weight.shape) == ("Critic", (len(roles), 5))
    assert made.agents[roles.index("Critic")] == f"Critic: {made.backbone}"
    assert made.weight[roles.index("Critic")].mean() == pytest.approx(made.weight.max(), rel=0.5)
    assert made.weight[trained.mas.template.decision].max() == 0  # it sends no message
    again = explain_gate(trained, QUESTION, "Critic", epochs=10)
    np.testing.assert_array_equal(again.weight, made.weight)  # the same seed


def test_a_word_moves_the_gate_by_what_the_policy_says(
    trained: Trained, made: GateExplanation
) -> None:
    """By hand: the profile without the word is encoded in the place of the whole one."""
    mas, policy = trained.mas, trained.policy
    profiles = mas.catalogue[made.backbone].profiles(mas.domain)
    assert len(made.words) == sum(len(text.split()) for text in profiles)
    word, part, loss = next(
        w for w in made.words if getattr(profiles, w[1]).count(f" {w[0]} ") == 1
    )
    text = getattr(profiles, part)
    before, _, after = text.partition(f" {word} ")
    assert after
    node = [role.name for role in mas.template.roles].index("Critic")
    with torch.no_grad():
        seen = policy(mas.batch([Query("q", QUESTION, mas.domain)]), sample=False).batch
        whole, less = mas.encode([text, f"{before}  {after}"])
        width = len(whole)
        place = slice((2 + profiles.index(text)) * width, (3 + profiles.index(text)) * width)
        logits = []
        for embed in (whole, less):
            x = seen.x.clone()
            x[node, place] += x[node, place].norm() / whole.norm() * (embed - whole)
            logits.append(policy.choice_logits(x, seen.edge_index, seen)["gate"][node])
    assert float(logits[0] - logits[1]) == pytest.approx(loss, rel=1e-2, abs=1e-6)
    assert torch.sigmoid(logits[0]).item() == pytest.approx(made.chance, rel=1e-4)
    assert loss != 0


def test_what_cannot_be_explained_is_named(trained: Trained) -> None:
    with pytest.raises(ConfigError, match=r"--role: got 'Nobody'; allowed: .*Critic"):
        explain_gate(trained, QUESTION, "Nobody")
    with pytest.raises(ConfigError, match="QUESTION"):
        explain_gate(trained, "  ")
    with pytest.raises(ConfigError, match="gates agents"):
        explain_gate(replace(trained, policy=SelfConsistency("Qwen3-8B", 3)), QUESTION)


@pytest.mark.usefixtures("elsewhere")
def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", "simulated/general.yaml", "--epochs", "2"]
    assert main(["explain", QUESTION, *config, "--out", "deep/why.png"]) == 0
    out = capsys.readouterr().out
    assert "takes part with" in out
    assert "without “" in out
    assert (tmp_path / "deep" / "why.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["explain", QUESTION]) == 2
    assert main(["explain", QUESTION, *config, "--out", "why.txt"]) == 2
    assert main(["explain", QUESTION, *config[:2], "--epochs", "0"]) == 2


@pytest.mark.parametrize("flag", ["--checkpoint", "--config"])
def test_a_file_without_a_policy_is_told_by_its_flag(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"format": FORMAT}), encoding="utf-8")
    assert main(["explain", QUESTION, flag, str(path)]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert f"{flag}: got" in told
    assert "not a plan" in told
