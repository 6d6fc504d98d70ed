"""What a bug in the server looks like to the client and in the log, unlike a server that stops."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from abgnn.graph.base_mas import BaseMAS
from abgnn.planning.offered import Expected
from abgnn.serve.http.bug_log import BugLog
from abgnn.serve.plan_batcher import Chooser
from abgnn.serve.query_budget import BudgetKind, QueryBudget, done
from abgnn.serve.system import System
from tests.serve.http.helpers import KEY, Running, ask, scripted, served

BUG = f"a tensor of the wrong shape; Authorization: Bearer sk-other-1 at https://me:pw@host, {KEY}"
Response = tuple[int, dict[str, Any]]


class BrokenPlanner:
    """Has a bug: at once, or where it plans."""

    kind: BudgetKind = "bound"

    def __init__(self, *, late: bool) -> None:
        self.late = late

    def of(self, budget: QueryBudget) -> Future[Chooser]:
        if not self.late:
            raise RuntimeError(BUG)
        return done(self._choose)

    def _choose(self, queries: object) -> Any:
        raise RuntimeError(BUG)

    def frontier(self) -> Future[tuple[Expected, ...]]:
        raise RuntimeError(BUG)

    def close(self) -> None:
        return


def broken(mas: BaseMAS, *, late: bool) -> System:
    system, _ = scripted(mas)
    system._engine.query_planners = BrokenPlanner(late=late)
    return system


def offer(server: Running) -> Response:
    return server.post({"question": "What is a quark?"}, path="/v1/abgnn/offer")


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_a_bug_is_an_error_with_a_number_that_the_log_explains(
    mas: BaseMAS,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    stream: bool,
    late: bool,
) -> None:
    monkeypatch.setenv("STUB_KEY", KEY)  # of the LLM
    with served(broken(mas, late=late)) as server:
        for code, said in (server.post(ask(stream=stream)), offer(server)):
            assert (code, said["error"]["code"]) == (500, "internal")
            number = said["error"]["message"].rpartition(" ")[2]
            [logged] = [r.getMessage() for r in caplog.records if number in r.getMessage()]
            assert "test_bugs.py" in logged  # the traceback
            assert "a tensor of the wrong shape" in logged
    assert "tensor" not in str(said)
    for secret in (KEY, "sk-other-1", "me:pw"):
        assert secret not in caplog.text


def test_only_a_server_that_stops_says_so(
    mas: BaseMAS, caplog: pytest.LogCaptureFixture, calibration_file: str
) -> None:
    system, _ = scripted(mas)
    with served(system) as server:
        system.close()
        for stream in (False, True):
            code, said = server.post(ask(stream=stream))
            assert (code, said["error"]["code"]) == (503, "stopping")
    calibrated = System.load(calibration_file, config="simulated/general.yaml")
    with served(calibrated) as server:
        calibrated.close()
        code, said = server.post({"cost_usd": 1e-3}, path="/v1/abgnn/offer")
        assert (code, said["error"]["code"]) == (503, "stopping")
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


@pytest.mark.parametrize(
    "text",
    [
        "GET https://llm.example/v1?api_key=sk-planted-2&n=1",
        "headers {'x-api-key': 'sk-planted-2', 'n': '1'}",
        "X-API-Key: sk-planted-2",
        "access_token=sk-planted-2",
    ],
)
def test_keys_by_their_names_are_not_logged(text: str, caplog: pytest.LogCaptureFixture) -> None:
    BugLog([])(ValueError(text), "request")
    assert "sk-planted-2" not in caplog.text
    assert "<key>" in caplog.text
