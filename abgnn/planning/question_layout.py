"""`QuestionLayout`: the parameters of the outcome model that reads questions, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array


@dataclass(frozen=True, slots=True)
class Block:
    """Parameters of one sort.

    Args:
        shape: of the block.
        sd: prior standard deviation to start from.
        mean: prior mean of all of them.
        learned: whether the calls decide the standard deviation (MacKay).
    """

    shape: tuple[int, ...]
    sd: float
    mean: float = 0.0
    learned: bool = False

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class QuestionLayout:
    """M backbones, S slots (the last one decides, `lead` answers alone), G kinds, F features."""

    backbones: int
    slots: int
    kinds: int
    features: int
    lead: int = 0

    @property
    def blocks(self) -> Mapping[str, Block]:
        """In the order in which θ holds them."""
        m, s, g, f = self.backbones, self.slots, self.kinds, self.features
        return {
            "intercept": Block((1,), 0.3),
            "thinking": Block((1,), 0.2),
            "ability": Block((m,), 0.2, learned=True),
            "role": Block((s,), 0.35, learned=True),
            "role_thinking": Block((s,), 0.2, learned=True),
            "difficulty": Block((1,), 0.6, mean=-0.6),
            "kind": Block((g,), 0.5),
            "kind_backbone": Block((g, m), 0.25, learned=True),
            "kind_role": Block((g, s), 0.3, learned=True),
            "kind_affinity": Block((1,), 4.0, mean=8.0),
            "affinity": Block((1,), 2.0, mean=2.0),
            "messages": Block((2, 4), 0.4),
            "crowd": Block((2, 2), 0.4),
            "reader": Block((m,), 0.3, learned=True),
            "question": Block((f,), 0.7, learned=True),
            "question_backbone": Block((f, m), 0.4, learned=True),
            "question_thinking": Block((f,), 0.25, learned=True),
            "question_role": Block((f, s), 0.3, learned=True),
        }

    @property
    def size(self) -> int:
        return sum(block.size for block in self.blocks.values())

    def slices(self) -> dict[str, slice]:
        """Where each block is in θ."""
        out, start = {}, 0
        for name, block in self.blocks.items():
            out[name] = slice(start, start + block.size)
            start += block.size
        return out

    def parts(self, theta: Array) -> dict[str, Array]:
        """θ `[..., size]` as blocks, `[..., *shape]` each."""
        lead = theta.shape[:-1]
        return {
            name: theta[..., at].reshape(*lead, *self.blocks[name].shape)
            for name, at in self.slices().items()
        }

    def prior(self) -> tuple[Array, Array]:
        """Means and standard deviations to start from, `[size]` each; abilities have mean 0."""
        mean = np.concatenate([np.full(b.size, b.mean) for b in self.blocks.values()])
        sd = np.concatenate([np.full(b.size, b.sd) for b in self.blocks.values()])
        at = self.slices()
        mean[at["messages"]] = [0.8, 0.0, -0.8, 0.0] * 2
        sd[at["messages"]] = [0.4, 0.25, 0.4, 0.25] * 2
        mean[at["crowd"]] = [0.4, -0.4] * 2
        mean[at["role"].start + self.lead] = 0.15  # the template says who would answer alone
        return mean, sd

    def learned(self) -> Iterator[tuple[slice, float]]:
        """Blocks whose standard deviation the calls decide, with the one to start from."""
        for name, at in self.slices().items():
            block = self.blocks[name]
            if block.learned and block.size:
                yield at, block.sd
