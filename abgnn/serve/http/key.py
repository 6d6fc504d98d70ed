"""`KeyCheck`: the bearer token that clients must send."""

from __future__ import annotations

import hashlib
import hmac

from starlette.datastructures import Headers

from abgnn.serve.http.request import ApiError


class KeyCheck:
    """Compares in constant time; the key itself is not kept.

    Args:
        key: None: none is needed.
    """

    def __init__(self, key: str | None) -> None:
        self._key = None if key is None else _digest(key)

    @property
    def needed(self) -> bool:
        """Whether clients must send one."""
        return self._key is not None

    def __call__(self, headers: Headers) -> None:
        """
        Raises:
            ApiError: the key is missing or wrong.
        """
        if self._key is None:
            return
        shown = headers.getlist("authorization")
        scheme, _, token = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
        right = hmac.compare_digest(_digest(token.strip()), self._key)
        if scheme.lower() != "bearer" or not right:
            raise ApiError(401, "the API key is missing or wrong", "invalid_api_key")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
