"""Tokens and seconds of a recorded call; the tokens' price is the recorded cost."""

from __future__ import annotations

import math

from abgnn.data.backbone import Backbone, Usage
from abgnn.outcomes.table import OutcomeTable

UNKNOWN_TOKENS = 1


def usage_of(table: OutcomeTable, q: int, m: int, backbone: Backbone) -> Usage:
    """Recorded tokens, with completion tokens changed where their price is not the recorded cost.

    The bill is then within half a completion token's price of the recorded cost (half a prompt
    token's where the prompt alone would cost more). Tokens that are unknown count 1 before that.
    """
    prompt = _count(float(table.prompt_tokens[q, m]))
    usage = Usage(prompt, _count(float(table.completion_tokens[q, m])))
    cost = float(table.cost[q, m])
    half = backbone.price_out * 0.5e-6
    if math.isnan(cost) or abs(backbone.cost(usage) - cost) <= half * (1 + 1e-9):
        return usage
    completion = round((cost * 1e6 - prompt * backbone.price_in) / backbone.price_out)
    if completion >= 0:
        return Usage(prompt, completion)
    return Usage(round(cost * 1e6 / backbone.price_in), 0)


def seconds_of(table: OutcomeTable, q: int, m: int, backbone: Backbone) -> float:
    r"""Recorded seconds, else :math:`0.4 + \frac{in}{6000} \sqrt{a/8} + \frac{out}{140} a^{0.4}`.

    `a` is the backbone's active parameters in billions, in and out its tokens as recorded or
    estimated: connection, prompt reading and decoding as in `estimates.py`.
    """
    recorded = float(table.latency[q, m])
    if not math.isnan(recorded):
        return recorded
    active = backbone.active_params_b
    reading = _count(float(table.prompt_tokens[q, m])) / 6000 * math.sqrt(active / 8)
    writing = _count(float(table.completion_tokens[q, m])) / 140 * math.pow(active, 0.4)
    return 0.4 + reading + writing


def _count(tokens: float) -> int:
    return UNKNOWN_TOKENS if math.isnan(tokens) else round(tokens)
