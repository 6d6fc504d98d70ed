"""LangGraph under budgets: a `StateGraph` as template, a plan as a compiled graph of LangGraph's.

A node of a user's graph becomes a role if its metadata states the prompt:

    graph.add_node("Writer", write, metadata={"prompt": "You write a first answer."})
"""

from abgnn.frameworks.bridge import need

need("langgraph", "langgraph")

from abgnn.frameworks.langgraph.graphs import to_langgraph  # noqa: E402
from abgnn.frameworks.langgraph.talk import Reply, Talk  # noqa: E402
from abgnn.frameworks.langgraph.teams import (  # noqa: E402
    LangGraphTeam,
    StagedLangGraphTeam,
    from_langgraph,
)

__all__ = [
    "LangGraphTeam",
    "Reply",
    "StagedLangGraphTeam",
    "Talk",
    "from_langgraph",
    "to_langgraph",
]
