"""Why an agent takes part in the plan of one question: PyG's `Explainer` on a policy's gate, and
the gate again with each word of the LLM's profile left out. Nothing is executed."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Batch
from torch_geometric.explain import Explainer, GNNExplainer

from abgnn.data.arrays import Array
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.experiments.trained import Trained
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.agent_balance import AgentBalance
from abgnn.models.decision import Decision
from abgnn.models.explain import Explainable

PARTS = ("role", "question", "performance", "price", "type")  # of x, in its order
_WORD = re.compile(r"\S*\w\S*")


@dataclass(frozen=True)
class GateExplanation:
    """What an agent's gate depends on.

    Args:
        role, backbone: of the agent; chance: that it takes part, in [0, 1].
        agents: all roles, each with the LLM it got.
        weight: of the parts of each agent, mean mask of `GNNExplainer` in [0, 1], `[N, 5]`.
        messages: (sender, reader, mask), the strongest first; none where no messages are read.
        words: (word, part of the profile, what the gate's logit loses without it), the largest
            first.
    """

    role: str
    backbone: str
    chance: float
    agents: tuple[str, ...]
    weight: Array
    messages: tuple[tuple[str, str, float], ...]
    words: tuple[tuple[str, str, float], ...]


def explain_gate(
    trained: Trained, text: str, role: str | None = None, epochs: int = 100, seed: int = 0
) -> GateExplanation:
    """Explain whether an agent takes part.

    Args:
        trained: a policy with gates, and what it chooses from.
        text: of the question.
        role: of the agent; None: the one that most surely takes part.
        epochs: of `GNNExplainer`; seed: of its masks.

    Raises:
        ConfigError: an empty text, a policy without gates, a role that is not there.
    """
    policy, mas = trained.policy, trained.mas
    if not text.strip():
        raise ConfigError("QUESTION", text, "a text that is not empty")
    if not isinstance(policy, AgentBalance):
        raise ConfigError("policy", type(policy).__name__, "one that gates agents: AgentBalance")
    policy.attach(mas.table)
    policy.eval()
    query = Query("explained", text, mas.domain)
    with torch.no_grad():
        decision = policy(mas.batch([query]), sample=False)
        gate = _gate(policy, decision.batch)
    names = [r.name for r in mas.template.roles]
    node = _node(names, mas.template.decision, gate, role)
    weight, edges = _masks(policy, decision.batch, node, epochs, seed)
    llms = [decision.names[m] for m in decision.action.backbone.tolist()]
    senders, readers = decision.batch.edge_index.tolist()
    messages = [(names[u], names[v], w) for u, v, w in zip(senders, readers, edges, strict=False)]
    return GateExplanation(
        names[node], llms[node], float(torch.sigmoid(gate[node])),
        tuple(f"{r}: {llm}" for r, llm in zip(names, llms, strict=True)), weight,
        tuple(sorted(messages, key=lambda m: -m[2])), _words(policy, mas, query, decision, node),
    )  # fmt: skip


def _gate(policy: AgentBalance, batch: Batch) -> Tensor:
    return policy.choice_logits(batch.x, batch.edge_index, batch)["gate"]  # [N]


def _node(names: list[str], decision: int, gate: Tensor, role: str | None) -> int:
    able = [n for i, n in enumerate(names) if i != decision]
    if role is not None and role not in able:
        raise ConfigError("--role", role, ", ".join(able))
    return names.index(role or max(able, key=lambda n: float(gate[names.index(n)])))


def _masks(
    policy: AgentBalance, batch: Batch, node: int, epochs: int, seed: int
) -> tuple[Array, list[float]]:
    """Mean mask by agent and part `[N, 5]`, and of every message `[E]` (none: none are read)."""
    model = Explainable(policy, batch, "gate")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        explainer = Explainer(model, GNNExplainer(epochs=epochs), **model.settings)
        found = explainer(batch.x, batch.edge_index, index=node)
    weight: Array = found.node_mask.view(len(batch.x), len(PARTS), -1).mean(-1).numpy()
    edges = found.get("edge_mask")
    return weight, [] if edges is None else edges.tolist()


def _words(
    policy: AgentBalance, mas: BaseMAS, query: Query, decision: Decision, node: int
) -> tuple[tuple[str, str, float], ...]:
    """The gate again on a graph for each word, in which only this agent's profile lacks it."""
    llm = mas.catalogue.backbones[
        mas.catalogue.index(decision.names[decision.action.backbone[node]])
    ]
    profiles = llm.profiles(mas.domain)
    left = [
        (found[0].strip(".,;:"), part, text[: found.start()] + text[found.end() :])
        for part, text in enumerate(profiles)
        for found in _WORD.finditer(text)
    ]
    width = policy.in_channels
    whole = mas.encode(list(profiles))  # [3, H]
    without = mas.encode([text for _, _, text in left])  # [W, H]
    with torch.no_grad():
        batch = policy(mas.batch([query], samples=len(left) + 1), sample=False).batch
        x = batch.x.clone()
        agents = len(mas.template.roles)
        for k, (_, part, _) in enumerate(left):
            block = slice((2 + part) * width, (3 + part) * width)
            row = (k + 1) * agents + node  # graph 0 stays as it is
            scale = x[row, block].norm() / whole[part].norm()
            x[row, block] += scale * (without[k] - whole[part])
        batch.x = x
        gate = _gate(policy, batch).view(-1, agents)[:, node]  # [W + 1]
    losses = (gate[0] - gate[1:]).tolist()
    made = [(word, PARTS[2 + p], loss) for (word, p, _), loss in zip(left, losses, strict=True)]
    return tuple(sorted(made, key=lambda entry: -abs(entry[2])))
