"""`Course`: how long and how fast a policy is taught, and at which λ's."""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[float, float]  # λ_tok, λ_lat


@dataclass(frozen=True, slots=True)
class Course:
    """The lessons of `Teacher`.

    Args:
        steps: of AdamW.
        texts: questions per step.
        lr: learning rate, which falls to 0 by a half cosine.
        weight_decay: of AdamW.
        sharpness: of choices that are imitated, in units of the score.
        designs: among which they are beside lone agents, at most, at one operating point.
        seed: of what steps draw.
    """

    steps: int = 400
    texts: int = 20
    lr: float = 3e-3
    weight_decay: float = 0.01
    sharpness: float = 0.01
    designs: int = 4
    seed: int = 0


PLAN_NET = Course()
AGENT_BALANCE = Course(steps=500, texts=96)
POINTS: tuple[Pair, ...] = (
    (160.0, 2e-2), (40.0, 5e-3), (10.0, 1e-3), (2.0, 5e-4), (0.5, 1e-4), (0.0, 0.0),
)  # fmt: skip
