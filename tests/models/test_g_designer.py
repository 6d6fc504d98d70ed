"""G-Designer: the released range of its edges, exact probabilities, the described losses."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch import Trainer
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import GDesigner
from abgnn.models.g_designer import role_of_agent, temporal_edges
from abgnn.nn.graph_auto_encoder import (
    GraphAutoEncoder,
    VariationalGraphAutoEncoder,
    spread,
    with_task,
)
from abgnn.rollout import Plan, SimulatedClient
from abgnn.training import NoBaseline, Reinforce
from datamodules import QuickQA
from tests import tiny

LOW, HIGH = 1 / (1 + math.e), math.e / (1 + math.e)  # 0.269, 0.731
DAG = torch.combinations(torch.arange(4)).t()
CHAIN = torch.tensor([[0, 1, 2], [1, 2, 3]])


def embeddings(n: int = 4, b: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, tiny.H, generator=generator), torch.randn(b, tiny.H, generator=generator)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.floats(0.01, 100))
def test_released_edges_stay_within_their_range(seed: int, n: int, scale: float) -> None:
    """σ of [−1, 1] with both ends taken, and the same in both directions, whatever the weights."""
    torch.manual_seed(seed)
    part = GraphAutoEncoder(tiny.H)
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.mul_(scale)
    roles, query = embeddings(n, seed=seed)
    logits = part(roles, query, torch.combinations(torch.arange(n)).t(), sample=True).logits
    p = torch.sigmoid(logits.detach())
    assert float(p.min()) >= LOW - 1e-6
    assert float(p.max()) <= HIGH + 1e-6
    assert torch.equal(logits, logits.transpose(1, 2))
    for one in p:
        constant = bool((one == 0.5).all())  # nothing to spread
        assert constant or (float(one.min()), float(one.max())) == pytest.approx((LOW, HIGH))


def test_equal_scores_are_no_certainties() -> None:
    """The release divides by zero for a lone agent, and blows rounding errors up."""
    assert spread(torch.full((2, 1, 1), 5.0)).tolist() == [[[0.0]], [[0.0]]]
    nearly = torch.full((1, 3, 3), 7.0)
    nearly[0, 0, 1] += 1e-6
    assert not spread(nearly).any()
    torch.testing.assert_close(
        spread(torch.tensor([[[1.0, 2.0], [2.0, 5.0]]])),
        torch.tensor([[[-1.0, -0.5], [-0.5, 1.0]]]),
    )
    scores = torch.ones(1, 2, 2, requires_grad=True)
    spread(scores).sum().backward()
    assert bool(scores.grad is not None and scores.grad.isfinite().all())


def test_same_roles_in_a_graph_of_all_pairs_are_all_the_same() -> None:
    """Why the role graph is directed: normalised, a complete graph with loops is a plain mean."""
    torch.manual_seed(0)
    part, (roles, query) = GraphAutoEncoder(tiny.H), embeddings()
    both = torch.cat([DAG, DAG.flip(0)], 1)
    assert not part(roles, query, both, sample=False).logits.any()
    assert part(roles, query, DAG, sample=False).logits.any()


def test_dropout_acts_on_training_draws_only() -> None:
    torch.manual_seed(0)
    part, (roles, query) = GraphAutoEncoder(tiny.H), embeddings()

    def twice(*, sample: bool) -> bool:
        a, b = (part(roles, query, DAG, sample=sample).logits for _ in range(2))
        return torch.equal(a, b)

    assert not twice(sample=True)
    assert twice(sample=False)
    part.eval()
    assert twice(sample=True)


def test_the_decoder_is_frozen_unless_asked_for() -> None:
    part, (roles, query) = GraphAutoEncoder(tiny.H), embeddings()
    names = {n.split(".")[0] for n, p in part.named_parameters() if p.requires_grad}
    assert names == {"conv1", "conv2"}
    part(roles, query, DAG, sample=True).logits[:, 0, 1].sum().backward()
    assert float(part.conv1.lin.weight.grad.abs().sum()) > 0
    assert all(p.requires_grad for p in GraphAutoEncoder(tiny.H, train_decoder=True).parameters())


@pytest.mark.parametrize("kind", [GraphAutoEncoder, VariationalGraphAutoEncoder])
def test_batch_equals_loop_and_the_question_counts(kind: type[torch.nn.Module]) -> None:
    torch.manual_seed(0)
    part, (roles, query) = kind(tiny.H), embeddings()
    whole = part(roles, query, DAG, sample=False).logits
    for i in range(len(query)):
        single = part(roles, query[i : i + 1], DAG, sample=False).logits
        torch.testing.assert_close(single[0], whole[i], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(whole[0], whole[1], atol=1e-4)


def test_task_node() -> None:
    edges = with_task(torch.tensor([[0], [1]]), 3)
    pairs = sorted(zip(*edges.tolist(), strict=True))
    assert pairs == [(0, 1), (0, 3), (1, 0), (1, 3), (2, 3), (3, 0), (3, 1), (3, 2)]


def test_described_losses_are_what_they_say() -> None:
    """Zero weights leave nothing; alone, each equals its formula."""
    roles, query = embeddings()
    off = {"anchor_weight": 0.0, "sparsity": 0.0, "kl_weight": 0.0}
    for name in off:
        torch.manual_seed(0)
        part = VariationalGraphAutoEncoder(tiny.H, **(off | {name: 2.0}))
        logits, loss = part(roles, query, DAG, sample=False)
        s = torch.sigmoid(logits) * (1 - torch.eye(4))
        anchor = torch.ones(4, 4).triu(1)
        wanted = {
            "anchor_weight": (s - anchor).square().sum((1, 2)).mean() / 16,
            "sparsity": torch.stack([torch.linalg.svdvals(one).sum() for one in s]).mean() / 2,
        }
        if name in wanted:
            torch.testing.assert_close(loss, wanted[name])
        assert float(loss) > 0
        loss.backward()
        assert all(bool(p.grad.isfinite().all()) for p in part.parameters() if p.grad is not None)
    none = VariationalGraphAutoEncoder(tiny.H, **off)(roles, query, DAG, sample=True)
    assert float(none.loss) == 0


@pytest.mark.parametrize("symmetric", [False, True])
def test_described_edges_may_have_a_direction(symmetric: bool) -> None:
    torch.manual_seed(0)
    part, (roles, query) = VariationalGraphAutoEncoder(tiny.H, symmetric=symmetric), embeddings()
    logits = part(roles, query, CHAIN, sample=False).logits
    assert torch.allclose(logits, logits.transpose(1, 2), atol=1e-6) == symmetric


def test_latents_are_drawn_in_training_only() -> None:
    torch.manual_seed(0)
    part, (roles, query) = VariationalGraphAutoEncoder(tiny.H), embeddings()
    drawn = [part(roles, query, DAG, sample=True).logits for _ in range(2)]
    fixed = [part(roles, query, DAG, sample=False).logits for _ in range(2)]
    assert not torch.equal(*drawn)
    assert torch.equal(*fixed)


def test_the_anchor_pulls() -> None:
    torch.manual_seed(0)
    part, (roles, query) = VariationalGraphAutoEncoder(tiny.H, anchor_weight=10.0), embeddings()
    optimiser = torch.optim.Adam(part.parameters(), lr=0.02)
    for _ in range(200):
        optimiser.zero_grad()
        part(roles, query, CHAIN, sample=True).loss.backward()
        optimiser.step()
    on = part(roles, query, CHAIN, sample=False).logits > 0
    wanted = torch.zeros(4, 4, dtype=torch.bool)
    wanted[CHAIN[0], CHAIN[1]] = True
    pairs = ~torch.eye(4, dtype=torch.bool)
    assert bool((on[:, pairs] == wanted[pairs]).all())


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: GraphAutoEncoder(8, dropout=1.0), "dropout"),
        (lambda: VariationalGraphAutoEncoder(8, temperature=0.0), "temperature"),
    ],
)
def test_bad_arguments_of_the_encoders(make: type[torch.nn.Module], field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        make()


def designer(seed: int = 0, n_agents: int = 3, **kwargs: object) -> GDesigner:
    torch.manual_seed(seed)
    made = GDesigner("b1", n_agents, in_channels=tiny.H, **kwargs)  # type: ignore[arg-type]
    if made.variant == "described":
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.add_(0.5 * torch.randn_like(parameter))
    made.attach(tiny.table())
    return made.eval()  # neither dropout nor latents' noise: the probabilities of one question


def copies(n: int) -> Batch:
    return Batch.from_data_list(tiny.batch(1).to_data_list() * n)


def dags() -> Tensor:
    """All 25 acyclic graphs on three agents, `[25, 3, 3]` bool."""
    pairs = [(u, v) for u in range(3) for v in range(3) if u != v]
    found = []
    for kept in itertools.product([False, True], repeat=6):
        graph = nx.DiGraph([e for e, k in zip(pairs, kept, strict=True) if k])
        if nx.is_directed_acyclic_graph(graph):
            edges = torch.zeros(3, 3, dtype=torch.bool)
            for u, v in graph.edges:
                edges[u, v] = True
            found.append(edges)
    return torch.stack(found)


@pytest.mark.parametrize("variant", ["released", "described"])
def test_probabilities_of_all_graphs_sum_to_one(variant: str) -> None:
    policy, graphs = designer(variant=variant), dags()
    assert len(graphs) == 25
    one = policy(copies(25), sample=True, action=[graphs])
    assert one.log_prob.exp().sum().item() == pytest.approx(1, abs=1e-5)
    policy = designer(variant=variant, rounds=2)  # edges anew in every round
    both = [graphs.repeat_interleave(25, 0), graphs.repeat(25, 1, 1)]
    two = policy(copies(625), sample=True, action=both)
    assert two.log_prob.exp().sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("variant", ["released", pytest.param("described", marks=pytest.mark.slow)])
def test_gradient_equals_the_analytic_one(variant: str) -> None:
    policy, graphs = designer(variant=variant), dags()
    worth = torch.tensor([[0.0, 1.0, -0.5], [0.3, 0.0, 0.7], [-1.0, 0.2, 0.0]])
    exact_choice = policy(copies(25), sample=True, action=[graphs])
    expected = (exact_choice.log_prob.exp() * (graphs * worth).sum((1, 2))).sum()
    parameters = [p for p in policy.parameters() if p.requires_grad]
    exact = torch.autograd.grad(expected, parameters, allow_unused=True)
    many, draws = copies(2048), []
    torch.manual_seed(1)
    for _ in range(24):
        choice = policy(many, sample=True)
        loss = -(choice.log_prob * (edges_of(choice.plans()) * worth).sum((1, 2))).mean()
        draws.append(torch.autograd.grad(-loss, parameters, allow_unused=True))
    compared = 0
    for i, target in enumerate(exact):
        if target is None:
            continue
        estimates = torch.stack([d[i] for d in draws])
        error = (estimates.mean(0) - target).abs()
        assert bool((error <= 5 * estimates.std(0) / math.sqrt(24) + 1e-4).all())
        compared += int(target.abs().max() > 1e-3)
    assert compared >= 3


def edges_of(plans: list[Plan]) -> Tensor:
    """Edges among role agents `[B, N, N]`, bool."""
    n = len(plans[0].agents) - 1
    edges = torch.zeros(len(plans), n, n, dtype=torch.bool)
    for i, plan in enumerate(plans):
        for u, v in plan.edges:
            if v != n:
                edges[i, u, v] = True
    return edges


def test_the_graph_depends_on_the_question_and_the_plan_is_a_dag() -> None:
    policy = designer(n_agents=5, variant="described")
    batch = tiny.batch(32, seed=3)
    plans = policy(batch, sample=False).plans()
    assert len({p.edges for p in plans}) > 1
    for plan in policy(batch, sample=True).plans():
        assert nx.is_directed_acyclic_graph(nx.DiGraph(plan.edges))
        assert [a.role.name for a in plan.agents] == [
            "r0",
            "r1",
            "r2",
            "r0",
            "r1",
            "Decision Maker",
        ]
        assert {a.backbone for a in plan.agents} == {"b1"}
        assert {u for u, v in plan.edges if v == 5} == set(range(5))


@pytest.mark.parametrize("variant", ["released", "described"])
@pytest.mark.parametrize("inference", ["threshold", "sampled"])
def test_inference_is_deterministic(variant: str, inference: str) -> None:
    policy, batch = designer(variant=variant, inference=inference, rounds=2), tiny.batch(16)
    policy.train()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = policy(batch, sample=False)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(7)
    assert policy(batch, sample=False).plans() == first.plans()
    drawn = {str(edges_of(policy(batch, sample=True).plans()).tolist()) for _ in range(3)}
    assert len(drawn) > 1
    if inference == "threshold":
        assert (edges_of(first.plans()) & (designed(policy, batch) <= 0)).sum() == 0
    elif variant == "released":  # draws keep edges that the threshold would not
        assert (edges_of(first.plans()) & (designed(policy, batch) < 0)).sum() > 0


def designed(policy: GDesigner, batch: Batch) -> Tensor:
    return policy._design(batch, batch.template[0], sample=False).logits


def test_a_lone_agent() -> None:
    policy = designer(n_agents=1)
    for sample in (False, True):
        choice = policy(tiny.batch(4), sample=sample)
        assert choice.log_prob.tolist() == [0.0] * 4
        assert {(len(p.agents), p.edges, p.decision) for p in choice.plans()} == {(1, (), 0)}


def test_role_graph() -> None:
    """Agents of one role share its neighbours; names are checked."""
    template = tiny.template(3)
    cast = role_of_agent(template, 4)
    assert cast == [0, 1, 2, 0]
    directed = designer(n_agents=4)._pairs(template, cast)
    assert directed == [(0, 1), (0, 2), (1, 2), (3, 1), (3, 2)]
    both = designer(n_agents=4, role_graph="both")._pairs(template, cast)
    assert sorted(both) == sorted([*directed, *((v, u) for u, v in directed)])
    named = designer(n_agents=4, role_graph=[["r2", "r0"]])._pairs(template, cast)
    assert named == [(2, 0), (2, 3)]
    with pytest.raises(ConfigError, match=r"policy\.role_graph: got \['r2', 'Fake'\]"):
        designer(role_graph=[["r2", "Fake"]])(tiny.batch(1), sample=False)
    star = designer(n_agents=4, variant="described", anchor="star")._pairs(template, cast)
    assert star == [(0, 1), (0, 2), (0, 3)]


def test_temporal_edges_do_not_run_against_the_round() -> None:
    spatial = torch.zeros(3, 3, dtype=torch.bool)
    spatial[0, 1] = spatial[1, 2] = True
    kept = temporal_edges(spatial).nonzero().tolist()
    assert kept == [[0, 1], [0, 2], [1, 2]]
    assert temporal_edges(torch.zeros(3, 3, dtype=torch.bool)).sum() == 6  # all but one's own
    long = torch.zeros(7, 7, dtype=torch.bool)
    long[range(6), range(1, 7)] = True
    assert torch.equal(temporal_edges(long), torch.ones(7, 7, dtype=torch.bool).triu(1))


@pytest.mark.parametrize(
    ("field", "value"),
    [("n_agents", 0), ("rounds", 0), ("variant", "paper"), ("anchor", "complete"),
     ("inference", "greedy")],
)  # fmt: skip
def test_bad_arguments_are_named(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"policy.{field}: got {value!r}"):
        GDesigner(**{"backbone": "b1", field: value})  # type: ignore[arg-type]


def test_catalogue_and_encoder_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"policy\.backbone: got 'b9'"):
        GDesigner("b9", in_channels=tiny.H).attach(tiny.table())
    with pytest.raises(ConfigError, match="in_channels: got 16"):
        GDesigner("b1", in_channels=16).attach(tiny.table())


@pytest.mark.parametrize(
    ("variant", "rounds"), [("released", 1), ("released", 2), ("described", 1)]
)
def test_training_in_the_simulated_world(mas: BaseMAS, variant: str, rounds: int) -> None:
    torch.manual_seed(0)
    policy = GDesigner("Qwen3-14B", 4, rounds, variant=variant)  # type: ignore[arg-type]
    before = {k: v.clone() for k, v in policy.state_dict().items()}
    module = Reinforce(policy, mas, SimulatedClient(0), lambda_tok=0.0, lambda_lat=0.0, samples=1,
                       advantage=NoBaseline(), lr=0.1)  # fmt: skip
    trainer = Trainer(accelerator="cpu", max_epochs=1, logger=False, enable_progress_bar=False,
                      enable_checkpointing=False, enable_model_summary=False)  # fmt: skip
    trainer.fit(module, datamodule=QuickQA(n_train=8, n_val=2, batch_size=4))
    assert module.label == "simulated"
    assert all(o.error is None and len(o.calls) == 4 * rounds + 1 for o in module.outcomes)
    moved = {k.split(".")[1] for k, v in policy.state_dict().items() if not v.equal(before[k])}
    assert moved == ({"conv1", "conv2"} if variant == "released" else {"vgae", "decoder"})


@pytest.mark.usefixtures("elsewhere")
def test_config_lies_over_another_one() -> None:
    over = ["simulated/general.yaml", "baselines/g_designer.yaml"]
    model = build(over).model
    assert isinstance(model.policy, GDesigner)
    assert isinstance(model.policy.designer, GraphAutoEncoder)
    assert (model.lr, model.samples, model.lambda_tok, model.lambda_lat) == (0.1, 1, 0.0, 0.0)
    learned = [p for g in model.configure_optimizers().param_groups for p in g["params"]]
    assert len(learned) == 4  # weights and biases of two GCN layers
    own = "--model.policy.init_args.variant=described"
    assert isinstance(build(over, [own]).model.policy.designer, VariationalGraphAutoEncoder)
