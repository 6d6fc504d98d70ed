"""Frameworks that come ready: any kept agents and edges run, as the framework has it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from abgnn.data.catalogue import Catalogue
from abgnn.data.resources import config_path
from abgnn.data.template import Role, Template
from abgnn.data.template_yaml import build_template, load_roles
from abgnn.errors import ConfigError
from abgnn.experiments.experiment import build
from abgnn.frameworks import (
    ChatDev,
    Debate,
    FrameworkTemplate,
    GraphFlowTemplate,
    GroupChat,
    MacNet,
    MetaGPT,
    SelfReflection,
)
from abgnn.frameworks.macnet import macnet_edges
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph, RandomGraph
from abgnn.rollout import (
    Agent,
    Caps,
    Deadline,
    Executor,
    Outcome,
    Plan,
    Recording,
    RolloutSettings,
    RoundGraph,
    SimulatedClient,
)
from datamodules import QuickQA

CATALOGUE = Catalogue.from_yaml(config_path("catalogues/paper.yaml"))
DATA = QuickQA()
QUERY = DATA.load()[0]
NAMES = CATALOGUE.names[:3]
TEAM = build_template("layered", load_roles("general"))
TOPOLOGIES = ("chain", "star", "tree", "net", "layered", "random")
ALL: tuple[FrameworkTemplate, ...] = (
    *(MacNet(t, reverse=r) for t in TOPOLOGIES for r in (False, True)),  # type: ignore[arg-type]
    GroupChat(),
    GroupChat(selector=True, rounds=2),
    GraphFlowTemplate(TEAM),
    MetaGPT(),
    MetaGPT(reviews=2),
    ChatDev(),
    ChatDev(reviews=3),
    Debate(),
    Debate(rounds=3),
    SelfReflection(),
    SelfReflection(rounds=2, roles=["Critic"]),
)


class Runs:
    """One executor for many frameworks."""

    def __init__(self) -> None:
        self.executor = Executor(SimulatedClient(0), CATALOGUE, DATA)

    def __call__(self, framework: FrameworkTemplate | None, plan: Plan) -> Outcome:
        self.executor.framework = framework
        [outcome] = self.executor.run([plan], score=False)
        return outcome


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    made = Runs()
    yield made
    made.executor.close()


@st.composite
def configured(draw: st.DrawFn) -> tuple[FrameworkTemplate, Plan]:
    """Any framework, any of its agents and edges, any backbones."""
    framework = draw(st.sampled_from(ALL))
    template = framework.template
    keep = [i for i in range(len(template.roles) - 1) if draw(st.booleans())] or [0]
    kept = [*keep, template.decision] if len(keep) > 1 else keep
    agents = tuple(Agent(template.roles[i], draw(st.sampled_from(NAMES))) for i in kept)
    inner = [e for e in template.edges if set(e) <= set(keep) and draw(st.booleans())]
    edges = [(kept.index(u), kept.index(v)) for u, v in inner]
    last = len(kept) - 1
    return framework, Plan(QUERY, agents, (*edges, *((i, last) for i in range(last))), last)


@given(configured())
@settings(max_examples=150, deadline=None)
def test_any_agents_and_edges_run_with_the_stated_calls(
    runs: Runs, made: tuple[FrameworkTemplate, Plan]
) -> None:
    framework, plan = made
    outcome = runs(framework, plan)
    assert outcome.error is None
    assert len(outcome.calls) == framework.calls(plan)
    assert {c.agent for c in outcome.calls} == set(range(len(plan.agents)))  # all take part
    assert len({(c.agent, c.round) for c in outcome.calls}) == len(outcome.calls)
    last = max(outcome.calls, key=lambda c: c.end)
    assert last.agent == plan.decision
    assert outcome.answer == last.text
    assert outcome.latency == pytest.approx(last.end)
    again = runs(framework, plan)
    assert (again.answer, again.cost, again.latency) == (
        outcome.answer, outcome.cost, outcome.latency
    )  # fmt: skip


@pytest.mark.parametrize("framework", ALL, ids=repr)
def test_vanilla_is_the_fixed_graph_of_all_roles_and_edges(
    runs: Runs, framework: FrameworkTemplate
) -> None:
    plan = framework.vanilla(QUERY, NAMES[0])
    mas = BaseMAS(encoder="offline", framework=framework, n_pools=1)
    fixed, chance = FixedGraph(NAMES[0]), RandomGraph(seed=1)
    for policy in (fixed, chance):
        policy.attach(mas.table)
    with torch.no_grad():
        [made] = fixed(mas.batch([QUERY]), sample=False).plans()
        [drawn] = chance(mas.batch([QUERY]), sample=True).plans()
    if len(framework.template.roles) > 2:  # a lone role needs nobody to decide
        assert (made.agents, set(made.edges)) == (plan.agents, set(plan.edges))
    for one in (plan, made, drawn):
        outcome = runs(framework, one)
        assert outcome.error is None
        assert {c.backbone for c in outcome.calls} == {a.backbone for a in one.agents}


@given(configured())
@settings(max_examples=40, deadline=None)
def test_a_graph_flow_is_what_the_executor_does_by_itself(
    runs: Runs, made: tuple[FrameworkTemplate, Plan]
) -> None:
    flow, plain = runs(ALL[14], made[1]), runs(None, made[1])
    assert isinstance(ALL[14], GraphFlowTemplate)
    assert (flow.answer, flow.latency, flow.usage) == (plain.answer, plain.latency, plain.usage)


def told(n: int, edges: tuple[tuple[int, int], ...]) -> tuple[MacNet, Plan]:
    framework = MacNet("net", n=n)
    agents = tuple(Agent(role, NAMES[0]) for role in framework.template.roles)
    return framework, Plan(QUERY, agents, (*edges, *((i, n) for i in range(n))), n)


class Listening(SimulatedClient):
    """Says who it is, and keeps what everybody was shown."""

    def __init__(self) -> None:
        super().__init__(0)
        self.shown: list[tuple[str, str, tuple[str, ...]]] = []

    async def complete(self, backbone, messages, *, query, sample):  # type: ignore[no-untyped-def]
        done = await super().complete(backbone, messages, query=query, sample=sample)
        text = f"{messages.role.name}#{len(self.shown)}"
        self.shown.append(
            (messages.role.name, messages.question, tuple(r.text for r in messages.received))
        )
        return replace(done, text=text)


def heard(framework: FrameworkTemplate, plan: Plan) -> list[tuple[str, str, tuple[str, ...]]]:
    client = Listening()
    with Executor(client, CATALOGUE, DATA, framework=framework) as executor:
        [outcome] = executor.run([plan], score=False)
    assert outcome.error is None
    return client.shown


def test_the_net_of_five_merges_every_artefact_whatever_its_depth() -> None:
    """Node 4 reads nodes of depth 0 to 3; none of the four is lost, and all reach the answer."""
    framework, plan = told(5, tuple(combinations(range(5), 2)))
    shown = heard(framework, plan)
    roles = [role.name for role in framework.template.roles]
    assert len(shown) == framework.calls(plan) == 1 + 2 * 10 + 3 + 1
    merged = {who: texts for who, task, texts in shown if "several versions" in task}
    assert {who: len(texts) for who, texts in merged.items()} == {
        roles[2]: 2, roles[3]: 3, roles[4]: 4
    }  # fmt: skip
    assert all(len(set(texts)) == len(texts) for texts in merged.values())
    said = {f"{who}#{i}": (who, texts) for i, (who, _, texts) in enumerate(shown)}

    def roots(text: str) -> set[str]:
        who, texts = said[text]
        return {who}.union(*(roots(t) for t in texts))

    who, _, texts = shown[-1]
    assert who == "Decision Maker"
    assert len(texts) == 1  # the sink of the net
    assert roots(texts[0]) == set(roles[:5])
    for draft in merged[roles[4]]:  # each from an artefact of its own, with an instruction on it
        artefact, advice = said[draft][1]
        assert said[advice][1] == (artefact,)
    sources = {said[said[draft][1][0]][0] for draft in merged[roles[4]]}
    assert sources == set(roles[:4])


@given(st.integers(1, 12), st.sampled_from(TOPOLOGIES), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_reverses_are_reverses(n: int, topology: str, seed: int) -> None:
    there = MacNet(topology, n=n, seed=seed).template  # type: ignore[arg-type]
    back = MacNet(topology, reverse=True, n=n, seed=seed).template  # type: ignore[arg-type]
    assert len(there.roles) == n + 1
    assert {(v, u) for u, v in back.edges} == set(there.edges)
    assert all(u < v for u, v in there.edges)


def test_topologies_are_macnets() -> None:
    assert macnet_edges("chain", 4) == ((0, 1), (1, 2), (2, 3))
    assert macnet_edges("star", 4) == ((0, 1), (0, 2), (0, 3))
    assert macnet_edges("tree", 6) == ((0, 1), (0, 2), (1, 3), (1, 4), (2, 5))
    assert len(macnet_edges("net", 6)) == 15
    layers = macnet_edges("layered", 11)  # 3 layers: 5, 3, 3
    assert Counter(v for _, v in layers) == dict.fromkeys(range(5, 8), 5) | dict.fromkeys(
        range(8, 11), 3
    )
    sizes = {len(macnet_edges("random", 6, seed)) for seed in range(40)}
    assert min(sizes) >= 5
    assert max(sizes) <= 15
    assert len(sizes) > 5


def test_a_round_robin_chat_is_heard_by_those_who_are_joined() -> None:
    framework = GroupChat(rounds=2, roles=["Critic", "Historian", "Psychologist"])
    agents = tuple(Agent(role, NAMES[0]) for role in framework.template.roles)
    plan = Plan(QUERY, agents, ((0, 1), (0, 3), (1, 3), (2, 3)), 3)
    assert [(who, texts) for who, _, texts in heard(framework, plan)] == [
        ("Critic", ()),
        ("Historian", ("Critic#0",)),
        ("Psychologist", ()),
        ("Critic", ("Critic#0", "Historian#1")),
        ("Historian", ("Critic#0", "Historian#1", "Critic#3")),
        ("Psychologist", ("Psychologist#2",)),
        ("Decision Maker", tuple(
            f"{who}#{i}" for i, who in enumerate(["Critic", "Historian", "Psychologist"] * 2))),
    ]  # fmt: skip


class Chairing(SimulatedClient):
    """The chair names the last of those who may speak."""

    async def complete(self, backbone, messages, *, query, sample):  # type: ignore[no-untyped-def]
        done = await super().complete(backbone, messages, query=query, sample=sample)
        if "speak next" in messages.question:
            return replace(done, text=messages.question.rpartition(": ")[2].split(", ")[-1])
        return done


def test_a_selector_is_obeyed_and_nobody_speaks_twice_in_a_row(runs: Runs) -> None:
    framework = GroupChat(selector=True, roles=["Critic", "Historian", "Psychologist"])
    plan = framework.vanilla(QUERY, NAMES[0])
    with Executor(Chairing(0), CATALOGUE, DATA, framework=framework) as executor:
        [outcome] = executor.run([plan], score=False)
    calls = sorted(outcome.calls, key=lambda c: c.start)
    chair = "Decision Maker"
    assert [c.role for c in calls] == [
        chair, "Psychologist", chair, "Historian", chair, "Psychologist", chair
    ]  # fmt: skip
    silent = runs(framework, plan)  # names nobody: whoever has spoken least
    said = [c.role for c in sorted(silent.calls, key=lambda c: c.start) if c.role != chair]
    assert said == ["Critic", "Historian", "Psychologist"]


def test_a_debate_hears_the_round_before() -> None:
    framework = Debate(rounds=2, roles=["Critic", "Historian", "Psychologist"])
    agents = tuple(Agent(role, NAMES[0]) for role in framework.template.roles)
    plan = Plan(QUERY, agents, ((0, 1), (0, 3), (1, 3), (2, 3)), 3)
    shown = heard(framework, plan)
    assert [texts for _, _, texts in shown[:3]] == [(), (), ()]
    assert {who: texts for who, _, texts in shown[3:6]} == {
        "Critic": ("Critic#0", "Historian#1"),
        "Historian": ("Critic#0", "Historian#1"),
        "Psychologist": ("Psychologist#2",),
    }
    last = {f"{who}#{i}" for i, (who, _, _) in enumerate(shown) if 3 <= i < 6}
    assert set(shown[6][2]) == last


def test_a_lone_agent_reflects(runs: Runs) -> None:
    framework = SelfReflection(rounds=2)
    role = framework.template.roles[0]
    outcome = runs(framework, Plan(QUERY, (Agent(role, NAMES[0]),), (), 0))
    assert len(outcome.calls) == 5
    assert outcome.latency == pytest.approx(sum(c.service_time for c in outcome.calls))


def test_a_review_is_followed_before_the_next_one() -> None:
    framework = ChatDev()
    shown = heard(framework, framework.vanilla(QUERY, NAMES[0]))
    assert [who for who, _, _ in shown] == [
        "Chief Executive", "Chief Product Officer", "Chief Technologist", "Programmer",
        "Code Reviewer", "Programmer", "Software Tester", "Programmer", "Decision Maker",
    ]  # fmt: skip
    assert shown[5][2] == ("Programmer#3", "Code Reviewer#4")
    assert shown[6][2] == ("Programmer#5",)
    assert shown[7][2] == ("Programmer#5", "Software Tester#6")
    assert "Programmer#7" in shown[8][2]
    assert "Programmer#3" not in shown[8][2]


@pytest.mark.parametrize("framework", ALL, ids=repr)
def test_a_budget_leaves_calls_out_and_never_breaks(
    framework: FrameworkTemplate,
) -> None:
    plan = framework.vanilla(QUERY, NAMES[0])
    limits = RolloutSettings(caps=Caps(max_tokens=2000))
    with Executor(SimulatedClient(0), CATALOGUE, DATA, settings=limits, framework=framework) as go:
        [free] = go.run([plan], score=False)
        for share in (0.0, 0.2, 0.6, 1.0):
            budget = share * free.cost
            [outcome] = go.run([replace(plan, budget_usd=budget)], score=False)
            assert outcome.kind in (None, "budget")
            assert outcome.cost <= budget + 1e-15


@pytest.mark.parametrize("framework", ALL, ids=repr)
def test_a_deadline_leaves_agents_out_and_never_breaks(framework: FrameworkTemplate) -> None:
    plan = framework.vanilla(QUERY, NAMES[0])
    answered = 0
    for seconds in (0.5, 8.0, 20.0, 300.0):
        limits = RolloutSettings(deadline=Deadline(seconds))
        with Executor(
            SimulatedClient(0), CATALOGUE, DATA, settings=limits, framework=framework
        ) as executor:
            [outcome] = executor.run([plan], score=False)
        assert outcome.kind in (None, "deadline")
        assert outcome.latency <= seconds
        answered += outcome.kind is None
    assert answered >= 1


def test_wrong_arguments_and_plans_are_named() -> None:
    for make, field in (
        (lambda: MacNet("ring"), "topology"),  # type: ignore[arg-type]
        (lambda: MacNet(n=0), "n"),
        (lambda: GroupChat(rounds=0), "rounds"),
        (lambda: Debate(rounds=True), "rounds"),
        (lambda: ChatDev(reviews=0), "reviews"),
        (lambda: SelfReflection(rounds=-1), "rounds"),
        (lambda: MacNet(roles=["Nobody"]), "names"),
    ):
        with pytest.raises(ConfigError, match=field):
            make()
    with pytest.raises(ConfigError, match=r"framework\.domain"):
        BaseMAS("math", encoder="offline", framework=GroupChat())
    looped = Template("two", (Role("A", "a"), Role("B", "b")), (), ((0, 0),), rounds=2)
    with pytest.raises(ConfigError, match="rounds"):
        GraphFlowTemplate(looped)
    framework = Debate()
    plan = replace(framework.vanilla(QUERY, NAMES[0]), rounds=2)
    graphs = (RoundGraph(()), RoundGraph(()))
    with Executor(SimulatedClient(0), CATALOGUE, DATA, framework=framework) as executor:
        [outcome] = executor.run([replace(plan, by_round=graphs)], score=False)
    assert outcome.kind == "internal"
    assert "one round" in str(outcome.error)
    assert not outcome.calls


class Jittery(SimulatedClient):
    """Answers take a while, each time another one."""

    async def complete(self, backbone, messages, *, query, sample):  # type: ignore[no-untyped-def]
        await asyncio.sleep(random.random() / 200)
        return await super().complete(backbone, messages, query=query, sample=sample)


@pytest.mark.parametrize("framework", [MacNet("net"), Debate(), SelfReflection()], ids=repr)
def test_a_replay_asks_for_the_calls_that_were_recorded(
    framework: FrameworkTemplate, tmp_path: Path
) -> None:
    """Whichever call of an agent ended first, at the time."""
    plan, path, seen = framework.vanilla(QUERY, NAMES[0]), str(tmp_path / "calls.sqlite"), []
    for mode in ("record", "replay", "replay"):
        guarded = RolloutSettings(recording=Recording(path, mode))  # type: ignore[arg-type]
        client = Jittery(0)
        with Executor(client, CATALOGUE, DATA, settings=guarded, framework=framework) as executor:
            [outcome] = executor.run([plan], score=False)
        assert outcome.error is None
        seen.append((outcome.answer, outcome.usage, outcome.latency, len(outcome.calls)))
    assert seen[0] == seen[1] == seen[2]
    assert outcome.paid == 0


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (["abgnn.frameworks.MacNet", "topology=net", "reverse=true", "n=4"], "macnet-net-reverse"),
        (["abgnn.frameworks.GroupChat", "selector=true"], "selector-group-chat"),
        (["abgnn.frameworks.GraphFlowTemplate", "template=my.yaml"], "mine"),
        (["abgnn.frameworks.MetaGPT"], "metagpt"),
        (["abgnn.frameworks.ChatDev", "reviews=2"], "chatdev"),
        (["abgnn.frameworks.Debate", "rounds=3"], "debate"),
        (["abgnn.frameworks.SelfReflection", "rounds=2"], "self-reflection"),
    ],
)
def test_every_one_is_named_in_a_config(
    flags: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    roles = [{"name": n, "prompt": n} for n in ("A", "B", "C")]
    mine = {"name": "mine", "roles": roles, "edges": [["A", "B"]]}
    Path("my.yaml").write_text(yaml.safe_dump(mine), encoding="utf-8")
    key, (kind, *options) = "--model.mas.framework", flags
    given = [f"{key}={kind}", *(f"{key}.{option}" for option in options)]
    made = build(["simulated/general.yaml"], [*given, "--trainer.logger=false"]).model
    assert made.mas.template.name == name
    policy = made.policy
    policy.attach(made.mas.table)
    with made.new_executor(DATA) as executor:
        [outcome] = executor.run(made.plans([QUERY]), score=False)
    assert outcome.error is None


def test_the_planner_refuses_what_it_cannot_foretell() -> None:
    from abgnn.experiments.calibrate import calibrate_experiment
    from abgnn.experiments.experiment import build

    flags = ["--trainer.logger=false", "--model.mas.framework=abgnn.frameworks.MacNet"]
    with pytest.raises(ConfigError, match=r"mas.framework: got 'MacNet'; allowed: .*model.budget"):
        calibrate_experiment(build(["simulated/general.yaml"], flags), 10)
    assert GraphFlowTemplate.foreseeable
