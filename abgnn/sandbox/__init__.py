"""The sandbox for generated code; the standard library only."""

from abgnn.sandbox.result import RunResult
from abgnn.sandbox.sandbox import Sandbox, machine_strength
from abgnn.sandbox.strength import STRENGTHS, Strength
from abgnn.sandbox.worker import SandboxError

__all__ = ["STRENGTHS", "RunResult", "Sandbox", "SandboxError", "Strength", "machine_strength"]
