"""A home-made pipeline plugged in: who is called, what is booked, what fails."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from abgnn.data.backbone import Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.resources import config_path
from abgnn.data.template import Role, Template
from abgnn.errors import ConfigError
from abgnn.frameworks import Message, template_of
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph
from abgnn.rollout import (
    Agent,
    AgentAnswer,
    Caps,
    Deadline,
    Executor,
    Plan,
    RolloutSettings,
    SimulatedClient,
    Stage,
)
from datamodules import QuickQA

ROLES = tuple(Role(name, f"You are the {name}.") for name in ("Writer", "Critic", "Editor"))
CATALOGUE = Catalogue.from_yaml(config_path("catalogues/paper.yaml"))
DATA = QuickQA()
SPENT = Usage(100, 50)


class Pipeline:
    """Everyone in turn; the editor answers."""

    roles, edges = ROLES, ((0, 1),)

    def run(self, plan: Plan) -> list[Message]:
        return [
            Message(i, f"{a.role.name}/{a.backbone}: {plan.query.text}", SPENT, 2.0)
            for i, a in enumerate(plan.agents)
        ]


class Yielding(Pipeline):
    def run(self, plan: Plan) -> Iterator[Message]:  # type: ignore[override]
        yield Message(0, "first", SPENT, 1.0)
        raise RuntimeError("no disk")


class Waiting(Pipeline):
    async def run(self, plan: Plan) -> AsyncIterator[Message]:  # type: ignore[override]
        yield Message(0, "first", SPENT, 1.0)
        await asyncio.sleep(60)


class Coroutine(Pipeline):
    async def run(self, plan: Plan) -> list[Message]:  # type: ignore[override]
        await asyncio.sleep(0)
        return [Message(0, "a", SPENT, 3.0), Message(1, "b", SPENT, 1.0, after=()),
                Message(2, "c", SPENT, 1.0)]  # fmt: skip


def plan(*backbones: str, edges: tuple[tuple[int, int], ...] = ((0, 1), (0, 2), (1, 2))) -> Plan:
    agents = tuple(Agent(r, b) for r, b in zip(ROLES, backbones, strict=True))
    return Plan(replace(DATA.load()[0], text="why?"), agents, edges, 2)


def executor(framework: object, **settings: object) -> Executor:
    return Executor(
        SimulatedClient(0),
        CATALOGUE,
        DATA,
        settings=RolloutSettings(**settings),  # type: ignore[arg-type]
        framework=framework,  # type: ignore[arg-type]
    )


THREE = plan("Qwen3-8B", "Qwen3-14B", "Qwen3-32B")


def test_messages_become_an_outcome_with_prices_and_the_critical_path() -> None:
    with executor(Pipeline()) as runs:
        [outcome] = runs.run([THREE], score=False)
        [account] = runs.ledger.accounts()
    assert outcome.answer == "Editor/Qwen3-32B: why?"
    assert [c.backbone for c in outcome.calls] == ["Qwen3-8B", "Qwen3-14B", "Qwen3-32B"]
    priced = {b.name: b for b in CATALOGUE}
    assert outcome.cost == pytest.approx(sum(priced[c.backbone].cost(SPENT) for c in outcome.calls))
    assert outcome.latency == 6.0  # one after the other
    assert outcome.usage == Usage(300, 150)
    assert account.spent * 1e-12 == pytest.approx(outcome.cost)
    assert account.calls == 3


def test_latency_follows_what_was_waited_for() -> None:
    with executor(Coroutine()) as runs:
        [outcome] = runs.run([THREE], score=False)
    assert outcome.latency == 4.0  # the second one did not wait for the first


def test_what_was_said_before_a_failure_is_booked() -> None:
    with executor(Yielding()) as runs:
        [outcome] = runs.run([THREE], score=False)
        [account] = runs.ledger.accounts()
    assert outcome.kind == "internal"
    assert "RuntimeError: no disk" in str(outcome.error)
    assert outcome.usage == SPENT
    assert account.calls == 1


def test_a_deadline_ends_it_and_keeps_what_was_paid() -> None:
    with executor(Waiting(), deadline=Deadline(0.2)) as runs:
        [outcome] = runs.run([THREE], score=False)
    assert outcome.kind == "deadline"
    assert outcome.usage == SPENT


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (Message(3, "", SPENT, 1.0), r"messages\[0\].agent"),
        (Message(0, "", SPENT, 1.0, after=(0,)), r"messages\[0\].after"),
    ],
)
def test_messages_of_nobody_are_told(bad: Message, said: str) -> None:
    class Bad(Pipeline):
        def run(self, plan: Plan) -> list[Message]:
            return [bad]

    with executor(Bad()) as runs:
        [outcome] = runs.run([THREE], score=False)
    assert outcome.kind == "internal"
    assert re.search(said, str(outcome.error))


class Staged:
    """The editor reads the writer; the critic is never asked."""

    template = Template("staged", ROLES, ((0, 1),))

    async def play(self, plan: Plan, stage: Stage) -> AgentAnswer | None:
        written = await stage.call(0)
        return await stage.call(2, [written] if written else [], last=True)


def test_a_staged_framework_is_capped_like_everybody() -> None:
    with executor(Staged()) as runs:
        [outcome] = runs.run([THREE], score=False)
    assert [c.agent for c in outcome.calls] == [0, 2]
    assert outcome.answer == outcome.calls[-1].text
    assert outcome.latency == pytest.approx(sum(c.service_time for c in outcome.calls))
    with executor(Staged(), caps=Caps(run_usd=1e-9, max_tokens=100)) as runs:
        [outcome] = runs.run([THREE], score=False)
    assert outcome.kind == "budget"
    assert outcome.cost == 0


def test_its_roles_are_the_template_of_any_policy() -> None:
    mas = BaseMAS(encoder="offline", framework=Pipeline(), n_pools=1)
    policy = FixedGraph("Qwen3-8B", ["Writer"])
    policy.attach(mas.table)
    [made] = policy(mas.batch([THREE.query]), sample=False).plans()
    with executor(mas.framework) as runs:
        [outcome] = runs.run([made], score=False)
    assert [c.role for c in outcome.calls] == ["Writer"]


def test_what_is_no_framework_is_told() -> None:
    with pytest.raises(ConfigError, match="framework"):
        template_of(object())  # type: ignore[arg-type]
