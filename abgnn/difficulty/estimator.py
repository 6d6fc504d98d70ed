"""`DifficultyEstimator`: sentence encoder, surface counts and an MLP head (Appendix F)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from abgnn.data.mas import MPNET
from abgnn.data.surface_features import SURFACE_NAMES, surface_counts
from abgnn.difficulty.encoder_layers import PartlyTrainedEncoder
from abgnn.difficulty.questions import EaseBatch, EaseData
from abgnn.difficulty.rated import difficulty_loss
from abgnn.difficulty.reliability_log import log_reliability
from abgnn.difficulty.task_means import TaskMeans
from abgnn.errors import ConfigError
from abgnn.evaluation.ease_metrics import EaseFigures
from abgnn.graph.encoders import TextEncoder
from abgnn.nn.difficulty_head import DifficultyHead

_SURFACE_SCALE = 0.1  # a count of one standard deviation beside an embedding of unit length


class DifficultyEstimator(LightningModule):
    r"""Ease, the share of LLMs that solve a question.

    .. math:: s = \sigma(b_t + \mathrm{MLP}(e \,\|\, c))

    with the embedding e, standardised surface counts c, and the logit of the mean ease of the
    question's task, :math:`b_t`, so that the MLP is a residual without an intercept. A task that
    was not in training, or is unknown, has the mean over all questions; where no question names a
    task, that is the only intercept. Loss: ½ BCE + ½ MSE.

    Args:
        encoder: a sentence-transformers model, or `offline`.
        width: its embedding width H.
        train_layers: transformer layers that learn, from the last; 0: a frozen encoder, each
            question encoded once.
        channels: hidden width of the head.
        surface: whether the head sees surface counts.
        lr_encoder, lr_head, weight_decay: of AdamW.
    """

    def __init__(
        self,
        encoder: str = MPNET,
        width: int = 768,
        train_layers: int = 4,
        channels: int = 64,
        surface: bool = True,
        lr_encoder: float = 1e-5,
        lr_head: float = 5e-4,
        weight_decay: float = 1e-3,
    ) -> None:
        super().__init__()
        if train_layers < 0:
            raise ConfigError("difficulty.train_layers", train_layers, "0 (frozen) or more")
        self.save_hyperparameters(logger=False)
        self.encoder_name, self.surface = encoder, surface
        self.lr_encoder, self.lr_head, self.weight_decay = lr_encoder, lr_head, weight_decay
        self.encoder = PartlyTrainedEncoder(encoder, train_layers) if train_layers else None
        n_counts = len(SURFACE_NAMES) if surface else 0
        self.head = DifficultyHead(width + n_counts, channels, bias=False)
        self.register_buffer("centre", torch.zeros(n_counts))
        self.register_buffer("scale", torch.ones(n_counts))
        self.centre: Tensor
        self.scale: Tensor
        self.tasks: list[str] = []
        self.base = nn.Parameter(torch.zeros(1))  # [1 + tasks]; the first of unknown tasks
        self._seen: list[tuple[Tensor, Tensor]] = []

    def start_from(self, surface: Tensor, task: Sequence[str], ease: ArrayLike) -> None:
        """Counts are standardised, and tasks start, as training questions `[n]` say."""
        if self.surface:
            self.centre.copy_(surface.mean(0))
            self.scale.copy_(surface.std(0) + 1e-6)
        means = TaskMeans.fit(task, ease)
        self.tasks = sorted(name for name in means.tasks if name)
        start = torch.tensor([means.mean, *(means.tasks[t] for t in self.tasks)])
        self.base = nn.Parameter(torch.logit(start, eps=0.01).to(self.base))

    @torch.no_grad()
    def settle(self, task: str) -> None:
        """Forget all tasks; every question is taken to be of `task`."""
        self.base = nn.Parameter(self.base[1 + self.tasks.index(task)].view(1).clone())
        self.tasks = []

    def ease_logit(self, batch: EaseBatch) -> Tensor:
        """Logit of the ease, `[B]`."""
        embed = batch.embed
        if embed is None:
            assert self.encoder is not None, "a frozen encoder's embeddings come with the data"
            embed = self.encoder(batch.texts)  # [B, H]
        counts = (
            _SURFACE_SCALE * (batch.surface - self.centre) / self.scale if self.surface else None
        )
        x = embed if counts is None else torch.cat([embed, counts], -1)  # [B, H + 22]
        place = {name: 1 + n for n, name in enumerate(self.tasks)}
        index = torch.tensor([place.get(t, 0) for t in batch.task], device=embed.device)
        return self.base[index] + self.head.ease_logit(x)

    @torch.no_grad()
    def ease(
        self, texts: Sequence[str], task: Sequence[str] | None = None, batch_size: int = 64
    ) -> NDArray[np.float64]:
        """Predicted ease of questions, `[n]`; `task` may be left out."""
        self.eval()
        tasks = list(task) if task is not None else [""] * len(texts)
        embed = None if self.encoder is not None else TextEncoder(self.encoder_name)(texts)
        surface = torch.from_numpy(surface_counts(texts)).float()
        logits = []
        for start in range(0, len(texts), batch_size):
            rows = slice(start, start + batch_size)
            part = EaseBatch(
                torch.empty(0),
                list(texts[rows]),
                surface[rows].to(self.device),
                torch.empty(0),
                tasks[rows],
                None if embed is None else embed[rows].to(self.device),
            )
            logits.append(self.ease_logit(part))
        out: NDArray[np.float64] = torch.sigmoid(torch.cat(logits)).double().cpu().numpy()
        return out

    def setup(self, stage: str) -> None:
        """Start from the training questions; before the optimiser is made, for it learns `base`."""
        if stage == "fit" and not self.tasks:
            data = self._data()
            task = [data.task[i] for i in data.train]
            self.start_from(data.surface[data.train], task, data.observed.ease[data.train])

    def training_step(self, batch: EaseBatch, batch_idx: int) -> Tensor:
        loss = difficulty_loss(self.ease_logit(batch), batch.ease)
        self.log("train/loss", loss, batch_size=len(batch.texts), prog_bar=True)
        return loss

    def validation_step(self, batch: EaseBatch, batch_idx: int) -> None:
        logit = self.ease_logit(batch)
        self.log("val/loss", difficulty_loss(logit, batch.ease), batch_size=len(batch.texts))
        self._seen.append((batch.rows.cpu(), torch.sigmoid(logit).cpu()))

    def on_validation_epoch_end(self) -> None:
        """Figures of Appendix F's signal over all validation questions."""
        index = torch.cat([i for i, _ in self._seen]).numpy()
        ease = torch.cat([e for _, e in self._seen]).double().numpy()
        self._seen.clear()
        observed = self._data().observed.rows(index)
        figures = EaseFigures.of(ease, observed)
        names = ("auroc", "auroc_within", "brier", "ece")
        self.log_dict({f"val/{name}": getattr(figures, name) for name in names})
        log_reliability(self.loggers, ease, observed.ease, self.global_step)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        head = [*self.head.parameters(), self.base]
        groups: list[dict[str, Any]] = [{"params": head, "lr": self.lr_head}]
        if self.encoder is not None:
            groups.append({"params": list(self.encoder.trained().values()), "lr": self.lr_encoder})
        return torch.optim.AdamW(groups, weight_decay=self.weight_decay)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["tasks"] = self.tasks

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.tasks = list(checkpoint["tasks"])
        self.base = nn.Parameter(torch.zeros(1 + len(self.tasks)))

    def _data(self) -> EaseData:
        data = getattr(self.trainer, "datamodule", None)
        if not isinstance(data, EaseData):
            raise ConfigError("datamodule", data, "EaseData")
        return data
