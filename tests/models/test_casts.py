"""Who plays in the teams of the AgentPrune family, and when an agent need not be called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from abgnn.data.catalogue import Catalogue
from abgnn.data.plan import Plan
from abgnn.data.template import Role
from abgnn.data.template_yaml import build_template, load_roles
from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.experiment import build
from abgnn.models import AgentPrune, GDesigner
from abgnn.models.pruned_team import PrunedTeam
from abgnn.models.team import Team, cast_of
from abgnn.rollout import Agent, Executor, Outcome
from tests.rollout.helpers import Letters, backbone, query
from tests.rollout.test_tools_in_rollouts import Writer

DOUBLE = "def double(x):\n    '''\n    >>> double(4)\n    8\n    '''\n"
RIGHT, WRONG = (f"```python\ndef double(x):\n    return {e}\n```" for e in ("2 * x", "x + 1"))


@pytest.mark.parametrize(
    ("domain", "n", "checker"),
    [("general", 5, "Critic"), ("math", 4, "Inspector"), ("code", 5, "Bug Fixer")],
)
def test_released_casts_hold_those_who_check(domain: str, n: int, checker: str) -> None:
    template = build_template("complete", load_roles(domain))
    first = [a.role.name for a in Team(template, n, "m").agents]
    released = [a.role.name for a in Team(template, n, "m", "released").agents]
    assert checker not in first
    assert checker in released
    assert len(set(released)) == n
    every = Team(template, len(template.roles) - 1, "m", "released").agents
    assert {a.role.name for a in every} == {r.name for r in template.roles[:-1]}
    named = cast_of(template, [checker, released[0]])
    assert [template.roles[i].name for i in named] == [checker, released[0]]
    for wrong in (["Nobody"], "relased"):
        with pytest.raises(ConfigError, match=r"policy\.cast"):
            cast_of(template, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["agent_prune", "agent_dropout", "g_designer"])
def test_configs_have_the_released_cast(name: str) -> None:
    policy = build(["simulated/general.yaml", f"baselines/{name}.yaml"]).model.policy
    assert isinstance(policy, PrunedTeam | GDesigner)
    assert policy.cast == "released"
    assert not policy.early_exit


def test_on_code_they_have_two_rounds_and_leave_early() -> None:
    comparison = Comparison.from_yaml("compare/simulated-code.yaml")
    for name in ("AgentPrune", "AgentDropout", "G-Designer", "MasRouter"):
        [method] = [m for m in comparison.methods if m.name == name]
        policy = build([*comparison.fit, *method.configs], _arguments(method.set)).model.policy
        assert policy.early_exit is True
        assert getattr(policy, "rounds", 2) == 2


def _arguments(settings: object) -> list[str]:
    assert isinstance(settings, dict)
    return [f"--{key}={str(value).lower()}" for key, value in settings.items()]


def line(text: str = DOUBLE, *, early_exit: bool = True) -> Plan:
    asked = replace(query(), text=text, meta={"entry_point": "double"})
    agents = [Agent(Role(name, f"You are {name}."), "small") for name in ("A", "B", "C")]
    decision = Agent(Role("Decision Maker", "Decide."), "small")
    return replace(Plan.team(asked, agents, [(0, 1), (1, 2)], decision), early_exit=early_exit)


def run(client: Writer, plan: Plan) -> Outcome:
    with Executor(client, Catalogue((backbone("small"),)), Letters()) as one:
        return one.run([plan])[0]


def test_a_program_that_passes_the_examples_is_handed_on() -> None:
    """Along the line; the decision agent is always called."""
    client = Writer(says={"A": [RIGHT], "B": ["other"], "C": ["other"]})
    outcome = run(client, line())
    assert [c.role for c in outcome.calls] == ["A", "Decision Maker"]
    assert [m.text for m in client.told[-1][1].received] == [RIGHT] * 3
    assert outcome.latency == pytest.approx(2)  # whoever is not called takes no time
    assert len(run(Writer(says={"A": [RIGHT]}), line(early_exit=False)).calls) == 4


@pytest.mark.parametrize(("says", "text"), [(WRONG, DOUBLE), ("prose", DOUBLE), (RIGHT, "Double!")])
def test_else_everybody_is_called(says: str, text: str) -> None:
    """A program that fails, none, and a question without examples."""
    assert len(run(Writer(says={"A": [says], "B": ["other"]}), line(text)).calls) == 4


def test_plans_say_so_and_old_ones_do_not() -> None:
    plan = line()
    assert Plan.from_dict(plan.to_dict()).early_exit
    assert "early_exit" not in line(early_exit=False).to_dict()
    policy = AgentPrune("small", n_agents=3, rounds=2, early_exit=True)
    template = build_template("complete", load_roles("code"))
    none = policy.spatial_mask & False
    assert policy.team(template).plan(query(), [(none, none, ()), (none, none, ())]).early_exit
