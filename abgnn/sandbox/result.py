"""`RunResult`: status, output and time of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["completed", "error", "timeout", "killed"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of running a program.

    Args:
        status: `completed`: it ran to its last statement without an error, and proved it;
            `error`: an exception, or it left early; `timeout`: its time was up; `killed`: by a
            signal, for example of a resource limit, or by `Sandbox.close`.
        stdout: its first characters; bytes that are no UTF-8 are replaced.
        stderr: its last characters, in which a traceback ends.
        seconds: wall time.
    """

    status: Status
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0

    @property
    def completed(self) -> bool:
        """Whether it ran to its end without an error."""
        return self.status == "completed"
