"""`Starter`: the few answers from which a new experiment is written, each checked by its field."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from abgnn.errors import ConfigError

DOMAINS = ("general", "math", "code")
LEAST_QUESTIONS = 10
_PARAMETERS = re.compile(r"(?i)(?<![a-z0-9.])a?(\d+(?:\.\d+)?)b(?![a-z0-9])")


@dataclass(frozen=True, slots=True)
class Model:
    """An LLM as `--model NAME=PRICE_IN/PRICE_OUT` states it.

    Args:
        name: what the endpoint calls it.
        price_in, price_out: USD per million prompt and completion tokens, above 0.
    """

    name: str
    price_in: float
    price_out: float

    @classmethod
    def read(cls, text: str) -> Model:
        """From the flag's value.

        Raises:
            ConfigError: it has another form, or a price that is none.
        """
        name, equals, prices = text.rpartition("=")
        price_in, slash, price_out = prices.partition("/")
        try:
            model = cls(name.strip(), float(price_in), float(price_out))
        except ValueError:
            model = cls("", math.nan, math.nan)
        if not (equals and slash and model.name):
            allowed = "NAME=PRICE_IN/PRICE_OUT, USD per million tokens, such as small-8b=0.05/0.2"
            raise ConfigError("--model", text, allowed)
        for price in (model.price_in, model.price_out):
            if not (math.isfinite(price) and price > 0):
                allowed = "prices above 0; of an LLM of your own a notional one, such as 0.01/0.04"
                raise ConfigError("--model", text, allowed)
        return model

    @property
    def short(self) -> str:
        """Its name without the vendor."""
        return self.name.rpartition("/")[2] or self.name

    def parameters(self) -> tuple[float, bool]:
        """Billions of active parameters, and whether its name says so; else guessed by price."""
        stated = _PARAMETERS.findall(self.short)
        if stated and float(stated[-1]) > 0:
            return float(stated[-1]), True
        return min(400.0, max(1.0, round(20 * self.price_out, 1))), False


@dataclass(frozen=True, slots=True)
class Starter:
    """What `abgnn init` was told.

    Args:
        domain: `general`, `math` or `code`: roles, and questions where no file has them.
        simulated: the packaged LLMs in the simulated world, in place of calls.
        base_url: of an OpenAI-compatible endpoint.
        models: LLMs behind it, with their prices.
        key_env: the environment variable that holds the endpoint's key; None: it needs none.
        questions: a file for `datamodules.Questions`; None: packaged questions of the domain.
        n_questions: how many the file has.
        cost, latency: budgets, mean USD and seconds per question; None: it does not bind.
        max_usd: most that all runs together may ever cost.
        max_tokens: longest reply.
        rollouts: of the calibration.

    Raises:
        ConfigError: a value that cannot be, by its flag.
    """

    domain: str = "general"
    simulated: bool = False
    base_url: str | None = None
    models: tuple[Model, ...] = ()
    key_env: str | None = None
    questions: str | None = None
    n_questions: int = 0
    cost: float | None = None
    latency: float | None = None
    max_usd: float = 5.0
    max_tokens: int = 2048
    rollouts: int = 320

    def __post_init__(self) -> None:
        check_domain(self.domain, self.questions)
        for name in ("cost", "latency", "max_usd"):
            check_above_0(f"--{name.replace('_', '-')}", getattr(self, name))
        for name in ("max_tokens", "rollouts"):
            if getattr(self, name) < 1:
                field = f"--{name.replace('_', '-')}"
                raise ConfigError(field, getattr(self, name), "an integer from 1")
        if self.cost is None and self.latency is None:
            allowed = "at least one: mean USD, or mean seconds per question"
            raise ConfigError("--cost / --latency", None, allowed)
        if self.questions is not None and self.n_questions < LEAST_QUESTIONS:
            allowed = f"a file of at least {LEAST_QUESTIONS} questions, better 100 and more"
            raise ConfigError("--questions", f"{self.n_questions} questions", allowed)
        self._check_llms()

    def _check_llms(self) -> None:
        llms = ", ".join(model.name for model in self.models) or None
        stated = {"--base-url": self.base_url, "--key-env": self.key_env, "--model": llms}
        if self.simulated:
            for field, value in stated.items():
                if value is not None:
                    allowed = "nothing beside --simulated, which uses LLMs with published scores"
                    raise ConfigError(field, value, allowed)
            return
        check_url(self.base_url)
        check_key_env(self.key_env)
        if not self.models:
            raise ConfigError("--model", None, "at least one NAME=PRICE_IN/PRICE_OUT")
        names = [model.short for model in self.models]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError("--model", name, "every LLM once")


def check_domain(domain: str, questions: str | None = None) -> str:
    """One of the three; a file of short answers is not about code."""
    if domain not in DOMAINS:
        raise ConfigError("--domain", domain, ", ".join(DOMAINS))
    if domain == "code" and questions is not None:
        allowed = "general or math beside --questions: programs are judged by tests, which needs a "
        raise ConfigError("--domain", domain, f"{allowed}dataset of your own (datamodules/README)")
    return domain


def check_above_0(field: str, value: float | None) -> float | None:
    """A number above 0, or nothing."""
    if value is not None and not (math.isfinite(value) and value > 0):
        raise ConfigError(field, value, "a number above 0")
    return value


def check_url(url: str | None) -> str:
    """An address without user and password, which a file must not hold."""
    parts = urlsplit(url or "")
    if "@" in parts.netloc:
        raise ConfigError("--base-url", "a URL with a user", "one without user and password")
    if url is None or parts.scheme not in ("http", "https") or not parts.hostname:
        allowed = "an OpenAI-compatible endpoint such as https://api.example.com/v1; or --simulated"
        raise ConfigError("--base-url", url, allowed)
    return url


def check_key_env(name: str | None) -> str | None:
    """The name of a variable; what is none may be the key itself and is not repeated."""
    if name is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name):
        allowed = "the name of an environment variable, never a key"
        raise ConfigError("--key-env", "a value that is no such name", allowed)
    return name
