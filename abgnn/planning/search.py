"""Search for the design of the highest utility inside the outcome model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from abgnn.data.arrays import Array
from abgnn.planning.design import Design, PlanSpace
from abgnn.planning.outcome_model import OutcomeModel
from abgnn.planning.simulation import Forecast, VirtualQueries

_SCREEN, _CLIMB, _JUDGE = 384, 1024, 2048  # virtual queries
_LEAST_GAIN, _STEPS, _STARTS = 5e-4, 8, 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A design with its forecast on virtual queries that did not choose it."""

    design: Design
    forecast: Forecast


class Searcher:
    """A library of designs, screened once, and hill climbing from its best for any utility.

    Args:
        model: the outcome model.
        space: designs that are allowed.
        seed: of the virtual queries.
        group: kind of the questions; None: all.
    """

    def __init__(
        self, model: OutcomeModel, space: PlanSpace, seed: int = 0, group: int | None = None
    ) -> None:
        self.model, self.space = model, space
        self._climb = VirtualQueries(model, _CLIMB, seed + 1, group)
        self._judge = VirtualQueries(model, _JUDGE, seed + 2, group)
        screen = VirtualQueries(model, _SCREEN, seed, group)
        self.library = [Candidate(design, screen.forecast(design)) for design in space.library()]
        self._climbed: dict[Design, Forecast] = {}
        self._judged: dict[Design, Forecast] = {}

    def best(self, lambda_tok: float, lambda_lat: float) -> Candidate:
        """The best design for the λ's of Eq 9."""
        tops = [
            self._local(start, lambda_tok, lambda_lat)
            for start in self._starts(lambda_tok, lambda_lat)
        ]
        top = max(tops, key=lambda d: self._value(d, lambda_tok, lambda_lat))
        return self.judged(top)

    def judged(self, design: Design) -> Candidate:
        """A design with its forecast on the judging virtual queries."""
        if design not in self._judged:
            self._judged[design] = self._judge.forecast(design)
        return Candidate(design, self._judged[design])

    def climbed(self) -> list[Candidate]:
        """Every design that the climbs so far have looked at."""
        return [Candidate(design, forecast) for design, forecast in self._climbed.items()]

    def slow(self, design: Design, seconds: float) -> float:
        """Share of the same queries that take longer."""
        return float((self.seconds(design) > seconds).mean())

    def seconds(self, design: Design) -> Array:
        """Of each of the judging virtual queries."""
        return self._judge.run(design).seconds

    def _starts(self, lambda_tok: float, lambda_lat: float) -> list[Design]:
        """The best few of the library in every pool."""
        starts: dict[Design, None] = {}
        ranked = sorted(self.library, key=lambda f: -f.forecast.utility(lambda_tok, lambda_lat))
        for pool in self.space.pools:
            inside = (f.design for f in ranked if {m for _, m in f.design.agents} <= set(pool))
            for design, _ in zip(inside, range(_STARTS), strict=False):
                starts[design] = None
        return list(starts)

    def _local(self, design: Design, lambda_tok: float, lambda_lat: float) -> Design:
        value = self._value(design, lambda_tok, lambda_lat)
        for _ in range(_STEPS):
            near = list(dict.fromkeys(self.space.neighbours(design)))
            if not near:
                break
            best = max(near, key=lambda d: self._value(d, lambda_tok, lambda_lat))
            gain = self._value(best, lambda_tok, lambda_lat) - value
            if gain < _LEAST_GAIN:
                break
            design, value = best, value + gain
        return design

    def _value(self, design: Design, lambda_tok: float, lambda_lat: float) -> float:
        if design not in self._climbed:
            self._climbed[design] = self._climb.forecast(design)
        return self._climbed[design].utility(lambda_tok, lambda_lat)


def search(
    model: OutcomeModel,
    space: PlanSpace,
    weightings: Sequence[tuple[float, float]],
    seed: int = 0,
) -> list[Candidate]:
    """The best design for each (λ_tok, λ_lat)."""
    searcher = Searcher(model, space, seed)
    return [searcher.best(*pair) for pair in weightings]
