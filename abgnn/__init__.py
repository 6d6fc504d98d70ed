"""abgnn: graph neural networks that design LLM multi-agent systems under explicit budgets.

Importing this package loads nothing heavy; import the part you need, for example
`from abgnn.models import AgentBalance` or `from abgnn.rollout import Executor`.
"""

__version__ = "0.1.0"
