"""PyG's own `Explainer` on a policy."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.explain import Explainer, GNNExplainer

from abgnn.errors import ConfigError
from abgnn.models import AgentBalance, Explainable, SelfConsistency
from tests import tiny


@pytest.mark.parametrize("of", ["gate", "edge", "match"])
def test_masks_say_what_a_choice_depends_on(of: str) -> None:
    policy, batch = tiny.policy(init="beliefs"), tiny.batch(3, n_roles=4)
    seen = policy(batch, sample=False).batch
    model = Explainable(policy, seen, of)
    torch.manual_seed(0)
    explainer = Explainer(model, GNNExplainer(epochs=20), **model.settings)
    before = torch.cat([p.detach().flatten() for p in policy.parameters()])
    explanation = explainer(seen.x, seen.edge_index, index=1)
    after = torch.cat([p.detach().flatten() for p in policy.parameters()])
    assert torch.equal(before, after)
    mask = explanation.node_mask  # [N, 5H]
    assert mask.shape == seen.x.shape
    assert float(mask.std()) > 0.01
    own = seen.batch == 0  # whatever decides is in the choice's own graph
    assert float(mask[own].max()) > 0
    assert float(mask[~own].max()) == 0
    if of == "match":  # LLMs are matched before messages are sent, and by role and question alone
        assert "edge_mask" not in explanation
        assert float(mask[:, 2 * tiny.H :].max()) == 0
    else:
        assert explanation.edge_mask.shape == (seen.edge_index.size(1),)
        assert float(explanation.edge_mask.std()) > 0.01


def test_logits_are_those_of_the_policy() -> None:
    policy, batch = tiny.policy(init="beliefs", conditioned=True), tiny.batch(3)
    policy.set_tradeoff(10.0, 1e-3)
    decision = policy(batch, sample=False)
    logits = policy.choice_logits(decision.batch.x, batch.edge_index, decision.batch)
    agents = ~batch.is_decision
    assert torch.equal(logits["gate"][agents] > 0, decision.action.gate[agents])
    assert torch.equal(logits["match"].argmax(1), decision.backbone)
    kept = decision.keep[batch.edge_index].all(0)
    assert torch.equal((logits["edge"] > 0)[kept], decision.action.edge[kept])


def test_profiles_alone_pass_no_messages() -> None:
    policy, batch = tiny.policy(init="paper"), tiny.batch(3)
    seen = policy(batch, sample=False).batch
    model = Explainable(policy, seen, "gate")
    assert model.settings["edge_mask_type"] is None
    explainer = Explainer(model, GNNExplainer(epochs=5), **model.settings)
    assert float(explainer(seen.x, seen.edge_index, index=1).node_mask.std()) > 0


def test_what_cannot_be_explained_is_named() -> None:
    policy, batch = tiny.policy(), tiny.batch(2)
    seen = policy(batch, sample=False).batch
    with pytest.raises(ConfigError, match="of: got 'plan'; allowed: edge, gate, match"):
        Explainable(policy, seen, "plan")
    blind = SelfConsistency("b0", 3)
    with pytest.raises(ConfigError, match="a policy with logits"):
        Explainable(blind, seen)
    assert isinstance(policy, AgentBalance)
