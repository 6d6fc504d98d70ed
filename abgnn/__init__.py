"""abgnn: graph neural networks that design LLM multi-agent systems under explicit budgets.

Importing this package loads nothing heavy; import the part you need, for example
`from abgnn.models import AgentBalance` or `from abgnn.rollout import Executor`.
`abgnn.System` answers questions with what was trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abgnn.serve.system import System as System

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`System`, loaded when it is asked for."""
    if name != "System":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from abgnn.serve.system import System

    return System
