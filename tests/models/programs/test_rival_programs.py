"""What closed loops are compared with, as executed: who is asked, when it stops, what stands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from abgnn.data import Agent, Backbone, Catalogue, Outcome, Plan, Query, Usage, load_roles
from abgnn.data.program import Program, program_from_dict, program_to_dict
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.models.programs import (
    AdaptiveConsistencyProgram,
    CascadeProgram,
    CascadeRoutingProgram,
    ClosedLoopProgram,
    SelfCheckProgram,
    StarProgram,
)
from abgnn.models.programs.adaptive_consistency import settled
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.rollout import Executor
from abgnn.rollout.clients.base import CallError, Completion, Messages
from datamodules import QuickQA
from tests.rollout.helpers import Bare

DATA = QuickQA()
QUERY = DATA.load()[0]
NAMES = ("Qwen3-8B", "Qwen3-14B", "Qwen3-32B")
ROLE = load_roles("general")[0]
A, B, C, D = DATA.answer_keys(QUERY)
LOST = "lost"
THREE = {"accuracy": (0.75, 0.8, 0.92), "usd": (1e-4, 2e-4, 1e-3), "seconds": (1.0, 2.0, 5.0)}
ALIKE = {"accuracy": (0.75, 0.8, 0.85)}
MODEL = AnswerModel(options=4)


class InTurn(Bare):
    """Each LLM gives the keys that the script has for it, one call after the other."""

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        self.left = {name: list(mine) for name, mine in keys.items()}
        self.calls: list[str] = []

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        self.calls.append(backbone.name)
        assert not messages.received  # nobody reads anybody
        key = self.left[backbone.name].pop(0)
        if key == LOST:
            raise CallError("malformed", "no JSON", usage=Usage(100, 10))
        text = DATA.specimen(QUERY, key) if key else "I cannot say."
        return Completion(text, Usage(100, 10), 1.0, "stop")


def carried_out(program: Program, *keys: Sequence[str]) -> tuple[Outcome, list[int]]:
    """What comes of it, and who was called in turn, where agent i says `keys[i]`."""
    catalogue = Catalogue.from_yaml(config_path("catalogues/paper.yaml"))
    names = NAMES[: len(keys)]
    made = Plan(QUERY, tuple(Agent(ROLE, name) for name in names), (), 0, program=program)
    client = InTurn(dict(zip(names, keys, strict=True)))
    with Executor(client, catalogue, DATA) as runs:
        outcome = runs.run([made])[0]
    return outcome, [names.index(name) for name in client.calls]


def key_of(outcome: Outcome) -> str:
    return DATA.key(QUERY, outcome.answer)


def cascade(*thresholds: float) -> CascadeProgram:
    return CascadeProgram(**THREE, lambda_tok=0.0, model=MODEL, thresholds=thresholds)


def test_a_cascade_stops_at_the_first_answer_that_reaches_its_threshold() -> None:
    outcome, called = carried_out(cascade(0.7, 0.7), [B], [A], [A])
    assert called == [0]
    assert key_of(outcome) == B
    outcome, called = carried_out(cascade(0.8, 0.5), [B], [B], [A])
    assert called == [0, 1]  # .75 is not enough; two that say the same are
    assert key_of(outcome) == B
    assert outcome.steps[-1].probability > 0.8
    assert outcome.latency == 2.0  # one after the other


def test_the_last_answer_of_a_cascade_stands_whatever_it_is() -> None:
    outcome, called = carried_out(cascade(1.0, 1.0), [B], [B], [C])
    assert called == [0, 1, 2]
    assert key_of(outcome) == C


def test_a_cascade_goes_on_where_a_call_fails_or_has_no_key() -> None:
    outcome, called = carried_out(cascade(0.1, 0.1), [LOST], [""], [A])
    assert called == [0, 1, 2]
    assert key_of(outcome) == A
    outcome, _ = carried_out(cascade(0.9, 0.9), [B], [LOST], [LOST])
    assert key_of(outcome) == B  # nobody is left to ask


def test_a_cascade_shows_its_thresholds_and_survives_json() -> None:
    program = cascade(0.8, 0.6)
    assert "P(right) &lt; 0.60" in program.to_mermaid(NAMES).replace("<", "&lt;")
    assert program_from_dict(json.loads(json.dumps(program_to_dict(program)))) == program


def routing(price: float, later: float = 1.0, **changes: object) -> CascadeRoutingProgram:
    options = {**THREE, "lambda_tok": price, "model": MODEL, "later": later, **changes}
    return CascadeRoutingProgram(**options)  # type: ignore[arg-type]


def test_cascade_routing_begins_with_the_cheapest_of_the_best_set() -> None:
    _, called = carried_out(routing(0.0, **ALIKE), [A], [A], [A])
    assert called[0] == 0
    _, called = carried_out(routing(0.0), [A], [A], [A])
    assert called == [2]  # the cheap ones can change nothing, and nothing is bought for nothing
    _, called = carried_out(routing(1e6), [B], [A], [A])
    assert called == [0]  # the cheapest alone, for somebody must answer
    alone = {"accuracy": (0.3, 0.35, 0.98)}
    _, called = carried_out(routing(50.0, **alone), [A], [A], [A])
    assert called == [2]  # a set of the dear one only is worth more than with the others


def test_cascade_routing_asks_on_after_doubt_and_stops_after_agreement() -> None:
    program = routing(20.0, **ALIKE)
    _, called = carried_out(program, [A], [A], [A])
    assert called == [0, 1]
    outcome, called = carried_out(program, [A], [B], [B])
    assert called == [0, 1, 2]
    assert key_of(outcome) == B
    _, called = carried_out(routing(20.0, 100.0, **ALIKE), [A], [B], [B])
    assert called == [0]  # later calls are too dear


def test_cascade_routing_expects_nothing_from_stopping_early() -> None:
    """A closed loop asks the cheap ones first, for they may agree; here all are paid in thought."""
    keys = [A], [A], [A]
    _, looped = carried_out(ClosedLoopProgram(**THREE, lambda_tok=150.0, model=MODEL), *keys)
    assert looped == [0, 1]
    _, called = carried_out(routing(150.0), *keys)
    assert called == [2]


def test_cascade_routing_does_without_those_whose_call_failed() -> None:
    outcome, called = carried_out(routing(20.0, **ALIKE), [LOST], [B], [B])
    assert called == [0, 2]
    assert key_of(outcome) == B
    outcome, called = carried_out(routing(20.0, **ALIKE), [LOST], [LOST], [LOST])
    assert sorted(called) == [0, 1, 2]
    assert outcome.kind == "malformed"


def test_three_vote_and_the_first_breaks_ties() -> None:
    outcome, called = carried_out(StarProgram(3), [B], [A], [A])
    assert sorted(called) == [0, 1, 2]
    assert key_of(outcome) == A
    outcome, _ = carried_out(StarProgram(3), [B], [A], [C])
    assert key_of(outcome) == B


def test_a_self_check_asks_the_same_llm_and_escalates_below_its_threshold() -> None:
    sure = SelfCheckProgram(checks=3, threshold=2 / 3)
    outcome, called = carried_out(sure, [B, B, C, B], [A])
    assert called == [0] * 4
    assert key_of(outcome) == B
    assert outcome.latency == 2.0  # checks side by side, behind the answer
    outcome, called = carried_out(sure, [B, B, C, C], [A])
    assert called == [0] * 4 + [1]
    assert key_of(outcome) == A
    assert outcome.latency == 3.0


def test_a_self_check_counts_only_calls_that_came_back() -> None:
    half = SelfCheckProgram(checks=2, threshold=1.0)
    outcome, called = carried_out(half, [B, LOST, B], [A])
    assert (len(called), key_of(outcome)) == (3, B)
    outcome, called = carried_out(half, [B, LOST, LOST], [A])
    assert key_of(outcome) == A  # without any check it is unsure
    outcome, called = carried_out(half, [LOST], [A])
    assert (called, key_of(outcome)) == ([0, 1], A)
    outcome, called = carried_out(half, [B, C, C], [LOST])
    assert key_of(outcome) == B


def test_adaptive_consistency_stops_when_its_majority_is_sure() -> None:
    program = AdaptiveConsistencyProgram(threshold=0.95, most=8)
    outcome, called = carried_out(program, [B] * 8)
    assert (len(called), key_of(outcome)) == (4, B)  # 1 − 1/2⁵ ≥ .95
    outcome, called = carried_out(program, [A, B, B, B, B, B, B, B])
    assert (len(called), key_of(outcome)) == (7, B)
    outcome, called = carried_out(program, [A, B, A, B, A, B, A, B])
    assert (len(called), key_of(outcome)) == (8, A)
    assert outcome.latency == 8.0


def test_the_beta_posterior_of_the_two_most_frequent() -> None:
    assert settled(["x"] * 4, 0.9687)
    assert not settled(["x"] * 4, 0.9688)
    assert settled(["x", "x", "y"], 0.687)
    assert not settled(["x", "x", "y"], 0.688)
    assert settled(["x", "x", "", ""], 0.875)  # no key is no vote
    assert not settled([], 0.51)


@pytest.mark.parametrize(
    ("kind", "wrong", "field"),
    [
        (SelfCheckProgram, {"checks": 0}, "checks"),
        (SelfCheckProgram, {"threshold": 1.5}, "threshold"),
        (AdaptiveConsistencyProgram, {"threshold": 1.0}, "threshold"),
        (AdaptiveConsistencyProgram, {"most": 0}, "most"),
        (CascadeProgram, {**THREE, "lambda_tok": 0.0, "thresholds": (0.5,)}, "thresholds"),
    ],
)
def test_numbers_out_of_range_are_named(
    kind: type[Program], wrong: dict[str, object], field: str
) -> None:
    with pytest.raises(ConfigError, match=rf"{kind.__name__}\.{field}"):
        kind(**wrong)
