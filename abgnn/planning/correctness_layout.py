"""`Layout`: where the parameters of the model of correctness are, and their prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abgnn.data.arrays import Array
from abgnn.planning.prior import Prior

_SLOPE = -1.2


_LEAD = 0.15


_GROUP = 0.7  # standard deviation of e_g


@dataclass(frozen=True)
class Layout:
    """Where parameters are: M abilities, S slots, G kinds of questions.

    The last slot decides, `lead` answers alone; one kind of question has no parameters.
    """

    backbones: int
    slots: int
    lead: int = 0
    groups: int = 1

    @property
    def size(self) -> int:
        return self.slope + 9 + (self.groups * (1 + self.backbones) if self.groups > 1 else 0)

    @property
    def ability(self) -> slice:
        return slice(2, 2 + self.backbones)

    @property
    def role(self) -> slice:
        return slice(2 + self.backbones, 2 + self.backbones + 2 * self.slots)

    @property
    def slope(self) -> int:
        return 2 + self.backbones + 2 * self.slots

    @property
    def messages(self) -> slice:
        return slice(self.slope + 1, self.slope + 9)

    @property
    def group(self) -> slice:
        start = self.messages.stop
        return slice(start, start + (self.groups if self.groups > 1 else 0))

    @property
    def kind_effect(self) -> slice:
        """h, backbone by backbone."""
        start = self.group.stop
        return slice(start, start + (self.backbones * self.groups if self.groups > 1 else 0))

    def features(
        self,
        profile: Prior,
        backbone: NDArray[np.int64],
        slot: NDArray[np.int64],
        difficulty: Array,
        n_messages: Array,
        share_right: Array,
        group: NDArray[np.int64] | None = None,
    ) -> Array:
        """X with logit = X θ (+ u), `[n, size]`; all arguments `[n]`."""
        n = len(backbone)
        rows = np.arange(n)
        thinks, able = profile.thinks[backbone].astype(float), profile.capability[backbone]
        x = np.zeros((n, self.size))
        x[:, 0], x[:, 1] = 1.0, thinks
        x[rows, 2 + backbone] = 1.0
        role = self.role.start + slot
        x[rows, role], x[rows, role + self.slots] = 1.0, thinks
        x[:, self.slope] = difficulty
        scale = np.log2(1 + n_messages)
        terms = np.stack(
            [share_right, share_right * able, 1 - share_right, (1 - share_right) * able], 1
        )
        offset = self.messages.start + 4 * (slot == self.slots - 1)
        for k in range(4):
            x[rows, offset + k] = scale * terms[:, k]
        if self.groups > 1 and group is not None:
            x[rows, self.group.start + group] = 1.0
            x[rows, self.kind_effect.start + self.groups * backbone + group] = 1.0
        return x

    def prior(self, tau: float, spread: float, kind_effect: float = 0.5) -> tuple[Array, Array]:
        """Means (abilities 0) and standard deviations, `[size]` each."""
        mean, sd = np.zeros(self.size), np.zeros(self.size)
        sd[0], sd[1] = 0.3, 0.2
        sd[self.ability] = tau * np.sqrt(1 + 0.346 * spread**2)
        sd[self.role] = np.repeat([0.35, 0.2], self.slots)
        mean[self.role.start + self.lead] = _LEAD  # the template says who would answer alone
        mean[self.slope], sd[self.slope] = _SLOPE, 0.5
        mean[self.messages] = [0.8, 0.0, -0.8, 0.0] * 2
        sd[self.messages] = [0.4, 0.25, 0.4, 0.25] * 2
        sd[self.group], sd[self.kind_effect] = _GROUP, kind_effect
        return mean, sd
