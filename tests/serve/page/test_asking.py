"""Asking on the page: the team at work, the answer as it streams, its cost, what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from abgnn.graph.base_mas import BaseMAS
from abgnn.rollout import Caps, RolloutSettings
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.system import System
from tests.serve.http.helpers import CHAIN, KEY, Running, idle, left, real, scripted, served
from tests.serve.page.conftest import Visit, picture
from tests.servers.fixtures import Server

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUESTION = "Which treaty ended the Thirty Years' War?"
CONFIG = "simulated/general.yaml"


def ask(page: Page, question: str = QUESTION) -> None:
    page.fill("#question", question)
    page.click("#send")


def answered(page: Page) -> str:
    """Wait for the end; the answer."""
    page.locator("#account:not(:empty)").wait_for()
    return page.inner_text("#answer")


def states(page: Page) -> list[str]:
    """Of the agents in the graph, as their texts say."""
    return page.locator("#graph .state").all_text_contents()


def test_a_question_is_answered_while_one_watches(
    visit: Visit, stub: Server, team: Running
) -> None:
    page = visit(team)
    assert page.inner_text("#label") == "Live: real LLMs are called"
    assert page.inner_text("#money-left") == "$0.05 left of $0.05"
    picture(page, "before")
    stub.change(events=4)  # of the last agent's stream, until more are let through
    ask(page)
    page.locator("#answer:not(:empty)").wait_for()
    assert states(page) == ["done", "done", "at work"]
    begun = page.inner_text("#answer")
    assert page.locator("#said summary .who").all_inner_texts() == CHAIN
    assert page.is_hidden("#send")
    picture(page, "during")
    stub.change(events=None)
    answer = answered(page)
    assert answer.startswith(begun.strip())
    assert len(answer) > len(begun)
    assert states(page) == ["done"] * 3
    picture(page, "after")
    labels = page.locator("#graph svg").get_attribute("aria-label") or ""
    assert "Wiki Searcher on small reads Knowledgeable Expert, done" in labels
    spent = team.service.system.spending()
    tokens = stub.stats()["billed"]
    assert page.inner_text("#total-tokens") == f"{tokens:,}"
    page.locator("#money-parts", has_text="3 calls").wait_for()
    assert page.inner_text("#total-usd") in page.inner_text("#money-parts")
    assert spent.left_usd is not None
    assert page.inner_text("#money-left").startswith(f"${spent.left_usd:.3g}")
    page.locator("#said summary").first.click()
    said = page.locator("#said .text").first.inner_text()
    assert len(said.split()) > 5
    assert QUESTION in page.inner_text("#history")
    assert "3 agents · live" in page.inner_text("#history")
    page.reload()
    assert QUESTION in page.inner_text("#history")  # of this tab
    page.click("#clear")
    assert page.is_hidden("#history-card")


def test_keyboard_alone_and_what_is_announced(visit: Visit, stub: Server, team: Running) -> None:
    page = visit(team)
    page.evaluate(
        """() => { window.heard = [];
        const live = document.getElementById("live");
        new MutationObserver(() => window.heard.push(live.textContent))
          .observe(live, { childList: true, characterData: true, subtree: true }); }"""
    )
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.id")
    if focused != "question":  # the skip link has moved the start of the order there
        page.focus("#question")
    page.keyboard.type(QUESTION)
    page.keyboard.press("Control+Enter")
    answer = answered(page)
    heard = page.evaluate("window.heard")
    assert heard[0] == "The question is planned."
    assert heard[1].startswith(
        "The team: Knowledgeable Expert on small, Wiki Searcher on small and"
    )
    assert "Wiki Searcher has answered." in heard
    assert heard[-1].startswith("The answer is complete, for $")
    assert answer[:40] in heard[-1]
    stub.change(events=2)
    page.keyboard.type(" Who signed it?")
    page.keyboard.press("Control+Enter")
    page.locator("#answer:not(:empty)").wait_for()
    page.keyboard.press("Escape")
    page.locator("#team-words", has_text="Stopped").wait_for()
    left(team, 1)
    stub.change(events=None)
    idle(team)
    assert "stopped" not in page.inner_text("#problem")


def test_failures_are_said_in_words_with_what_they_cost(
    visit: Visit, stub: Server, team: Running
) -> None:
    page = visit(team)
    page.click("#send")
    assert page.inner_text("#problem") == "Type a question first."
    page.fill("#most-usd", "much")
    ask(page)
    assert "allowed is a number above 0, or nothing" in page.inner_text("#problem")
    assert not stub.log()
    page.fill("#most-usd", "")
    ask(page, "[[fault:400]] Well?")
    shown = page.locator("#problem", has_text="No answer: Knowledgeable Expert on small failed")
    shown.wait_for()
    assert states(page) == ["failed", "not asked", "not asked"]
    picture(page, "error")
    assert "failed ·" in page.inner_text("#history")
    page.fill("#most-usd", "0.0000001")
    ask(page)
    page.locator("#problem", has_text="more than is left").wait_for()
    page.fill("#most-usd", "")
    ask(page, "x" * 300_000)
    page.locator("#problem", has_text="200000 characters").wait_for()
    ask(page, "[[fault:stream-short]] Right?")
    page.locator("#problem", has_text="its reply cannot be read").wait_for()
    assert "It has cost $" in page.inner_text("#problem")


def test_a_full_server_and_one_that_has_gone(visit: Visit, mas: BaseMAS) -> None:
    system, _ = scripted(mas)
    with served(system, ServeLimits(concurrent=1)) as server:
        page = visit(server)
        server.service._questions.places.enter(1)  # somebody else's question
        ask(page)
        page.locator("#problem", has_text="1 questions are under way").wait_for()
        server.service._questions.places.leave()
    ask(page)
    page.locator("#problem", has_text="The server cannot be reached.").wait_for()


@pytest.fixture(scope="module")
def calibrated(calibration_file: str) -> Iterator[Running]:
    with served(System.load(calibration_file, config=CONFIG)) as started:
        yield started


def set_slider(page: Page, name: str, place: int) -> None:
    """As somebody does by the keyboard."""
    page.focus(f"#{name}")
    page.keyboard.press("Home")
    for _ in range(place):
        page.keyboard.press("ArrowRight")


def team_of(page: Page) -> list[str]:
    return page.locator("#graph title").all_text_contents()


def test_sliders_show_what_a_budget_buys_before_asking(visit: Visit, calibrated: Running) -> None:
    page = visit(calibrated)
    assert page.inner_text("#label") == "Simulated: no LLM is called"
    assert page.inner_text("#cost-text") == "any"
    page.fill("#question", QUESTION)
    page.locator("#graph .role").first.wait_for()
    free, dear = team_of(page), page.inner_text("#offer-usd")
    picture(page, "any-budget")
    with page.expect_response("**/v1/abgnn/offer") as reply:
        set_slider(page, "cost", 0)
    cheap = reply.value.json()
    assert cheap["budget"]["cost_usd"] is not None
    page.locator("#offer-usd", has_not_text=dear).wait_for()
    assert team_of(page) != free
    expected = calibrated.service.system.offer(QUESTION, cost_usd=cheap["budget"]["cost_usd"])
    assert expected.expected is not None
    assert page.inner_text("#offer-accuracy") == f"{expected.expected.accuracy:.0%}".replace(
        "%", " %"
    )
    assert expected.forecast is not None
    own = f"This very question: right with {expected.forecast.accuracy:.0%}".replace("%", " %")
    assert own in page.inner_text("#offer-words")
    assert page.inner_text("#cost-text").startswith("at most $")
    assert page.get_attribute("#cost", "aria-valuetext") == (
        page.inner_text("#cost-text") + " in the mean per question"
    )
    assert page.locator("#frontier .point.dear").count() > 0
    picture(page, "small-budget")
    with page.expect_request("**/v1/chat/completions") as sent:
        page.click("#send")
    stated = json.loads(sent.value.post_data or "")["abgnn"]
    assert stated["cost_usd"] == cheap["budget"]["cost_usd"]
    assert "simulated" in answered(page)
    assert page.inner_text("#answer-label") == "simulated"
    assert "dollars are" in page.inner_text("#money-parts")
    page.route(  # between a slider's places there is always a plan; not below them
        "**/v1/abgnn/offer", lambda route: route.continue_(post_data='{"cost_usd": 1e-9}')
    )
    set_slider(page, "latency", 0)
    page.locator("#offer-problem", has_text="Cost_usd: allowed is at least $").wait_for()
    assert page.inner_text("#offer-accuracy") == "–"
    picture(page, "impossible-budget")


@pytest.mark.parametrize("workers", [1, 2])
def test_whose_money_is_shown_where_workers_share_no_recording(
    visit: Visit, mas: BaseMAS, workers: int
) -> None:
    system, _ = scripted(mas)
    system.close()
    with served(System(system.source, processes=workers)) as server:
        page = visit(server)
        page.locator("#money:not([hidden])").wait_for()
        parts = page.inner_text("#money-parts")
        assert ("one of several workers" in parts) == (workers > 1)
        picture(page, f"money-{workers}")


def test_a_key_is_asked_for_and_kept_for_the_tab(visit: Visit, mas: BaseMAS, stub: Server) -> None:
    with served(
        real(mas, stub.base_url, RolloutSettings(caps=Caps(run_usd=1.0))), key=KEY
    ) as server:
        page = visit.open(server)
        page.locator("#key-form:not([hidden])").wait_for()
        assert page.is_hidden("#money")
        picture(page, "key")
        page.fill("#key", "sk-wrong")
        page.keyboard.press("Enter")
        page.locator("#key-problem", has_text="missing or wrong").wait_for()
        page.fill("#key", KEY)
        page.keyboard.press("Enter")
        page.locator("#money:not([hidden])").wait_for()
        assert page.is_hidden("#key-form")
        ask(page)
        assert answered(page)
        assert page.evaluate("Object.keys(localStorage).length") == 0
        assert page.evaluate("document.cookie") == ""
        assert KEY not in page.url
        page.reload()
        page.locator("#money:not([hidden])").wait_for()  # the tab has it still
        other = visit.open(server)
        other.locator("#key-form:not([hidden])").wait_for()  # another has not
        page.click("#forget")
        page.locator("#key-form:not([hidden])").wait_for()
        assert page.evaluate("sessionStorage.getItem('abgnn.key')") is None
