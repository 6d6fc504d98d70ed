"""Checks of plans before the first call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from abgnn.data.backbone import Backbone
from abgnn.data.framework import AnyFramework, Framework
from abgnn.data.plan import Plan
from abgnn.errors import ConfigError
from abgnn.rollout.settings import Caps
from abgnn.rollout.toolbox import EXAMPLES, Toolbox


def check_plan(
    plan: Plan,
    backbones: Mapping[str, Backbone],
    framework: AnyFramework | None,
    tools: Toolbox,
) -> None:
    """Check all but the graph, which `schedule` checks.

    Raises:
        ConfigError: a program inside a framework, a deadline of 0, an unknown backbone or tool, a
            call without a worst case where the query has a budget.
    """
    if plan.program is not None and framework is not None:
        field, allowed = f"Plan({plan.query.id}).program", "none, inside a framework"
        raise ConfigError(field, type(plan.program).__name__, allowed)
    if plan.deadline_s is not None and not plan.deadline_s > 0:
        field = f"Plan({plan.query.id}).deadline_s"
        raise ConfigError(field, plan.deadline_s, "seconds above 0, or nothing")
    if plan.early_exit:
        tools.check([EXAMPLES], f"Plan({plan.query.id}).early_exit")
    own_tools = framework is not None and isinstance(framework, Framework)  # a dear question
    for i, agent in enumerate(plan.agents):
        field = f"Plan({plan.query.id}).agents[{i}]"
        if agent.backbone not in backbones:
            raise ConfigError(f"{field}.backbone", agent.backbone, ", ".join(backbones))
        if agent.role.tool is not None and not own_tools:
            tools.check([agent.role.tool], f"{field}.role")
        if plan.budget_usd is not None and agent.max_tokens is None:
            _check_bounded(agent.backbone, backbones)


def _check_bounded(name: str | None, backbones: Mapping[str, Backbone]) -> None:
    """Where a query has a budget, every call needs a worst case, also a fallback's."""
    while name is not None:
        if backbones[name].max_tokens is None:
            allowed = "an integer, or rollout.caps.max_tokens, where a plan has a budget"
            raise ConfigError(f"Backbone({name}).max_tokens", None, allowed)
        name = backbones[name].fallback


def bounded(backbone: Backbone, caps: Caps) -> Backbone:
    """A backbone whose calls have a worst case, where money is capped."""
    if backbone.max_tokens is not None or not (caps.any or caps.max_tokens):
        return backbone
    if caps.max_tokens is None:
        field = f"Backbone({backbone.name}).max_tokens"
        raise ConfigError(
            field, None, "an integer, or rollout.caps.max_tokens, where money is capped"
        )
    return replace(backbone, max_tokens=caps.max_tokens)


def used_backbones(plans: Sequence[Plan] | None, backbones: Mapping[str, Backbone]) -> set[str]:
    """Names of backbones that plans (None: any plan) may call, fallbacks included."""
    if plans is None:
        return set(backbones)
    used: set[str] = set()
    todo = [agent.backbone for plan in plans for agent in plan.agents]
    while todo:
        name = todo.pop()
        fallback = backbones[name].fallback
        if name not in used and fallback is not None:
            todo.append(fallback)
        used.add(name)
    return used
