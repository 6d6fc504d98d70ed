"""`QuestionDataModule`: a question set that Lightning's Trainer takes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Sampler

from abgnn.data.query import Query
from datamodules.question_set import QuestionSet, Split


class SeededShuffle(Sampler[int]):
    """Indices 0 … n − 1 in an order that depends on seed and epoch (Lightning sets the epoch)."""

    def __init__(self, n: int, seed: int) -> None:
        self.n, self.seed, self.epoch = n, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        self.epoch += 1
        return iter(torch.randperm(self.n, generator=generator).tolist())


class QuestionDataModule(QuestionSet, LightningDataModule):
    """A question set as a LightningDataModule: batches are lists of `Query`.

    A subclass implements `load`, `score` and `specimen`; arguments and errors: see `QuestionSet`.
    """

    save_hyperparameters = LightningDataModule.save_hyperparameters

    def train_dataloader(self) -> DataLoader[Query]:
        """Shuffled by `seed` and epoch alone: a resumed run sees the same order."""
        return self._loader("train", SeededShuffle(len(self.queries("train")), self.seed))

    def val_dataloader(self) -> DataLoader[Query]:
        """In order."""
        return self._loader("val")

    def test_dataloader(self) -> DataLoader[Query]:
        """In order."""
        return self._loader("test")

    def predict_dataloader(self) -> DataLoader[Query]:
        """In order."""
        return self._loader("predict")

    def transfer_batch_to_device(
        self, batch: list[Query], device: torch.device, dataloader_idx: int
    ) -> list[Query]:
        """Queries hold no tensors; Lightning's own walk refuses frozen dataclasses."""
        return batch

    def _loader(self, split: Split, sampler: Sampler[int] | None = None) -> DataLoader[Query]:
        return DataLoader(
            self.queries(split),  # type: ignore[arg-type]  # a list is a map-style dataset
            batch_size=self.batch_size,
            sampler=sampler,
            generator=torch.Generator(),  # its own: iterating must not move the policy's sampling
            collate_fn=list,
            num_workers=0,
        )
