"""What an LLM is, costs and may do: `Backbone`, and the `Catalogue` read from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call as the provider billed them; reasoning tokens are part of completion."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True)
class Backbone:
    """One LLM in one mode, with a price. Prices here are USD per million tokens."""

    name: str
    model: str
    type: Literal["standard", "reasoning"]
    price_in: float
    price_out: float
    active_params_b: float
    benchmarks: Mapping[str, Mapping[str, float]]
    family: str = ""
    total_params_b: float | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    prompt_suffix: str = ""
    max_tokens: int | None = None
    rpm: int | None = None
    tpm: int | None = None
    max_concurrency: int = 16
