"""Splits: disjoint, seeded, stratified, and as independent of each other as can be."""

from collections import Counter
from typing import Any

import lightning
import pytest
import torch

from abgnn.data.query import Query, Task
from abgnn.errors import ConfigError
from datamodules import Arithmetic, HumanEval, QuestionDataModule, QuickQA
from datamodules.question_set import stratified_order

SETS = [Arithmetic, HumanEval, QuickQA]


@pytest.mark.parametrize("kind", SETS)
def test_splits_are_a_partition(kind: type[QuestionDataModule]) -> None:
    data = kind(n_train=30, n_val=20)
    assert isinstance(data, Task)
    splits = [data.queries(s) for s in ("train", "val", "test")]
    assert [len(s) for s in splits[:2]] == [30, 20]
    ids = [q.id for split in splits for q in split]
    assert sorted(ids) == sorted(q.id for q in data.load())
    assert len(set(ids)) == len(ids)
    assert data.queries("predict") == data.queries("test")


@pytest.mark.parametrize("kind", SETS)
def test_splits_are_seeded(kind: type[QuestionDataModule]) -> None:
    assert kind(seed=3).queries("train") == kind(seed=3).queries("train")
    assert kind(seed=3).queries("train") != kind(seed=4).queries("train")


@pytest.mark.parametrize("kind", SETS)
def test_a_split_ignores_the_sizes_of_others(kind: type[QuestionDataModule]) -> None:
    small, large = kind(n_train=8, n_val=10, n_test=30), kind(n_train=60, n_val=10, n_test=30)
    assert large.queries("train")[:8] == small.queries("train")
    assert large.queries("val") == small.queries("val")
    assert large.queries("test") == small.queries("test")
    assert kind(n_train=8, n_val=25).queries("train") == small.queries("train")


@pytest.mark.parametrize("tag", ["level", "subject"])
@pytest.mark.parametrize("kind", [Arithmetic, QuickQA])
def test_every_split_has_the_mix_of_the_whole(kind: type[QuestionDataModule], tag: str) -> None:
    for seed in range(5):
        data = kind(n_train=20, n_val=13, n_test=47, seed=seed)
        whole = Counter(q.meta[tag] for q in data.load())
        for split in ("train", "val", "test"):
            queries = data.queries(split)
            mix = Counter(q.meta[tag] for q in queries)
            for value, count in whole.items():
                due = len(queries) * count / whole.total()
                assert abs(mix[value] - due) <= 2, (seed, split, value)


def test_order_of_strata_of_unequal_size() -> None:
    queries = [Query(str(i), "", "general", meta={"level": int(i < 10)}) for i in range(100)]
    order = stratified_order(queries, seed=1)
    assert [sum(q.meta["level"] for q in order[i : i + 20]) for i in range(0, 100, 20)] == [2] * 5


def test_loaders_yield_lists_and_shuffle_train_only() -> None:
    data = Arithmetic(n_train=10, n_val=6, n_test=5, batch_size=4, seed=1)
    batches = list(data.train_dataloader())
    assert [len(b) for b in batches] == [4, 4, 2]
    assert all(type(b) is list and type(q) is Query for b in batches for q in b)
    flat = [q for b in batches for q in b]
    assert flat != data.queries("train")
    assert {q.id for q in flat} == {q.id for q in data.queries("train")}
    assert flat == [
        q
        for b in Arithmetic(n_train=10, n_val=6, n_test=5, batch_size=4, seed=1).train_dataloader()
        for q in b
    ]
    loader = data.train_dataloader()
    assert [q for b in loader for q in b] != [q for b in loader for q in b]
    assert [q for b in data.val_dataloader() for q in b] == data.queries("val")
    assert [q for b in data.test_dataloader() for q in b] == data.queries("test")
    assert [q for b in data.predict_dataloader() for q in b] == data.queries("predict")


@pytest.mark.parametrize(
    ("arguments", "field", "allowed"),
    [
        ({"n_train": 200}, "n_train", "164"),
        ({"n_train": 150}, "n_val", "14"),
        ({"n_test": 105}, "n_test", "104"),
    ],
)
def test_too_many_queries(arguments: dict[str, int], field: str, allowed: str) -> None:
    data = HumanEval(**{"n_train": 40, "n_val": 20, **arguments})
    with pytest.raises(ConfigError) as error:
        data.setup("fit")
    assert error.value.field == f"HumanEval.{field}"
    assert error.value.value in (arguments.get(field), 20)
    assert f"at most {allowed} " in error.value.allowed


@pytest.mark.parametrize("arguments", [{"n_train": -1}, {"n_test": -1}, {"batch_size": 0}])
def test_wrong_sizes(arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"QuickQA.{next(iter(arguments))}"):
        QuickQA(**arguments)
    with pytest.raises(ConfigError, match="split"):
        QuickQA().queries("dev")  # type: ignore[arg-type]


def test_hyperparameters_are_saved() -> None:
    data = Arithmetic(n_train=12, n_questions=60, levels=[1, 3])
    assert dict(data.hparams) == {
        "n_train": 12,
        "n_val": 20,
        "n_test": None,
        "batch_size": 4,
        "seed": 0,
        "limit": None,
        "n_questions": 60,
        "levels": [1, 3],
    }


class _Reader(lightning.LightningModule):
    """Learns nothing; notes which batches a Trainer hands on."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen: list[Query] = []

    def training_step(self, batch: list[Query], index: int) -> torch.Tensor:
        self.seen += batch
        return self.weight.sum()

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_a_trainer_hands_queries_on_untouched(tmp_path: Any) -> None:
    data, reader = Arithmetic(n_train=6, n_val=0), _Reader()
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(reader, datamodule=data)
    assert {q.id for q in reader.seen} == {q.id for q in data.queries("train")}
