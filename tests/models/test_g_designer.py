"""G-Designer: the released range of its edges, exact probabilities, the described losses."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from abgnn.errors import ConfigError
from abgnn.nn.graph_auto_encoder import (
    GraphAutoEncoder,
    VariationalGraphAutoEncoder,
    spread,
    with_task,
)
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
    torch.testing.assert_close(p, p.transpose(1, 2))
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
