"""Self-consistency: how many answers a budget buys, who wins the vote, and what it costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abgnn.data.specimens import split_header, with_header
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.programs.self_consistency import SelfConsistencyProgram, majority
from abgnn.models.self_consistency import SelfConsistency
from abgnn.rollout import Executor, Plan, SimulatedClient
from abgnn.training.evaluate import evaluate
from datamodules import GSM8K, MATH, Arithmetic, HumanEval, QuickQA

QUICK = QuickQA(n_train=0, n_val=0, n_test=20)


@pytest.mark.parametrize(
    ("keys", "winner"),
    [("abb", 1), ("aabb", 0), ("bbaa", 0), (["", "", "c"], 2), (["", ""], 0), ("abcbc", 1)],
)
def test_majority(keys: list[str], winner: int) -> None:
    votes = [(key, f"text {i}") for i, key in enumerate(keys)]
    assert majority(votes) == f"text {winner}"


def test_no_votes() -> None:
    assert majority([]) is None


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
def test_nobody_beats_the_winner(keys: list[str]) -> None:
    won = majority([(key, key) for key in keys])
    assert won is not None
    count = {key: keys.count(key) for key in keys}
    assert count[won] == max(count.values())
    assert keys.index(won) == min(keys.index(k) for k in count if count[k] == count[won])


def test_n_answers_are_asked_side_by_side_and_the_majority_is_the_answer(mas: BaseMAS) -> None:
    policy = SelfConsistency("Qwen3-1.7B", n=5)
    with Executor(SimulatedClient(0), mas.catalogue, QUICK) as runs:
        outcomes = evaluate(policy, mas, runs, QUICK.queries("test"))
    disputed = 0
    for outcome in outcomes:
        keys = [QUICK.key(outcome.plan.query, call.text) for call in outcome.calls]
        assert len(keys) == 5
        assert len({call.text for call in outcome.calls}) > 1  # samples of their own
        assert {call.start for call in outcome.calls} == {0.0}
        assert outcome.latency == max(call.end for call in outcome.calls)
        answer = QUICK.key(outcome.plan.query, outcome.answer)
        assert keys.count(answer) == max(map(keys.count, keys))
        assert outcome.score == float(answer == outcome.plan.query.answer)
        disputed += len(set(keys)) > 1
    assert disputed


def test_a_vote_helps_a_weak_llm(mas: BaseMAS) -> None:
    """Not by much: errors of like calls are correlated in the simulated world."""
    data = QuickQA(n_train=0, n_val=0)
    gains = []
    for world in range(3):
        with Executor(SimulatedClient(world), mas.catalogue, data) as runs:
            outcomes = evaluate(SelfConsistency("Qwen3-1.7B", 9), mas, runs, data.load())
        for outcome in outcomes:
            right = data.specimen(outcome.plan.query, correct=True)
            alone = [split_header(call.text)[1] == right for call in outcome.calls]
            gains.append(outcome.score - sum(alone) / 9)
    assert 0.0 < sum(gains) / len(gains) < 0.06


def test_a_budget_buys_what_calls_cost(mas: BaseMAS) -> None:
    cost = float(mas.table.cost[mas.table.names.index("Qwen3-8B")])

    def answers(budget: float, **kwargs: int) -> int:
        policy = SelfConsistency("Qwen3-8B", budget_usd=budget, **kwargs)
        policy.attach(mas.table)
        return policy.answers()

    assert [answers(cost * f) for f in (0.1, 1.01, 3.5, 1e6)] == [1, 1, 3, 16]
    assert answers(cost * 9.5, most=4) == 4


def test_with_a_bound_on_answers_the_budget_is_a_cap(mas: BaseMAS) -> None:
    budget = 4e-4
    policy = SelfConsistency("Qwen3-8B", budget_usd=budget, max_tokens=2000, most=12)
    with Executor(SimulatedClient(0), mas.catalogue, QUICK) as runs:
        outcomes = evaluate(policy, mas, runs, QUICK.queries("test"))
    assert max(o.cost for o in outcomes) <= budget
    assert {o.error for o in outcomes} == {None}
    assert max(len(o.calls) for o in outcomes) >= 2
    assert min(len(o.calls) for o in outcomes) < policy.answers()


def test_no_vote_fits_the_budget(mas: BaseMAS) -> None:
    policy = SelfConsistency("Qwen3-235B-A22B", budget_usd=1e-6, max_tokens=2000)
    with Executor(SimulatedClient(0), mas.catalogue, QUICK) as runs:
        outcomes = evaluate(policy, mas, runs, QUICK.queries("test")[:3])
    assert {o.kind for o in outcomes} == {"budget"}
    assert sum(o.cost for o in outcomes) == 0


def test_plans_survive_json(mas: BaseMAS) -> None:
    policy = SelfConsistency("Qwen3-8B", n=3)
    policy.attach(mas.table)
    (plan,) = policy(mas.batch(QUICK.queries("test")[:1]), sample=False).plans()
    assert Plan.from_dict(plan.to_dict()).program == SelfConsistencyProgram(3)


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({}, "policy.n"),
        ({"n": 3, "budget_usd": 1.0}, "policy.n"),
        ({"n": 0}, "policy.n"),
        ({"budget_usd": 0.0}, "policy.budget_usd"),
        ({"n": 2, "max_tokens": 0}, "policy.max_tokens"),
        ({"n": 2, "most": 0}, "policy.most"),
    ],
)
def test_bad_arguments_are_named(kwargs: dict[str, float], field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        SelfConsistency("Qwen3-8B", **kwargs)  # type: ignore[arg-type]


def test_an_unknown_backbone_is_named(mas: BaseMAS) -> None:
    policy = SelfConsistency("GPT-0", n=2)
    policy.attach(mas.table)
    with pytest.raises(ConfigError, match="GPT-0"):
        policy(mas.batch(QUICK.queries("test")[:1]), sample=False)


CHOICE, NUMBER, PROGRAM = QuickQA().load()[0], Arithmetic().load()[0], HumanEval().load()[0]
PROOF = replace(NUMBER, answer="\\frac12")
BODY = "def has_close_elements(numbers, threshold):\n    return {}\n"


@pytest.mark.parametrize(
    ("data", "query", "same", "other"),
    [
        (QUICK, CHOICE, ["The answer is (B).", "I think B.\n\nB", "**B**"], "The answer is C."),
        (
            GSM8K(path="none"),
            NUMBER,
            ["The answer is 1,000.", "1000.0", "so x = 2000/2"],
            "The answer is 100.",
        ),
        (
            MATH(path="none", verifier="plain"),
            PROOF,
            ["\\boxed{\\frac{1}{2}}", "The answer is $\\dfrac12$.", "$0.5$"],
            "\\boxed{2}",
        ),
        (
            HumanEval(),
            PROGRAM,
            [
                f"Here:\n```python\n{BODY.format(True)}```",
                f"```python\n{BODY.format('True  ')}\n\n```\nDone.",
            ],
            f"```python\n{BODY.format(False)}```",
        ),
    ],
)
def test_keys_are_what_answers_come_down_to(
    data: QuickQA, query: object, same: list[str], other: str
) -> None:
    keys = {data.key(query, text) for text in same}  # type: ignore[arg-type]
    keys |= {data.key(query, with_header(99, text)) for text in same}  # type: ignore[arg-type]
    assert len(keys) == 1
    assert keys != {""}
    assert data.key(query, other) not in keys  # type: ignore[arg-type]


def test_no_answer_has_no_key() -> None:
    assert QUICK.key(CHOICE, "I cannot say.") == ""
    assert Arithmetic().key(NUMBER, "no idea") == ""
    assert MATH(path="none", verifier="plain").key(NUMBER, "") == ""
