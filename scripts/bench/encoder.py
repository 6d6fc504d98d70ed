"""Embedding many questions: our time over a bare sentence-transformers loop; reading them back."""

from __future__ import annotations

import argparse
import random
import tempfile
import time

import torch
from rich.console import Console
from rich.table import Table
from sentence_transformers import SentenceTransformer

from abgnn.graph.encoders import TextEncoder
from abgnn.graph.offline_model import offline_model_dir

WORDS = ("water", "price", "often", "seven", "river", "under", "city", "count", "light", "metal")


def questions(n: int) -> list[str]:
    rng = random.Random(0)
    return [
        f"Question {i}: " + " ".join(rng.choices(WORDS, k=rng.randint(6, 30))) for i in range(n)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encode", type=int, default=4000, help="questions that are encoded")
    parser.add_argument("--read", type=int, default=100_000, help="questions that are read back")
    given = parser.parse_args()
    table = Table("what", "measured", "beside", "ratio", title="encoder")
    texts = questions(given.encode)
    bare = SentenceTransformer(str(offline_model_dir()), device="cpu")
    bare.encode(texts[:64])
    began = time.perf_counter()
    bare.encode(texts, batch_size=64, convert_to_tensor=True, show_progress_bar=False)
    plain = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        ours = TextEncoder("offline", cache=folder)
        ours(["a first text loads the model"])
        began = time.perf_counter()
        ours(texts)
        wall = time.perf_counter() - began
        name = f"{given.encode:,} questions, first run"
        table.add_row(name, f"{wall:.1f} s", f"bare loop {plain:.1f} s", f"{wall / plain:.3f}")

        many = questions(given.read)
        filled = TextEncoder("offline", cache=folder)
        assert filled._disk is not None
        vectors = torch.randn(given.read, 384)  # what is read back need not be encoded here
        began = time.perf_counter()
        for start in range(0, given.read, 8192):
            filled._disk.put(many[start : start + 8192], vectors[start : start + 8192])
        wrote = time.perf_counter() - began
        table.add_row(f"{given.read:,} written", f"{wrote:.2f} s", "", "")
        second = TextEncoder("offline", cache=folder)
        began = time.perf_counter()
        back = second(many)
        read = time.perf_counter() - began
        known = set(texts)
        fresh = [i for i, text in enumerate(many) if text not in known]
        assert torch.equal(back[fresh], vectors[fresh])
        table.add_row(f"{given.read:,} read back", f"{read:.2f} s", "2 s", f"{read / 2:.3f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
