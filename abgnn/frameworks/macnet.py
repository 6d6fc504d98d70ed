"""`MacNet`: an artefact travels along a graph and is rewritten on every edge."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import combinations
from typing import Literal, get_args

from abgnn.data.plan import Edges, Plan
from abgnn.data.program import AgentAnswer, Stage
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.frameworks.template import (
    FrameworkTemplate,
    at_least,
    domain_roles,
    inner_edges,
    speakers,
    together,
    walk,
)

Topology = Literal["chain", "star", "tree", "net", "layered", "random"]

_INSTRUCT = (
    "{question}\n\nA colleague will carry on from your answer below. Look at it with fresh eyes "
    "and tell the colleague the one change that would improve it most; say what to keep."
)
_REWRITE = (
    "{question}\n\nBelow are a colleague's answer and the instruction that comes with it. Rewrite "
    "the answer in full, as the instruction asks and as your own role sees it."
)
_MERGE = (
    "{question}\n\nBelow are several versions of your answer, each from another colleague's draft. "
    "Make one answer of them all: keep what is right in each, and settle where they contradict."
)


class MacNet(FrameworkTemplate):
    """Multi-agent collaboration networks (Qian et al., MacNet, arXiv 2406.07155).

    An agent that nobody precedes drafts. On every edge (u, v), u instructs on its artefact and v
    rewrites it. An agent with several incoming edges then merges all of its drafts, from whatever
    depth they come. The decision agent reads the artefacts that no other agent has carried on.

    Calls: sources + 2 · edges + agents with several incoming edges + 1.

    Args:
        topology: `chain`; `star` (first role to all others); `tree` (binary); `net` (every earlier
            role to every later one); `layered` (⌊log₂ n⌋ layers of equal size, what is left over
            in the first; consecutive layers complete); `random` (n - 1 up to all edges of `net`).
        reverse: flip every edge.
        domain: whose roles: `general`, `math`, `code`, or a role file.
        roles: names of some of them, in this order; None: all.
        n: how many agents; more than there are roles repeat them. None: as many as roles.
        seed: of `random`.

    Raises:
        ConfigError: unknown topology or role, or n below 1.
    """

    def __init__(
        self,
        topology: Topology = "layered",
        reverse: bool = False,
        domain: str = "general",
        roles: list[str] | None = None,
        n: int | None = None,
        seed: int = 0,
    ) -> None:
        if topology not in get_args(Topology):
            raise ConfigError("framework.topology", topology, ", ".join(get_args(Topology)))
        chosen = domain_roles(domain, roles, n)
        edges = macnet_edges(topology, len(chosen) - 1, seed)
        if reverse:
            edges = tuple((v, u) for u, v in edges)
        name = f"macnet-{topology}{'-reverse' if reverse else ''}"
        super().__init__(Template(name, chosen, edges), domain)

    def calls(self, plan: Plan) -> int:
        edges, agents = inner_edges(plan), speakers(plan)
        incoming = [sum(v == agent for _, v in edges) for agent in agents]
        return incoming.count(0) + 2 * len(edges) + sum(k > 1 for k in incoming) + 1

    async def act(self, plan: Plan, stage: Stage) -> AgentAnswer | None:
        edges = inner_edges(plan)
        carried_on = {u for u, _ in edges}
        final = tuple((u, plan.decision) for u in speakers(plan) if u not in carried_on)

        async def node(agent: int, received: Mapping[int, AgentAnswer]) -> AgentAnswer | None:
            if agent == plan.decision:
                return await stage.call(agent, tuple(received.values()), last=True)
            return await _artefact(stage, edges, agent, received)

        return (await walk(len(plan.agents), (*edges, *final), node))[plan.decision]


def macnet_edges(topology: Topology, n: int, seed: int = 0) -> Edges:
    """Edges u < v among n agents, see `MacNet`."""
    pairs = tuple(combinations(range(n), 2))
    if topology == "net":
        return pairs
    if topology == "random":
        rng = random.Random(seed)
        return tuple(sorted(rng.sample(pairs, rng.randint(min(n - 1, len(pairs)), len(pairs)))))
    if topology == "layered":
        return _layered(at_least("n", n, 1))
    if topology == "star":
        return tuple((0, v) for v in range(1, n))
    return tuple(((v - 1) // 2 if topology == "tree" else v - 1, v) for v in range(1, n))


def _layered(n: int) -> Edges:
    count = max(n.bit_length() - 1, 1)  # ⌊log₂ n⌋
    ends = [n - (count - 1 - i) * (n // count) for i in range(count)]
    layer = [sum(v >= end for end in ends) for v in range(n)]
    return tuple((u, v) for u, v in combinations(range(n), 2) if layer[v] == layer[u] + 1)


async def _artefact(
    stage: Stage, edges: Edges, agent: int, received: Mapping[int, AgentAnswer]
) -> AgentAnswer | None:
    """An agent's version; where it cannot be called, its latest input goes on unchanged.

    Numbers of its calls: 0 its draft, or the merger; from 1 its rewritings; then instructions.
    """
    if not received:
        return await stage.call(agent, number=0)
    rewritten = await together(
        _along(stage, edges, u, agent, answer) for u, answer in received.items()
    )
    drafts = [draft for draft in rewritten if draft is not None]
    if len(drafts) > 1:
        task = _MERGE.format(question=stage.query.text)
        merged = await stage.call(agent, drafts, task=task, number=0)
        return merged or drafts[-1]
    return drafts[0] if drafts else list(received.values())[-1]


async def _along(
    stage: Stage, edges: Edges, u: int, v: int, artefact: AgentAnswer
) -> AgentAnswer | None:
    """The edge (u, v): u instructs, v rewrites."""
    into = {agent: [a for a, b in edges if b == agent] for agent in (u, v)}
    out = [b for a, b in edges if a == u]
    question = stage.query.text
    number = 1 + len(into[u]) + out.index(v)
    task = _INSTRUCT.format(question=question)
    advice = await stage.call(u, [artefact], task=task, number=number)
    reads = [artefact] if advice is None else [artefact, advice]
    task = _REWRITE.format(question=question)
    return await stage.call(v, reads, task=task, number=1 + into[v].index(u))
