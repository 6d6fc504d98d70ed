"""Money in integers: picodollars (1e-12 USD) add up exactly, whatever the order."""

from __future__ import annotations

from abgnn.data.backbone import Backbone, Usage

PICO = 1e12  # picodollars per USD
_PER_MESSAGE = 16  # tokens of a chat template around one message, at most
_PER_REQUEST = 64


def picodollars(usd: float) -> int:
    """USD as picodollars, rounded to the nearest."""
    return round(usd * PICO)


def dollars(pusd: int) -> float:
    """Picodollars as USD."""
    return pusd / PICO


def cost(backbone: Backbone, usage: Usage) -> int:
    """Picodollars for the tokens billed; a price of 1 USD per million tokens is 1e6 of them."""
    per_prompt, per_completion = round(backbone.price_in * 1e6), round(backbone.price_out * 1e6)
    return usage.prompt_tokens * per_prompt + usage.completion_tokens * per_completion


def worst_case(chat: list[dict[str, str]], max_tokens: int) -> Usage:
    """The most that a call can be billed for: a token holds a byte or more of UTF-8 text."""
    letters = sum(len(part.encode(errors="replace")) for m in chat for part in m.values())
    return Usage(letters + _PER_MESSAGE * len(chat) + _PER_REQUEST, max_tokens)
