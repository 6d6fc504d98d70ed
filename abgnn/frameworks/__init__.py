"""Systems that people already run, as templates that any policy fills in (paper section 4.3)."""

from abgnn.rollout.framework import (
    AnyFramework,
    Framework,
    Message,
    StagedFramework,
    template_of,
)

__all__ = ["AnyFramework", "Framework", "Message", "StagedFramework", "template_of"]
