"""Templates and role sets from YAML, and the packaged topologies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import yaml

from abgnn.data.template import Edges, Kind, Role, Template, _check_names, _check_text
from abgnn.errors import ConfigError


def build_template(
    kind: Kind, roles: Sequence[Role], *, layers: int = 2, rounds: int = 1
) -> Template:
    """The template of a named topology over `roles`, of which the last is the decision agent.

    With i, j positions of the n role agents in their order, a round's edges are

    - `complete`, `mesh`: i -> j for all i < j (the complete DAG);
    - `chain`: i -> i + 1;
    - `star`: 0 -> j for all j > 0: the first role is the hub, reads nothing and briefs all others;
    - `tree`: (j - 1) // 2 -> j, a binary tree from the first role;
    - `layered`: roles in order cut into `layers` layers of near-equal size (the first ones
      larger), consecutive layers fully connected;
    - `debate`: none; agents meet only between rounds;
    - `group_chat`: as `complete`: every speaker reads those who spoke before.

    With `rounds` > 1 every agent reads all previous responses, its own included; but `chain`
    passes only last -> first, and in `group_chat` j reads from the previous round those that have
    not spoken again yet (i >= j).

    Raises:
        ConfigError: unknown kind, no role agent, layers or rounds out of range.
    """
    n = len(roles) - 1
    if n < 1:
        raise ConfigError("roles", len(roles), "at least one role agent and the decision agent")
    if kind not in get_args(Kind):
        raise ConfigError("topology", kind, ", ".join(get_args(Kind)))
    if not 1 <= _count(layers, "layers") <= n and kind == "layered":
        raise ConfigError("layers", layers, f"from 1 to the number of role agents, {n}")
    pairs = [(i, j) for i in range(n) for j in range(n)]
    edges = tuple(e for e in pairs if _admits(kind, *e, n=n, layers=layers))
    temporal: Edges = ()
    if _count(rounds, "rounds") > 1:
        wraps = {"chain": lambda e: e == (n - 1, 0), "group_chat": lambda e: e[0] >= e[1]}
        temporal = tuple(filter(wraps.get(kind), pairs))
    return Template(kind, tuple(roles), edges, temporal, rounds)


def _admits(kind: str, i: int, j: int, *, n: int, layers: int) -> bool:
    """Whether role agent i may send to j within a round."""
    if kind == "layered":
        small, extra = divmod(n, layers)
        sizes = [small + (layer < extra) for layer in range(layers)]
        layer_of = [layer for layer, size in enumerate(sizes) for _ in range(size)]
        return layer_of[j] == layer_of[i] + 1
    parent = {"chain": j - 1, "star": 0, "tree": (j - 1) // 2}.get(kind)
    return i < j and kind != "debate" and parent in (None, i)


def load_roles(domain_or_path: str | Path, names: Iterable[str] | None = None) -> tuple[Role, ...]:
    """A role set, the decision agent last.

    Args:
        domain_or_path: `general`, `math` or `code` (packaged), or a YAML file with the keys
            `roles`, `further` (optional: selectable by name only) and `decision`.
        names: which roles, in which order; None takes `roles` as they stand.

    Raises:
        ConfigError: unknown domain, unknown or doubled name, unknown key, role without prompt.
    """
    packaged = files("abgnn.data") / "roles" / f"{domain_or_path}.yaml"
    source = packaged if "." not in str(domain_or_path) and packaged.is_file() else None
    where = str(domain_or_path)
    if source is None and not Path(domain_or_path).is_file():
        raise ConfigError("roles", where, "general, math, code, or a YAML file")
    data = _load(source or Path(domain_or_path), where)
    _keys(data, where, ("roles", "further", "decision"))
    default = _role_list(data.get("roles"), f"{where}: roles")
    decision = _role(data.get("decision"), f"{where}: decision")
    if names is None:
        return (*default, decision)
    known = {
        r.name: r for r in (*default, *_role_list(data.get("further", []), where + ": further"))
    }
    chosen = [name for name in names if name != decision.name]
    if unknown := [name for name in chosen if name not in known]:
        raise ConfigError(f"{where}: names", unknown[0], ", ".join(known))
    _check_names(chosen, f"{where}: names")
    return (*(known[name] for name in chosen), decision)


def _roles_of(data: Mapping[str, Any], where: str) -> tuple[Role, ...]:
    """The roles of a template file, the deciding one moved to the end."""
    stated = data.get("roles")
    roles = load_roles(stated) if isinstance(stated, str) else _role_list(stated, f"{where}: roles")
    if not roles:
        raise ConfigError(f"{where}: roles", stated, "at least one role")
    names = [role.name for role in roles]
    decision = data.get("decision", names[-1])
    if decision not in names:
        raise ConfigError(f"{where}: decision", decision, ", ".join(names))
    return (*(r for r in roles if r.name != decision), roles[names.index(decision)])


def _by_name(pairs: object, roles: Sequence[Role], field: str) -> Edges:
    names = [role.name for role in roles]
    if not isinstance(pairs, list):
        raise ConfigError(field, pairs, "a list of [from, to] role names")
    for i, pair in enumerate(pairs):
        if not isinstance(pair, list) or len(pair) != 2:
            raise ConfigError(f"{field}[{i}]", pair, "[from, to] role names")
        for name in pair:
            if name not in names:
                raise ConfigError(f"{field}[{i}]", name, ", ".join(names))
    return tuple((names.index(u), names.index(v)) for u, v in pairs)


def _role_list(items: object, field: str) -> tuple[Role, ...]:
    if not isinstance(items, list):
        raise ConfigError(field, items, "general, math, code, or a list of {name, prompt, tool}")
    roles = tuple(_role(item, f"{field}[{i}]") for i, item in enumerate(items))
    _check_names([role.name for role in roles], field, allow_none=True)
    return roles


def _role(item: object, field: str) -> Role:
    data = _keys(item, field, ("name", "prompt", "tool", "lead"))
    for key in ("name", "prompt"):
        _check_text(data.get(key), f"{field}.{key}")
    if data.get("tool") is not None:
        _check_text(data["tool"], f"{field}.tool")
    if not isinstance(data.get("lead", False), bool):
        raise ConfigError(f"{field}.lead", data["lead"], "true or false")
    return Role(
        data["name"], data["prompt"].strip(), data.get("tool"), bool(data.get("lead", False))
    )


def _load(source: Any, where: str) -> Any:
    """YAML of a file or a packaged resource (anything with `read_text`)."""
    try:
        return yaml.safe_load(source.read_text(encoding="utf-8"))
    except OSError as e:
        raise ConfigError("template file", where, "a readable YAML file") from e
    except yaml.YAMLError as e:
        raise ConfigError(where, str(e), "valid YAML") from e


def _keys(data: object, field: str, allowed: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ConfigError(field, data, f"a mapping with the keys {', '.join(allowed)}")
    for key in data:
        if key not in allowed:
            raise ConfigError(f"{field}: {key}", data[key], f"the keys {', '.join(allowed)}")
    return data


def _count(value: object, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(field, value, "an integer from 1")
    return value


def read_template(path: str | Path) -> Template:
    """A user's own template file.

    Keys: `name`; `roles`, a domain (`general`) or a list of {name, prompt, tool}; `decision`,
    the name of the deciding role (default: the last one); then either `topology` (a kind of
    `build_template`, default `complete`, with `layers`) or `edges`, pairs of role names, with
    `temporal_edges`; and `rounds` (default 1).

    Raises:
        ConfigError: an unknown key, a role without prompt, an edge between unknown roles, a
            cycle; the message names file and field.
    """
    where, keys = str(path), ("topology", "layers", "edges", "temporal_edges", "rounds")
    data = _keys(_load(Path(path), where), where, ("name", "roles", "decision", *keys))
    roles = _roles_of(data, where)
    name, rounds = str(data.get("name", Path(path).stem)), data.get("rounds", 1)
    try:
        if "edges" not in data:
            if "temporal_edges" in data:
                raise ConfigError("temporal_edges", data["temporal_edges"], "only with edges")
            kind, layers = data.get("topology", "complete"), data.get("layers", 2)
            built = build_template(kind, roles, layers=layers, rounds=rounds)
            return Template(name, roles, built.edges, built.temporal_edges, built.rounds)
        if {"topology", "layers"} & set(data):
            raise ConfigError("topology", data.get("topology"), "either topology or edges")
        spatial = _by_name(data["edges"], roles, "edges")
        temporal = _by_name(data.get("temporal_edges", []), roles, "temporal_edges")
        return Template(name, roles, spatial, temporal, _count(rounds, "rounds"))
    except ConfigError as e:
        raise ConfigError(f"{where}: {e.field}", e.value, e.allowed) from e
