"""A real Chromium that visits real servers; what it shows is kept as pictures in runs/page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from abgnn.graph.base_mas import BaseMAS
from abgnn.rollout import Caps, RolloutSettings
from tests.paths import ROOT
from tests.serve.http.helpers import KEY, Running, real, served
from tests.servers.fixtures import Server, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",  # as root it has none
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES = ROOT / "runs" / "page"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if find_spec("playwright") is None:
        pytest.skip("no playwright: the extra `dev` is missing")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    visited = Visit(browser)
    yield visited
    visited.end()


class Visit:
    """Opens pages, each in a tab of its own, and notes what must not happen in any of them.

    After a test no page may have run into an error, asked another host, or shown a dialog.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.wrong: list[str] = []
        self._close: list[Callable[[], None]] = []

    def __call__(
        self, server: Running, *, width: int = 1300, height: int = 900, scheme: str = "light"
    ) -> Page:
        """The page of a server, once the budget is known."""
        page = self.open(server, width=width, height=height, scheme=scheme)
        page.locator("#offer-words", has_text="budget").wait_for()
        return page

    def open(
        self, server: Running, *, width: int = 1300, height: int = 900, scheme: str = "light"
    ) -> Page:
        """The page of a server, as soon as it is there."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
        )
        context.set_default_timeout(120_000)
        self._close.append(context.close)
        page, home = context.new_page(), server.url.removesuffix("/v1")
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self._check(request.url, home))
        page.goto(home)
        return page

    def end(self) -> None:
        for close in self._close:
            close()
        assert not self.wrong, self.wrong

    def _check(self, url: str, home: str) -> None:
        if not url.startswith(f"{home}/"):
            self.wrong.append(f"a request to {url}")


def picture(page: Page, name: str) -> None:
    """Keep what a page shows, for people to look at."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("STUB_KEY", KEY)
    with running(delay_s=0.0) as started:
        yield started


@pytest.fixture
def team(mas: BaseMAS, stub: Server) -> Iterator[Running]:
    """Two agents in a chain and the one who decides, by a provider on this machine; with a cap."""
    with served(real(mas, stub.base_url, RolloutSettings(caps=Caps(run_usd=0.05)))) as started:
        yield started
