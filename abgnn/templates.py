"""Template graphs G*: roles and the admissible edges among them (paper section 2)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """An instruction prompt with an optional tool (the paper's plugin).

    Args:
        name: unique in its template, for example `Critic`.
        prompt: the system message; must not be empty.
        tool: name of a tool, or None.
    """

    name: str
    prompt: str
    tool: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """Roles and admissible edges; edges hold indices into `roles`.

    Args:
        name: for example `complete`.
        roles: in the documented order, solvers before critics, the decision agent last.
        edges: admissible messages (u, v) of one round among the role agents; must form a DAG.
        temporal_edges: admissible messages from one round to the next; may form cycles.
        rounds: how often the graph is executed.
        decision: index of the decision agent, whose output is the answer. It is connected when
            a plan is made (it reads all kept agents), so no admissible edge touches it.
    """

    name: str
    roles: tuple[Role, ...]
    edges: tuple[tuple[int, int], ...]
    temporal_edges: tuple[tuple[int, int], ...] = ()
    rounds: int = 1
    decision: int = -1
