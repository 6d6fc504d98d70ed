"""`TextEncoder`: texts to embeddings by sentence-transformers, each text encoded once."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from abgnn.data.mas import MPNET
from abgnn.errors import ConfigError
from abgnn.graph.embedding_cache import EmbeddingCache, cache_folder
from abgnn.graph.offline_model import SHA256, offline_model_dir

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_CHUNK = 8192  # texts between two writes


def identity(model: str) -> str:
    """The identity of an encoder: its name, with a hash of the weights where they are local."""
    if model == "offline":
        return f"offline {SHA256}"
    folder = Path(model)
    if not folder.is_dir():
        return model
    weights = sorted(p for p in folder.rglob("*") if p.suffix in (".safetensors", ".bin"))
    stamps = [f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in weights]
    return f"{folder.resolve()} {stamps}"


class TextEncoder:
    """Sentence embeddings; every text is encoded once, in batches, and then read back.

    In memory for the life of the object, and on disk by content hash (`cache_folder`), in a file
    of the encoder's own: another encoder, or other weights in the same folder, touch nothing of it.

    The paper's encoder is MPNet (section 4.1), fetched from the hub; `offline` is all-MiniLM-L6-v2
    from a package, without network. Loading waits until the first new text.

    Args:
        model: a sentence-transformers model name or folder, or `offline`.
        batch_size: texts per forward pass of the encoder.
        device: where the encoder runs.
        cache: folder of embeddings on disk; None: none; `auto`: `$ABGNN_CACHE`, else `abgnn` in
            the user's cache folder.
    """

    def __init__(
        self,
        model: str = MPNET,
        batch_size: int = 64,
        device: str = "cpu",
        cache: str | None = "auto",
    ) -> None:
        self.model, self.batch_size, self.device = model, batch_size, device
        folder = cache_folder() if cache == "auto" else None if cache is None else Path(cache)
        self._disk = None if folder is None else EmbeddingCache(folder, identity(model))
        self._encoder: SentenceTransformer | None = None
        self._cache: dict[str, Tensor] = {}
        self._most: int | None = None

    def transient(self, most: int = 4096) -> TextEncoder:
        """A copy that keeps the last `most` texts in memory and nothing on disk.

        It shares the loaded model and starts with what this one has in memory.
        """
        other = copy(self)
        if self._encoder is None:
            self._encoder = other._encoder = self._load()
        other._cache, other._disk, other._most = dict(self._cache), None, most
        return other

    def to(self, device: str) -> TextEncoder:
        """Itself, on another device; embeddings come back to the CPU from any."""
        self.device = device
        if self._encoder is not None:
            self._encoder.to(device)
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Unit-length embeddings `[len(texts), H]` in float32 on the CPU."""
        if not texts:
            raise ConfigError("texts", texts, "at least one text")
        new = [t for t in dict.fromkeys(texts) if t not in self._cache]
        if new and self._disk is not None:
            self._cache.update(self._disk.get(new))
            new = [t for t in new if t not in self._cache]
        elif self._most is not None:
            for text in texts:  # the latest ones are kept
                if text in self._cache:
                    self._cache[text] = self._cache.pop(text)
        # long ones first: texts of a batch are alike in length, so little of it is padding
        new.sort(key=len, reverse=True)
        for start in range(0, len(new), _CHUNK):  # what is done is kept, whatever comes
            some = new[start : start + _CHUNK]
            new_embed = self._encode(some)  # [n, H]
            self._cache.update(zip(some, new_embed.unbind(0), strict=True))
            if self._disk is not None:
                self._disk.put(some, new_embed)
        embed = torch.stack([self._cache[t] for t in texts])  # [n, H]
        while self._most is not None and len(self._cache) > self._most:
            del self._cache[next(iter(self._cache))]
        return embed

    def _encode(self, texts: list[str]) -> Tensor:
        if self._encoder is None:
            self._encoder = self._load()
        # a clone: tensors made under inference mode could not enter autograd
        return self._encoder.encode(
            texts,
            batch_size=self.batch_size,
            convert_to_tensor=True,
            normalize_embeddings=True,
            show_progress_bar=False,
        ).to("cpu", torch.float32, copy=True)

    def _load(self) -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]  # the weights load in a moment
        path = str(offline_model_dir()) if self.model == "offline" else self.model
        try:
            return SentenceTransformer(path, device=self.device)
        except OSError as error:
            raise ConfigError(
                "encoder", self.model, "a model that the hub or this folder has, or 'offline'"
            ) from error
