"""Closed loops as executed: who is asked, what stands, what failures and caps leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from abgnn.data import Agent, Backbone, Catalogue, LoopStep, Plan, Query, Usage, load_roles
from abgnn.data.answer_form import FORM_FEATURES
from abgnn.data.query import OpenQuestion
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.models.programs import ClosedLoopProgram
from abgnn.models.programs.closed_loop import Reader
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.forms import FormScale
from abgnn.rollout import Deadline, Executor, RolloutSettings, SimulatedClient
from abgnn.rollout.clients.base import CallError, Client, Completion, Messages
from abgnn.rollout.settings import Recording
from datamodules import HumanEval, QuickQA
from tests.rollout.helpers import Bare

DATA = QuickQA()
QUERY = DATA.load()[0]
NAMES = ("Qwen3-8B", "Qwen3-14B", "Qwen3-32B")
ROLE = load_roles("general")[0]
WRONG = list(DATA.answer_keys(QUERY))[1:]
MODEL = AnswerModel(options=4)
CHEAP_FIRST = {"accuracy": (0.75, 0.8, 0.92), "usd": (1e-4, 2e-4, 1e-3), "seconds": (1.0, 2.0, 5.0)}


class Scripted(Bare):
    """Each LLM gives the text that the script has for it, or fails."""

    def __init__(self, texts: Mapping[str, str | CallError], seconds: float = 1.0) -> None:
        self.texts, self.seconds = texts, seconds
        self.calls: list[str] = []

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        self.calls.append(backbone.name)
        text = self.texts[backbone.name]
        if isinstance(text, CallError):
            raise text
        return Completion(text, Usage(100, 10), self.seconds, "stop")


def catalogue() -> Catalogue:
    return Catalogue.from_yaml(config_path("catalogues/paper.yaml"))


def plan(**kwargs: object) -> Plan:
    options = {**CHEAP_FIRST, "lambda_tok": 150.0, "model": MODEL, "parallel": False, **kwargs}
    program = ClosedLoopProgram(**options)  # type: ignore[arg-type]
    agents = tuple(Agent(ROLE, name, 800) for name in NAMES[: len(program.accuracy)])
    return Plan(QUERY, agents, (), 0, program=program)


def by_examples(passing: float) -> dict[str, object]:
    """Programs: P(passes | wrong)."""
    forms = {
        "form_right": ((0.01, 0.01, 0.98),) * 3,
        "form_wrong": ((0.01, 0.99 - passing, passing),) * 3,
    }
    return {"keys": False, **forms}


def by_length() -> dict[str, object]:
    """Texts that are read by their length alone, in four bins: the longest are wrong."""
    others = [0.0] * (len(FORM_FEATURES) - 1)
    scale = FormScale(
        (4.0, *others), (1.0,) * len(FORM_FEATURES), (-1.0, *others), (-2.0, -1.0, 0.0)
    )
    right, wrong = (0.02, 0.08, 0.3, 0.6), (0.6, 0.3, 0.08, 0.02)
    return {"form_right": (right,) * 3, "form_wrong": (wrong,) * 3, "scales": (scale,) * 3}


def said(*keys: str | CallError) -> dict[str, str | CallError]:
    texts = [k if isinstance(k, CallError) else DATA.specimen(QUERY, k) for k in keys]
    return dict(zip(NAMES, texts, strict=True))


def carried_out(client: Client, made: Plan, **settings: object):  # type: ignore[no-untyped-def]
    with Executor(
        client,
        catalogue(),
        DATA,
        settings=RolloutSettings(**settings),  # type: ignore[arg-type]
    ) as runs:
        return runs.run([made])[0]


RIGHT = DATA.answer_keys(QUERY)[0]


def test_agreement_of_cheap_agents_saves_the_dear_one() -> None:
    client = Scripted(said(RIGHT, RIGHT, RIGHT))
    outcome = carried_out(client, plan())
    assert client.calls == list(NAMES[:2])
    assert outcome.score == 1
    assert outcome.latency == 2.0  # one after the other


def test_disagreement_asks_the_dear_one_and_the_majority_stands() -> None:
    client = Scripted(said(WRONG[0], RIGHT, RIGHT))
    outcome = carried_out(client, plan())
    assert client.calls == list(NAMES)
    assert outcome.score == 1
    assert [step.asks for step in outcome.steps][-1] == ()


def test_steps_tell_posterior_values_and_choice_in_words() -> None:
    outcome = carried_out(Scripted(said(WRONG[0], RIGHT, RIGHT)), plan())
    first, *_, last = outcome.steps
    assert first.answer is None
    assert first.answers == ()
    assert all(isinstance(step, LoopStep) for step in outcome.steps)
    assert last.probability > 0.9
    assert json.loads(json.dumps(last.to_dict()))["answers"][1][1] == RIGHT
    words = [step.words(NAMES) for step in outcome.steps]
    assert "Ask Qwen3-8B" in words[0]
    assert "otherwise" in words[2]
    assert "the same" in words[-1]


OWN = Query("ask/1", "Why is the sky blue?", "general")
TEXTS = tuple(f"Light of short waves is scattered more by air, {name} says, " * 9 for name in NAMES)


def asked_by_a_user(price: float, *texts: str, **kwargs: object):  # type: ignore[no-untyped-def]
    client = Scripted(dict(zip(NAMES, texts, strict=True)))
    made = replace(plan(lambda_tok=price, **kwargs), query=OWN)
    with Executor(client, catalogue(), OpenQuestion()) as runs:
        return runs.run([made])[0], client.calls


def test_free_texts_that_answer_a_users_question_are_not_wrong_for_it() -> None:
    """They cannot be compared: the first is as likely right as its agent, and a dearer one is
    asked where that is worth its price."""
    outcome, calls = asked_by_a_user(300.0, *TEXTS)
    assert len(calls) == 1
    assert outcome.answer == TEXTS[NAMES.index(calls[0])]
    assert outcome.steps[-1].probability == pytest.approx(
        CHEAP_FIRST["accuracy"][NAMES.index(calls[0])], abs=0.01
    )
    assert "without a key" in outcome.steps[-1].words(NAMES)
    outcome, calls = asked_by_a_user(50.0, *TEXTS)
    assert calls[-1] == NAMES[2]
    assert outcome.answer == TEXTS[2]  # the ablest that was asked
    assert len(calls) < 3


def test_a_users_program_has_no_examples_to_be_run_with() -> None:
    """So no further one will be, and none is bought for that."""
    programs = [f"```python\nx = {name!r}\n```" for name in NAMES]
    run = {"form_right": ((0.2, 0.01, 0.79),) * 3, "form_wrong": ((0.2, 0.79, 0.01),) * 3}
    outcome, calls = asked_by_a_user(300.0, *programs, keys=False, **run)
    assert len(calls) == 1
    assert outcome.answer == programs[NAMES.index(calls[0])]
    assert "answered without a key" in outcome.steps[-1].words(NAMES)
    made = plan(lambda_tok=300.0, keys=False, **run).program
    assert isinstance(made, ClosedLoopProgram)
    first = NAMES.index(calls[0])
    blind = made.decide([made.read(first, programs[first], str)], ())
    assert blind.ask  # as if the next one could be run
    assert made.after([made.read(first, programs[first], str)], QUERY) is made


def test_a_user_whose_question_gets_stated_answers_has_them_compared() -> None:
    stated = [f"{text} The answer is scattering." for text in TEXTS]
    outcome, calls = asked_by_a_user(150.0, *stated)
    assert calls == list(NAMES[:2])
    assert outcome.steps[-1].probability > 0.85


def test_a_question_of_a_benchmark_that_gets_a_text_was_answered_wrongly() -> None:
    texts = dict(zip(NAMES, (TEXTS[0], *[DATA.specimen(QUERY, RIGHT)] * 2), strict=True))
    outcome = carried_out(Scripted(texts), plan())
    assert outcome.score == 1
    assert len(outcome.calls) > 1


def test_a_failed_call_is_evidence_of_nothing_and_is_paid() -> None:
    lost = CallError("malformed", "no JSON", usage=Usage(100, 10))
    client = Scripted(said(lost, RIGHT, RIGHT))
    outcome = carried_out(client, plan())
    assert outcome.error is None
    assert outcome.score == 1
    assert outcome.steps[-1].failed == (0,)
    failed = [call for call in outcome.calls if call.error]
    assert [call.backbone for call in failed] == ["Qwen3-8B"]
    assert failed[0].cost > 0
    assert outcome.cost == pytest.approx(sum(call.cost for call in outcome.calls))


def test_when_all_fail_the_outcome_says_what_failed() -> None:
    lost = CallError("malformed", "no JSON")
    outcome = carried_out(Scripted(said(lost, lost, lost)), plan())
    assert outcome.kind == "malformed"
    assert "no JSON" in str(outcome.error)
    assert outcome.answer == ""
    assert outcome.score == 0


def test_when_time_runs_out_the_posterior_answers() -> None:
    client = Scripted(said(RIGHT, WRONG[0], RIGHT), seconds=3.0)
    outcome = carried_out(client, plan(), deadline=Deadline(seconds=3.5))
    assert outcome.error is None
    assert outcome.answer == DATA.specimen(QUERY, RIGHT)
    assert outcome.late


def test_a_budget_of_the_query_is_kept_and_the_posterior_answers() -> None:
    made = replace(plan(), budget_usd=3e-4)
    outcome = carried_out(Scripted(said(WRONG[0], RIGHT, RIGHT)), made)
    assert outcome.error is None
    assert outcome.cost <= 3e-4


def test_a_budget_of_nothing_is_an_outcome_of_kind_budget() -> None:
    outcome = carried_out(Scripted(said(RIGHT, RIGHT, RIGHT)), replace(plan(), budget_usd=0.0))
    assert outcome.kind == "budget"
    assert outcome.cost == 0


def test_somebody_is_asked_whatever_the_price() -> None:
    client = Scripted(said(RIGHT, RIGHT, RIGHT))
    outcome = carried_out(client, plan(lambda_tok=1e6))
    assert client.calls == ["Qwen3-8B"]
    assert outcome.score == 1


def test_one_agent_alone_is_asked_once() -> None:
    made = plan(accuracy=(0.6,), usd=(1e-4,), seconds=(1.0,))
    outcome = carried_out(Scripted(said(RIGHT, RIGHT, RIGHT)), made)
    assert len(outcome.calls) == 1
    assert outcome.score == 1


def test_both_at_once_take_the_seconds_of_one() -> None:
    made = plan(lambda_tok=1.0, lambda_lat=0.02, parallel=True)
    client = Scripted(said(RIGHT, RIGHT, RIGHT))
    outcome = carried_out(client, made)
    assert len(outcome.steps[0].asks) == 2
    assert outcome.latency == 1.0


def broken(*_: object) -> str:
    raise ValueError("no such format")


def test_a_key_function_that_raises_leaves_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuickQA, "key", broken)
    outcome = carried_out(Scripted(said(RIGHT, RIGHT, RIGHT)), plan())
    assert outcome.error is None
    assert outcome.answer


def test_an_answer_of_a_megabyte_is_an_answer_like_others() -> None:
    texts = {**said(RIGHT, RIGHT, RIGHT), NAMES[0]: "a" * 1_000_000}
    outcome = carried_out(Scripted(texts), plan())
    assert outcome.error is None
    assert outcome.score == 1


def test_json_holds_the_program_and_the_hash_stays() -> None:
    made = plan(
        families=("a", "a", "b"), model=AnswerModel(options=4, family=0.4), no_key=(0.1, 0.1, 0.1)
    )
    again = Plan.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again.program == made.program
    assert hash(again.program) == hash(made.program)
    named = made.to_dict()["program"]["class_path"]
    assert named == "abgnn.models.programs.ClosedLoopProgram"


def test_examples_come_back_from_json() -> None:
    made = plan(**by_examples(0.3))
    again = Plan.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again.program == made.program


@pytest.mark.parametrize(
    "wrong",
    [{"accuracy": (0.5, 0.6)}, {"model": {"spread": -1.0}}, {"most_calls": 9}, {"depths": ()}],
)
def test_numbers_out_of_range_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        plan(**wrong)


def test_a_replay_repeats_every_decision(tmp_path) -> None:  # type: ignore[no-untyped-def]
    plans = [replace(plan(), query=query) for query in DATA.load()[:12]]
    path = str(tmp_path / "calls.sqlite")
    run: Callable[[str], list[object]] = lambda mode: _recorded(path, mode, plans)  # noqa: E731
    assert run("record") == run("replay")


def _recorded(path: str, mode: str, plans: list[Plan]) -> list[object]:
    settings = RolloutSettings(recording=Recording(path=path, mode=mode))  # type: ignore[arg-type]
    with Executor(SimulatedClient(3), catalogue(), DATA, settings=settings) as runs:
        outcomes = runs.run(plans)
    assert all(outcome.steps for outcome in outcomes)
    return [(o.answer, o.steps, o.cost, o.latency) for o in outcomes]


def with_reader(**kwargs: object) -> Plan:
    """The three candidates, and a judge that reads them."""
    growth = (0.0, 4.0, 4.0, 4.0, 4.0)
    judge = Reader(0.8, growth, (0.0, 1.0, 1.0, 1.0, 1.0), (1e-5,) * 5, (1.0,) * 5)
    made = plan(readers=(judge,), **kwargs)
    return replace(
        made, agents=(*made.agents, Agent(load_roles("general")[1], "Qwen2.5-72B-Instruct", 800))
    )


def test_a_reader_gets_all_answers_and_its_own_stands() -> None:
    client = Scripted(
        {**said(WRONG[0], WRONG[1], WRONG[2]), "Qwen2.5-72B-Instruct": DATA.specimen(QUERY, RIGHT)}
    )
    outcome = carried_out(client, with_reader())
    assert client.calls[-1] == "Qwen2.5-72B-Instruct"
    assert outcome.score == 1
    assert outcome.steps[-1].reads
    names = (*NAMES, "judge")
    assert "judge reads them and decides" in outcome.steps[-1].words(names)


def test_the_posterior_answers_where_the_reader_fails() -> None:
    lost = CallError("malformed", "no JSON")
    client = Scripted({**said(RIGHT, RIGHT, RIGHT), "Qwen2.5-72B-Instruct": lost})
    outcome = carried_out(client, with_reader())
    assert outcome.error is None
    assert outcome.score == 1


def test_readers_come_back_from_json() -> None:
    made = with_reader()
    assert Plan.from_dict(json.loads(json.dumps(made.to_dict()))).program == made.program


@pytest.mark.parametrize("keys", [True, False])
def test_texts_are_read_by_how_they_are_written(keys: bool) -> None:
    short, long = "Answer: A", "I think it is, perhaps, this. " * 400 + "Answer: A"
    asked = {}
    for text in (short, long):
        client = Scripted(dict.fromkeys(NAMES, text))
        made = plan(**by_length(), keys=keys)
        with Executor(client, catalogue(), DATA) as runs:
            runs.run([made])
        asked[text] = client.calls
        assert Plan.from_dict(json.loads(json.dumps(made.to_dict()))).program == made.program
    assert len(asked[short]) == 1
    assert len(asked[long]) > 1


def test_programs_are_read_by_the_examples_that_they_pass() -> None:
    code = HumanEval()
    query = next(q for q in code.load() if ">>>" in q.text)
    texts = dict(zip(NAMES, [code.failing(query)] * 2 + [code.reference(query)], strict=True))
    client = Scripted({name: f"```python\n{text}\n```" for name, text in texts.items()})
    made = replace(plan(**by_examples(0.1)), query=query)
    with Executor(client, catalogue(), code) as runs:
        [outcome] = runs.run([made])
    code.teardown()
    assert [key for _, key in outcome.steps[-1].answers][:1] == ["fails"]
    assert client.calls[-1] == NAMES[2]
    assert outcome.score == 1
