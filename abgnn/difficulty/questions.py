"""`EaseData`: questions with known ease from outcome tables, for the difficulty estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, WeightedRandomSampler

from abgnn.data.surface_features import surface_counts
from abgnn.errors import ConfigError
from abgnn.evaluation.ease_metrics import Observed
from abgnn.graph.encoders import TextEncoder
from abgnn.outcomes.catalogue import domain_of_task
from abgnn.outcomes.table import OutcomeTable

TABLE = "table {}"  # in place of the task if tasks are left out
DOMAIN_SHARES = {"code": 1.0, "math": 1.0, "general": 4.0}  # Appendix F


class EaseBatch(NamedTuple):
    """B questions with their ease.

    Args:
        rows: of the questions among all, `[B]`.
        texts: the questions.
        surface: counts, `[B, 22]`.
        ease: mean score over LLMs, `[B]`.
        task: benchmark, or table, of each.
        embed: `[B, H]`, if the encoder is frozen and all were encoded beforehand.
    """

    rows: Tensor
    texts: list[str]
    surface: Tensor
    ease: Tensor
    task: list[str]
    embed: Tensor | None


class EaseData(LightningDataModule):
    """Training and validation questions of one or more outcome tables.

    Training draws domains at 1:1:4 (code : math : general; those that a table has), questions of
    a domain alike, with replacement, as many per epoch as there are.

    Args:
        tables: outcomes; several may judge the same question by other LLMs.
        encoder: a frozen encoder that embeds all questions beforehand; None: the estimator does.
        tasks: whether questions carry their benchmark as task; else only their table, if
            `by_table`, or nothing.
        val_share: of questions held out, drawn at random; a text is never on both sides.
        batch_size: questions per step.
        rebalance: draw domains at 1:1:4; else questions as they are.
        seed: of the split.
        by_table: whether the table stands in for the task where tasks are left out.
    """

    def __init__(
        self,
        tables: Sequence[OutcomeTable],
        encoder: TextEncoder | None = None,
        tasks: bool = True,
        val_share: float = 0.1,
        batch_size: int = 32,
        rebalance: bool = True,
        seed: int = 0,
        by_table: bool = True,
    ) -> None:
        super().__init__()
        if not 0 < val_share < 1:
            raise ConfigError("difficulty.val_share", val_share, "a share between 0 and 1")
        self.batch_size, self.rebalance = batch_size, rebalance
        self.texts = [text for table in tables for text in table.texts]
        self.benchmark = [task for table in tables for task in table.tasks]
        name = TABLE if by_table else ""
        source = [name.format(n) for n, table in enumerate(tables) for _ in table.ids]
        self.task = self.benchmark if tasks else source
        self.surface = torch.from_numpy(surface_counts(self.texts)).float()
        self.observed = _joined([Observed.of(t.score, t.tasks) for t in tables])
        self.ease = torch.from_numpy(self.observed.ease).float()
        self.embed = None if encoder is None else encoder(self.texts)
        self.train, self.val = _split(self.texts, val_share, seed)

    def train_dataloader(self) -> DataLoader[EaseBatch]:
        sampler = None
        if self.rebalance:
            weight = domain_weights([self.benchmark[i] for i in self.train])
            sampler = WeightedRandomSampler(weight.tolist(), len(weight))
        return self._loader(self.train, sampler)

    def val_dataloader(self) -> DataLoader[EaseBatch]:
        return self._loader(self.val, None)

    def _loader(
        self, index: NDArray[np.intp], sampler: WeightedRandomSampler | None
    ) -> DataLoader[EaseBatch]:
        training = index is self.train
        return DataLoader(
            index.tolist(),
            batch_size=self.batch_size,
            sampler=sampler,
            shuffle=training and sampler is None,
            collate_fn=self.batch,
        )

    def batch(self, index: Sequence[int]) -> EaseBatch:
        """Questions by index."""
        i = torch.as_tensor(list(index))
        return EaseBatch(
            i,
            [self.texts[j] for j in index],
            self.surface[i],
            self.ease[i],
            [self.task[j] for j in index],
            None if self.embed is None else self.embed[i],
        )


def domain_weights(tasks: Sequence[str]) -> Tensor:
    """Sampling weights `[n]` by which the domains that are there come at 1:1:4."""
    domains = [domain_of_task(task) for task in tasks]
    share = {d: DOMAIN_SHARES[d] / domains.count(d) for d in set(domains)}
    return torch.tensor([share[d] for d in domains], dtype=torch.float64)


def _split(
    texts: Sequence[str], share: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of training and validation questions; equal texts go the same way."""
    distinct = {text: n for n, text in enumerate(dict.fromkeys(texts))}
    held = np.random.default_rng(seed).permutation(len(distinct)) < round(share * len(distinct))
    mask = np.array([held[distinct[text]] for text in texts])
    if mask.all() or not mask.any():
        raise ConfigError("difficulty.val_share", share, "a share that leaves both sides questions")
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def _joined(parts: Sequence[Observed]) -> Observed:
    if not parts:
        raise ConfigError("difficulty.tables", [], "at least one table of outcomes")
    return Observed(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("ease", "spread", "hard", "task")
        )
    )
