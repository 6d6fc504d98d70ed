"""The text of `my_llms.yaml`, `task.yaml` and `run.sh`."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import yaml

from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.experiments.starter.starter import Model, Starter

LLMS, TASK, SCRIPT = "my_llms.yaml", "task.yaml", "run.sh"
_PACKAGED = {
    "general": "datamodules.QuickQA",
    "math": "datamodules.Arithmetic",
    "code": "datamodules.HumanEval",
}
_EXAMPLES = {
    "general": "Which treaty ended the Thirty Years' War?",
    "math": "What is 17 times 23? End with: The answer is N.",
    "code": "Write a Python function that reverses a list.",
}
_MOST_TRAINING = 200


def starter_files(starter: Starter, folder: Path, today: date) -> dict[str, str]:
    """Name → text of every file, for a folder that need not exist yet."""
    return {
        LLMS: _simulated_llms() if starter.simulated else _llms(starter, today),
        TASK: _task(starter, folder),
        SCRIPT: _script(starter),
    }


def write_files(files: Mapping[str, str], folder: Path, *, force: bool = False) -> None:
    """Write all of them, or none.

    Raises:
        ConfigError: one is there already and `force` is off, or the folder cannot be written.
    """
    there = [str(folder / name) for name in files if (folder / name).exists()]
    if there and not force:
        raise ConfigError("FOLDER", ", ".join(there), "a folder without them, or --force")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        (folder / SCRIPT).chmod(0o755)
    except OSError as error:
        allowed = f"a folder that can be written ({error.strerror})"
        raise ConfigError("FOLDER", str(folder), allowed) from error


def _simulated_llms() -> str:
    """The packaged catalogue of the paper, whose published scores the simulated world reads."""
    note = (
        "# Copied from abgnn, for the simulated world: nothing here is called, no key is needed.\n"
    )
    return note + config_path("catalogues/paper.yaml").read_text(encoding="utf-8")


def _llms(starter: Starter, today: date) -> str:
    lines = [
        "# The LLMs that plans choose from. Prices are USD per million tokens; keys stay in the",
        "# environment. `abgnn doctor --config task.yaml` checks keys and endpoints.",
        "currency: USD",
        f"price_date: {today.isoformat()}   # the day on which you looked the prices up",
        "defaults:",
        f"  base_url: {_text(str(starter.base_url))}",
    ]
    if starter.key_env is not None:
        lines.append(
            f"  api_key_env: {_text(starter.key_env)}   # a variable, never the key itself"
        )
    lines += ["  max_concurrency: 8", f"  max_tokens: {starter.max_tokens}", "backbones:"]
    for model in starter.models:
        lines += _llm(model)
    return "\n".join(lines) + "\n"


def _llm(model: Model) -> list[str]:
    billions, stated = model.parameters()
    guess = "" if stated else "   # a guess by its price; state it if you know"
    return [
        f"  - name: {_text(model.short)}",
        f"    model: {_text(model.name)}",
        "    type: standard   # reasoning: it thinks first",
        f"    price_in: {model.price_in:.10g}",
        f"    price_out: {model.price_out:.10g}",
        f"    active_params_b: {billions:g}{guess}",
        "    benchmarks: {}   # published scores help before the first call, for example",
        "    #   general: {MMLU-Redux: 79.5}",
    ]


def _task(starter: Starter, folder: Path) -> str:
    client = "SimulatedClient" if starter.simulated else "OpenAIClient"
    kind = "simulated" if starter.simulated else "live"
    usd, seconds = starter.cost or 1e-3, starter.latency or 20.0
    caps = (
        ""
        if starter.simulated
        else f"    caps: {{run_usd: {starter.max_usd:g}}}   # no more than this, ever\n"
    )
    pools = 4 if starter.simulated else min(4, len(starter.models))
    return f"""\
# Which questions, which LLMs, who plans ({kind}). Started by run.sh; every key is a flag, too.
seed_everything: 0
model:
  mas:
    domain: {starter.domain}
    catalogue: {LLMS}
    encoder: offline
    n_pools: {pools}
  policy:
    class_path: abgnn.models.AgentBalance
    init_args: {{in_channels: 384}}
  client:
    class_path: abgnn.rollout.{client}
  calibration: runs/calibration.json   # what `abgnn calibrate` writes
  lambda_tok: {0.01 / usd:.3g}    # reward lost per USD, for `abgnn fit`
  lambda_lat: {0.01 / seconds:.3g}    # and per second
  rollout:
    recording: {{path: runs/calls.sqlite}}   # started again, only calls that are not in it are made
{caps}data:
{_data(starter, folder)}
trainer:
  accelerator: cpu
  max_epochs: 1
  num_sanity_val_steps: 0   # a sanity check would make paid calls
  log_every_n_steps: 1
  enable_model_summary: false
  logger:
    class_path: lightning.pytorch.loggers.TensorBoardLogger
    init_args: {{save_dir: runs, name: fit, default_hp_metric: false}}
"""


def _data(starter: Starter, folder: Path) -> str:
    """The questions: of the user's file, or packaged ones."""
    if starter.questions is None:
        return f"  class_path: {_PACKAGED[starter.domain]}"
    path = os.path.relpath(Path(starter.questions).absolute(), folder.absolute())
    n = starter.n_questions
    train, val = min(n // 2, _MOST_TRAINING), n // 10
    return f"""\
  class_path: datamodules.Questions
  init_args:
    path: {_text(path)}
    domain: {starter.domain}
    n_train: {train}   # of {n}: what plans are learned from
    n_val: {val}
    n_test: null   # all others: what they are certified on
    batch_size: 4"""


def _script(starter: Starter) -> str:
    budget = ""
    if starter.cost is not None:
        budget += f" --cost {starter.cost:.10g}"
    if starter.latency is not None:
        budget += f" --latency {starter.latency:.10g}"
    money = (
        "simulated: no keys, no network, no money"
        if starter.simulated
        else (f"live: at most {starter.max_usd:g} USD in all, see caps in {TASK}")
    )
    question = shlex.quote(_EXAMPLES[starter.domain])
    return f"""\
#!/bin/sh
# Calibrate, plan, certify, and answer a question ({money}).
#   sh run.sh ["A question of yours"]
# Started again it pays only for calls that runs/calls.sqlite does not hold.
set -eu
cd "$(dirname "$0")"
question=${{1:-}}
[ -n "$question" ] || question={question}
abgnn doctor --config {TASK}
abgnn calibrate --config {TASK} --rollouts {starter.rollouts} --out runs/calibration.json
abgnn plan runs/calibration.json{budget} --out runs/plan.json
# status 1: a budget is not met on new questions; the plan is there all the same
abgnn certify --config {TASK} --plan runs/plan.json{budget} || [ $? = 1 ]
abgnn run "$question" --config {TASK} --plan runs/plan.json
"""


def _text(value: str) -> str:
    """A text as YAML reads it, whatever is in it."""
    return yaml.safe_dump(value, default_style='"', allow_unicode=True, width=math.inf).rstrip("\n")
