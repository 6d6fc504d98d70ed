"""`Program`: an execution that decides which agent to call next, and what to show it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

from abgnn.data.query import Query
from abgnn.errors import ConfigError


@dataclass(frozen=True, slots=True)
class AgentAnswer:
    """The answer of an agent inside a program.

    Args:
        agent: index into the plan's agents.
        role: its name, as readers see it.
        text: the answer.
        end: seconds on the plan's clock: service and tools.
        clock: the deadline's clock: failed attempts and waits between them on top.
    """

    agent: int
    role: str
    text: str
    end: float
    clock: float


class Stage(Protocol):
    """The calls that a program can make. They may be awaited side by side (`asyncio.gather`)."""

    @property
    def query(self) -> Query:
        """The question."""
        ...

    async def call(
        self,
        agent: int,
        reads: Sequence[AgentAnswer] = (),
        *,
        task: str | None = None,
        after: Sequence[AgentAnswer] = (),
        last: bool = False,
        number: int | None = None,
    ) -> AgentAnswer | None:
        """One call.

        Args:
            agent: who; an index into the plan's agents.
            reads: answers put before it, labelled by role.
            task: what it is asked instead of the question itself.
            after: answers that it waited for without reading them.
            last: whether its answer is the plan's: it may use the time kept for the decision.
            number: which of the agent's calls it is, each number once; None: as they come. Needed
                where an agent has calls side by side, so that a replay asks for the same ones.

        Returns:
            None if the query's budget or deadline does not admit the call; nothing was spent, and
            the program goes on with what it has. Any other failure ends the rollout.
        """
        ...

    def key(self, text: str) -> str:
        """What an answer comes down to (a letter, a number, …): equal keys are equal votes."""
        ...


class Program(ABC):
    """Subclass as a frozen dataclass of plain values; `name` is how JSON knows it."""

    name: ClassVar[str]
    known: ClassVar[dict[str, type[Program]]] = {}

    def __init_subclass__(cls) -> None:
        Program.known[cls.name] = cls

    @abstractmethod
    async def run(self, stage: Stage) -> AgentAnswer | str | None:
        """Carry out; the answer, or None if no call was possible (outcome of kind `budget`).

        If it returns a text in place of an answer, the rollout ends with the latest answer of all.
        """


def program_to_dict(program: Program) -> dict[str, Any]:
    """JSON-able; `program_from_dict` restores it."""
    return {"name": program.name, **asdict(program)}  # type: ignore[call-overload]


def program_from_dict(data: Mapping[str, Any]) -> Program:
    """The program that `program_to_dict` wrote; its module must have been imported."""
    values = dict(data)
    name = values.pop("name")
    if name not in Program.known:
        raise ConfigError("Plan.program", name, ", ".join(Program.known))
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return Program.known[name](**plain)
