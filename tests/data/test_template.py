"""Templates: what is accepted, what is refused by name, and which edges each topology has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from abgnn.data.template import Role, Template
from abgnn.data.template_yaml import build_template, load_roles, read_template
from abgnn.errors import ConfigError


def named(n: int) -> tuple[Role, ...]:
    return tuple(Role(f"R{i}", f"Do {i}.") for i in range(n))


DOCUMENTED = {
    "general": "Knowledgeable Expert, Wiki Searcher, Mathematician, Historian, Psychologist, "
    "Critic",
    "math": "Math Solver, Mathematical Analyst, Programming Expert, Knowledgeable Expert, "
    "Psychologist, Inspector",
    "code": "Project Manager, Algorithm Designer, Programming Expert, Psychologist, Test Analyst, "
    "Bug Fixer",
}


@pytest.mark.parametrize("domain", list(DOCUMENTED))
def test_packaged_roles_are_in_the_documented_order(domain: str) -> None:
    roles = load_roles(domain)
    assert [r.name for r in roles] == [*DOCUMENTED[domain].split(", "), "Decision Maker"]
    assert len({r.prompt for r in roles}) == len(roles)
    assert all("\n" not in r.prompt and r.prompt == r.prompt.strip() for r in roles)


def test_roles_are_chosen_by_name_in_the_given_order_with_the_decision_agent_last() -> None:
    roles = load_roles("general", ["Critic", "Decision Maker", "Doctor"])
    assert [r.name for r in roles] == ["Critic", "Doctor", "Decision Maker"]
    with pytest.raises(ConfigError, match=r"general: names: got 'Fake'; allowed: .*Lawyer"):
        load_roles("general", ["Fake"])
    with pytest.raises(ConfigError, match="every role name once"):
        load_roles("math", ["Inspector", "Inspector"])


@pytest.mark.parametrize("where", ["finance", "missing.yaml", "../general"])
def test_an_unknown_role_set_is_refused(where: str) -> None:
    with pytest.raises(ConfigError, match="general, math, code, or a YAML file"):
        load_roles(where)


EDGES: dict[str, tuple[tuple[int, int], ...]] = {
    "complete": ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)),
    "mesh": ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)),
    "chain": ((0, 1), (1, 2), (2, 3)),
    "star": ((0, 1), (0, 2), (0, 3)),
    "tree": ((0, 1), (0, 2), (1, 3)),
    "layered": ((0, 2), (0, 3), (1, 2), (1, 3)),
    "debate": (),
    "group_chat": ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)),
}


@pytest.mark.parametrize("kind", list(EDGES))
def test_topologies(kind: Any) -> None:
    template = build_template(kind, named(5))
    assert template.edges == EDGES[kind]
    assert (template.name, template.decision, template.temporal_edges) == (kind, 4, ())


@pytest.mark.parametrize(
    ("kind", "count"), [("complete", 16), ("chain", 1), ("group_chat", 10), ("debate", 16)]
)
def test_more_rounds_open_temporal_edges(kind: Any, count: int) -> None:
    template = build_template(kind, named(5), rounds=2)
    assert (template.rounds, len(template.temporal_edges)) == (2, count)


def test_layers_are_of_near_equal_size_and_only_neighbours_talk() -> None:
    template = build_template("layered", named(6), layers=3)  # sizes 2, 2, 1
    assert template.edges == ((0, 2), (0, 3), (1, 2), (1, 3), (2, 4), (3, 4))
    assert build_template("layered", named(6), layers=5).edges == ((0, 1), (1, 2), (2, 3), (3, 4))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"kind": "ring"}, "topology"),
        ({"kind": "layered", "layers": 0}, "layers"),
        ({"kind": "layered", "layers": 5}, "layers"),
        ({"kind": "chain", "rounds": 0}, "rounds"),
        ({"kind": "chain", "rounds": 1.5}, "rounds"),
        ({"kind": "chain", "roles": named(1)}, "roles"),
    ],
)
def test_impossible_topologies_are_refused(options: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as e:
        build_template(**{"roles": named(5), **options})
    assert e.value.field == field


@pytest.mark.parametrize(
    ("change", "field", "text"),
    [
        ({"roles": ()}, "roles", "at least one role"),
        ({"roles": (*named(3), Role("R0", "again"))}, "roles", "R0"),
        ({"edges": ((0, 1), (1, 4))}, "edges[1]", "indices from 0 to 3"),
        ({"edges": ((-1, 1),)}, "edges[0]", "indices from 0 to 3"),
        ({"edges": ((0, 1), (1, 1))}, "edges[1]", "no self loop"),
        ({"edges": ((0, 3),)}, "edges[0]", "without the decision agent"),
        ({"edges": ((0, 1), (0, 1))}, "edges", "every edge once"),
        ({"temporal_edges": ((3, 0),)}, "temporal_edges[0]", "without the decision agent"),
        ({"rounds": 0}, "rounds", "from 1"),
        ({"decision": 4}, "decision", "below 4"),
    ],
)
def test_a_faulty_template_is_refused(change: dict[str, Any], field: str, text: str) -> None:
    with pytest.raises(ConfigError) as e:
        Template(**{"name": "t", "roles": named(4), "edges": (), **change})
    assert e.value.field.endswith(field)
    assert text in str(e.value)


def test_a_cycle_is_named_in_its_direction() -> None:
    edges = ((0, 1), (1, 2), (2, 3), (3, 1), (3, 4))  # 0 leads in, 4 leads out
    with pytest.raises(ConfigError) as e:
        Template("t", named(6), edges)
    cycle = str(e.value.value).split(" -> ")
    assert cycle[0] == cycle[-1]
    assert cycle in (["R1", "R2", "R3", "R1"], ["R2", "R3", "R1", "R2"], ["R3", "R1", "R2", "R3"])


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_a_role_needs_a_prompt(prompt: str) -> None:
    with pytest.raises(ConfigError, match=r"Role\(Critic\)\.prompt"):
        Role("Critic", prompt)


def test_rank_is_topological_and_distinct_with_the_decision_agent_highest() -> None:
    template = Template("t", named(5), ((3, 0), (4, 3)), decision=1)
    assert template.rank == (3, 4, 0, 2, 1)  # 2 is free: lowest index first; then 4, 3, 0
    assert build_template("complete", named(4)).rank == (0, 1, 2, 3)
    assert Template("t", named(3), (), decision=-3).decision == 0


def test_templates_are_hashable_when_built_from_lists() -> None:
    edges: Any = [[0, 1]]
    assert hash(Template("t", named(3), edges)) == hash(Template("t", named(3), ((0, 1),)))


OWN = """
name: newsroom
roles:
  - {name: Editor, prompt: You decide.}
  - {name: Reporter, prompt: You report., tool: search}
  - {name: Checker, prompt: You check.}
decision: Editor
edges: [[Reporter, Checker]]
temporal_edges: [[Checker, Reporter], [Checker, Checker]]
rounds: 2
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_own_template_with_edges_by_name(tmp_path: Path) -> None:
    template = read_template(write(tmp_path, OWN))
    assert [r.name for r in template.roles] == ["Reporter", "Checker", "Editor"]
    assert (template.name, template.edges, template.decision) == ("newsroom", ((0, 1),), 2)
    assert (template.temporal_edges, template.rounds) == (((1, 0), (1, 1)), 2)
    assert template.roles[0].tool == "search"


def test_own_template_with_packaged_roles_and_a_topology(tmp_path: Path) -> None:
    template = read_template(write(tmp_path, "roles: math\ntopology: layered\nlayers: 3\n"))
    assert template.name == "own"
    assert template.edges == build_template("layered", load_roles("math"), layers=3).edges


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("rounds: 2", "round: 2", "own.yaml: round"),
        ("rounds: 2", "rounds: two", "own.yaml: rounds"),
        ("prompt: You check.", "prompt: ''", "own.yaml: roles[2].prompt"),
        ("prompt: You check.", "hint: x, prompt: p", "own.yaml: roles[2]: hint"),
        ("name: Checker", "name: Reporter", "own.yaml: roles"),
        ("tool: search", "tool: 3", "own.yaml: roles[1].tool"),
        ("decision: Editor", "decision: Boss", "own.yaml: decision"),
        ("edges: [[Reporter, Checker]]", "edges: [[Reporter, Boss]]", "own.yaml: edges[0]"),
        ("edges: [[Reporter, Checker]]", "edges: [[Reporter]]", "own.yaml: edges[0]"),
        (
            "edges: [[Reporter, Checker]]",
            "edges: [[Reporter, Checker], [Checker, Reporter]]",
            "own.yaml: Template.edges",
        ),
        ("edges: [[Reporter, Checker]]", "topology: chain", "own.yaml: temporal_edges"),
        ("rounds: 2", "rounds: 2\ntopology: chain", "own.yaml: topology"),
        ("name: newsroom", "name: [newsroom", "own.yaml"),
    ],
)
def test_a_faulty_file_names_the_field(tmp_path: Path, old: str, new: str, field: str) -> None:
    assert OWN.count(old) == 1 or old.startswith("edges")
    text = OWN.replace(f"\n{old}", f"\n{new}") if f"\n{old}" in OWN else OWN.replace(old, new)
    with pytest.raises(ConfigError) as e:
        read_template(write(tmp_path, text))
    assert e.value.field.endswith(field)


def test_a_missing_template_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a readable YAML file"):
        read_template(tmp_path / "none.yaml")
