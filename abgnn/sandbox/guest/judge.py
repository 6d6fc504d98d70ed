"""The tests and the program in two processes that share nothing but a pipe.

The tests run in a process that has never seen the program. A function of the program is called
through the pipe, and what comes back is plain data (`codec`). So the program can only
patch, override or end itself; to pass, its functions must return what the tests expect.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from . import codec
from .frames import read_frame, write_frame

_LIMIT = 1 << 24  # bytes of one argument list or result


class Remote:
    """A function of the program, called over the pipe."""

    def __init__(self, name: str, channel: int) -> None:
        self.__name__ = name
        self._channel = channel

    def __call__(self, *args: object, **kwargs: object) -> object:
        """The function's result as plain data; its exception, if it raises."""
        call = {"name": self.__name__, "args": codec.encode(args), "kwargs": codec.encode(kwargs)}
        try:
            write_frame(self._channel, call)
            reply = read_frame(self._channel, limit=_LIMIT)
        except (OSError, EOFError):
            reply = {"error": "EOFError", "message": "the program has ended"}
        if "error" in reply:
            raise _exception(str(reply["error"]), str(reply["message"]))
        return codec.decode(reply["value"])


def _exception(name: str, message: str) -> Exception:
    """A built-in exception as it is, any other as a RuntimeError that names it."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        with suppress(TypeError):  # some want more than a message
            made: Exception = kind(message)
            return made
    return RuntimeError(f"{name}: {message}")


def serve(space: Mapping[str, Any], channel: int) -> None:
    """In the program's process: answer calls until the tests are over."""
    while True:
        try:
            call = read_frame(channel)
        except (EOFError, ConnectionError):
            os._exit(0)
        write_frame(channel, _answer(space, call))


def _answer(space: Mapping[str, Any], call: dict[str, Any]) -> dict[str, Any]:
    try:
        if call["name"] not in space:
            raise NameError(f"name {call['name']!r} is not defined")
        function = space[call["name"]]
        return {
            "value": codec.encode(
                function(*codec.decode(call["args"]), **codec.decode(call["kwargs"]))
            )
        }
    except Exception as error:  # whatever the program raises is its answer
        return {"error": type(error).__name__, "message": str(error)[:2000]}
