"""What is raised for wrong user input: it names the field, the value and what is allowed."""

from __future__ import annotations


class ConfigError(ValueError):
    """Wrong user input, found before any money is spent.

    Args:
        field: where the value was found, for example `paper.yaml: backbones[3].price_in`.
        value: what was found there.
        allowed: what may stand there, in words.
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        self.field, self.value, self.allowed = field, value, allowed
        super().__init__(f"{field}: got {value!r}; allowed: {allowed}")


class EndpointError(RuntimeError):
    """An endpoint that cannot be used: it is down, refuses us, or its key variable is missing."""
