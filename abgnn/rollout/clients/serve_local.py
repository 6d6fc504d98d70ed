"""The process that `LocalServer` starts: llama.cpp's server until its standard input closes.

Prints one line, `READY url` or `FAILED reason`, and exits without destructors: llama.cpp's may wait
for ever when a server is ended right after its start.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

_QUIET = -1  # llama.cpp's verbosity threshold: nothing below an abort is written


def main() -> None:
    """Settings come as one JSON argument: model, port, n_parallel, n_ctx, threads."""
    import xllamacpp

    settings: dict[str, Any] = json.loads(sys.argv[1])
    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = settings["model"], {settings["alias"]}
    params.port, params.n_parallel, params.n_ctx = (
        settings["port"],
        settings["n_parallel"],
        settings["n_ctx"],
    )
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.verbosity = _QUIET
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        sys.stdout.write(f"FAILED {error}\n")
        sys.stdout.flush()
        os._exit(1)
    sys.stdout.write(f"READY {server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()  # ends with the parent, in whatever way
    os._exit(0)


if __name__ == "__main__":
    main()
