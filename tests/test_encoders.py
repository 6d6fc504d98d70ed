"""The text encoder: offline weights, each text once."""

from __future__ import annotations

import pytest
import torch

from abgnn.encoders import TextEncoder
from abgnn.errors import ConfigError


def test_offline_embeddings_mean_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    encode = TextEncoder("offline")
    a, b, c = encode(["What is the capital of France?", "Which city is France's capital?", "7 * 8"])
    assert a.shape == (384,)
    assert float(a @ b) > 0.8 > 0.4 > float(a @ c)
    torch.testing.assert_close(a.norm(), torch.tensor(1.0))


def test_texts_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encode = TextEncoder("offline")
    seen: list[str] = []

    def count(texts: list[str]) -> torch.Tensor:
        seen.extend(texts)
        return torch.randn(len(texts), 4)

    monkeypatch.setattr(encode, "_encode", count)
    first = encode(["a", "b", "a"])
    again = encode(["b", "c"])
    assert seen == ["a", "b", "c"]
    assert torch.equal(first[0], first[2])
    assert torch.equal(first[1], again[0])


def test_wrong_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr("abgnn.encoders._OFFLINE_SHA256", "0" * 64)
    with pytest.raises(ConfigError, match="encoder weights: got '53aa"):
        TextEncoder("offline")(["x"])


def test_unknown_model_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match="encoder: got '/nowhere/at-all'"):
        TextEncoder("/nowhere/at-all")(["x"])
