"""Training through the real Lightning Trainer against the simulated client."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from abgnn.data.backbone import Backbone
from abgnn.data.query import Query
from abgnn.errors import ConfigError, EndpointError
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance
from abgnn.rollout import CallError, Client, Completion, Messages, Plan, SimulatedClient
from abgnn.training import (
    HeldOutTable,
    LeaveOneOut,
    NoBaseline,
    PolicyFigures,
    Reinforce,
    reinforce_loss,
    reward,
)
from datamodules import QuickQA
from tests import tiny


class Refusing(SimulatedClient):
    """Answers nothing: every call would cost money."""

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        raise AssertionError("a call was made")


class Down(Refusing):
    """An endpoint that its check finds unreachable."""

    def check(self, backbones: Iterable[Backbone]) -> None:
        raise EndpointError("nobody answers")


class Flaky(SimulatedClient):
    """Two backbones fail always."""

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        if backbone.name in ("Qwen3-8B", "Qwen3-14B"):
            raise CallError("status", "500")
        return await super().complete(backbone, messages, query=query, sample=sample)


def module(mas: BaseMAS, client: Client | None = None, **kwargs: object) -> Reinforce:
    policy = AgentBalance(
        upper_bound=2, **{k: kwargs.pop(k) for k in ("init", "min_agents") if k in kwargs}
    )  # type: ignore[arg-type]
    return Reinforce(policy, mas, client or SimulatedClient(1), **{"samples": 4, **kwargs})  # type: ignore[arg-type]


def trainer(tmp_path: Path, **kwargs: object) -> Trainer:
    options: dict[str, object] = {
        "accelerator": "cpu",
        "max_epochs": 1,
        "num_sanity_val_steps": 0,
        "log_every_n_steps": 1,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": tmp_path,
        "logger": False,
    }
    return Trainer(**{**options, **kwargs})  # type: ignore[arg-type]


def data(n_train: int = 8) -> QuickQA:
    return QuickQA(n_train=n_train, n_val=4, n_test=10, batch_size=4)


def test_what_nobody_reads_is_not_logged(mas: BaseMAS, tmp_path: Path) -> None:
    weights = []
    for every in (1, 0):
        seed_everything(0)
        learner, run = module(mas), trainer(tmp_path, log_every_n_steps=every)
        run.fit(learner, datamodule=data())
        weights.append(torch.cat([p.detach().flatten() for p in learner.policy.parameters()]))
        assert ("simulated/train/reward" in run.callback_metrics) == bool(every)
    assert torch.equal(*weights)


def test_training_moves_the_policy_and_counts_everything(mas: BaseMAS, tmp_path: Path) -> None:
    seed_everything(0, verbose=False)
    made = module(mas, init="paper", lr=0.01, hop_penalty="loss")
    before = {k: v.clone() for k, v in made.policy.named_parameters()}
    run = trainer(tmp_path)
    run.fit(made, datamodule=data())
    moved = [k for k, v in made.policy.named_parameters() if not torch.equal(v, before[k])]
    for part in ("pool_selection", "matching", "encoder", "gate", "edges", "hops", "difficulty"):
        assert any(k.startswith(part) for k in moved), part
    assert int(made.rollouts) == 8 * 4
    assert float(made.spent_usd) > 0
    assert {o.sample for o in made.outcomes} <= {0, 1, 2, 3}


def test_same_seed_same_run(mas: BaseMAS, tmp_path: Path) -> None:
    weights = []
    for _ in range(2):
        seed_everything(3, verbose=False)
        made = module(mas)
        trainer(tmp_path).fit(made, datamodule=data())
        weights.append(torch.cat([p.detach().flatten() for p in made.policy.parameters()]))
    assert torch.equal(weights[0], weights[1])


def test_resumed_equals_uninterrupted(mas: BaseMAS, tmp_path: Path) -> None:
    """Two epochs in one go, or one, a checkpoint and another: the same weights, the same money."""

    def run(epochs: int, start: Path | None = None) -> Reinforce:
        seed_everything(5 if start is None else 6, verbose=False)
        made = module(mas, lr=0.01)
        fitter = trainer(tmp_path, max_epochs=epochs, limit_val_batches=0)
        fitter.fit(made, datamodule=data(8), ckpt_path=start, weights_only=True)
        fitter.save_checkpoint(tmp_path / f"{epochs}.ckpt")
        return made

    run(1)
    resumed, whole = run(2, tmp_path / "1.ckpt"), run(2)
    assert int(resumed.rollouts) == int(whole.rollouts) == 2 * 8 * 4
    assert {o.sample for o in resumed.outcomes} == {4, 5, 6, 7}  # new samples, not epoch 1's
    for a, b in zip(resumed.policy.parameters(), whole.policy.parameters(), strict=True):
        assert torch.equal(a, b)
    assert float(resumed.spent_usd) == pytest.approx(float(whole.spent_usd))


def test_checkpoint_of_a_python_module_loads(mas: BaseMAS, tmp_path: Path) -> None:
    made = module(mas)
    run = trainer(tmp_path)
    run.fit(made, datamodule=data(4))
    run.save_checkpoint(tmp_path / "a.ckpt")
    loaded = Reinforce.load_from_checkpoint(
        tmp_path / "a.ckpt",
        policy=AgentBalance(upper_bound=2),
        mas=mas,
        client=Refusing(),
        weights_only=True,
    )
    loaded.policy.attach(mas.table)
    queries = data(4).queries("test")
    made.policy.eval(), loaded.policy.eval()
    assert loaded.plans(queries) == made.plans(queries)
    assert float(loaded.spent_usd) == float(made.spent_usd)


def test_predict_spends_nothing_and_its_plans_can_be_restored(mas: BaseMAS, tmp_path: Path) -> None:
    made = module(mas, client=Down())
    predictions = trainer(tmp_path).predict(made, datamodule=data())
    assert predictions is not None
    plans = [Plan.from_dict(p) for batch in predictions for p in batch]  # type: ignore[union-attr]
    assert len(plans) == 10
    assert float(made.spent_usd) == 0


def test_an_endpoint_that_is_down_stops_before_any_call(mas: BaseMAS, tmp_path: Path) -> None:
    made = module(mas, client=Down())
    with pytest.raises(EndpointError, match="nobody answers"):
        trainer(tmp_path).fit(made, datamodule=data())


def test_a_failing_backbone_scores_zero_and_training_goes_on(mas: BaseMAS, tmp_path: Path) -> None:
    made = module(mas, client=Flaky(1), init="paper")
    run = trainer(tmp_path, limit_val_batches=0)
    run.fit(made, datamodule=data())
    assert int(made.rollouts) == 32
    failed = [o for o in made.outcomes if o.error]
    assert failed
    assert {o.score for o in failed} == {0.0}


def test_a_catalogue_can_be_swapped_without_retraining(mas: BaseMAS, tmp_path: Path) -> None:
    made = module(mas)
    trainer(tmp_path).fit(made, datamodule=data(4))
    other = BaseMAS("general", exclude=["Qwen3-8B", "Qwen3-1.7B"], encoder="offline")
    made.policy.attach(other.table)
    made.mas = other
    backbones = {a.backbone for p in made.plans(data(4).queries("test")) for a in p.agents}
    assert backbones <= set(other.catalogue.names)


def test_paper_mode_collapses_and_tensorboard_shows_it(mas: BaseMAS, tmp_path: Path) -> None:
    seed_everything(0, verbose=False)
    made = module(
        mas,
        init="paper",
        min_agents=2,
        samples=1,
        lr=0.1,
        advantage=NoBaseline(),
        trust_region=None,
    )
    logger = TensorBoardLogger(tmp_path, name="tb")
    trainer(tmp_path, logger=logger, callbacks=[PolicyFigures(1)]).fit(made, datamodule=data(40))
    events = EventAccumulator(logger.log_dir, size_guidance={"scalars": 0})
    events.Reload()
    for factor in ("match", "gate", "edges"):
        values = [e.value for e in events.Scalars(f"simulated/train/entropy/{factor}")]
        assert values[0] > 0.5
        assert values[-1] < 0.2 * values[0], (factor, values)


def test_default_training_does_not_collapse(mas: BaseMAS, tmp_path: Path) -> None:
    """After five updates more than a fifth of each entropy is left."""
    seed_everything(0, verbose=False)
    made = module(mas, samples=8)
    logger = TensorBoardLogger(tmp_path, name="tb")
    trainer(tmp_path, logger=logger, callbacks=[PolicyFigures(1)]).fit(made, datamodule=data(20))
    events = EventAccumulator(logger.log_dir, size_guidance={"scalars": 0})
    events.Reload()
    for factor in ("gate", "edges"):
        values = [e.value for e in events.Scalars(f"simulated/train/entropy/{factor}")]
        assert len(values) == 5
        assert values[-1] > 0.2 * values[0]


def test_everything_logged_says_simulated(mas: BaseMAS, tmp_path: Path) -> None:
    logger = TensorBoardLogger(tmp_path, name="tb")
    made = module(mas)
    table = HeldOutTable(singles=True, show=False)
    run = trainer(tmp_path, logger=logger, callbacks=[PolicyFigures(1), table])
    run.fit(made, datamodule=data())
    events = EventAccumulator(logger.log_dir)
    events.Reload()
    tags = events.Tags()
    names = [t for kind in ("scalars", "images", "histograms") for t in tags[kind]]
    own = [t for t in names if t not in ("epoch", "hp_metric")]
    assert own
    assert all(t.startswith("simulated/") for t in own), own
    for wanted in ("reward", "performance", "cost_usd", "latency_s", "entropy/pool", "agents"):
        assert f"simulated/train/{wanted}" in tags["scalars"]
    assert "simulated/train/backbone_share/Qwen3-8B" in tags["scalars"]
    assert "simulated/train/sampled_plan" in tags["images"]
    assert "simulated/train/pool" in tags["histograms"]
    assert [r.name for r in table.rows][-2:] == ["policy before training", "policy after training"]
    assert len(table.rows) == 11 + 2
    text = (Path(logger.log_dir) / "held_out.csv").read_text()
    assert all(line.startswith("simulated,") for line in text.splitlines()[1:])


def test_validation_and_test_use_the_most_probable_plans(mas: BaseMAS, tmp_path: Path) -> None:
    made = module(mas)
    first = trainer(tmp_path).test(made, datamodule=data(), verbose=False)
    again = trainer(tmp_path).test(made, datamodule=data(), verbose=False)
    assert first == again
    assert "simulated/test/reward" in first[0]
    assert int(made.rollouts) == 0


def test_reward_by_hand(mas: BaseMAS) -> None:
    made = module(mas)
    made.policy.attach(mas.table)
    task = data()
    task.setup("test")
    made.client.bind(task)
    from abgnn.rollout import Executor

    with Executor(made.client, mas.catalogue, task) as executor:
        outcomes = executor.run(made.plans(task.queries("test")))
    got = reward(outcomes, 10.0, 0.001)
    expected = [o.score - 10 * o.cost - 0.001 * o.latency for o in outcomes]
    torch.testing.assert_close(got, torch.tensor(expected))


def test_leave_one_out_by_hand() -> None:
    got = LeaveOneOut()(torch.tensor([[1.0, 0.0, 2.0]]))
    torch.testing.assert_close(got, torch.tensor([[1 - 1.0, 0 - 1.5, 2 - 0.5]]))
    with pytest.raises(ConfigError, match="samples: got 1"):
        LeaveOneOut()(torch.tensor([[1.0]]))


def test_hop_penalty_teaches_the_limit_or_the_edges() -> None:
    """In the loss its gradient goes to the limit alone, in the reward to the log-probability."""
    policy = tiny.policy()
    torch.manual_seed(0)
    decision = policy(tiny.batch(64), sample=True)
    assert float(decision.penalty.detach().max()) > 0
    zero = torch.zeros(64)
    for where, part in (("loss", "hops.lin.weight"), ("reward", "edges.lin.weight")):
        loss = reinforce_loss(decision, zero, NoBaseline(), 1, 1.0, hop_penalty=where)  # type: ignore[arg-type]
        parameters = dict(policy.named_parameters())
        names = ["hops.lin.weight", "edges.lin.weight"]
        grads = torch.autograd.grad(
            loss, [parameters[n] for n in names], retain_graph=True, allow_unused=True
        )
        used = {n for n, g in zip(names, grads, strict=True) if g is not None and g.abs().max() > 0}
        assert part in used
        assert len(used) == 1, (where, used)


@pytest.mark.parametrize(
    ("field", "value"), [("lambda_tok", -1.0), ("lambda_lat", -0.1), ("samples", 0)]
)
def test_bad_arguments_are_named(mas: BaseMAS, field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"model.{field}: got {value!r}"):
        module(mas, **{field: value})
