"""Microsoft Agent Framework under budgets: `agent-framework-core` 1.23, extra `agent-framework`.

A workflow of agents that people already run is the template of any policy, and what the policy
chose runs as a `Workflow` of the same kind, whose calls abgnn makes. Reading a workflow needs a
few private attributes, since it states context modes and conditions nowhere else.
"""

from abgnn.frameworks.bridge import need

need("agent_framework", "agent-framework")

from abgnn.frameworks.agent_framework.budgeted_workflow import (  # noqa: E402
    BudgetedWorkflow,
    budgeted,
)
from abgnn.frameworks.agent_framework.teams import (  # noqa: E402
    StagedWorkflowTeam,
    from_workflow,
)
from abgnn.frameworks.agent_framework.workflows import to_workflow  # noqa: E402

__all__ = [
    "BudgetedWorkflow",
    "StagedWorkflowTeam",
    "budgeted",
    "from_workflow",
    "to_workflow",
]
