"""AutoGen teams under budgets: `autogen-agentchat` 0.7, the extra `autogen`.

A team that people already run is the template of any policy, and what the policy chose runs as a
`GraphFlow` in AutoGen's own runtime. Reading a team needs some of AutoGen's private attributes,
since it states tools and settings nowhere else.
"""

from abgnn.frameworks.bridge import need

need("autogen_agentchat", "autogen")
need("autogen_ext", "autogen")

from abgnn.frameworks.autogen.budgeted_team import BudgetedTeam, budgeted  # noqa: E402
from abgnn.frameworks.autogen.clients import openai_client  # noqa: E402
from abgnn.frameworks.autogen.flow import to_autogen  # noqa: E402
from abgnn.frameworks.autogen.teams import (  # noqa: E402
    AutoGenTeam,
    StagedAutoGenTeam,
    from_autogen,
)

__all__ = [
    "AutoGenTeam",
    "BudgetedTeam",
    "StagedAutoGenTeam",
    "budgeted",
    "from_autogen",
    "openai_client",
    "to_autogen",
]
