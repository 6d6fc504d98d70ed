"""Systems that people already run, as templates that any policy fills in (paper section 4.3)."""

from abgnn.frameworks.companies import ChatDev, Company, MetaGPT
from abgnn.frameworks.group_chat import Debate, GroupChat
from abgnn.frameworks.macnet import MacNet
from abgnn.frameworks.ready import FrameworkTemplate, GraphFlowTemplate
from abgnn.frameworks.reflection import SelfReflection
from abgnn.rollout.framework import (
    AnyFramework,
    Framework,
    Message,
    StagedFramework,
    template_of,
)

__all__ = [
    "AnyFramework",
    "ChatDev",
    "Company",
    "Debate",
    "Framework",
    "FrameworkTemplate",
    "GraphFlowTemplate",
    "GroupChat",
    "MacNet",
    "Message",
    "MetaGPT",
    "SelfReflection",
    "StagedFramework",
    "template_of",
]
