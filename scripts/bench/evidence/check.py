"""Finished rows beside the same jobs run again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from abgnn.experiments.jobs.scheduler import Failed

from .rows import Key, Made
from .units import Done

CLOSE = 1e-4
"""Relative difference that another processor's rounding may make; kept figures have six digits."""
_COMPARED = ("performance", "cost_usd", "latency_s", "calls", "train_calls")


def compare_with(kept: Mapping[Key, Sequence[Made]], again: Done | Failed) -> Iterator[str]:
    """What differs, in words."""
    if isinstance(again, Failed):
        yield f"failed: {again.why}"
        return
    there = {(new.key, new.row) for new in again.rows}
    for key in dict.fromkeys(new.key for new in again.rows):
        for gone in kept.get(key, ()):
            if (key, gone.row) not in there:
                yield f"{_name(gone)}: it has this row no more"
    for new in again.rows:
        name = _name(new)
        old = next((made for made in kept.get(new.key, ()) if made.row == new.row), None)
        if old is None:
            yield f"{name}: it had no such row"
            continue
        for figure in _COMPARED:
            was, is_ = getattr(old, figure), getattr(new, figure)
            unknown = math.isnan(was) and math.isnan(is_)
            if not unknown and not math.isclose(was, is_, rel_tol=CLOSE, abs_tol=1e-9):
                yield f"{name}: {figure} was {was:g} ({old.commit}) and is {is_:g}"


def _name(row: Made) -> str:
    return ", ".join(str(word) for word in (*row.key, row.row) if word != "")
