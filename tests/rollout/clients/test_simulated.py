"""The simulated client: text answers, statistics over many calls, determinism, wrong use."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import pickle
import random
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.data.specimens import split_header, with_header
from abgnn.data.template import Role
from abgnn.data.template_yaml import load_roles
from abgnn.errors import ConfigError
from abgnn.rollout import (
    Agent,
    Completion,
    Executor,
    Messages,
    Outcome,
    Plan,
    SimulatedClient,
)
from abgnn.rollout.clients.base import PeerMessage
from abgnn.rollout.world.wrong_answers import agreement
from datamodules import QuickQA
from tests.paths import ROOT
from tests.rollout.helpers import Letters, backbone, committee, plan, query

TASK = Letters()


def ask(
    client: SimulatedClient,
    of: Query,
    on: Backbone,
    role: str = "Knowledgeable Expert",
    sample: int = 0,
    received: tuple[PeerMessage, ...] = (),
) -> Completion:
    messages = Messages(Role(role, "x"), of.text, received)
    return asyncio.run(client.complete(on, messages, query=of, sample=sample))


def rollouts(client: SimulatedClient, on: Backbone, plans: list[Plan], k: int) -> list[Outcome]:
    with Executor(client, Catalogue((on,)), TASK) as executor:
        return executor.run([p for p in plans for _ in range(k)], list(range(k)) * len(plans))


def test_answers_are_text_that_the_task_judges() -> None:
    client = SimulatedClient(3)
    client.bind(TASK)
    seen = set()
    for i in range(30):
        done = ask(client, query(i), backbone("b"))
        tokens, answer = split_header(done.text)
        assert tokens == done.usage.completion_tokens
        assert answer in ("B", "Z")
        assert TASK.score(query(i), done.text) == float(answer == "B")
        seen.add(answer)
    assert seen == {"B", "Z"}


def test_solo_accuracy_is_the_published_score() -> None:
    """Subjects, topics and levels are hashed; the Expert has no shift."""
    done = rollouts(
        SimulatedClient(5),
        backbone("b"),
        [plan(["Knowledgeable Expert"], [], of=query(i), on="b") for i in range(4000)],
        1,
    )
    assert np.mean([o.score for o in done]) == pytest.approx(0.795, abs=0.03)


def phi(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def test_no_free_lunch_errors_of_like_agents_are_alike_in_version_2() -> None:
    client = SimulatedClient(1, version=2)
    client.bind(TASK)
    small = backbone("8B", family="qwen")
    medium = backbone("14B", family="qwen", benchmarks={"general": {"MMLU-Redux": 82.0}})
    other = backbone("72B", family="other", benchmarks={"general": {"MMLU-Redux": 82.0}})

    def right(on: Backbone, role: str, sample: int) -> np.ndarray:
        texts = (ask_fast(client, query(i), on, role, sample) for i in range(3000))
        return np.array([split_header(t)[1] == "B" for t in texts])

    base = right(small, "Knowledgeable Expert", 0)
    same = phi(base, right(small, "Knowledgeable Expert", 1))
    role = phi(base, right(small, "Critic", 0))
    size = phi(base, right(medium, "Knowledgeable Expert", 0))
    family = phi(base, right(other, "Knowledgeable Expert", 0))
    assert 0.70 < same < 0.86  # .78 published
    assert 0.54 < role < 0.72  # .63
    assert 0.35 < size < 0.53  # .44
    assert family < size - 0.04


def ask_fast(client: SimulatedClient, of: Query, on: Backbone, role: str, sample: int) -> str:
    """A call without messages never waits, so its coroutine ends at the first step."""
    messages = Messages(Role(role, "x"), of.text)
    coroutine = client.complete(on, messages, query=of, sample=sample)
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    done: Completion = stop.value.value
    return done.text


class Keyed(Letters):
    """Letters with a specimen for each of five answers."""

    def answer_keys(self, query: Query) -> list[str]:
        return [query.answer, "V", "W", "X", "Y"]

    def specimen(self, query: Query, key: str | None = None, *, correct: bool = True) -> str:
        return key or super().specimen(query, correct=correct)


def test_wrong_answers_differ_and_a_backbone_repeats_its_own() -> None:
    client, weak = SimulatedClient(1), {"general": {"MMLU-Redux": 30.0}}
    client.bind(Keyed())
    llms = [backbone(name, benchmarks=weak) for name in ("one", "two")]
    texts = [
        [
            [split_header(ask_fast(client, query(i), b, "Historian", k))[1] for k in (0, 1)]
            for i in range(600)
        ]
        for b in llms
    ]
    assert {text for of in texts for pair in of for text in pair} == {"B", "V", "W", "X", "Y"}
    again = [a == b for of in texts for a, b in of if "B" not in (a, b)]
    others = [a[0] == b[0] for a, b in zip(*texts, strict=True) if "B" not in (a[0], b[0])]
    assert np.mean(again) == pytest.approx(0.80, abs=0.05)
    assert np.mean(others) == pytest.approx(agreement(0.55, 4), abs=0.06)
    client = SimulatedClient(1, version=2)
    client.bind(Keyed())
    asked = [ask_fast(client, query(i), llms[0], "Historian", 0) for i in range(60)]
    assert {split_header(text)[1] for text in asked} == {"B", "Z"}, "version 2 has one wrong answer"


def test_no_specimen_is_scored_when_it_is_read() -> None:
    class Refusing(Keyed):
        def score(self, query: Query, response: str) -> float:
            raise AssertionError(response)

    client = SimulatedClient(0)
    client.bind(Refusing())
    received = tuple(PeerMessage("Critic", with_header(9, key)) for key in "BVWXY")
    done = ask(client, query(), backbone("b"), received=received)
    assert split_header(done.text)[1] in "BVWXY"


def test_right_messages_help_and_wrong_ones_harm() -> None:
    client = SimulatedClient(0)
    client.bind(TASK)
    share = {}
    for letter in ("B", "Z"):
        received = (PeerMessage("Critic", with_header(200, letter)),) * 2
        share[letter] = np.mean(
            [
                split_header(ask(client, query(i), backbone("b"), received=received).text)[1] == "B"
                for i in range(150)
            ]
        )
    alone = np.mean(
        [split_header(ask(client, query(i), backbone("b")).text)[1] == "B" for i in range(150)]
    )
    assert share["Z"] < alone - 0.05
    assert share["B"] > alone + 0.02


def test_unknown_text_is_scored_once_and_off_the_loop() -> None:
    threads: list[threading.Thread] = []

    class Slow(Letters):
        def score(self, query: Query, response: str) -> float:
            threads.append(threading.current_thread())
            return super().score(query, response)

    client = SimulatedClient(0)
    client.bind(Slow())
    foreign = PeerMessage("Critic", "I say\nB")
    ours = PeerMessage("Critic", with_header(2, "B"))
    one = ask(client, query(), backbone("b"), received=(foreign,))
    again = ask(client, query(), backbone("b"), received=(ours,))
    ask(client, query(), backbone("b"), received=(foreign,))
    assert one.usage.prompt_tokens == 150 + 130 + 1 + 30, "7 characters are a token"
    assert again.usage.prompt_tokens == 150 + 130 + 2 + 30
    assert split_header(one.text)[1] == split_header(again.text)[1]
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def trace(outcomes: list[Outcome]) -> list[tuple[object, ...]]:
    return [
        (o.plan.query.id, o.sample, o.score, o.cost, o.latency, *(c.text for c in o.calls))
        for o in outcomes
    ]


def test_outcomes_do_not_depend_on_order_or_batch() -> None:
    plans = [committee(i, size=3 + i % 3, on="b") for i in range(20)]
    whole = trace(rollouts(SimulatedClient(7), backbone("b"), plans, 2))
    assert len(set(whole)) > 30, "samples and queries differ"
    order = list(range(20))
    random.Random(1).shuffle(order)
    client = SimulatedClient(7)
    pieces = [row for i in order for row in trace(rollouts(client, backbone("b"), [plans[i]], 2))]
    assert sorted(pieces) == sorted(whole)
    assert trace(rollouts(SimulatedClient(8), backbone("b"), plans, 2)) != whole


def fingerprint() -> str:
    plans = [committee(i, on="b") for i in range(5)]
    rows = trace(rollouts(SimulatedClient(7), backbone("b"), plans, 2))
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def test_outcomes_are_the_same_in_another_process() -> None:
    code = "from tests.rollout.clients.test_simulated import fingerprint; print(fingerprint())"
    there = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == fingerprint()


def test_how_wrong_answers_agree_and_how_llms_differ_can_be_set() -> None:
    weak = {"general": {"MMLU-Redux": 30.0}}
    llms = [backbone(name, benchmarks=weak) for name in ("one", "two")]
    agree = {}
    for attraction in (0.0, 1.0):
        client = SimulatedClient(1, attraction=attraction)
        client.bind(Keyed())
        said = [
            [split_header(ask_fast(client, query(i), b, "Historian", 0))[1] for i in range(200)]
            for b in llms
        ]
        wrong = [a == b for a, b in zip(*said, strict=True) if "B" not in (a, b)]
        agree[attraction] = np.mean(wrong)
    assert agree[1.0] == 1
    assert agree[0.0] == pytest.approx(0.25, abs=0.12)  # four wrong answers, by chance
    draws = [SimulatedClient(1, interaction=factor)._draws for factor in (1.0, 2.0)]
    usual, doubled = (of.ability(llms[0], "general").deviations for of in draws)
    np.testing.assert_allclose(2 * np.array(usual), np.array(doubled))


def test_wrong_use_is_told() -> None:
    with pytest.raises(ConfigError, match="bind"):
        ask(SimulatedClient(), query(), backbone("b"))
    with pytest.raises(ConfigError, match="quirk"):
        SimulatedClient(quirk=-1)
    with pytest.raises(ConfigError, match=r"version.*2 or 3"):
        SimulatedClient(version=1)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"messages.*in version 2: usual \| mislead"):
        SimulatedClient(version=2, messages="pushy")
    with pytest.raises(ConfigError, match="mislead"):
        SimulatedClient(mislead=True, messages="usual")
    for wrong in ({"interaction": -1.0}, {"attraction": 1.5}):
        for version in (2, 3):
            with pytest.raises(ConfigError, match=f"{next(iter(wrong))}.*version 2"):
                SimulatedClient(version=version, **wrong)  # type: ignore[arg-type]
    client = SimulatedClient()
    client.bind(TASK)
    with pytest.raises(ConfigError, match="domain"):
        ask(client, Query("q", "?", "law", "B"), backbone("b"))
    client.check([backbone("b")])
    with pytest.raises(ConfigError, match=r"Backbone\(m\)\.benchmarks\.general"):
        client.check([backbone("m", benchmarks={"math": {"MATH-500": 80}})])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
@pytest.mark.parametrize(
    ("client", "name"),
    [
        (SimulatedClient(7, quirk=0.2), "version=3, world_seed=7, quirk=0.2"),
        (SimulatedClient(7, messages="pushy"), "version=3, world_seed=7, quirk=0, pushy"),
        (
            SimulatedClient(7, interaction=2, attraction=0.3),
            "version=3, world_seed=7, quirk=0, interaction=2, attraction=0.3",
        ),
        (SimulatedClient(7, version=2), "world_seed=7, quirk=0"),
        (SimulatedClient(7, mislead=False), "world_seed=7, quirk=0"),
        (SimulatedClient(7, mislead=True), "world_seed=7, quirk=0, mislead"),
    ],
)
def test_copies_are_the_same_world(duplicate: type, client: SimulatedClient, name: str) -> None:
    client.bind(TASK)
    repeat = duplicate(client)
    repeat.bind(TASK)
    assert repr(repeat) == f"SimulatedClient({name})"
    assert ask(repeat, query(), backbone("b")) == ask(client, query(), backbone("b"))


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ({}, "3c7473d20a75f06c"),
        ({"messages": "mislead"}, "339287602cd8af54"),
        ({"quirk": 0.4}, "691a643f0ee65090"),
    ],
)
def test_version_2_stays_as_it_was(options: dict[str, Any], texts: str) -> None:
    """Golden replies: the same rights and wrongs, and the same tokens, as in 0.1."""
    client = SimulatedClient(7, version=2, **options)
    done = rollouts(client, backbone("b"), [committee(i, on="b") for i in range(5)], 2)
    replies = [call.text for outcome in done for call in outcome.calls]
    assert hashlib.sha256(repr(replies).encode()).hexdigest()[:16] == texts


def test_a_copy_of_0_1_is_version_2() -> None:
    client = SimulatedClient.__new__(SimulatedClient)
    client.__setstate__({"world_seed": 3, "quirk": 0.1, "mislead": True})
    assert repr(client) == "SimulatedClient(world_seed=3, quirk=0.1, mislead)"
    assert client.version == 2


def test_in_a_world_that_misleads_committees_lose() -> None:
    data = QuickQA()
    queries = data.load()[:120]
    roles = load_roles("general")
    catalogue = Catalogue.from_yaml("catalogues/paper.yaml")
    means = {}
    for mislead in (False, True):
        client = SimulatedClient(3, mislead=mislead)
        assert repr(copy.deepcopy(client)) == repr(client)
        team = tuple(Agent(r, "Qwen3-8B") for r in (*roles[:3], roles[-1]))
        with Executor(client, catalogue, data) as executor:
            for n, plans in (
                (1, [Plan(q, team[:1], (), 0) for q in queries for _ in range(4)]),
                (
                    3,
                    [Plan(q, team, ((0, 3), (1, 3), (2, 3)), 3) for q in queries for _ in range(4)],
                ),
            ):
                outcomes = executor.run(plans, samples=[k for _ in queries for k in range(4)])
                means[mislead, n] = sum(o.score for o in outcomes) / len(outcomes)
    assert means[False, 3] > means[False, 1]
    assert means[True, 3] < means[True, 1] - 0.02
    assert means[True, 1] == means[False, 1]
