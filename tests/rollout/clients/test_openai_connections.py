"""Connections of calls are pooled while there are calls, and closed when there are none."""

from __future__ import annotations

import asyncio

import pytest

from abgnn.data.template import Role
from abgnn.rollout import Messages, OpenAIClient
from tests.rollout.helpers import backbone, query
from tests.servers.fixtures import Server, running

_MANY = 70  # more than two pools take


async def calls(client: OpenAIClient, server: Server, n: int) -> None:
    on, messages = backbone("m", base_url=server.base_url), Messages(Role("Critic", "Be."), "Why?")
    await asyncio.gather(
        *(client.complete(on, messages, query=query(), sample=k) for k in range(n))
    )


async def held(server: Server) -> int:
    """Connections that the provider has open."""
    return int((await asyncio.to_thread(server.stats))["connections"])


async def closed(server: Server) -> None:
    while await held(server):
        await asyncio.sleep(0.02)


def test_connections_of_many_calls_go_when_there_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a further call at all; calls after that open new ones."""
    monkeypatch.setattr("abgnn.rollout.clients.openai_connections._QUIET_S", 0.3)

    async def both(server: Server) -> None:
        client = OpenAIClient()
        for _ in range(2):
            await calls(client, server, _MANY)
            await asyncio.wait_for(closed(server), 60)
        await client.aclose()

    with running(delay_s=0.1) as server:
        asyncio.run(both(server))
        assert server.stats()["requests"] == 2 * _MANY


def test_a_pool_that_is_used_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a call takes: it is not cut, and others join its pool."""
    monkeypatch.setattr("abgnn.rollout.clients.openai_connections._QUIET_S", 0.02)

    async def slow(server: Server) -> None:
        client = OpenAIClient()
        long = asyncio.ensure_future(calls(client, server, 1))
        while not (await asyncio.to_thread(server.stats))["in_flight"]:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)  # several looks at the pool
        server.change(delay_s=0)
        await calls(client, server, 3)
        await long
        await client.aclose()

    with running(delay_s=1.0) as server:
        asyncio.run(slow(server))
        assert [line["status"] for line in server.log()] == [200] * 4


def test_closing_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abgnn.rollout.clients.openai_connections._QUIET_S", 0.02)

    async def once(server: Server) -> int:
        client = OpenAIClient()
        await calls(client, server, 3)
        await asyncio.sleep(0.03)  # perhaps its pool is being closed by now
        await client.aclose()
        await asyncio.wait_for(closed(server), 60)
        tasks = asyncio.all_tasks()
        return len(tasks)

    with running(delay_s=0) as server:
        assert asyncio.run(once(server)) == 1
