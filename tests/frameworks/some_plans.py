"""Random plans for tests of bridges to other systems."""

from __future__ import annotations

from hypothesis import strategies as st

from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.rollout import Agent, Plan

BACKBONES = ("Qwen3-8B", "Qwen3-14B", "Qwen3-32B")
NAMES = ("Writer", "Knowledgeable Expert", "2nd reader", "user", "Größe", "Writer_2")


@st.composite
def plans(draw: st.DrawFn, query: Query, *, twins: bool = False) -> Plan:
    """Up to six agents, any DAG among those before the last one, any readers of its own.

    Args:
        query: of the plan.
        twins: whether a role may occur twice.
    """
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=not twins))
    order = draw(st.permutations(range(len(names) - 1)))
    pairs = [(u, v) for i, v in enumerate(order) for u in order[:i]]
    last = len(names) - 1
    pairs += [(u, last) for u in range(last)]
    edges = [pair for pair in pairs if draw(st.booleans())]
    agents = [Agent(Role(n, f"You are {n}."), draw(st.sampled_from(BACKBONES))) for n in names]
    return Plan(query, tuple(agents), tuple(sorted(edges)), last)
