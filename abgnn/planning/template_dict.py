"""A template of one round as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abgnn.data.template import Role, Template


def template_to_dict(template: Template) -> dict[str, Any]:
    """JSON-able; `template_from_dict` restores it."""
    return {
        "name": template.name,
        "roles": [
            {"name": r.name, "prompt": r.prompt, "tool": r.tool, "lead": r.lead}
            for r in template.roles
        ],
        "edges": [list(e) for e in template.edges],
        "decision": template.decision,
    }


def template_from_dict(data: Mapping[str, Any]) -> Template:
    """The template that `template_to_dict` wrote."""
    roles = tuple(Role(**role) for role in data["roles"])
    edges = tuple((u, v) for u, v in data["edges"])
    return Template(data["name"], roles, edges, decision=data["decision"])
