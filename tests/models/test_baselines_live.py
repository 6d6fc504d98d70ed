"""Every system of the comparison on a real LLM: SmolLM2-135M on this machine, a few questions."""

from __future__ import annotations

import pytest
from lightning.pytorch import Trainer

from abgnn.graph.base_mas import BaseMAS
from abgnn.models import (
    AgentBalance,
    AgentDropout,
    AgentPrune,
    Bamas,
    FixedGraph,
    GDesigner,
    MasRouter,
    NaiveCostAware,
    Policy,
    RandomGraph,
    SelfConsistency,
)
from abgnn.rollout import Executor, LocalClient
from abgnn.training import NoBaseline, Reinforce
from datamodules import Arithmetic

SHORT, EQUATION = "smollm2-number", "smollm2-equation"
CATALOGUE = "catalogues/smollm2.yaml"

POLICIES: dict[str, Policy] = {
    "AgentBalance": AgentBalance(delta=0.0),
    "AgentPrune": AgentPrune(SHORT, n_agents=3, rounds=2),
    "AgentDropout": AgentDropout(SHORT, n_agents=3, rounds=2, node_steps=1),
    "G-Designer": GDesigner(SHORT, n_agents=3),
    "MasRouter": MasRouter(max_agents=2),
    "BAMAS": Bamas(CATALOGUE, [1e-5, 4e-5], 4e-5, tiers=[EQUATION, SHORT]),
    "Naive-CostAware": NaiveCostAware(SHORT, n=2, catalogue=CATALOGUE),
    "self-consistency": SelfConsistency(SHORT, n=3),
    "complete": FixedGraph(EQUATION, None, "all"),
    "single LLM": FixedGraph(SHORT, ["Calculator"]),
    "random plans": RandomGraph(),
}
QUICK = ("AgentBalance", "self-consistency", "single LLM")  # the others only with --slow


@pytest.fixture(scope="module")
def mas(smollm2: str) -> BaseMAS:
    return BaseMAS(
        "math",
        smollm2,
        exclude=["smollm2-steps"],
        role_set="roles/calculator.yaml",
        encoder="offline",
        n_pools=1,
    )


@pytest.mark.live
@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in POLICIES]
)
def test_runs_live(name: str, mas: BaseMAS) -> None:
    policy, data = POLICIES[name], Arithmetic(n_train=2, n_val=0, n_test=2, batch_size=2)
    module = Reinforce(
        policy, mas, LocalClient(), 0.0, 0.0, samples=1, advantage=NoBaseline(), lr=0.01
    )
    if any(p.requires_grad for p in policy.parameters()):
        Trainer(
            accelerator="cpu",
            max_steps=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            limit_val_batches=0,
        ).fit(module, datamodule=data)
        assert int(module.rollouts) == 2
    policy.attach(mas.table)
    data.setup("test")
    plans = module.plans(data.queries("test"))
    with Executor(LocalClient(), mas.catalogue, data) as executor:
        outcomes = executor.run(plans)
    assert [o.error for o in outcomes] == [None, None]
    assert all(o.calls and o.usage.completion_tokens > 0 for o in outcomes)
    for outcome in outcomes:
        if outcome.plan.budget_usd is not None:
            assert outcome.cost <= outcome.plan.budget_usd
