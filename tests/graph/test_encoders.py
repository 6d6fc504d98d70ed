"""The text encoder: offline weights, each text once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from abgnn.errors import ConfigError
from abgnn.graph.embedding_cache import cache_folder
from abgnn.graph.encoders import TextEncoder, identity


def test_offline_embeddings_mean_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    encode = TextEncoder("offline")
    a, b, c = encode(["What is the capital of France?", "Which city is France's capital?", "7 * 8"])
    assert a.shape == (384,)
    assert float(a @ b) > 0.8 > 0.4 > float(a @ c)
    torch.testing.assert_close(a.norm(), torch.tensor(1.0))


def test_texts_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encode = TextEncoder("offline", cache=None)
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


def test_a_transient_copy_forgets_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    encode = TextEncoder("offline", cache=str(tmp_path))
    encode(["role"])
    written = sorted((f, f.stat().st_size) for f in tmp_path.rglob("*"))
    seen: list[str] = []
    users = encode.transient(3)
    monkeypatch.setattr(users, "_encode", lambda t: seen.extend(t) or torch.ones(len(t), 384))
    users(["a", "b"])
    users(["role", "c"])  # a is the oldest now
    users(["a", "b"])
    assert seen == ["a", "b", "c", "a"]  # b was among the last three
    assert len(users(["d", "e", "f", "g", "h"])) == 5  # more than are kept
    assert len(users._cache) == 3
    assert sorted((f, f.stat().st_size) for f in tmp_path.rglob("*")) == written
    assert users._encoder is encode._encoder


def test_wrong_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr("abgnn.graph.offline_model.SHA256", "0" * 64)
    with pytest.raises(ConfigError, match="encoder weights: got '53aa"):
        TextEncoder("offline", cache=None)(["x"])


def test_unknown_model_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match="encoder: got '/nowhere/at-all'"):
        TextEncoder("/nowhere/at-all")(["x"])


def counting(encode: TextEncoder, monkeypatch: pytest.MonkeyPatch, width: int = 4) -> list[str]:
    """Make an encoder cheap: what it is asked to encode is noted; vectors depend on the text."""
    seen: list[str] = []

    def fake(texts: list[str]) -> torch.Tensor:
        seen.extend(texts)
        return torch.tensor(
            [
                [float(len(t)), *map(float, t.encode(errors="surrogatepass")[: width - 1])]
                for t in texts
            ]
        )

    monkeypatch.setattr(encode, "_encode", fake)
    return seen


def test_another_process_reads_what_was_encoded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    texts = ["alpha", "b\ud800et", "gamma\0delta"]
    first = TextEncoder("offline", cache=str(tmp_path))
    seen = counting(first, monkeypatch)
    made = first(texts)
    assert sorted(seen) == sorted(texts)
    second = TextEncoder("offline", cache=str(tmp_path))
    asked = counting(second, monkeypatch)
    again = second([*reversed(texts), "omega"])
    assert asked == ["omega"]
    assert torch.equal(again[:3], made.flip(0))


def test_another_encoder_invalidates_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one, other = (TextEncoder(m, cache=str(tmp_path)) for m in ("offline", "some/model"))
    counting(one, monkeypatch)
    made = one(["alpha"])
    asked = counting(other, monkeypatch, width=3)
    assert other(["alpha"]).shape == (1, 3)
    assert asked == ["alpha"], "its own file"
    back = TextEncoder("offline", cache=str(tmp_path))
    assert counting(back, monkeypatch) == []
    assert torch.equal(back(["alpha"]), made)


def test_changed_weights_in_a_folder_are_another_encoder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"1")
    before = identity(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"22")
    assert identity(str(tmp_path)) != before


def test_a_broken_cache_is_told_and_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = TextEncoder("offline", cache=str(tmp_path))
    counting(first, monkeypatch)
    made = first(["alpha"])
    [file] = tmp_path.glob("*.sqlite")
    file.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    second = TextEncoder("offline", cache=str(tmp_path))
    counting(second, monkeypatch)
    assert torch.equal(second(["alpha"]), made)
    assert "cannot be read" in caplog.text
    nowhere = TextEncoder("offline", cache=str(file / "below a file"))
    counting(nowhere, monkeypatch)
    assert torch.equal(nowhere(["alpha"]), made)
    assert "cannot be kept" in caplog.text


def test_without_a_cache_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ABGNN_CACHE", str(tmp_path / "stated"))
    for cache, files in ((None, 0), ("auto", 1)):
        encode = TextEncoder("offline", cache=cache)
        counting(encode, monkeypatch)
        encode(["alpha"])
        assert len(list(tmp_path.rglob("*.sqlite"))) == files
    monkeypatch.setenv("ABGNN_CACHE", "")
    assert cache_folder() is None


def test_what_was_encoded_before_an_interrupt_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("abgnn.graph.encoders._CHUNK", 2)
    encode = TextEncoder("offline", cache=str(tmp_path))
    seen = counting(encode, monkeypatch)
    fine = encode._encode

    def interrupted(texts: list[str]) -> torch.Tensor:
        if len(seen) == 4:
            raise KeyboardInterrupt
        return fine(texts)

    monkeypatch.setattr(encode, "_encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        encode([f"text {i}" for i in range(6)])
    later = TextEncoder("offline", cache=str(tmp_path))
    asked = counting(later, monkeypatch)
    later([f"text {i}" for i in range(6)])
    assert len(asked) == 2
