"""Words of `abgnn.data` that go on being importable from `abgnn.frameworks`."""

from abgnn.data.framework import AnyFramework, Framework, Message, StagedFramework, template_of

__all__ = ["AnyFramework", "Framework", "Message", "StagedFramework", "template_of"]
