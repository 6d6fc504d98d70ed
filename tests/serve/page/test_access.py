"""The page for everybody: axe-core, light and dark, a phone's width."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from abgnn.serve.system import System
from tests.serve.http.helpers import Running, served
from tests.serve.page.conftest import Visit, picture
from tests.servers.fixtures import Server

QUESTION = "Which treaty ended the Thirty Years' War?"
LOOKS = [("light", 1300), ("dark", 1300), ("light", 400), ("dark", 400)]


def check(page: Any) -> None:
    """No serious issue by axe-core, and nothing wider than the window."""
    package = find_spec("axe_playwright_python")
    if package is None or package.origin is None:
        pytest.skip("no axe-core: the extra `dev` is missing")
    code = (Path(package.origin).parent / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(code)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    bad = [
        (v["id"], v["impact"], [node["html"][:120] for node in v["nodes"]])
        for v in found["violations"]
        if v["impact"] in ("serious", "critical", "moderate")
    ]
    assert not bad, bad
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.fixture(scope="module")
def calibrated(calibration_file: str) -> Iterator[Running]:
    made = System.load(calibration_file, config="simulated/general.yaml")
    with served(made) as started:
        yield started


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_nothing_serious_by_axe(
    visit: Visit, calibrated: Running, stub: Server, team: Running, scheme: str, width: int
) -> None:
    page = visit(calibrated, width=width, scheme=scheme)
    page.fill("#question", QUESTION)
    page.locator("#graph .role").first.wait_for()
    check(page)
    picture(page, f"{scheme}-{width}-offer")
    page = visit(team, width=width, scheme=scheme)
    page.fill("#question", QUESTION)
    stub.change(events=4)
    page.click("#send")
    page.locator("#answer:not(:empty)").wait_for()
    check(page)
    picture(page, f"{scheme}-{width}-during")
    stub.change(events=None)
    page.locator("#account:not(:empty)").wait_for()
    page.locator("#said summary").first.click()
    page.fill("#question", "[[fault:400]] Well?")
    page.click("#send")
    page.locator("#problem:not([hidden])").wait_for()
    check(page)
    picture(page, f"{scheme}-{width}-error")


def test_targets_are_large_enough_for_fingers(visit: Visit, calibrated: Running) -> None:
    page = visit(calibrated, width=400)
    for button in page.locator("button:visible, input:visible, textarea").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 24
