"""From agents and a question to edge logits: G-Designer's auto-encoder, released and described."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import VGAE, GCNConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from abgnn.errors import ConfigError


class EdgeLogits(NamedTuple):
    """Logits `[B, N, N]` of messages (u, v), and what is added to the loss, if anything."""

    logits: Tensor
    loss: Tensor | None


class Messages(NamedTuple):
    """What `GCNConv` sends along a graph, for both its layers: sender, reader, weight `[E', 1]`."""

    sender: Tensor
    reader: Tensor
    weight: Tensor

    @classmethod
    def of(cls, edge_index: Tensor, n: int, dtype: torch.dtype) -> Messages:
        """The messages along edges `[2, E]` and of every agent to itself."""
        (sender, reader), weight = gcn_norm(edge_index, None, n, dtype=dtype)
        return cls(sender, reader, weight.unsqueeze(1))

    def sum(self, x: Tensor) -> Tensor:
        """What every agent reads, `[B, N, C]` of `[B, N, C]`."""
        sent = self.weight * x.index_select(1, self.sender)  # [B, E', C]
        return torch.zeros_like(x).index_add_(1, self.reader, sent)


class GraphAutoEncoder(nn.Module):
    r"""G-Designer as released (arXiv 2410.11782, its public code): two GCN layers, a frozen MLP.

    .. math::
        H &= \log\mathrm{softmax}(\mathrm{GCN}_2(\mathrm{drop}(\mathrm{relu}(\mathrm{GCN}_1(
             [e_i; q]))))), \quad Z = \mathrm{MLP}(H) \\
        \ell &= 2 \cdot \mathrm{minmax}(Z Z^\top) - 1

    so that σ(ℓ) lies in [0.269, 0.731] and is symmetric; no edge is ever sure, or sure to be
    missing. There is nothing variational in it, no anchor and no sparsity. The MLP keeps its
    random start in the release. Where all of Z Zᵀ is equal up to rounding, as for a lone agent,
    the release divides by zero; here all logits are 0 then.

    Args:
        in_channels: width H of the text encoder.
        hidden: width of GCN and MLP (16 as released).
        dropout: between the GCN layers, in training when plans are drawn (0.5 as released).
        train_decoder: whether the MLP is learned.

    Shapes: roles `[N, H]` or `[B, N, H]`, question `[B, H]`, role graph `[2, E]` → `EdgeLogits`.
    """

    def __init__(
        self,
        in_channels: int,
        hidden: int = 16,
        dropout: float = 0.5,
        train_decoder: bool = False,
    ) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise ConfigError("GraphAutoEncoder.dropout", dropout, "a probability in [0, 1)")
        self.dropout = dropout
        self.conv1 = GCNConv(2 * in_channels, hidden)
        self.conv2 = GCNConv(hidden, in_channels)
        self.decoder = nn.Sequential(
            nn.Linear(in_channels, hidden), nn.ReLU(), nn.Linear(hidden, hidden)
        ).requires_grad_(train_decoder)

    def forward(
        self, roles: Tensor, query: Tensor, edge_index: Tensor, *, sample: bool
    ) -> EdgeLogits:
        n, width = roles.shape[-2:]
        messages = Messages.of(edge_index, n, roles.dtype)
        queries = query.unsqueeze(1).expand(-1, n, -1)  # [B, N, H]
        x = torch.cat([roles.expand(len(query), n, width), queries], -1)  # [B, N, 2H]
        h = F.relu(messages.sum(self.conv1.lin(x)) + self.conv1.bias)  # [B, N, 16]
        h = F.dropout(h, self.dropout, training=self.training and sample)
        h = messages.sum(self.conv2.lin(h)) + self.conv2.bias  # [B, N, H]
        h = F.log_softmax(h, -1)
        z = self.decoder(h)  # [B, N, 16]
        scores = z @ z.transpose(1, 2)  # [B, N, N]
        return EdgeLogits(spread((scores + scores.transpose(1, 2)) / 2), None)  # without rounding


class VariationalGraphAutoEncoder(nn.Module):
    r"""G-Designer as its paper describes it (arXiv 2410.11782, section 4).

    Agents and a task node that is joined to each of them, over an anchor topology A:

    .. math::
        q(h_i | X, A) &= N(\mu_i, \sigma_i^2), \quad \mu, \ln\sigma = \mathrm{GCN}(X, A) \\
        \ell_{uv} &= \mathrm{FFN}([h_u; h_v; h_{task}]) / \tau, \quad S = \sigma(\ell)

    with what is added to the loss

    .. math::
        \tfrac{w_a}{2 N^2} \|S - A\|_F^2 + \tfrac{\zeta}{N} \|S\|_* + w_{kl}\, KL(q \| N(0, I))

    The paper approximates S by a low-rank Z W Zᵀ and takes anchor and nuclear norm there; here both
    act on S itself, diagonal 0. Its weights are not published: those below are ours. Messages of
    the GCN go both ways along the anchor.

    Args:
        in_channels: width H of the text encoder.
        hidden: width of the first GCN layer.
        channels: width of the latents h.
        temperature: τ of the edges.
        symmetric: use the mean of both directions' logits.
        anchor_weight, sparsity, kl_weight: w_a, ζ, w_kl.

    Shapes: roles `[N, H]` or `[B, N, H]`, question `[B, H]`, anchor edges `[2, E]` → `EdgeLogits`.
    """

    def __init__(
        self,
        in_channels: int,
        hidden: int = 64,
        channels: int = 16,
        temperature: float = 1.0,
        symmetric: bool = False,
        anchor_weight: float = 1.0,
        sparsity: float = 0.1,
        kl_weight: float = 1e-3,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise ConfigError(
                "VariationalGraphAutoEncoder.temperature", temperature, "a number > 0"
            )
        self.temperature, self.symmetric = temperature, symmetric
        self.anchor_weight, self.sparsity, self.kl_weight = anchor_weight, sparsity, kl_weight
        self.vgae = VGAE(_Posterior(in_channels, hidden, channels))
        self.decoder = nn.Sequential(
            nn.Linear(3 * channels, channels), nn.ReLU(), nn.Linear(channels, 1)
        )

    def forward(
        self, roles: Tensor, query: Tensor, edge_index: Tensor, *, sample: bool
    ) -> EdgeLogits:
        n, width = roles.shape[-2:]
        size = len(query)
        x = torch.cat([roles.expand(size, n, width), query.unsqueeze(1)], 1)  # [B, N+1, H]
        graphs = _copies(with_task(edge_index, n), size, n + 1)
        mean, log_std = self.vgae.encoder(x.flatten(0, 1), graphs)  # [B(N+1), D] each
        log_std = log_std.clamp(max=10)  # as PyG's own `encode`
        h = self.vgae.reparametrize(mean, log_std) if sample else mean
        h = h.view(size, n + 1, -1)
        pairs = [h[:, :n, None], h[:, None, :n], h[:, None, n:]]  # sender, receiver, task
        features = torch.cat([p.expand(-1, n, n, -1) for p in pairs], -1)  # [B, N, N, 3D]
        logits = self.decoder(features).squeeze(-1) / self.temperature  # [B, N, N]
        if self.symmetric:
            logits = (logits + logits.transpose(1, 2)) / 2
        kl = self.vgae.kl_loss(mean, log_std)
        return EdgeLogits(logits, self._shape_loss(logits, edge_index) + self.kl_weight * kl)

    def _shape_loss(self, logits: Tensor, edge_index: Tensor) -> Tensor:
        """Distance from the anchor, and rank."""
        n = logits.size(-1)
        s = torch.sigmoid(logits) * (1 - torch.eye(n, device=logits.device))  # [B, N, N]
        anchor = torch.zeros(n, n, device=logits.device)
        anchor[edge_index[0], edge_index[1]] = 1.0
        away = (s - anchor).square().mean() / 2
        rank: Tensor = torch.linalg.matrix_norm(s, ord="nuc").mean() / n
        return self.anchor_weight * away + self.sparsity * rank


class _Posterior(nn.Module):
    """μ and ln σ of every node by two GCN layers, the first shared: `[n, H]` → `[n, D]` twice."""

    def __init__(self, in_channels: int, hidden: int, channels: int) -> None:
        super().__init__()
        self.conv = GCNConv(in_channels, hidden)
        self.conv_mean = GCNConv(hidden, channels)
        self.conv_log_std = GCNConv(hidden, channels)

    def reset_parameters(self) -> None:
        for conv in (self.conv, self.conv_mean, self.conv_log_std):
            conv.reset_parameters()

    def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        h = F.relu(self.conv(x, edge_index))
        return self.conv_mean(h, edge_index), self.conv_log_std(h, edge_index)


def spread(scores: Tensor) -> Tensor:
    """Each `[N, N]` of `[B, N, N]` from its least and greatest value to [−1, 1]; equal ones to 0.

    Values that differ by rounding only count as equal: they would be blown up to certainties.
    """
    low, high = scores.amin((1, 2), keepdim=True), scores.amax((1, 2), keepdim=True)
    width = high - low
    equal = width <= 1e-5 * torch.maximum(low.abs(), high.abs())
    scaled = 2 * (scores - low) / width.masked_fill(equal, 1.0) - 1
    return scaled.masked_fill(equal, 0.0)


def with_task(edge_index: Tensor, n: int) -> Tensor:
    """Edges `[2, E]` among n agents in both directions, and node n joined to each of them."""
    agent = torch.arange(n, device=edge_index.device)
    joined = torch.stack([agent, torch.full_like(agent, n)])  # [2, N]
    one_way = torch.cat([edge_index, joined], 1)
    return torch.cat([one_way, one_way.flip(0)], 1)  # [2, 2(E+N)]


def _copies(edge_index: Tensor, size: int, n: int) -> Tensor:
    """The same graph of n nodes `size` times, disjoint."""
    first = torch.arange(size, device=edge_index.device).repeat_interleave(edge_index.size(1)) * n
    return edge_index.repeat(1, size) + first
