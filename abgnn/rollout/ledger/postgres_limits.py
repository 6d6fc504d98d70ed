"""Limits of an endpoint that hosts share: SQL, and what is asked and granted at each renewal."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Literal

from abgnn.rollout.ledger.postgres_operations import Form, Operation

MARGIN = 0.97  # of a rate: what is leased and not used yet must fit in the same minute

FUNCTION = """
-- a bucket: what it holds now, at most half a second's worth, at least one unit
CREATE FUNCTION filled(level float8, seconds float8, rate float8, back float8) RETURNS float8
    LANGUAGE sql IMMUTABLE AS
    $$ SELECT least(greatest(1.0, rate / 2), level + seconds * rate + back) $$;

-- what is granted, see Wish and Grant; rates per second, NULL: no limit
CREATE FUNCTION lease(owner_ text, endpoint_ text, rate_r float8, want_r float8, back_r float8,
    rate_t float8, want_t float8, back_t float8, most int, want_s int, busy int, news text,
    cooldown float8) RETURNS TABLE (requests float8, tokens float8, slots int, open_s float8)
    LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE e endpoints; now_ float8; r float8 := 0; t float8 := 0; others int; hungry boolean;
    sharers int; held_ int; open_ float8;
BEGIN
    INSERT INTO endpoints VALUES (endpoint_, 0, 0, now_s() - 1) ON CONFLICT DO NOTHING;
    SELECT * INTO e FROM endpoints WHERE endpoint = endpoint_ FOR UPDATE;
    now_ := now_s();
    IF rate_r IS NOT NULL THEN
        e.requests := filled(e.requests, now_ - e.at, rate_r, back_r);
        r := greatest(0, least(want_r, floor(e.requests)));
        e.requests := e.requests - r;
    END IF;
    IF rate_t IS NOT NULL THEN
        e.tokens := filled(e.tokens, now_ - e.at, rate_t, back_t);
        t := greatest(0, least(want_t, e.tokens));
        e.tokens := e.tokens - t;
    END IF;
    DELETE FROM slots AS s WHERE s.endpoint = endpoint_ AND NOT EXISTS (SELECT 1
        FROM owners AS o WHERE o.owner = s.owner AND o.beat + o.lease >= now_);
    SELECT coalesce(sum(s.held), 0), coalesce(bool_or(s.wanted > s.held), false), 1 + count(*)
        INTO others, hungry, sharers FROM slots AS s
        WHERE s.endpoint = endpoint_ AND s.owner <> owner_ AND s.wanted > 0;
    held_ := least(want_s, most - others);
    IF hungry THEN held_ := least(held_, greatest(1, most / sharers)); END IF;
    held_ := greatest(busy, held_, 0);
    INSERT INTO slots VALUES (endpoint_, owner_, held_, want_s) ON CONFLICT (endpoint, owner)
        DO UPDATE SET held = excluded.held, wanted = excluded.wanted;
    IF news = 'opened' THEN
        e.opened_at := now_; e.prober := NULL;
    ELSIF news = 'closed' THEN
        e.opened_at := NULL; e.prober := NULL;
    END IF;
    IF e.opened_at IS NULL THEN
        open_ := 0;
    ELSIF now_ < e.opened_at + cooldown THEN
        open_ := e.opened_at + cooldown - now_;
    ELSIF e.prober IS NULL OR e.prober = owner_ OR now_ > e.probed_at + cooldown THEN
        e.prober := owner_; e.probed_at := now_; open_ := -1;  -- one process may try
    ELSE
        open_ := least(1, cooldown);
    END IF;
    UPDATE endpoints SET requests = e.requests, tokens = e.tokens, at = now_,
        opened_at = e.opened_at, prober = e.prober, probed_at = e.probed_at
        WHERE endpoint = endpoint_;
    RETURN QUERY SELECT r, t, held_, open_;
END $$;
"""
_LEASE = Form(6, f"SELECT * FROM lease({', '.join(['%s'] * 13)})")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a process asks for one endpoint.

    Args:
        endpoint: whose limits these are.
        rpm, tpm: a second's worth of the limits, see `MARGIN`; None: no limit.
        requests, tokens: wanted; back: of what was leased and not used, or below 0 if more was.
        most: calls in flight, of all processes; slots: wanted; busy: in flight here.
        news: of the circuit here since the last time.
        cooldown_s: of the circuit.
    """

    endpoint: str
    rpm: float | None
    requests: float
    requests_back: float
    tpm: float | None
    tokens: float
    tokens_back: float
    most: int
    slots: int
    busy: int
    news: Literal["opened", "closed", ""]
    cooldown_s: float


@dataclass(frozen=True, slots=True)
class Grant:
    """What it gets: units that may be used until the next renewal, slots, and the circuit.

    `open_s`: seconds for which the circuit stays open; 0: closed; below 0: this process probes.
    """

    requests: float
    tokens: float
    slots: int
    open_s: float


def lease(owner: str, wish: Wish) -> Operation:
    """One renewal."""
    return Operation(_LEASE, (owner, *astuple(wish)), lambda rows, _: Grant(*rows[0]))


def per_second(per_minute: int | None) -> float | None:
    """A rate as it is leased."""
    return None if per_minute is None else per_minute * MARGIN / 60
