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


class ClosedError(RuntimeError):
    """A system, or its event loop, was used after it was closed."""


class JobError(RuntimeError):
    """Some jobs of a command failed; the others have ended, and their calls are paid.

    Args:
        failed, jobs: how many failed, of how many.
        why: of the first one.
    """

    def __init__(self, failed: int, jobs: int, why: str) -> None:
        self.failed, self.jobs, self.why = failed, jobs, why
        super().__init__(
            f"{failed} of {jobs} jobs failed, the first one by {why}; "
            "started again with a recording, the command pays only for what is missing"
        )
