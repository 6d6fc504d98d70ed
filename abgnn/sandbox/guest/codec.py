"""Plain data as JSON, exactly, and nothing else.

Values from the program are rebuilt for its judge from numbers, texts and containers, so that no
class of the program (one that equals everything, for example) reaches the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

_CONTAINERS: Mapping[str, Any] = {  # classes
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}
_OTHERS: Mapping[str, Callable[[Any], Any]] = {
    "bytes": bytes.fromhex,
    "complex": lambda parts: complex(*parts),
    "fraction": lambda parts: Fraction(*parts),
    "decimal": Decimal,
}


def encode(value: object) -> Any:
    """A JSON value for `decode`; a subclass of a plain type loses its class.

    Raises:
        TypeError: the value is, or holds, no plain data.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, dict):
        return {"dict": [[encode(k), encode(v)] for k, v in dict.items(value)]}
    for name, kind in _CONTAINERS.items():
        if isinstance(value, kind):
            return {name: [encode(item) for item in kind.__iter__(value)]}
    return _encode_other(value)


def _encode_other(value: object) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, Fraction):
        return {"fraction": [value.numerator, value.denominator]}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    raise TypeError(f"a {type(value).__name__} is no plain data")


def decode(value: Any) -> Any:
    """What `encode` was given, up to subclasses.

    Raises:
        ValueError, TypeError, KeyError: no output of `encode`.
    """
    if isinstance(value, list):
        raise ValueError("a list without a tag")
    if not isinstance(value, dict):
        return value
    ((tag, content),) = value.items()
    if tag == "dict":
        return {decode(k): decode(v) for k, v in content}
    if tag in _CONTAINERS:
        return _CONTAINERS[tag](decode(item) for item in content)
    return _OTHERS[tag](content)
