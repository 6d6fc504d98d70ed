"""Programs that fail their tests in different ways, made of one that passes."""

from __future__ import annotations

import re

_SLIPS = (1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7, -7)
_RETURNED = ("None", "[result]", "(result, result)", "repr(result)", "1 // 0")
_SLIP = """def _slipped(value, by):
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float, complex)):
        return value + by * (1 + abs(value))
    if isinstance(value, str):
        return value + "?" * abs(by)
    if isinstance(value, (list, tuple)):
        return type(value)([*value, by])
    if isinstance(value, (set, frozenset)):
        return value ^ {by}
    return by
"""


def wrong_programs(code: str, entry_point: str) -> list[str]:
    """Programs that call the right function, by another name, and spoil what it returns.

    Of the same type and near (off by a factor, inverted, one element too many), of another type,
    nothing, or an exception. No test that looks at what the function returns accepts one.

    Args:
        code: a right program.
        entry_point: the function that the tests call.
    """
    right = re.sub(rf"\b{re.escape(entry_point)}\b", f"_{entry_point}", code.strip("\n"))
    returned = [f"_slipped(result, {by})" for by in _SLIPS]
    return [
        "\n\n".join([right, _SLIP, _spoiled(entry_point, value)])
        if value.startswith("_slipped")
        else "\n\n".join([right, _spoiled(entry_point, value)])
        for value in (*returned, *_RETURNED)
    ]


def _spoiled(entry_point: str, value: str) -> str:
    return (
        f"def {entry_point}(*args, **kwargs):\n"
        f"    result = _{entry_point}(*args, **kwargs)\n"
        f"    return {value}\n"
    )
