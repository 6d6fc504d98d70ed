"""Candidate edges taken one after another, but those that would close a cycle."""

from __future__ import annotations

import torch
from torch import Tensor


def grow(wanted: Tensor, mask: Tensor, walk: Tensor) -> tuple[Tensor, Tensor]:
    """Edges, and the candidates that were open when their turn came, `[B, N, N]` bool each.

    On a CPU graph by graph: N² small operations on tensors would cost milliseconds.

    Args:
        wanted: candidates that are taken if they are open, `[B, N, N]` bool.
        mask: candidates that may be at all, `[B, N, N]` bool.
        walk: all candidates u · N + v in the order of their turns, `[B, N²]`.
    """
    if wanted.device.type == "cpu":
        return one_by_one(wanted, mask, walk)
    return all_at_once(wanted, mask, walk)


def one_by_one(wanted: Tensor, mask: Tensor, walk: Tensor) -> tuple[Tensor, Tensor]:
    """Graph by graph; sets of agents are the bits of an int."""
    pairs = wanted.size(1) * wanted.size(2)
    rows = zip(*(t.flatten(1).tolist() for t in (wanted, mask, walk)), strict=True)
    taken: list[int] = []
    able: list[int] = []
    for b, row in enumerate(rows):
        mine, open_ = _one(wanted.size(1), *row)
        taken += [b * pairs + at for at in mine]
        able += [b * pairs + at for at in open_]
    return _marked(taken, wanted), _marked(able, wanted)


def _one(
    n: int, wanted: list[bool], mask: list[bool], walk: list[int]
) -> tuple[list[int], list[int]]:
    """Candidates of one graph that are taken, and that were open."""
    taken, able = [], []
    reach = [1 << u for u in range(n)]  # whom a message of u can come to, u included
    for at in walk:
        if not mask[at]:
            continue
        u, v = divmod(at, n)
        if reach[v] >> u & 1:
            continue
        able.append(at)
        if wanted[at]:
            taken.append(at)
            sender, new = 1 << u, reach[v]
            reach = [old | new if old & sender else old for old in reach]
    return taken, able


def _marked(places: list[int], like: Tensor) -> Tensor:
    """True at these places of the flattened tensor."""
    marked = torch.zeros(like.numel(), dtype=torch.bool)
    marked[torch.tensor(places, dtype=torch.long)] = True
    return marked.view(like.shape)


def all_at_once(wanted: Tensor, mask: Tensor, walk: Tensor) -> tuple[Tensor, Tensor]:
    """The same, one candidate after another for all graphs together."""
    size, n, _ = wanted.shape
    row = torch.arange(size, device=wanted.device)
    # reach[b, u, v]: v can be reached from u
    reach = torch.eye(n, dtype=torch.bool, device=wanted.device).repeat(size, 1, 1)
    edges, able = torch.zeros_like(wanted), torch.zeros_like(wanted)
    for step in walk.unbind(1):  # N² of them
        u, v = step // n, step % n  # [B]
        open_ = mask[row, u, v] & ~reach[row, v, u]
        taken = open_ & wanted[row, u, v]
        able[row, u, v] = open_
        edges[row, u, v] = taken
        through = reach[row, :, u].unsqueeze(2) & reach[row, v].unsqueeze(1)  # [B, N, N]
        reach = reach | (through & taken.view(-1, 1, 1))
    return edges, able
