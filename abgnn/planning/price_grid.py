"""`price_grid`: prices of dollars and seconds from free to dear."""

from __future__ import annotations

import numpy as np

_STEPS, _BOTH = 14, 6
_CHEAP, _DEAR = 1e-3, 1e3  # what a mean question's dollars, or seconds, are worth in accuracy


def price_grid(usd: float, seconds: float) -> list[tuple[float, float]]:
    """λ's per USD and per second, from free to dear: of dollars alone, of seconds alone, of both.

    Args:
        usd, seconds: of a mean question, which set the scale.
    """
    tok, lat = (
        np.geomspace(_CHEAP, _DEAR, n) / max(mean, 1e-12)
        for mean, n in ((usd, _STEPS), (seconds, _STEPS))
    )
    alone = [(float(x), 0.0) for x in tok] + [(0.0, float(x)) for x in lat]
    step = _STEPS // _BOTH
    both = [(float(a), float(b)) for a, b in zip(tok[::step], lat[::step], strict=True)]
    return [(0.0, 0.0), *alone, *both]
