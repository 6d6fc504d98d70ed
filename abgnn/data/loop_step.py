"""`LoopStep`: what a closed loop decided after the answers that it had, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LoopStep:
    """One decision. Values are in accuracy: P(right) less what calls are worth.

    Args:
        answers: (agent, key) of every answer so far, in the order of their decisions; "" is no key.
        failed: agents whose call failed or came too late, which says nothing about the answer.
        answer: the agent whose answer would stand now; None: nobody has answered.
        probability: that it is right.
        stop: value of stopping.
        ask: value of asking each agent next; None: it cannot be asked.
        asks: agents asked next, side by side; empty: the loop stops.
        reads: whether the one that is asked reads all answers; what it says is the answer then.
    """

    answers: tuple[tuple[int, str], ...]
    failed: tuple[int, ...]
    answer: int | None
    probability: float
    stop: float
    ask: tuple[float | None, ...]
    asks: tuple[int, ...]
    reads: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    def words(self, names: Sequence[str]) -> str:
        """The decision as a sentence or two.

        Args:
            names: of the agents, by index.
        """
        return f"{self._state(names)} {self._choice(names)}".strip()

    def _state(self, names: Sequence[str]) -> str:
        if self.answer is None:
            return "Nobody has answered." if self.failed else ""
        own = dict(self.answers)[self.answer]
        alike = [names[a] for a, key in self.answers if key == own and key and a != self.answer]
        others = [names[a] for a, key in self.answers if key != own]
        text = f"{names[self.answer]} answered {own or 'without a key'}"
        if alike:
            text += f", {_list(alike)} the same"
        if others:
            text += f", {_list(others)} otherwise"
        return f"{text}: {100 * self.probability:.0f} % likely right."

    def _choice(self, names: Sequence[str]) -> str:
        best = max((v for v in self.ask if v is not None), default=None)
        if not self.asks:
            if best is None:
                return "Nobody is left to ask."
            return f"No further answer is worth its price ({100 * (best - self.stop):+.1f} points)."
        who = _list([names[a] for a in self.asks])
        if len(self.asks) > 1:
            return f"Ask {who} at once."
        gain = (self.ask[self.asks[0]] or 0.0) - self.stop
        if self.reads:
            return f"{who} reads them and decides: {100 * gain:+.1f} points, its price subtracted."
        return f"Ask {who}: {100 * gain:+.1f} points, its price subtracted."


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
