"""Prices and token counts for tables that record neither.

Tokens are characters / 4, rounded up. Where no response is recorded either, completion tokens are
the typical length of an answer of that kind (`COMPLETION`), the same for every LLM: nothing of an
answer or its score enters, so the cost of a call is known before it is made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abgnn.errors import ConfigError
from abgnn.outcomes.cells import Entry

CHARS_PER_TOKEN = 4
COMPLETION = {  # completion tokens by LLMRouter's metric
    "em_mc": 60,  # a sentence of thought and a letter
    "MATH": 350,
    "GSM8K": 200,
    "code_eval": 180,
    "f1_score": 20,  # a name or a phrase
    "commongen_coverage": 60,  # a few sentences
    "letter": 1,  # a prompt that ends with `Answer:`
}
OTHERWISE = 200

Profiles = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens, and parameters in billions."""

    price_in: float
    price_out: float
    params_b: float


def tokens_of(text: str) -> int:
    """Characters / 4, rounded up, at least 1."""
    return max(math.ceil(len(text) / CHARS_PER_TOKEN), 1)


def read_profiles(profiles: str | Path | Profiles) -> dict[str, Price]:
    """Prices by LLM from LLMRouter's profiles: {name: {size: 7B, input_price, output_price}}.

    Args:
        profiles: a JSON file, or its content; prices in USD per million tokens.

    Raises:
        ConfigError: no such file, no JSON object, a price or size that is none.
    """
    where = str(profiles) if isinstance(profiles, str | Path) else "profiles"
    data: Any = profiles
    if isinstance(profiles, str | Path):
        try:
            data = json.loads(Path(profiles).read_text(encoding="utf-8"))
        except OSError as e:
            raise ConfigError("profiles", where, "an existing JSON file of prices") from e
        except ValueError as e:
            raise ConfigError(where, str(e), "valid JSON") from e
    if not isinstance(data, Mapping) or not data:
        raise ConfigError(where, type(data).__name__, "{LLM: {size, input_price, output_price}}")
    return {str(name): _price(profile, f"{where}: {name}") for name, profile in data.items()}


def fill_costs(entries: Sequence[Entry], prices: Mapping[str, Price], where: str) -> None:
    """cost = prices × tokens, in place, where the table states none.

    Raises:
        ConfigError: an LLM without price.
    """
    for entry in entries:
        for name, cell in entry.cells.items():
            if not math.isnan(cell.cost):
                continue
            if name not in prices:
                raise ConfigError(f"{where}: price of {name}", None, f"among {sorted(prices)}")
            price = prices[name]
            spent = cell.prompt_tokens * price.price_in + cell.completion_tokens * price.price_out
            cell.cost = spent * 1e-6


def fill_tokens(entries: Sequence[Entry]) -> None:
    """Token counts from lengths, in place, where the table states none."""
    for entry in entries:
        prompt, typical = tokens_of(entry.text), COMPLETION.get(entry.metric, OTHERWISE)
        for cell in entry.cells.values():
            if math.isnan(cell.prompt_tokens):
                cell.prompt_tokens = prompt
            if math.isnan(cell.completion_tokens):
                response = cell.response
                cell.completion_tokens = typical if response is None else tokens_of(response)


def _price(profile: object, where: str) -> Price:
    if not isinstance(profile, Mapping):
        raise ConfigError(where, profile, "{size, input_price, output_price}")
    values = [
        _positive(profile.get(key), f"{where}.{key}")
        for key in ("input_price", "output_price", "size")
    ]
    return Price(*values)


def _positive(value: object, where: str) -> float:
    """A number above 0; a size may be written as 7B or 8x7B."""
    text = str(value).strip().upper().removesuffix("B")
    try:
        number = math.prod(float(part) for part in text.split("X"))
    except ValueError as e:
        raise ConfigError(where, value, "a number above 0") from e
    if not 0 < number < math.inf:
        raise ConfigError(where, value, "a number above 0")
    return number
