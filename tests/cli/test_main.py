"""The command line as users meet it: packaged configs from any folder, clear errors, own layers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from abgnn.cli.main import main
from abgnn.data.resources import config_path
from abgnn.experiments.experiment import build
from tests.paths import CONFIGS

pytestmark = pytest.mark.usefixtures("elsewhere")

QUICK = ["--trainer.enable_progress_bar=false", "--data.init_args.n_train=8"]


def names(folder: str) -> list[str]:
    return sorted(f"{folder}/{p.name}" for p in (CONFIGS / folder).glob("*.yaml"))


@pytest.mark.parametrize("name", [*names("simulated"), *names("live")])
def test_every_experiment_config_is_instantiated(name: str) -> None:
    experiment = build([name])
    assert len(experiment.model.mas.catalogue) >= 2
    experiment.data.setup("fit")
    ids = [{q.id for q in experiment.data.queries(s)} for s in ("train", "val", "test")]
    assert all(ids)
    assert sum(map(len, ids)) == len(set.union(*ids))


def test_paper_mode_lies_over_another_config() -> None:
    model = build(["simulated/general.yaml", "modes/paper.yaml"]).model
    assert (model.lr, model.samples, type(model.advantage).__name__) == (0.1, 1, "NoBaseline")
    assert model.hop_penalty == "loss"
    assert model.policy.min_agents == 2
    assert model.policy.upper_bound == 2  # from the config below it
    assert model.policy.prior is None


def test_fit_test_predict_run_and_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The practitioner's way, from a folder that is not the checkout."""
    assert main(["fit", "--config", "simulated/general.yaml", *QUICK]) == 0
    [checkpoint] = (tmp_path / "runs").rglob("*.ckpt")
    assert str(checkpoint.name) in capsys.readouterr().out
    saved = (checkpoint.parents[1] / "config.yaml").read_text()
    assert "api_key_env" not in saved
    common = ["--config", "simulated/general.yaml", *QUICK, "--ckpt_path", str(checkpoint)]
    assert main(["test", *common]) == 0
    assert "simulated/test/reward" in capsys.readouterr().out
    assert main(["predict", *common]) == 0
    [plans] = (tmp_path / "runs").rglob("plans.jsonl")
    assert all(json.loads(line)["agents"] for line in plans.read_text().splitlines())
    flags = ["--model.policy.init_args.delta=0.9", "--model.mas.n_pools", "3"]
    assert main(["test", *common, *flags]) == 0  # flags go over what the checkpoint says
    last = max((tmp_path / "runs").rglob("config.yaml"), key=lambda p: p.stat().st_mtime_ns)
    used = yaml.safe_load(last.read_text())["model"]
    assert (used["policy"]["init_args"]["delta"], used["mas"]["init_args"]["n_pools"]) == (0.9, 3)
    assert main(["fit", *common, "--trainer.max_epochs=2"]) == 0
    assert main(["run", "What is a quark?", "--checkpoint", str(checkpoint)]) == 0
    out = capsys.readouterr().out
    assert "(simulated)" in out
    assert "tokens" in out


def test_run_an_untrained_policy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "What is 2 + 2?", "--config", "simulated/math.yaml"]) == 0
    assert "Math Solver" in capsys.readouterr().out


def test_own_layer_by_class_path(tmp_path: Path) -> None:
    (tmp_path / "my_layers.py").write_text(
        "from abgnn.nn import AgentGate\n"
        "class KeepAll(AgentGate):\n"
        "    def forward(self, h, batch, agent, num_graphs):\n"
        "        return super().forward(h, batch, agent, num_graphs) + 20.0\n"
    )
    gate = {"class_path": "my_layers.KeepAll", "init_args": {"channels": 64}}
    override = {
        "model": {
            "policy": {"class_path": "abgnn.models.AgentBalance", "init_args": {"gate": gate}}
        }
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(override))
    args = ["--config", "simulated/general.yaml", "--config", "mine.yaml", *QUICK]
    assert main(["fit", *args]) == 0
    [checkpoint] = (tmp_path / "runs").rglob("*.ckpt")
    assert main(["predict", *args, "--ckpt_path", str(checkpoint)]) == 0
    [plans] = (tmp_path / "runs").rglob("plans.jsonl")
    assert {len(json.loads(line)["agents"]) for line in plans.read_text().splitlines()} == {7}


@pytest.mark.slow
def test_frontier_writes_points_and_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.safe_load(config_path("frontier/simulated-general.yaml").read_text())
    config |= {"topologies": ["complete"], "points": config["points"][:2]}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
    assert main(["frontier", "--config", "small.yaml"]) == 0
    out = capsys.readouterr().out
    assert "AgentBalance" in out
    assert "simulated" in out
    folder = tmp_path / "runs/frontier/simulated-general"
    rows = (folder / "points.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * (2 + 2) + 11 + 1 + 11
    assert all(r.startswith("simulated,") for r in rows[1:])
    assert (folder / "frontier-simulated.png").stat().st_size > 10_000


def test_pools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pools", "--domain", "math"]) == 0
    assert "Qwen2.5-72B-Instruct" in capsys.readouterr().out
    assert list((tmp_path / "runs/pools").glob("*.png"))


def test_a_few_calls_replace_the_estimates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pools", "--config", "simulated/general.yaml", "--calls", "3"]) == 0
    out = capsys.readouterr().out
    assert "3 simulated calls each" in out
    [path] = (tmp_path / "runs").rglob("measured-simulated.yaml")
    calls = yaml.safe_load(path.read_text())["calls"]
    assert len(calls) == 11
    measured = build(["simulated/general.yaml"], [f"--model.mas.measured={path}"]).model.mas
    estimated = build(["simulated/general.yaml"]).model.mas
    assert measured.triples.cost[0] == calls[measured.triples.names[0]]["usd"]
    assert measured.triples.latency.tolist() != estimated.triples.latency.tolist()
    assert measured.triples.perf.tolist() == estimated.triples.perf.tolist()


def fails(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed on stderr by a command that must end with status 2."""
    assert main(args) == 2
    return capsys.readouterr().err


def catalogue(tmp_path: Path, **changes: object) -> str:
    backbone = {
        "name": "tiny",
        "model": "tiny",
        "type": "standard",
        "price_in": 1.0,
        "price_out": 2.0,
        "active_params_b": 1.0,
        "benchmarks": {"general": {"MMLU-Redux": 50}},
        **changes,
    }
    kept = {k: v for k, v in backbone.items() if v is not None}
    (tmp_path / "cat.yaml").write_text(yaml.safe_dump({"currency": "USD", "backbones": [kept]}))
    return "cat.yaml"


LIVE = ["--model.client.class_path=abgnn.rollout.OpenAIClient"]


def fit(*args: str) -> list[str]:
    return ["fit", "--config", "simulated/general.yaml", *QUICK, *args]


def test_unknown_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'simulated/genral.yaml'" in fails(["fit", "--config", "simulated/genral.yaml"], capsys)


def test_unknown_config_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "typo.yaml").write_text("model:\n  lambda_tokens: 3\n")
    assert "lambda_tokens" in fails(fit("--config", "typo.yaml"), capsys)


def test_unknown_frontier_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = yaml.safe_load(config_path("frontier/simulated-general.yaml").read_text())
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(config | {"budget": [1]}))
    assert "bad.yaml: budget" in fails(["frontier", "--config", "bad.yaml"], capsys)


def test_malformed_catalogue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cat.yaml").write_text("currency: USD\nbackbones: [a: {")
    assert "cat.yaml" in fails(fit("--model.mas.catalogue=cat.yaml"), capsys)


def test_backbone_without_a_price(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = catalogue(tmp_path, price_out=None)
    assert "price_out" in fails(fit(f"--model.mas.catalogue={name}"), capsys)


def test_role_without_prompt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "roles.yaml").write_text(
        "roles: [{name: Solver}]\ndecision: {name: Decision Maker, prompt: decide}\n"
    )
    assert "prompt" in fails(fit("--model.mas.role_set=roles.yaml"), capsys)


def test_cyclic_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edges = [["Historian", "Critic"], ["Critic", "Historian"]]
    template = {"name": "loop", "roles": "general", "edges": edges}
    (tmp_path / "loop.yaml").write_text(yaml.safe_dump(template))
    error = fails(fit("--model.mas.template=loop.yaml"), capsys)
    assert "acyclic" in error
    assert "Historian -> Critic" in error


def test_endpoint_that_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = catalogue(tmp_path, base_url="http://127.0.0.1:9/v1")
    error = fails(fit(f"--model.mas.catalogue={name}", "--model.mas.n_pools=1", *LIVE), capsys)
    assert "http://127.0.0.1:9/v1" in error
    assert "tiny" in error


def test_missing_key_variable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    name = catalogue(tmp_path, base_url="http://127.0.0.1:9/v1", api_key_env="SOME_KEY")
    error = fails(fit(f"--model.mas.catalogue={name}", "--model.mas.n_pools=1", *LIVE), capsys)
    assert "SOME_KEY" in error


def test_wrong_encoder_width(capsys: pytest.CaptureFixture[str]) -> None:
    error = fails(fit("--model.policy.init_args.in_channels=768"), capsys)
    assert "in_channels: got 768" in error


def test_run_needs_exactly_one_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert "exactly one" in fails(["run", "q"], capsys)
    assert "existing file" in fails(["run", "q", "--checkpoint", "none.ckpt"], capsys)
