"""The page in a real Chromium, on a phone: values are read off, methods toggled, tables sorted."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.test_answer import ROWS, comparison
from tests.report.test_report import page_of

api = pytest.importorskip("playwright.sync_api", reason="needs playwright (the extra dev)")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
_AT_ODDS = """() => {
  const colour = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = (text) => {
    const [r, g, b] = colour(text).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const ratio = (text) => {
    const ink = light(text);
    return Math.max(ink, paper) / Math.min(ink, paper);
  };
  const inks = [...document.querySelectorAll("p, td, th, h2, a, .picture svg text")];
  const seen = inks.map((e) => [e.textContent.slice(0, 30),
    ratio(getComputedStyle(e)[e.namespaceURI.endsWith("svg") ? "fill" : "color"])]);
  return seen.filter(([, r]) => r < 4.5);
}"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    comparison(folder / "c", *ROWS)
    (folder / "page.html").write_text(page_of(folder / "c"))
    return folder / "page.html"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def phone(chromium: Any, file: Path) -> Iterator[Any]:
    """The page at 400 pixels; no error, no refusal and no request may come of using it."""
    context = chromium.new_context(viewport={"width": 400, "height": 850})
    page = context.new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: told.append(request.url))
    page.goto(file.as_uri())
    yield page
    assert told == [file.as_uri()]
    context.close()


def test_a_budget_is_read_off_by_pointer_and_by_keyboard(phone: Any) -> None:
    figure = phone.locator("#curves figure").first
    picture, out = figure.locator(".picture"), figure.locator(".readout")
    values = figure.locator(".legend .value")
    assert "arrow keys" in out.inner_text()
    picture.focus()
    phone.keyboard.press("ArrowLeft")  # the dearest vertex: the large LLM's
    assert re.match(r"within 20 mUSD a question: ours 82.0 %, single LLM 90.0 %",
                    out.text_content())  # fmt: skip
    assert values.all_inner_texts() == ["82.0 %", "90.0 %"]
    phone.keyboard.press("Home")  # of no meaning here
    for _ in range(9):
        phone.keyboard.press("ArrowLeft")
    assert "within 0.5 mUSD" in out.text_content()
    assert values.all_inner_texts() == ["–", "50.0 %"]  # ours has nothing that cheap
    box = picture.bounding_box()
    picture.hover(position={"x": 0.93 * box["width"], "y": 0.5 * box["height"]})
    assert values.all_inner_texts() == ["82.0 %", "90.0 %"]


def test_a_point_of_the_answer_is_read_off(phone: Any) -> None:
    phone.locator("#answer .picture").focus()
    phone.keyboard.press("ArrowRight")
    assert phone.locator("#answer .readout").inner_text() == (
        "small: 50.0 % [50.0, 50.0] for 0.5 mUSD"
    )
    phone.keyboard.press("ArrowLeft")
    assert "small" in phone.locator("#answer .readout").inner_text()


def test_a_method_is_toggled_in_both_pictures(phone: Any) -> None:
    cost, latency = (phone.locator("#curves figure").nth(k) for k in (0, 1))
    button = cost.get_by_role("button", name="ours")
    assert button.get_attribute("aria-pressed") == "true"
    button.focus()
    phone.keyboard.press("Enter")
    for figure in (cost, latency):
        one = figure.locator(".legend button").first
        assert one.get_attribute("aria-pressed") == "false"
        assert figure.locator("[id*='-s0-']").count() == 3
        assert not any(part.is_visible() for part in figure.locator("[id*='-s0-']").all())
        assert figure.locator("[id*='-s1-line']").is_visible()
    cost.locator(".picture").focus()
    phone.keyboard.press("ArrowLeft")
    assert "ours" not in cost.locator(".readout").text_content()
    latency.locator(".legend button").first.click()
    assert cost.locator("[id*='-s0-line']").is_visible()


def test_a_table_is_sorted_by_number_and_back(phone: Any) -> None:
    phone.locator("#tables summary").first.click()
    table = phone.locator("#tables details table").first
    column = table.locator("thead th").nth(4)  # mUSD
    cells = table.locator("tbody tr td:nth-of-type(4)")
    before = cells.all_inner_texts()
    column.get_by_role("button").click()
    assert column.get_attribute("aria-sort") == "ascending"
    assert list(map(float, cells.all_inner_texts())) == sorted(map(float, before))
    column.get_by_role("button").click()
    assert column.get_attribute("aria-sort") == "descending"
    assert list(map(float, cells.all_inner_texts())) == sorted(map(float, before), reverse=True)
    table.locator("thead button").first.click()
    assert column.get_attribute("aria-sort") is None
    column.get_by_role("button").click(click_count=3)
    assert cells.all_inner_texts() == before
    names = table.locator("tbody th")
    table.locator("thead button").first.click()
    assert names.all_inner_texts() == sorted(names.all_inner_texts())


@pytest.mark.parametrize(
    ("scheme", "width", "script"),
    [("light", 400, False), *((s, w, True) for s in ("light", "dark") for w in (400, 1300))],
)
def test_it_fits_and_is_legible(
    chromium: Any, file: Path, scheme: str, width: int, script: bool
) -> None:
    """Nothing is wider than the screen, nothing is cut, and texts stand out from the paper."""
    context = chromium.new_context(
        viewport={"width": width, "height": 850}, color_scheme=scheme, java_script_enabled=script
    )
    page = context.new_page()
    page.goto(file.as_uri())
    for item in page.locator(".legend li").all():
        box = item.bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= width
    assert page.locator(".legend li").count() == 5 + 2 + 2
    assert page.locator("#answer svg[role=img]").is_visible()
    if script:
        inner = "[document.documentElement.scrollWidth, innerWidth]"
        assert page.evaluate(inner) == [width, width]
        assert page.evaluate(_AT_ODDS) == []
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (dark == "rgb(255, 255, 255)") == (scheme == "light")
    context.close()


def test_the_browser_refuses_a_script_of_another(chromium: Any, file: Path) -> None:
    other = file.with_name("other.html")
    evil = "<script>document.title = 'run'</script><b onclick='1' style='color: red'>x</b>"
    other.write_text(file.read_text().replace("</main>", f"{evil}</main>"))
    page = chromium.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(other.as_uri())
    assert "run" not in page.title()
    assert any("Content Security Policy" in text for text in refused)
    page.close()
