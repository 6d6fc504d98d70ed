"""`TaughtPolicy`: a policy that goes by what a calibration has taught it, at λ's that are set."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from abgnn.errors import ConfigError
from abgnn.models.operating_point import OperatingPoint
from abgnn.models.plain_state import from_plain, to_plain
from abgnn.models.policy import Policy
from abgnn.nn.backbone_table import BackboneTable
from abgnn.planning.price_grid import price_grid

Knowledge = TypeVar("Knowledge")


class TaughtPolicy(Policy, Generic[Knowledge]):
    """The λ's are outside its net, so that one net serves all budgets; knowledge and λ's are kept
    in checkpoints. Subclasses decide what they know, and by it.

    Args:
        in_channels: width H of the text encoder.
        temperature: of sampling, in units of the score.

    Raises:
        ConfigError: a temperature of 0 or below.
    """

    lambda_tok: Tensor
    lambda_lat: Tensor

    def __init__(self, in_channels: int, temperature: float) -> None:
        super().__init__()
        if not temperature > 0:
            raise ConfigError("policy.temperature", temperature, "a number above 0")
        self.in_channels, self.temperature = in_channels, temperature
        for name in ("lambda_tok", "lambda_lat"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))
        self.knowledge: Knowledge | None = None

    @property
    def teachable(self) -> bool:
        return True

    @property
    def taught(self) -> Knowledge:
        """What it was taught.

        Raises:
            ConfigError: nothing yet.
        """
        if self.knowledge is None:
            name = type(self).__name__
            allowed = f"{name} that was taught: model.calibration names a file of `abgnn calibrate`"
            raise ConfigError("policy", f"{name} without a calibration", allowed)
        return self.knowledge

    def know(self, knowledge: Knowledge) -> None:
        """Go by this from now on."""
        self.knowledge = knowledge
        if self._table is not None:
            self.attach(self._table)

    def attach(self, table: BackboneTable) -> None:
        table.check_width(self.in_channels)
        super().attach(table)

    def set_tradeoff(self, lambda_tok: float, lambda_lat: float) -> None:
        self.lambda_tok.fill_(lambda_tok)
        self.lambda_lat.fill_(lambda_lat)

    @property
    def has_operating_points(self) -> bool:
        return self.knowledge is not None

    @property
    def operating_points(self) -> tuple[OperatingPoint, ...]:
        free = self.point_at(0.0, 0.0)
        if free is None:
            return ()
        points = (self.point_at(*prices) for prices in price_grid(free.usd, free.seconds))
        return tuple(point for point in points if point is not None)

    def point_at(self, lambda_tok: float, lambda_lat: float) -> OperatingPoint | None:
        """What is expected at these λ's; None: it does not foretell."""
        return None

    @property
    def operating_point(self) -> tuple[float, float]:
        return float(self.lambda_tok), float(self.lambda_lat)

    def get_extra_state(self) -> Any:
        return to_plain(self.knowledge)

    def set_extra_state(self, state: Any) -> None:
        if state is not None:
            self.know(from_plain(state))
