"""G-Designer (arXiv 2410.11782) per question, in its released shape; re-implemented by us."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from peers_shape import Pair, Question, Rendered, as_matrix, walk
from torch import Tensor

from abgnn.models import GDesigner
from abgnn.models.g_designer import role_of_agent, temporal_edges
from abgnn.models.team import Team
from abgnn.nn.graph_auto_encoder import GraphAutoEncoder


def g_designer(policy: GDesigner, asked: Question, value: set[Pair] | None = None) -> Rendered:
    """Two graph convolutions over one question's role graph, then its pairs one by one."""
    n, template = policy.n_agents, asked.template
    cast = role_of_agent(template, n)
    admitted = set(template.edges)
    pairs = [(u, v) for u in range(n) for v in range(n) if (cast[u], cast[v]) in admitted]
    graph = torch.tensor(pairs, dtype=torch.long).t()
    features = torch.stack([torch.cat([asked.roles[i], asked.embed]) for i in cast])  # [N, 2H]
    logits = _logits(policy.designer, features, graph)
    able = [[u != v for v in range(n)] for u in range(n)]
    edges, log_prob = walk(logits, able, value)
    spatial = as_matrix(edges, n)
    team = Team(template, n, policy.backbone, policy.cast)
    return Rendered(team.plan(asked.query, [(spatial, temporal_edges(spatial), ())]), log_prob)


def _logits(designer: GraphAutoEncoder, x: Tensor, graph: Tensor) -> Tensor:
    """Of all pairs `[N, N]`, from −1 to 1."""
    h = F.relu(designer.conv1(x, graph))  # [N, 16]
    h = F.dropout(h, designer.dropout, training=designer.training)
    z = designer.decoder(F.log_softmax(designer.conv2(h, graph), -1))  # [N, 16]
    score = z @ z.t()  # [N, N]
    return 2 * (score - score.min()) / (score.max() - score.min()) - 1
