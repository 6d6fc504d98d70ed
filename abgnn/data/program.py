"""`Program`: an execution that decides which agent to call next, and what to show it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from importlib import import_module
from typing import Any, Protocol

from abgnn.data.loop_step import LoopStep
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
        vital: bool = True,
        final: bool = False,
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
            vital: False: a call that fails is paid and ends nothing. Later calls that are not
                vital start after it, for the program has waited for it.
            final: whether the program returns this answer as it is, whatever it says: then it may
                be passed on while it is written. If it fails after that, so does the rollout.

        Returns:
            None if the query's budget or deadline does not admit the call; nothing was spent, and
            the program goes on with what it has. Any other failure ends the rollout, or is None
            where the call is not vital.
        """
        ...

    async def examples(self, answer: AgentAnswer) -> bool | None:
        """Whether an answer's program passes all public examples of the question; None: there are
        no examples, or there is no program."""
        ...

    def note(self, step: LoopStep) -> None:
        """Report a decision: it becomes part of the outcome and of streams."""
        ...

    def key(self, text: str) -> str:
        """What an answer comes down to (a letter, a number, …): equal keys are equal votes."""
        ...


class Program(ABC):
    """Subclass as a frozen dataclass of plain values: JSON holds it by its class path."""

    @abstractmethod
    async def run(self, stage: Stage) -> AgentAnswer | str | None:
        """Carry out; the answer, or None if no call was possible (outcome of kind `budget`).

        If it returns a text in place of an answer, the rollout ends with the latest answer of all.
        """

    def to_mermaid(self, names: Sequence[str]) -> str | None:
        """What may be done, as a Mermaid flow chart; None: the plan's edges show it.

        Args:
            names: of the plan's agents, by index.
        """
        return None


_OLD_NAMES = {  # what plans of 0.1 have in place of a class path
    "bamas_linear": "abgnn.models.programs.LinearProgram",
    "bamas_star": "abgnn.models.programs.StarProgram",
    "bamas_feedback": "abgnn.models.programs.FeedbackProgram",
    "bamas_planner": "abgnn.models.programs.PlannerProgram",
    "self_consistency": "abgnn.models.programs.SelfConsistencyProgram",
}


def program_to_dict(program: Program) -> dict[str, Any]:
    """JSON-able; `program_from_dict` restores it."""
    assert is_dataclass(program), "programs are dataclasses of plain values"
    return {"class_path": _class_path(type(program)), "init_args": asdict(program)}


def program_from_dict(data: Mapping[str, Any]) -> Program:
    """The program that `program_to_dict` wrote.

    Raises:
        ConfigError: no class of that path, or one that is no program, or has other arguments.
    """
    if "name" in data:
        values = {key: value for key, value in data.items() if key != "name"}
        path = _OLD_NAMES.get(str(data["name"]), str(data["name"]))
    else:
        path, values = str(data.get("class_path")), dict(data.get("init_args", {}))
    module, _, name = path.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError("Plan.program", path, f"the path of a program class ({error})") from error
    if not (isinstance(kind, type) and issubclass(kind, Program)):
        raise ConfigError("Plan.program", path, "a subclass of `abgnn.data.Program`")
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        return kind(**plain)
    except TypeError as error:
        raise ConfigError("Plan.program", plain, f"arguments of {path} ({error})") from error


def _class_path(kind: type[Program]) -> str:
    """By the package where it lends the class: a path that outlives the moves of files."""
    package = kind.__module__.rpartition(".")[0]
    lent = package and getattr(import_module(package), kind.__name__, None) is kind
    return f"{package if lent else kind.__module__}.{kind.__qualname__}"
