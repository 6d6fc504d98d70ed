"""abgnn: graph neural networks that design LLM multi-agent systems under explicit budgets.

Importing this package loads nothing heavy: its names (`__init__.pyi`) are imported when used.
`abgnn.System` answers questions with what was trained; everything else is in the rooms, for
example `from abgnn.models import Router`.
"""

import lazy_loader

__version__ = "0.2.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
