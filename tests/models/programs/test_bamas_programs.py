"""BAMAS's four patterns: who is called, what they read, who answers, and what a budget ends."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.errors import ConfigError
from abgnn.models.programs import (
    FeedbackProgram,
    LinearProgram,
    PlannerProgram,
    StarProgram,
)
from abgnn.models.programs.feedback import verdict
from abgnn.models.programs.parsing import json_values
from abgnn.models.programs.steps import (
    PlannedStep,
    assigned,
    fitted,
    read_steps,
)
from abgnn.rollout import (
    Agent,
    Completion,
    Executor,
    Messages,
    Outcome,
    Plan,
    Program,
    SimulatedClient,
)
from datamodules import QuickQA
from tests.rollout.helpers import Scripted, backbone

DATA = QuickQA(n_train=0, n_val=0)
QUERY = DATA.load()[0]  # its right answer
RIGHT, WRONG = (DATA.specimen(QUERY, correct=c) for c in (True, False))
EXECUTOR, CRITIC, PLANNER = (
    Role(n, f"You are the {n}.") for n in ("Executor", "Critic", "Planner")
)
OK, BAD = "VERDICT: CORRECT", "VERDICT: INCORRECT\nThe second step is wrong."

Script = Callable[[str, int, Messages], str]  # role, number of the role's call from 0 → reply


class Actors(Scripted):
    """Answers by script; 100 tokens in, 10 out, one second."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script, self.calls = script, Counter[str]()

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        name = messages.role.name
        self.told.append((name, messages))
        number = self.calls[name]
        self.calls[name] += 1
        return Completion(self.script(name, number, messages), Usage(100, 10), 1.0)


def lines(**texts: Sequence[str]) -> Script:
    """Replies in their order, by role."""
    return lambda role, number, _: texts[role.lower()][number]


def plan(program: Program, team: str, **kwargs: object) -> Plan:
    """A plan with one agent per letter of `team`."""
    roles = {"E": EXECUTOR, "C": CRITIC, "P": PLANNER}
    agents = tuple(Agent(roles[letter], "small", 50) for letter in team)
    return Plan(QUERY, agents, (), len(agents) - 1, program=program, **kwargs)  # type: ignore[arg-type]


def act(program: Program, team: str, script: Script, **kwargs: object) -> tuple[Outcome, Actors]:
    actors = Actors(script)
    with Executor(actors, Catalogue((backbone("small"),)), DATA) as runs:
        (outcome,) = runs.run([plan(program, team, **kwargs)])
    assert max(Counter(c.agent for c in outcome.calls).values(), default=0) <= 1
    return outcome, actors


def read_by(actors: Actors) -> list[list[str]]:
    """Texts that each call had before it."""
    return [[r.text for r in messages.received] for _, messages in actors.told]


# linear


def test_linear_goes_on_from_the_answer_before() -> None:
    texts = [f"text {i}" for i in range(4)]
    outcome, actors = act(LinearProgram(4), "EEEE", lines(executor=texts))
    assert outcome.answer == "text 3"
    assert [c.agent for c in outcome.calls] == [0, 1, 2, 3]
    assert read_by(actors) == [[], ["text 0"], ["text 1"], ["text 2"]]
    assert outcome.latency == 4
    assert actors.told[0][1].question == QUERY.text
    assert all(
        QUERY.text in m.question and "earlier answer" in m.question for _, m in actors.told[1:]
    )


def test_linear_as_released_drops_agents_and_cuts_what_the_third_reads() -> None:
    texts = [str(i) * 200 for i in range(4)]
    outcome, actors = act(LinearProgram(4, as_released=True), "EEEE", lines(executor=texts))
    assert [c.agent for c in outcome.calls] == [0, 1, 3]
    assert read_by(actors) == [[], ["0" * 200], ["0" * 150, "1" * 150]]
    assert outcome.answer == "2" * 200
    short, _ = act(LinearProgram(2, as_released=True), "EE", lines(executor=texts))
    assert [c.agent for c in short.calls] == [0, 1]


def test_no_agents_no_call() -> None:
    outcome, _ = act(LinearProgram(0), "E", lines())
    assert (outcome.kind, outcome.calls, outcome.cost) == ("budget", (), 0)


# star


def test_star_votes_side_by_side() -> None:
    outcome, actors = act(StarProgram(3), "EEE", lines(executor=[WRONG, RIGHT, RIGHT]))
    assert outcome.answer == RIGHT
    assert outcome.score == 1
    assert outcome.latency == 1
    assert read_by(actors) == [[], [], []]


@pytest.mark.parametrize(
    ("answers", "strong", "right"),
    [
        ([WRONG, RIGHT], 0, False),  # a tie: the first
        ([WRONG, RIGHT], 1, False),
        ([WRONG, WRONG, RIGHT, RIGHT], 1, False),  # the strong one's side
        ([RIGHT, WRONG, WRONG, RIGHT], 2, True),  # one strong vote each: the first
        ([WRONG, RIGHT, RIGHT, WRONG], 3, True),  # more strong votes
        (["no idea", "no idea", RIGHT], 2, True),  # those without a key do not count
        (["no idea"], 1, False),
    ],
)
def test_star_ties(answers: list[str], strong: int, right: bool) -> None:
    team = "E" * len(answers)
    outcome, _ = act(StarProgram(len(answers), strong), team, lines(executor=answers))
    assert outcome.error is None
    assert outcome.score == float(right)


def test_star_as_released_asks_three_in_turn() -> None:
    outcome, _ = act(StarProgram(5, 5, True), "EEEEE", lines(executor=[WRONG, RIGHT, RIGHT]))
    assert [c.agent for c in outcome.calls] == [0, 1, 2]
    assert [c.start for c in outcome.calls] == [0, 1, 2]
    assert (outcome.latency, outcome.score) == (3, 1)


# feedback


def test_feedback_ends_with_approval() -> None:
    script = lines(executor=["one", "two"], critic=[OK])
    outcome, actors = act(FeedbackProgram(2, 1), "EEC", script)
    assert outcome.answer == "one"
    assert read_by(actors) == [[], ["one"]]


def test_feedback_amends_what_the_critic_objects_to() -> None:
    script = lines(executor=["one", "two", "three"], critic=[BAD, OK])
    outcome, actors = act(FeedbackProgram(3, 2), "EEECC", script)
    assert outcome.answer == "two"
    assert read_by(actors) == [[], ["one"], ["one", BAD], ["two"]]
    assert "objections" in actors.told[2][1].question
    assert outcome.latency == 4


def test_executors_go_on_when_critics_are_used_up() -> None:
    script = lines(executor=["one", "two", "three"], critic=[BAD])
    outcome, actors = act(FeedbackProgram(3, 1), "EEEC", script)
    assert outcome.answer == "three"
    assert read_by(actors) == [[], ["one"], ["one", BAD], ["two"]]
    released, _ = act(FeedbackProgram(3, 1, max_iterations=2), "EEEC", script)
    assert released.answer == "two"
    assert [c.agent for c in released.calls] == [0, 1, 3]


@pytest.mark.parametrize(("answers", "kept"), [(True, RIGHT), (False, WRONG)])
def test_the_last_critic_may_answer(answers: bool, kept: str) -> None:
    script = lines(executor=[WRONG], critic=[f"{BAD}\n{RIGHT}"])
    outcome, actors = act(FeedbackProgram(1, 1, critic_answers=answers), "EC", script)
    assert outcome.score == float(kept == RIGHT)
    assert ("Nobody is left" in actors.told[1][1].question) == answers
    empty, _ = act(FeedbackProgram(1, 1), "EC", lines(executor=[WRONG], critic=[BAD]))
    assert empty.answer == WRONG  # an objection without an answer


@pytest.mark.parametrize(("critic", "calls"), [(RIGHT, 3), (WRONG, 2), ("who knows", 3)])
def test_a_critic_without_a_verdict_is_a_solver(critic: str, calls: int) -> None:
    """It approves if it comes to the same answer."""
    script = lines(executor=[WRONG, RIGHT], critic=[critic])
    outcome, _ = act(FeedbackProgram(2, 1), "EEC", script)
    assert len(outcome.calls) == calls
    assert outcome.answer == (RIGHT if calls == 3 else WRONG)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (OK, True),
        (BAD, False),
        ("**Verdict:** correct.", True),
        ("The verdict is: not correct", False),
        ('```json\n{"verdict": "INCORRECT", "critique": "no"}\n```', False),
        ('{"is_correct": true, "note": "verdict: incorrect would be too harsh"}', True),
        ('Well: {"correct": false}', False),
        ("First verdict: incorrect? No. Final verdict: correct", True),
        ("I looked at it.\nCORRECT", True),
        ("incorrect.", False),
        ("It is hard to say what is correct here.", None),
        ("The verdict of the jury", None),
        ('{"verdict": 7}', None),
        ("", None),
        ("[" * 5000, None),
        ("verdict" * 5000, None),
    ],
)
def test_verdicts(reply: str, said: bool | None) -> None:
    assert verdict(reply) is said


def test_wrong_iterations_are_named() -> None:
    with pytest.raises(ConfigError, match="max_iterations"):
        FeedbackProgram(max_iterations=0)


# planner


def steps(*items: object) -> str:
    return f"Here is my plan:\n```json\n{json.dumps(items)}\n```\nGood luck [all]!"


def test_steps_run_when_what_they_use_is_there() -> None:
    script = lines(
        planner=[
            steps(
                {"executor": 2, "instruction": "count apples", "uses": []},
                {"executor": 1, "instruction": "count pears", "uses": []},
                {"executor": 3, "instruction": "add them", "uses": [1, 2]},
            )
        ],
        executor=["four", "five", "nine"],
    )
    outcome, actors = act(PlannerProgram(3, 1), "EEEP", script)
    assert outcome.answer == "nine"
    told = [messages for _, messages in actors.told]
    assert "1 (strong), 2 (weaker), 3 (weaker)" in told[0].question
    assert "count apples" in told[1].question
    assert "last step" in told[3].question
    assert QUERY.text in told[3].question
    assert read_by(actors)[3] == ["four", "five"]
    assert [r.role for r in told[3].received] == ["Step 1, Executor", "Step 2, Executor"]
    start = {c.agent: c.start for c in outcome.calls}
    assert start == {3: 0, 0: 1, 1: 1, 2: 2}
    assert outcome.latency == 3


def test_more_steps_than_executors_are_done_together() -> None:
    wanted = steps(*({"instruction": f"do {i}", "uses": [1]} for i in range(4)))
    script = lines(planner=[wanted], executor=["a", "b"])
    outcome, actors = act(PlannerProgram(2), "EEP", script)
    assert outcome.answer == "b"
    assert all(f"do {i}" in actors.told[2][1].question for i in (1, 2, 3))
    assert read_by(actors)[2] == ["a"]
    released, listened = act(PlannerProgram(2, as_released=True), "EEP", script)
    assert released.answer == "b"
    assert "do 3" not in listened.told[2][1].question


def test_more_executors_than_steps_draft_the_last_one() -> None:
    wanted = steps({"instruction": "look"}, {"instruction": "solve it"})
    script = lines(planner=[wanted], executor=["seen", "draft", "draft too", "end"])
    outcome, actors = act(PlannerProgram(4), "EEEEP", script)
    assert outcome.answer == "end"
    assert read_by(actors) == [[], [], ["seen"], ["seen"], ["seen", "draft", "draft too"]]
    assert [c.agent for c in sorted(outcome.calls, key=lambda c: c.start)] == [4, 1, 2, 3, 0]
    assert outcome.latency == 4
    idle, _ = act(PlannerProgram(4, as_released=True), "EEEEP", script)
    assert idle.answer == "draft"
    assert len(idle.calls) == 3


@pytest.mark.parametrize(
    "reply", ["I would just solve it.", "[]", "[1, 2]", "[{}]", '["x"]', "{" * 999]
)
def test_the_plan_by_default(reply: str) -> None:
    script = lines(planner=[reply], executor=["a", "b"])
    outcome, actors = act(PlannerProgram(2), "EEP", script)
    assert outcome.answer == "b"
    assert read_by(actors) == [[], [reply], ["a"]]
    assert "No plan could be read" in actors.told[1][1].question
    start = {c.agent: c.start for c in outcome.calls}
    assert start == {2: 0, 1: 1, 0: 2}  # the strongest, who is first in the plan, goes last
    released, _ = act(PlannerProgram(2, as_released=True), "EEP", script)
    assert [c.agent for c in released.calls] == [0, 2]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('["do this", "do that"]', [("do this", ()), ("do that", (0,))]),
        ('{"steps": [{"task": "a"}, {"step": 2, "description": "b"}]}', [("a", ()), ("b", (0,))]),
        (
            '{"plan": [{"instruction": "a"}, {"instruction": "b", "uses": []}]}',
            [("a", ()), ("b", ())],
        ),
        (
            '[{"instruction": "a"}, {"instruction": "b", "uses": []}, '
            '{"instruction": "add {result_1} to #2"}]',
            [("a", ()), ("b", ()), ("add {result_1} to #2", (0, 1))],
        ),
        (
            '[{"instruction": "a"}, {"instruction": "b", "uses": ["step 1", 7, true]}]',
            [("a", ()), ("b", (0,))],
        ),
        ('{"note": 1} [{"instruction": "a"}]', [("a", ())]),
        ("no list", []),
    ],
)
def test_plans_are_read_tolerantly(reply: str, expected: list[tuple[str, tuple[int, ...]]]) -> None:
    assert [(s.instruction, s.uses) for s in read_steps(reply)] == expected


def test_executors_asked_for() -> None:
    wanted = [PlannedStep("a", 2), PlannedStep("b", 2), PlannedStep("c", 9), PlannedStep("d")]
    assert [s.executor for s in assigned(wanted, 4)] == [2, 1, 3, 0]
    assert [s.executor for s in read_steps('[{"agent": "Executor 3", "task": "a"}]')] == [2]


PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
KEYS = st.sampled_from(["steps", "plan", "instruction", "uses", "executor", "x"])
NESTED = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.text(max_size=300) | NESTED.map(json.dumps), st.integers(1, 4))
def test_any_reply_gives_a_plan_that_can_run(reply: str, executors: int) -> None:
    """References lead back only, every step has an executor of its own."""
    verdict(reply)
    read = read_steps(reply)
    given_ = assigned(fitted(read, executors), executors) if read else []
    assert {s.executor for s in given_} == set(range(executors if read else 0))
    for i, step in enumerate(given_):
        assert all(0 <= j < i for j in step.uses)
        assert step.instruction


def test_json_in_prose() -> None:
    text = 'See [1] and {"a": [2]} but not {b} or [3'
    assert list(json_values(text)) == [[1], {"a": [2]}]


# budgets: a call's worst case is its prompt's bytes at 1 USD and 50 tokens at 10 per million


@pytest.mark.parametrize(
    ("program", "team"),
    [
        (LinearProgram(4), "EEEE"),
        (LinearProgram(4, as_released=True), "EEEE"),
        (StarProgram(4), "EEEE"),
        (StarProgram(4, 2, True), "EEEE"),
        (FeedbackProgram(3, 2), "EEECC"),
        (FeedbackProgram(2, 2, max_iterations=2, critic_answers=False), "EECC"),
        (PlannerProgram(3), "EEEP"),
        (PlannerProgram(3, as_released=True), "EEEP"),
    ],
)
@pytest.mark.parametrize("budget", [0.0, 9e-4, 1.3e-3, 1.6e-3, 2e-3, 3e-3])
def test_what_does_not_fit_is_left_out(program: Program, team: str, budget: float) -> None:
    """The best answer so far, or an outcome that says there was no call."""
    wordy = "x" * 300

    def script(role: str, number: int, _: Messages) -> str:
        plans_ = steps(*(f"step {i} of three" for i in range(3)))
        return {"Planner": plans_, "Critic": BAD, "Executor": f"{wordy}{number}"}[role]

    outcome, _ = act(program, team, script, budget_usd=budget)
    free, _ = act(program, team, script)
    assert outcome.cost <= budget
    assert len(outcome.calls) <= len(free.calls)
    assert outcome.cost == pytest.approx(len(outcome.calls) * 2e-4)
    if any(c.role == "Executor" for c in outcome.calls):
        assert outcome.error is None
        assert outcome.answer.startswith(wordy)
    else:
        assert outcome.kind == "budget"


def test_agents_that_are_too_dear_are_passed_over() -> None:
    """Where there is no answer yet, the next in line is asked."""
    dear = backbone("dear", price_in=100.0, price_out=1000.0)
    line = plan(LinearProgram(2), "EE", budget_usd=5e-3)
    mixed = replace(line, agents=(replace(line.agents[0], backbone="dear"), line.agents[1]))
    with Executor(
        Actors(lines(executor=["b"])), Catalogue((backbone("small"), dear)), DATA
    ) as runs:
        (outcome,) = runs.run([mixed])
    assert outcome.answer == "b"
    assert [c.backbone for c in outcome.calls] == ["small"]


PROGRAMS = (
    (LinearProgram(3), 3, 0),
    (StarProgram(3, 1), 3, 0),
    (FeedbackProgram(2, 1), 2, 1),
    (PlannerProgram(2, 1), 2, 1),
)


@pytest.mark.parametrize(("program", "executors", "others"), PROGRAMS)
def test_patterns_in_the_simulated_world(program: Program, executors: int, others: int) -> None:
    from abgnn.data.resources import config_path

    catalogue = Catalogue.from_yaml(config_path("catalogues/paper.yaml"))
    other = CRITIC if isinstance(program, FeedbackProgram) else PLANNER
    agents = tuple(Agent(r, "Qwen3-8B", 2000) for r in [EXECUTOR] * executors + [other] * others)
    queries = DATA.load()[:30]
    plans_ = [Plan(q, agents, (), executors - 1, program=program) for q in queries]
    with Executor(SimulatedClient(0), catalogue, DATA) as runs:
        outcomes = runs.run(plans_)
    assert {o.error for o in outcomes} == {None}
    numbers = Counter(len(o.calls) for o in outcomes)
    if isinstance(program, FeedbackProgram):
        assert set(numbers) == {2, 3}  # some are approved at once
    else:
        assert set(numbers) == {executors + others}
    assert 0.5 < sum(o.score for o in outcomes) / len(outcomes) < 1


def test_programs_survive_json() -> None:
    for program, _, _ in PROGRAMS:
        assert Plan.from_dict(plan(program, "EEE").to_dict()).program == program
