"""Encoder, policy forward and training step on a GPU beside the CPU, in one run.

The encoder embeds texts that it has not seen; the policy (6 roles, 14 LLMs) reads random
embeddings, whose values do not matter to time. Seconds include the copies to the device and back
that the library makes, and end when the device is done. The CPU uses all its cores.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from policy import seconds, team
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from abgnn.errors import ConfigError
from abgnn.graph.device import available, usable_device
from abgnn.graph.encoders import TextEncoder
from abgnn.training.advantage import NoBaseline
from abgnn.training.loss import reinforce_loss

SIZES = (512, 1024, 2048, 4096, 8192, 16384)
BUDGET_S = 1.0  # per cell, and three calls at least


def done(device: torch.device, run: Callable[[], object]) -> Callable[[], object]:
    """The same, ended only when the device has nothing left to do."""

    def whole() -> None:
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()

    return whole


def encode(device: torch.device, size: int) -> float:
    """Seconds for `size` new texts of some twenty words."""
    encoder = TextEncoder("offline", batch_size=512, device=str(device), cache=None)
    encoder(["loads the model"])
    round_ = iter(range(10**6))

    def run() -> object:
        i = next(round_)
        words = "is a question about the number of ways in which a committee can be chosen from"
        encoder._cache.clear()
        return encoder([f"Text {i}/{k} {words} {k} people?" for k in range(size)])

    return seconds(done(device, run), BUDGET_S)


def forward(device: torch.device, size: int) -> float:
    """Seconds of the policy for a batch that is made on the CPU and moved."""
    policy, make = team(6, 14)
    policy.to(device)
    batch = make(size)
    with torch.no_grad():
        return seconds(
            done(device, lambda: policy(batch.clone().to(device), sample=True)), BUDGET_S
        )


def step(device: torch.device, size: int) -> float:
    """Seconds of forward, loss, backward and Adam."""
    policy, make = team(6, 14)
    policy.to(device)
    batch, reward = make(size), torch.randn(size)
    optimiser = torch.optim.Adam(policy.parameters(), lr=1e-4, fused=True)

    def run() -> None:
        decision = policy(batch.clone().to(device), sample=True)
        loss = reinforce_loss(decision, reward.to(device), NoBaseline(), 1, lambda_len=0.2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return seconds(done(device, run), BUDGET_S)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", help="cuda, cuda:1, mps; left out: the first that is there")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    options = parser.parse_args()
    found = [name for name in available() if name != "cpu"]
    if options.device is None and not found:
        print("skipped: this machine has no GPU that torch can use")
        return 0
    try:
        device = usable_device(options.device or found[0])
    except ConfigError as wrong:
        print(wrong)
        return 2
    torch.manual_seed(0)
    cpu = torch.device("cpu")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    title = f"{name} beside the CPU ({torch.get_num_threads()} threads), torch {torch.__version__}"
    table = Table("what", "batch", "CPU ms", f"{device} ms", "times as fast", title=title)
    for what in (encode, forward, step):
        for size in options.sizes:
            slow, fast = what(cpu, size), what(device, size)
            cells = (f"{1e3 * slow:.1f}", f"{1e3 * fast:.1f}", f"{slow / fast:.1f}")
            table.add_row(what.__name__, f"{size:,}", *cells)
    Console(width=120).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
