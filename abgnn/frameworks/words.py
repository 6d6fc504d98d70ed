"""Names of `abgnn.data` that can be imported from `abgnn.frameworks`, too."""

from abgnn.data.framework import AnyFramework, Framework, Message, StagedFramework, template_of

__all__ = ["AnyFramework", "Framework", "Message", "StagedFramework", "template_of"]
