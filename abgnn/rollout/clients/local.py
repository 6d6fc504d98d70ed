"""`LocalClient`: the endpoint that the catalogue names, or a SmolLM2 server that it starts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from abgnn.data.backbone import Backbone
from abgnn.rollout.clients.local_server import LocalServer
from abgnn.rollout.clients.openai import OpenAIClient


class LocalClient(OpenAIClient):
    """Live calls to this machine; `check` starts a server where none listens yet.

    A backbone's `base_url` on 127.0.0.1 or localhost that nothing listens at gets a `LocalServer`
    at its port; a backbone without `base_url` gets one at a free port. They are stopped by
    `aclose`, at the latest when Python exits; the next `check` starts them again.

    Args:
        timeout_s: seconds until a call is given up.
        n_parallel: requests that a started server serves at the same time.
        threads: CPU threads of a started server.
    """

    def __init__(self, timeout_s: float = 120.0, n_parallel: int = 4, threads: int = 2) -> None:
        super().__init__(timeout_s)
        self.n_parallel, self.threads = n_parallel, threads
        self._servers: dict[str | None, LocalServer] = {}

    def check(self, backbones: Iterable[Backbone]) -> None:
        """Start missing servers, then check every endpoint.

        Raises:
            ConfigError: a server is needed and the extra `local` is not installed.
            EndpointError: see `OpenAIClient.check`.
        """
        chosen = list(backbones)
        for url in dict.fromkeys(backbone.base_url for backbone in chosen):
            if url not in self._servers and (url is None or _is_ours_to_serve(url)):
                port = 0 if url is None else urlsplit(url).port or 80
                server = LocalServer(port, n_parallel=self.n_parallel, threads=self.threads)
                self._servers[url] = server.start()
        super().check(chosen)

    async def aclose(self) -> None:
        """Close connections and stop the servers that this client has started."""
        await super().aclose()
        servers, self._servers = self._servers, {}
        for server in servers.values():
            await asyncio.to_thread(server.close)

    def _url(self, backbone: Backbone) -> str:
        if backbone.base_url is None and None in self._servers:
            return self._servers[None].base_url
        return super()._url(backbone)

    def __getstate__(self) -> dict[str, Any]:
        """Settings; a copy starts servers of its own."""
        return super().__getstate__() | {"_servers": {}}


def _is_ours_to_serve(url: str) -> bool:
    """The port, if the URL is on this machine and nothing listens there."""
    parts = urlsplit(url)
    if parts.hostname not in ("127.0.0.1", "localhost"):
        return False
    try:
        with socket.create_connection(("127.0.0.1", parts.port or 80), timeout=1):
            return False
    except OSError:
        return True
