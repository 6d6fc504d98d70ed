"""Answers that are passed on while they are written: which ones, and what they cost in the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

from abgnn.data.catalogue import Catalogue
from abgnn.data.outcome import Outcome
from abgnn.models.programs import LinearProgram, StarProgram
from abgnn.rollout import Caps, Deadline, Executor, OpenAIClient, Plan, Retry, RolloutSettings
from abgnn.rollout.settings import Recording
from abgnn.rollout.stop import Stop
from tests.rollout.helpers import backbone, plan, query
from tests.rollout.test_guarded import facts
from tests.servers.fixtures import Server, running

QUICK = Retry(attempts=3, base_s=0.001, max_s=0.002)


@pytest.fixture
def stub() -> Iterator[Server]:
    with running(delay_s=0.0) as started:
        yield started


def executor(stub: Server, path: Path | None = None, **settings: object) -> Executor:
    small = backbone("small", base_url=stub.base_url, max_tokens=64, fallback="other")
    other = backbone("other", base_url=stub.base_url, max_tokens=64)
    recording = Recording(None if path is None else str(path / "calls.sqlite"))
    made = RolloutSettings(recording=recording, retry=QUICK)
    return Executor(
        OpenAIClient(20.0),
        Catalogue((small, other)),
        settings=replace(made, **settings),  # type: ignore[arg-type]
    )


def pair(text: str = "Right?") -> Plan:
    return plan(["Expert", "Decision Maker"], [(0, 1)], of=replace(query(), text=text))


def lone(text: str = "Right?") -> Plan:
    return plan(["Expert"], [], of=replace(query(), text=text))


def run(executor: Executor, plan: Plan) -> tuple[Outcome, list[str]]:
    pieces: list[str] = []
    return executor.submit(plan, on_text=pieces.append).result(), pieces


def test_the_last_agent_s_text_comes_while_it_is_written(stub: Server) -> None:
    pieces: SimpleQueue[str] = SimpleQueue()
    with executor(stub) as made:
        stub.change(events=4)
        first = made.submit(lone(), on_text=pieces.put)
        begun = pieces.get() + pieces.get()
        assert not first.done()
        assert stub.stats()["in_flight"] == 1
        stub.change(events=None)
        outcome = first.result()
        rest = "".join(pieces.get() for _ in range(pieces.qsize()))
        assert begun + rest == outcome.answer
        both, texts = run(made, pair())
    assert "".join(texts) == both.answer != both.calls[0].text


def test_a_recorded_answer_is_the_streamed_one(stub: Server, tmp_path: Path) -> None:
    with executor(stub, tmp_path) as made:
        live, pieces = run(made, pair())
    assert "".join(pieces) == live.answer
    with executor(stub, tmp_path) as made:
        again, none = run(made, pair())
        plain = made.submit(pair()).result()
    assert none == []
    assert facts([again]) == facts([plain]) == facts([live])
    assert (again.paid, len(stub.log())) == (0, 2)


def test_a_call_is_tried_again_only_before_its_first_piece(stub: Server) -> None:
    with executor(stub) as made:
        fine, pieces = run(made, lone("[[fault:500*2]] Right?"))
        assert "".join(pieces) == fine.answer
        assert fine.calls[0].attempts == 3
        before = len(stub.log())
        cut, pieces = run(made, lone("[[fault:stream-cut]] Right?"))
        assert pieces
        assert cut.kind == "connection"
        assert len(stub.log()) == before + 1, "no retry, no fallback"
        [account] = made.ledger.accounts()
    assert account.uncertain > 0 == account.reserved


def test_nobody_waits_so_the_call_is_closed_and_booked_at_its_worst_case(stub: Server) -> None:
    pieces, stop = SimpleQueue[str](), Stop()
    stub.change(events=3)
    with executor(stub, caps=Caps(run_usd=1.0)) as made:
        answer = made.submit(lone(), on_text=pieces.put, stop=stop)
        pieces.get()
        [before] = made.ledger.accounts()
        stop.set()
        outcome = answer.result()
        while stub.stats()["in_flight"]:
            pass
        [account] = made.ledger.accounts()
        assert outcome.kind == "cancelled"
        assert (account.spent, account.reserved) == (0, 0)
        assert account.uncertain == before.reserved > 0
    [line] = stub.log()
    assert line["prompt_tokens"] + 10 * line["completion_tokens"] <= account.uncertain / 1e6


def test_a_question_that_was_given_up_is_asked_anew(stub: Server, tmp_path: Path) -> None:
    pieces, stop = SimpleQueue[str](), Stop()
    stub.change(events=3)
    with executor(stub, tmp_path) as made:
        answer = made.submit(lone(), on_text=pieces.put, stop=stop)
        pieces.get()
        stop.set()
        assert answer.result().kind == "cancelled"
        stub.change(events=None)
        again, text = run(made, lone())
    assert "".join(text) == again.answer != ""
    assert again.calls[0].attempts == 1


def test_a_call_that_was_to_be_awaited_still_is(stub: Server) -> None:
    """A role agent's call is not closed: what it cost becomes known."""
    stop = Stop()
    stub.change(slots=0)
    with executor(stub) as made:
        answer = made.submit(pair(), on_text=lambda _: None, stop=stop)
        while not stub.log():
            pass
        stop.set()
        stub.change(slots=None)
        outcome = answer.result()
        [account] = made.ledger.accounts()
    assert [call.kind for call in outcome.calls] == [None, "cancelled"]
    assert (account.uncertain, len(stub.log())) == (0, 1)


def test_a_deadline_ends_a_stream(stub: Server) -> None:
    stub.change(events=3)
    with executor(stub, deadline=Deadline(0.3)) as made:
        outcome, _ = run(made, lone())
        [account] = made.ledger.accounts()
    assert outcome.kind == "deadline"
    assert account.uncertain > 0 == account.reserved


def test_a_cap_that_leaves_too_little_admits_no_stream(stub: Server) -> None:
    with executor(stub, caps=Caps(run_usd=1e-5)) as made:
        outcome, pieces = run(made, lone())
    assert (outcome.kind, pieces, stub.log()) == ("budget", [], [])


def test_programs_stream_what_is_final_whatever_it_says(stub: Server) -> None:
    agents = plan(["Expert", "Critic", "Decision Maker"], [])
    with executor(stub) as made:
        linear, pieces = run(made, replace(agents, program=LinearProgram(3)))
        assert "".join(pieces) == linear.answer == linear.calls[-1].text
        star, none = run(made, replace(agents, program=StarProgram(3)))
    assert star.answer
    assert none == []
