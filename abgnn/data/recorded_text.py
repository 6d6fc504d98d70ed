"""The header line of a recorded response, with its score in the outcome table."""

from __future__ import annotations

import re

from abgnn.errors import ConfigError

_HEADER = re.compile(r"\[recorded: score ([0-9.eE+-]+)\]\n")


def with_score(score: float, text: str = "") -> str:
    """A recorded response; the score is written so that it is read back exactly."""
    return f"[recorded: score {float(score)!r}]\n{text}"


def split_score(response: str) -> tuple[float | None, str]:
    """The score that a response carries, or None, and the text below it."""
    match = _HEADER.match(response)
    if match is None:
        return None, response
    try:
        score = float(match[1])
    except ValueError:
        return None, response
    return score, response[match.end() :]


def recorded_score(response: str) -> float:
    """The score that a response carries.

    Raises:
        ConfigError: it carries none, or none in [0, 1]: no recorded client wrote it.
    """
    score, _ = split_score(response)
    if score is None or not 0 <= score <= 1:
        raise ConfigError("response", response[:60], "a response of abgnn.rollout.RecordedClient")
    return score
