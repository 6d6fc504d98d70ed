"""`Readers`: agents that read the answers so far, and whose own answer then stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from abgnn.data.arrays import Array, Index
from abgnn.errors import ConfigError
from abgnn.planning.team_forecasts import OPTIMISM


@dataclass(frozen=True, eq=False)
class Readers:
    r"""R of them on one question, for up to C answers.

    .. math:: P(right) = E_k \, \sigma(\mathrm{logit}\, a_{rk} + f g_{rn} + (1 - f) b_{rn}) - .02

    with n answers read, the share f of them right, and a_r as of an agent that reads nothing.

    Args:
        names: R names.
        accuracy: of each alone, `[R]`.
        good, bad: what n right, or n wrong, answers add to its logit, `[R, C + 1]`.
        usd, seconds: of its call when it reads n answers, `[R, C + 1]`.
        hardness: how fast their logarithms fall with a question's ease, `[2, R]`; None: not at all.

    Raises:
        ConfigError: shapes that differ, a number that is none.
    """

    names: tuple[str, ...]
    accuracy: Array
    good: Array
    bad: Array
    usd: Array
    seconds: Array
    hardness: Array | None = None

    def __post_init__(self) -> None:
        r = len(self.names)
        for field in ("accuracy", "good", "bad", "usd", "seconds"):
            values = getattr(self, field)
            wanted = (r,) if field == "accuracy" else (r, self.good.shape[1])
            if values.shape != wanted or not np.isfinite(values).all():
                raise ConfigError(f"Readers.{field}", values.shape, f"{wanted} finite numbers")

    def __len__(self) -> int:
        return len(self.names)

    def price(self, lambda_tok: float, lambda_lat: float) -> Array:
        """Of a call, in accuracy, `[R, C + 1]`."""
        price: Array = lambda_tok * self.usd + lambda_lat * self.seconds
        return price

    def right(self, nodes: Array, answers: Index, right: Index) -> Array:
        """P(right | node) where so many answers are read, and so many of them are right.

        Args:
            nodes: P(right | node) of each reader alone, `[R, N]`.
            answers, right: of P pairs, `[P]` each.

        Returns:
            `[R, P, N]`.
        """
        share = right / np.maximum(answers, 1)  # [P]
        good, bad = self.good[:, answers], self.bad[:, answers]  # [R, P]
        shift = share * good + (1 - share) * bad
        alone = logit(np.clip(nodes, 1e-6, 1 - 1e-6))
        p: Array = np.maximum(expit(alone[:, None] + shift[:, :, None]) - OPTIMISM, 0.0)
        return p


@dataclass(frozen=True, eq=False)
class Reading:
    """What reading does to each agent, and which agents may read on questions of each task.

    Args:
        names: A names.
        good, bad: what n right, or n wrong, answers add to an agent's logit, `[A, C + 1]`.
        usd_factor, seconds_factor: by how much its own tokens and seconds grow, `[A, C + 1]`.
        usd_read: USD of reading n answers, `[A, C + 1]`.
        chosen: readers of each task, indices of agents; "" has those of an unknown task.
    """

    names: tuple[str, ...]
    good: Array
    bad: Array
    usd_factor: Array
    seconds_factor: Array
    usd_read: Array
    chosen: Mapping[str, tuple[int, ...]]

    def __call__(
        self,
        task: str,
        accuracy: Array,
        usd: Array,
        seconds: Array,
        hardness: Array | None = None,
    ) -> Readers | None:
        """On one question, from what all agents are believed to do alone, `[A]` each; `hardness`:
        of all, `[2, A]`."""
        at = np.array(self.chosen.get(task, self.chosen[""]), dtype=np.int64)
        if not len(at):
            return None
        return Readers(
            tuple(self.names[a] for a in at),
            accuracy[at],
            self.good[at],
            self.bad[at],
            usd[at, None] * self.usd_factor[at] + self.usd_read[at],
            seconds[at, None] * self.seconds_factor[at],
            None if hardness is None else hardness[:, at],
        )
