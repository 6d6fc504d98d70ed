"""What a text encoder is told about a backbone: performance, price, type (paper Appendix B)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from abgnn.catalogue import Backbone

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
    """The three texts; only scores of `domain` are told, so that nothing else distracts."""
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
    """The model without its vendor's prefix; mode and price are told elsewhere."""
    return backbone.model.rsplit("/", 1)[-1]


def _price(backbone: Backbone) -> str:
    """The price as quoted, so that a changed exchange rate changes no embedding."""
    price_in, price_out = (
        f"{price / backbone.usd_per_unit:.6g} {backbone.currency}"
        for price in (backbone.price_in, backbone.price_out)
    )
    return f"A million input tokens cost {price_in}, a million output tokens cost {price_out}."
