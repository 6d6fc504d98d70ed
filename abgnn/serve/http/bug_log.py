"""`BugLog`: an exception that nobody foresaw; the client gets a number, the log the traceback."""

from __future__ import annotations

import logging
import os
import re
import traceback
from collections.abc import Iterable
from uuid import uuid4

from abgnn.serve.http.request import ApiError

_log = logging.getLogger(__name__)
_SHORTEST = 8  # characters from which on a key is one; shorter ones ("EMPTY") are ordinary words
_NAMED = r"(?:api[_-]?key|access[_-]?token)"
_SIGNED = re.compile(rf"(?i)(\bbearer\s+)\S+|(\b(?:x-)?{_NAMED}['\"]?\s*[=:]\s*['\"]?)[^\s&'\",]+")
_URL = re.compile(r"(://)[^/@\s]+@")


class BugLog:
    """Logs what went wrong without the keys of LLMs, bearer tokens, and keys and passwords in URLs.

    Args:
        variables: of the environment, that hold keys.
    """

    def __init__(self, variables: Iterable[str | None]) -> None:
        self._variables = {name for name in variables if name}

    def __call__(self, wrong: BaseException, what: str) -> ApiError:
        """The answer to the client, with the number under which the log has the rest.

        Args:
            wrong: the exception.
            what: could not be handled, for example `question`.
        """
        number = uuid4().hex[:12]
        lines = "".join(traceback.format_exception(wrong))
        _log.error("%s: the server could not handle this %s\n%s", number, what, self._shown(lines))
        message = f"the server could not handle this {what}; its log says more under {number}"
        return ApiError(500, message, "internal", type_="server_error")

    def _shown(self, text: str) -> str:
        for name in self._variables:
            key = os.environ.get(name, "")
            text = text.replace(key, "<key>") if len(key) >= _SHORTEST else text
        return _URL.sub(r"\1<key>@", _SIGNED.sub(lambda m: f"{m[1] or m[2]}<key>", text))
