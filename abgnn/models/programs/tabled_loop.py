"""`TabledLoopProgram`: a closed loop whose decisions were made beforehand, state by state."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from abgnn.errors import ConfigError
from abgnn.models.programs.closed_loop import ClosedLoopProgram
from abgnn.planning.closed_loop.answer_tree import State, canonical
from abgnn.planning.closed_loop.lookahead import Step
from abgnn.planning.closed_loop.problem import Asked, LoopProblem


class LoopCell(NamedTuple):
    """A decision.

    Args:
        state: who has answered, and who the same (`state_name`).
        answer: the agent whose answer stands if the loop stops here; −1: nobody has answered.
        probability: that it is right.
        stop: value of stopping.
        ask: value of asking each agent next; None: it cannot be asked.
        asks: agents asked next; empty: stop.
    """

    state: str
    answer: int
    probability: float
    stop: float
    ask: tuple[float | None, ...]
    asks: tuple[int, ...]


@dataclass(frozen=True)
class TabledLoopProgram(ClosedLoopProgram):
    """The closed loop of `ClosedLoopProgram`, where a table does not decide otherwise.

    The table has the states that its own decisions lead to. After a call that has failed, and in
    states that it lacks, the closed form decides.

    Args:
        table: `LoopCell`s.
    """

    table: tuple[LoopCell, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            cells = tuple(
                LoopCell(state, answer, probability, stop, tuple(ask), tuple(asks))
                for state, answer, probability, stop, ask, asks in self.table
            )
        except (TypeError, ValueError) as error:
            allowed = "rows of state, answer, probability, stop, ask, asks"
            raise ConfigError("TabledLoopProgram.table", self.table, allowed) from error
        agents = range(len(self.accuracy))
        for cell in cells:
            if not {*cell.asks, max(cell.answer, 0)} <= set(agents) or len(cell.ask) != len(agents):
                allowed = f"agents from 0 to {len(agents) - 1}, and a value of asking each"
                raise ConfigError("TabledLoopProgram.table", cell, allowed)
        object.__setattr__(self, "table", cells)

    @classmethod
    def tabled(cls, problem: LoopProblem, table: Sequence[LoopCell]) -> TabledLoopProgram:
        """The program of a planned question."""
        plain = ClosedLoopProgram.of(problem)
        parts = {each.name: getattr(plain, each.name) for each in fields(plain)}
        return cls(**parts, table=tuple(table))

    def _but(self, **changes: Any) -> ClosedLoopProgram:
        """Without the table, which is of this program's states."""
        return replace(ClosedLoopProgram.of(self.problem, self.scales), **changes)

    @cached_property
    def _cells(self) -> dict[str, LoopCell]:
        return {cell.state: cell for cell in self.table}

    def decide(
        self, asked: Sequence[Asked], failed: Collection[int], readers_failed: Collection[int] = ()
    ) -> Step:
        step = super().decide(asked, failed, readers_failed)
        cell = None if failed else self._cells.get(state_name(self.problem.state(asked)))
        if cell is None:
            return step
        return replace(
            step,
            ask=cell.asks,
            answer=None if cell.answer < 0 else cell.answer,
            probability=cell.probability,
            value_stop=cell.stop,
            value_ask=np.array([-np.inf if v is None else v for v in cell.ask]),
        )

    def _leads_to(self, cell: LoopCell, other: LoopCell) -> bool:
        """Whether the other state is this one with the answers of those who are asked here."""
        count, parts = len(self.accuracy), [p.split(":") for p in other.state.split()]
        answers = [(int(column), int(group)) for column, group in parts]
        rest: list[tuple[int, object]] = [
            (c, g if g >= 0 else None) for c, g in answers if c % count not in cell.asks
        ]
        grown = len(answers) - len(rest) == len(cell.asks)
        return grown and state_name(canonical(rest)) == cell.state

    def to_mermaid(self, names: Sequence[str]) -> str | None:
        """The decisions of the table; an arrow is an answer, new or as somebody's before."""
        label = {cell.state: f"s{i}" for i, cell in enumerate(self.table)}
        lines = ["flowchart TD"]
        for cell in self.table:
            asks = " and ".join(names[m] for m in cell.asks)
            stands = f"{names[cell.answer]}'s answer" if cell.answer >= 0 else "no answer"
            words = f"ask {asks}" if asks else f"stop: {stands}, {100 * cell.probability:.0f} %"
            lines.append(f'  {label[cell.state]}["{words}"]')
            after = [c for c in self.table if cell.asks and self._leads_to(cell, c)]
            lines += [f"  {label[cell.state]} --> {label[c.state]}" for c in after]
        return "\n".join(lines)


def state_name(state: State) -> str:
    """`column:group` of every answer, −1 without a key, in order."""
    return " ".join(f"{column}:{group}" for column, group in state)
