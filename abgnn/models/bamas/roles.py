"""The roles by job: executors have the task's lead role; planner and critic are added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from abgnn.data.template import Role, Template
from abgnn.models.bamas.ilp import Job

PLANNER = Role(
    "Planner",
    "You plan how a team answers a question. You divide the work into few steps that can be "
    "checked, say for each what is to be found and which earlier results it needs, and leave "
    "the work itself to others. You reply in exactly the format that you are asked for.",
)
CRITIC = Role(
    "Critic",
    "You judge solutions. You solve the question on your own first, then compare step by step: "
    "what was given, every derivation, the final result and its format. You approve of nothing "
    "that you have not checked, and you object to nothing that is right.",
)


def roles_of(template: Template) -> Mapping[Job, Role]:
    """Job → role. Executors are the template's lead role without its tool: a copy is one call."""
    lead = replace(template.roles[template.lead], tool=None)
    return MappingProxyType({"planner": PLANNER, "executor": lead, "critic": CRITIC})
