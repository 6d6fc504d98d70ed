"""A sentence encoder of which only the last layers learn (Appendix F)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from abgnn.errors import ConfigError
from abgnn.graph.offline_model import offline_model_dir


class PartlyTrainedEncoder(nn.Module):
    """Texts → embeddings of unit length, with gradients to the last transformer layers.

    Args:
        model: a sentence-transformers model name or folder, or `offline`.
        train_layers: how many layers learn, counted from the last.

    Shapes: B texts → `[B, H]`.

    Raises:
        ConfigError: no such model, or one with fewer layers.
    """

    def __init__(self, model: str, train_layers: int) -> None:
        from sentence_transformers import SentenceTransformer

        super().__init__()
        path = str(offline_model_dir()) if model == "offline" else model
        try:
            self.model = SentenceTransformer(path, device="cpu")
        except OSError as error:
            allowed = "a model that the hub or this folder has, or 'offline'"
            raise ConfigError("difficulty.encoder", model, allowed) from error
        layers = _layers(self.model)
        if not 0 < train_layers <= len(layers):
            allowed = f"0 (frozen) to {len(layers)}, the layers of {model}"
            raise ConfigError("difficulty.train_layers", train_layers, allowed)
        self.model.requires_grad_(False)
        for layer in layers[len(layers) - train_layers :]:
            layer.requires_grad_(True)

    def trained(self) -> dict[str, Tensor]:
        """Names and values of what learns."""
        return {n: p for n, p in self.named_parameters() if p.requires_grad}

    def forward(self, texts: Sequence[str]) -> Tensor:
        features = self.model.tokenize(list(texts))
        inputs = {
            k: v.to(self.model.device) if isinstance(v, Tensor) else v for k, v in features.items()
        }
        embed: Tensor = self.model(inputs)["sentence_embedding"]  # [B, H]
        return F.normalize(embed, dim=-1)


def _layers(model: nn.Module) -> nn.ModuleList:
    """The stack of transformer layers: the longest list of modules."""
    lists = [m for m in model.modules() if isinstance(m, nn.ModuleList)]
    if not lists:
        raise ConfigError("difficulty.encoder", type(model).__name__, "a transformer with layers")
    return max(lists, key=len)
