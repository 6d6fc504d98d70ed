"""`Backbone`: an LLM with its price and limits; and the texts that an encoder reads about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from abgnn.errors import ConfigError

Kind = Literal["standard", "reasoning"]
HIDDEN = "a value that may be a key, and is not repeated"


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


@dataclass(frozen=True, slots=True)
class Backbone:
    """One LLM in one mode, with a price. Prices here are USD per million tokens.

    Args:
        name: unique in its catalogue, for example `Qwen3-8B-thinking`.
        model: what the endpoint calls the weights; modes of the same weights share it.
        type: `standard` answers at once, `reasoning` thinks first.
        price_in, price_out: USD per million prompt / completion tokens, above 0.
        active_params_b: parameters used per token, in billions.
        benchmarks: domain -> benchmark -> published score (percent, or a rating); may be empty.
        family: who trained it, for models whose errors are alike (default: `model`).
        total_params_b: all parameters, in billions (default: the active ones).
        base_url: the OpenAI-compatible endpoint; None leaves it to the client.
        api_key_env: the environment variable that holds the key; None where none is needed.
        extra_body: further request fields, for example `{"enable_thinking": False}`.
        prompt_suffix: appended to every user message.
        max_tokens: limit of one completion; rpm, tpm: requests and tokens per minute (None: no
            limit known); max_concurrency: calls in flight.
        fallback: the backbone that answers while the circuit of this one's endpoint is open.
        currency, usd_per_unit: what the prices were quoted in, for the price profile.

    Raises:
        ConfigError: a field has a value that it cannot have.
    """

    name: str
    model: str
    type: Kind
    price_in: float
    price_out: float
    active_params_b: float
    benchmarks: Mapping[str, Mapping[str, float]] = field(hash=False)
    family: str = ""
    total_params_b: float | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict, hash=False)
    prompt_suffix: str = ""
    max_tokens: int | None = None
    rpm: int | None = None
    tpm: int | None = None
    max_concurrency: int = 16
    fallback: str | None = None
    currency: str = "USD"
    usd_per_unit: float = 1.0

    def __post_init__(self) -> None:
        self._check_texts()
        for key in ("price_in", "price_out", "active_params_b", "usd_per_unit"):
            if not _is_positive(getattr(self, key)):
                raise self._error(key, "a number above 0")
            object.__setattr__(self, key, float(getattr(self, key)))
        for key in ("max_tokens", "rpm", "tpm", "max_concurrency"):
            value = getattr(self, key)
            optional = key != "max_concurrency"
            if not (optional and value is None) and not (_is_positive(value) and value % 1 == 0):
                raise self._error(key, "an integer from 1" + (", or nothing" if optional else ""))
        if self.total_params_b is None:
            object.__setattr__(self, "total_params_b", self.active_params_b)
        elif not _is_positive(self.total_params_b) or self.total_params_b < self.active_params_b:
            raise self._error("total_params_b", f"a number from {self.active_params_b:g}")
        if not isinstance(self.extra_body, Mapping):
            raise self._error("extra_body", "a mapping of request fields")
        object.__setattr__(self, "benchmarks", self._checked_benchmarks())
        object.__setattr__(self, "extra_body", dict(self.extra_body))
        object.__setattr__(self, "family", self.family or self.model)

    @property
    def weights(self) -> str:
        """Which weights answer; the same for all modes of one model."""
        return self.model

    def cost(self, usage: Usage) -> float:
        """USD for the tokens billed; reasoning tokens are billed as completion tokens."""
        spent = usage.prompt_tokens * self.price_in + usage.completion_tokens * self.price_out
        return spent * 1e-6

    def profiles(self, domain: str) -> Profiles:
        """Texts on performance in `domain`, price and type (Appendix B)."""
        return write_profiles(self, domain)

    def _error(self, key: str, allowed: str) -> ConfigError:
        return ConfigError(f"Backbone({self.name}).{key}", getattr(self, key), allowed)

    def _check_texts(self) -> None:
        for key in ("name", "model", "currency"):
            if not isinstance(getattr(self, key), str) or not getattr(self, key).strip():
                raise self._error(key, "a text that is not empty")
        for key in ("family", "prompt_suffix"):
            if not isinstance(getattr(self, key), str):
                raise self._error(key, "a text")
        if self.type not in get_args(Kind):
            raise self._error("type", " or ".join(get_args(Kind)))
        if self.fallback is not None and not isinstance(self.fallback, str):
            raise self._error("fallback", "the name of another backbone, or nothing")
        url = self.base_url
        if url is not None and not str(url).startswith(("http://", "https://")):
            raise self._error("base_url", "an http:// or https:// address")
        env = self.api_key_env
        if env is not None and not (isinstance(env, str) and env.isidentifier()):
            allowed = "the name of an environment variable, never a key"
            raise ConfigError(f"Backbone({self.name}).api_key_env", HIDDEN, allowed)

    def _checked_benchmarks(self) -> dict[str, dict[str, float]]:
        if not isinstance(self.benchmarks, Mapping):
            raise self._error("benchmarks", "a mapping of domains")
        checked: dict[str, dict[str, float]] = {}
        for domain, scores in self.benchmarks.items():
            at = f"Backbone({self.name}).benchmarks.{domain}"
            if not isinstance(scores, Mapping):
                raise ConfigError(at, scores, "a mapping of benchmark to score")
            for benchmark, score in scores.items():
                if not _is_number(score) or score < 0:
                    raise ConfigError(f"{at}.{benchmark}", score, "a number from 0")
            checked[str(domain)] = {str(b): float(s) for b, s in scores.items()}
        return checked


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_positive(value: object) -> bool:
    return _is_number(value) and value > 0  # type: ignore[operator]


_SUBJECTS = {
    "general": "general knowledge and reasoning",
    "math": "mathematics",
    "code": "programming and tool use",
}


_TYPES = {
    "standard": "Standard mode: it answers directly, without a reasoning phase of its own. "
    "Replies are short, quick and cheap; long chains of reasoning are not its strength.",
    "reasoning": "Deep-thinking mode: before it answers it reasons step by step at length. This "
    "helps on hard questions, but produces many more tokens: calls are slow and expensive.",
}


class Profiles(NamedTuple):
    """Three texts about one backbone, in the order of the backbone table's `[M, 3, H]`."""

    performance: str
    price: str
    type: str


def write_profiles(backbone: Backbone, domain: str) -> Profiles:
    """The three texts; of the scores, only those in `domain` are listed."""
    return Profiles(_performance(backbone, domain), _price(backbone), _TYPES[backbone.type])


def _performance(backbone: Backbone, domain: str) -> str:
    total, active = backbone.total_params_b, backbone.active_params_b
    size = f"{active:g} billion parameters"
    if total is not None and total > active:
        size = f"{total:g} billion parameters, of which {active:g} billion are active per token"
    subject = _SUBJECTS.get(domain, domain)
    scores = backbone.benchmarks.get(domain, {})
    listed = "; ".join(f"{name} {score:g}" for name, score in scores.items())
    published = (
        f"Published scores in {subject}: {listed}."
        if listed
        else (f"It has no published score in {subject}.")
    )
    return f"{_label(backbone)} is an instruction-tuned language model with {size}. {published}"


def _label(backbone: Backbone) -> str:
    """The model without its vendor's prefix; the other texts state mode and price."""
    return backbone.model.rsplit("/", 1)[-1]


def _price(backbone: Backbone) -> str:
    """The price as quoted, so that a changed exchange rate changes no embedding."""
    price_in, price_out = (
        f"{price / backbone.usd_per_unit:.6g} {backbone.currency}"
        for price in (backbone.price_in, backbone.price_out)
    )
    return f"A million input tokens cost {price_in}, a million output tokens cost {price_out}."
