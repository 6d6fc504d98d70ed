"""A system of somebody else's that was read: what the adapters to other frameworks share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from abgnn.data.catalogue import Catalogue
from abgnn.data.plan import Plan
from abgnn.data.program import AgentAnswer, Stage
from abgnn.data.query import Query
from abgnn.data.template import Edges, Role, Template
from abgnn.frameworks.bridge import Drawn, check_plain
from abgnn.frameworks.staged_calls import StagedCalls


class Team:
    """Roles and edges of a system, and the plan that it stands for.

    Args:
        drawn: what was read.
    """

    def __init__(self, drawn: Drawn) -> None:
        self.drawn = drawn

    def plan(self, query: Query, backbones: str | Sequence[str] | None = None) -> Plan:
        """The system as it stands, see `Drawn.plan`."""
        return self.drawn.plan(query, backbones)

    def __deepcopy__(self, memo: dict[int, object]) -> Team:
        """Itself: nothing in it changes, and what users put into theirs need not be copyable."""
        return self

    def __repr__(self) -> str:
        names = ", ".join(role.name for role in self.drawn.roles)
        return f"{type(self).__name__}({self.drawn.name}: {names})"


class StagedTeam(Team, ABC):
    """A `StagedFramework`: the other system moves the messages, abgnn's gateway makes the calls."""

    @property
    def template(self) -> Template:
        """Roles and admissible edges."""
        return self.drawn.template

    async def play(self, plan: Plan, stage: Stage) -> AgentAnswer | None:
        """Carry a plan out in the other system.

        Raises:
            ConfigError: a plan with rounds, or a program.
        """
        check_plain(plan, budgeted=True)
        calls = StagedCalls(plan, stage)
        await self.carry_out(plan, calls)
        return calls.answer()

    @abstractmethod
    async def carry_out(self, plan: Plan, calls: StagedCalls) -> None:
        """Run a plan in the other system, whose agents ask for their replies by `calls.call`."""


class CallingTeam(Team):
    """A `Framework` but for its `run`: the other system calls the LLMs itself.

    Args:
        drawn: what was read.
        catalogue: the backbones that plans name; or its YAML file.
    """

    def __init__(self, drawn: Drawn, catalogue: Catalogue | str) -> None:
        super().__init__(drawn)
        self.catalogue = Catalogue.from_yaml(catalogue) if isinstance(catalogue, str) else catalogue

    @property
    def roles(self) -> tuple[Role, ...]:
        """One per agent, the one that answers last."""
        return self.drawn.roles

    @property
    def edges(self) -> Edges:
        """Who may read whom, without the last one."""
        return self.drawn.inner
