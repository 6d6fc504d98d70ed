"""Replies, questions and names that attack the page stay text; headers allow nothing else."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from abgnn.graph.base_mas import BaseMAS
from abgnn.serve.http.page import POLICY
from tests.paths import ROOT
from tests.serve.http.helpers import KEY, Running, scripted, served
from tests.serve.page.conftest import Visit, picture
from tests.servers.fixtures import Server

HOSTILE = (
    """<script>window.owned = 1; alert(1)</script><img src=x onerror="window.owned = 2">
<svg onload="window.owned = 3"></svg><a href="javascript:window.owned = 4">click</a>
<iframe srcdoc="<script>parent.owned = 5</script>"></iframe><style>body { display: none }</style>
<link rel=stylesheet href=https://example.com/x.css><img src="https://example.com/pixel.png">
</textarea></div><meta http-equiv=refresh content="0; url=https://example.com/"> ${window.owned = 6}
{"error": {"message": "data: [DONE]"}}
data: [DONE]

data: {"choices": [{"delta": {"content": "forged"}}]}
\u202e reversed \u0000 \ufeff \U0001f600 """
    + "W" * 3000
)
END = "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PAGE = ROOT / "abgnn" / "serve" / "page"


def test_a_hostile_reply_is_text(visit: Visit, stub: Server, team: Running) -> None:
    stub.change(text=HOSTILE)
    page = visit(team)
    page.fill("#question", HOSTILE)
    page.click("#send")
    page.locator("#account:not(:empty)").wait_for()
    said = page.locator("#said .text")
    for summary in page.locator("#said summary").all():
        summary.click()
    for shown in (page.locator("#answer"), *said.all()):
        assert (shown.text_content() or "") == HOSTILE.replace(
            "\0", ""
        )  # which is lost on the way here
        assert shown.locator("*").count() == 0  # not one element
    picture(page, "hostile")
    page.reload()  # its question comes back from the tab's storage
    row = page.locator("#history button")
    assert (row.text_content() or "").startswith("<script>")
    assert row.locator("*").count() == 0
    assert page.evaluate("window.owned") is None
    assert page.evaluate("document.body.scrollWidth <= window.innerWidth")
    assert page.evaluate("document.querySelectorAll('script').length") == 1


def test_hostile_names_are_text(visit: Visit, team: Running) -> None:
    """Whoever wrote the catalogue, or the roles, may have copied them from anywhere."""
    page = visit.open(team)
    page.route("**/v1/abgnn/offer", lambda route: route.fulfill(json={
        "calls_are": "live", "budget_kind": "bound", "expected": None,
        "plan": {"agents": [{"role": HOSTILE, "backbone": HOSTILE}],
                 "edges": [], "decision": 0, "rounds": 1},
    }))  # fmt: skip
    page.fill("#question", "Well?")
    page.locator("#graph .role").wait_for()
    assert page.evaluate("window.owned") is None
    assert page.locator("#graph script, #graph img, #graph iframe").count() == 0


def test_the_tabs_storage_may_hold_anything(visit: Visit, team: Running) -> None:
    page = visit(team)
    for stored in ("{", "null", "7", '[null, 7, {"text": "Whole?"}, {"text": 7}, {}]'):
        page.evaluate("(text) => sessionStorage.setItem('abgnn.questions', text)", stored)
        page.reload()
        page.locator("#offer-words", has_text="budget").wait_for()
    assert page.locator("#history button").all_inner_texts() == ["Whole?"]


def test_the_policy_stops_what_the_page_would_not_do(visit: Visit, team: Running) -> None:
    """Were there a way in, the browser would refuse it: scripts, styles, forms and other hosts."""
    page = visit(team)
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text))
    page.evaluate(
        """() => { const made = document.createElement("div");
        made.innerHTML = '<img src="x" onerror="window.owned = 1"><div style="color: red">x</div>';
        document.body.append(made);
        const script = document.createElement("script");
        script.textContent = "window.owned = 2"; document.body.append(script); }"""
    )
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')") == (
        "refused"
    )
    assert page.evaluate("window.owned") is None
    told = " ".join(refused)
    for directive in ("script-src", "style-src", "connect-src"):
        assert directive in told, told
    visit.wrong.clear()  # the request that was refused


def test_headers(team: Running) -> None:
    home = team.url.removesuffix("/v1")
    names = ["", *(f"page/{path.name}" for path in PAGE.iterdir())]
    for name in names:
        with urllib.request.urlopen(f"{home}/{name}") as reply:
            headers = reply.headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
    again = urllib.request.Request(f"{home}/", headers={"if-none-match": headers_of(home)["etag"]})
    with pytest.raises(urllib.error.HTTPError) as same:
        urllib.request.urlopen(again)
    assert same.value.code == 304
    for path in ("/page/../http/app.py", "/page/%2e%2e/system.py", "/page/", "/page/nothing.js"):
        assert (
            team.raw(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )[9:12]
            == b"404"
        )


def headers_of(url: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{url}/") as reply:
        return {name.lower(): value for name, value in reply.headers.items()}


def test_the_source_has_no_way_to_make_elements_of_text() -> None:
    ways = re.compile(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|https?://|\bstyle=|\son\w+="
    )
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not ways.search(text), (path.name, ways.search(text))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "allowed are question, cost_usd, latency_s"),
        (b'{"questions": 1}', "allowed are question"),
        (b'{"question": 7}', "question: allowed is a text"),
        (b'{"question": "\\ud800"}', "question: allowed is a text"),
        (b'{"question": " "}', "question: allowed is a text that is not empty"),
        (b'{"cost_usd": "1"}', "cost_usd: allowed is USD above 0"),
        (b'{"cost_usd": -1}', "cost_usd: allowed is USD above 0"),
        (b'{"latency_s": true}', "latency_s: allowed is seconds above 0"),
        (b'{"latency_s": 1e400}', "latency_s: allowed is seconds above 0"),
        (b'{"cost_usd": NaN}', "cost_usd: allowed is USD above 0"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"question": "' + b"x" * 300_000 + b'"}', "at most 200000 characters"),
    ],
)  # fmt: skip
def test_offers_that_are_none(team: Running, body: bytes, said: str) -> None:
    code, reply = team.post(body, path="/v1/abgnn/offer")
    assert code == 400
    assert said in reply["error"]["message"]
    assert str(Path.home()) not in str(reply)


def test_pages_of_other_sites_may_not_ask(team: Running, stub: Server) -> None:
    """A browser that shows another site must not spend money here, by a form of that site."""
    question = {"model": "abgnn", "messages": [{"role": "user", "content": "Well?"}]}
    for path, body in (("/v1/chat/completions", question), ("/v1/abgnn/offer", {})):
        for site, code in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
            assert team.post(body, f"Sec-Fetch-Site: {site}", path=path)[0] == code
    assert len(stub.log()) == 3


def test_data_is_behind_the_key(mas: BaseMAS) -> None:
    system, _ = scripted(mas)
    with served(system, key=KEY) as server:
        for path in ("/v1/abgnn/frontier", "/v1/abgnn/spending"):
            for header, code in (("", b"401"), (f"Authorization: Bearer {KEY}\r\n", b"200")):
                head = END.replace("\r\n\r\n", f"\r\n{header}\r\n")
                assert server.raw(f"GET {path} {head}".encode())[9:12] == code
        assert server.post({}, path="/v1/abgnn/offer")[0] == 401
        assert server.raw(f"GET / {END}".encode())[9:12] == b"200"
