"""SQL for many reservations or settlements at once: sets where nothing is special, else row by row.

Nearly always nothing is: no attempt is asked for again, no call is under way elsewhere, all fits,
nobody waits. Then one statement writes all attempts, and one each account that they move.
"""

from __future__ import annotations

from abgnn.rollout.ledger.postgres_schema import REPLACED

_RESERVED = (
    "ids bigint, runs_ text, phases text, queries text, samples bigint, rounds int, agents int, "
    "turns int, roles text, backbones text, models text, keys text, attempts_ int, owners_ text, "
    "pusds bigint, run_caps bigint, phase_caps bigint, alones boolean, ages bigint"
)
_SETTLED = (
    "ids bigint, marks bigint, prompts bigint, completions bigint, cached bigint, "
    "reasoning bigint, pusds bigint, uncertains boolean, services float8, queues float8, "
    "errors text, recordeds boolean, requests text, texts text, raws bytea, r_prompts bigint, "
    "r_completions bigint, r_cached bigint, r_reasoning bigint, r_services float8, retries float8, "
    "finishes text, r_errors text, messages text, statuses int"
)


def _arrays(columns: str) -> str:
    """Parameters: each an array."""
    return columns.replace(",", "[],") + "[]"


def _rows(columns: str) -> str:
    """The arrays as rows of columns `a0`, `a1`, …"""
    names = [column.split()[0] for column in columns.split(", ")]
    return f"unnest({', '.join(names)}) AS t({', '.join(f'a{i}' for i in range(len(names)))})"


def reserved_types() -> str:
    """Types of a reservation's parameters."""
    return " ".join(column.split()[1] for column in _RESERVED.split(", "))


def settled_types() -> str:
    """Types of a settlement's parameters."""
    return " ".join(column.split()[1] for column in _SETTLED.split(", "))


BATCHES = f"""
CREATE FUNCTION reserve_all({_arrays(_RESERVED)}) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    n int := cardinality(ids);
    alone_keys text[] := array(SELECT k FROM unnest(keys, alones) AS t(k, a) WHERE a);
    now_ float8 := now_s();
    done bigint[];
BEGIN
    IF EXISTS (SELECT 1 FROM attempts WHERE id = ANY (ids))
        OR EXISTS (SELECT 1 FROM waiters WHERE run = ANY (runs_))
        OR (cardinality(alone_keys) > 0 AND (
            EXISTS (SELECT 1 FROM attempts
                WHERE key = ANY (alone_keys) AND state = 'open' AND alone)
            OR EXISTS (SELECT 1 FROM responses WHERE key = ANY (alone_keys) AND error IS NULL)))
        OR EXISTS (SELECT 1 FROM (SELECT r, sum(pusd) AS more, min(cap) AS cap
                FROM unnest(runs_, pusds, run_caps) AS t(r, pusd, cap) GROUP BY r) AS g
            WHERE more + (SELECT coalesce(sum(spent + uncertain + lost + reserved), 0)
                FROM accounts WHERE run = r) > cap)
        OR EXISTS (SELECT 1 FROM (SELECT r, p, sum(pusd) AS more, min(cap) AS cap
                FROM unnest(runs_, phases, pusds, phase_caps) AS t(r, p, pusd, cap)
                GROUP BY r, p) AS g
            WHERE more + (SELECT coalesce(sum(spent + uncertain + lost + reserved), 0)
                FROM accounts WHERE run = r AND phase = p) > cap)
    THEN
        RETURN QUERY SELECT reserve({", ".join(f"a{i}" for i in range(19))})
            FROM {_rows(_RESERVED)};
        RETURN;
    END IF;
    WITH opened AS (
        INSERT INTO attempts (id, run, phase, query, sample, round, agent, turn, role, backbone,
            model, key, attempt, owner, reserved, alone, started_at)
        SELECT {", ".join(f"a{i}" for i in range(15))}, a17, now_ FROM {_rows(_RESERVED)}
        ON CONFLICT (key) WHERE state = 'open' AND alone DO NOTHING
        RETURNING id, run, phase, reserved
    ), booked AS (
        INSERT INTO accounts (run, phase, reserved)
        SELECT run, phase, sum(reserved) FROM opened GROUP BY run, phase
        ON CONFLICT (run, phase) DO UPDATE SET reserved = accounts.reserved + excluded.reserved
    ) SELECT coalesce(array_agg(id), '{{}}') INTO done FROM opened;
    IF cardinality(done) = n THEN
        RETURN QUERY SELECT unnest(ids);
        RETURN;
    END IF;
    UPDATE attempts SET awaited = true FROM unnest(ids, keys) AS t(i, k)  -- those have just begun
        WHERE key = k AND state = 'open' AND alone AND i <> ALL (done);
    RETURN QUERY SELECT CASE WHEN i = ANY (done) THEN i ELSE 0 END
        FROM unnest(ids) WITH ORDINALITY AS t(i, place) ORDER BY place;
END $$;

CREATE FUNCTION settle_all({_arrays(_SETTLED)}) RETURNS SETOF boolean LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    n int := cardinality(ids);
    now_ float8 := now_s();
    plain boolean;
    theirs text[];
    anybody boolean;
BEGIN
    SELECT count(*) = n AND count(DISTINCT key) = n INTO plain
        FROM attempts WHERE id = ANY (ids) AND state = 'open';
    IF NOT plain THEN
        RETURN QUERY SELECT settle(a0, a1, ARRAY[a2, a3, a4, a5],
            {", ".join(f"a{i}" for i in range(6, 15))}, ARRAY[a15, a16, a17, a18],
            {", ".join(f"a{i}" for i in range(19, 25))}) FROM {_rows(_SETTLED)};
        RETURN;
    END IF;
    WITH t AS MATERIALIZED (SELECT * FROM {_rows(_SETTLED)}), closed AS (
        UPDATE attempts AS a SET state = 'settled', mark = a1, prompt_tokens = a2,
            completion_tokens = a3, cached_tokens = a4, reasoning_tokens = a5, pusd = a6,
            uncertain = a7, service_time = a8, queue_time = a9, error = a10, ended_at = now_
        FROM t WHERE a.id = a0
        RETURNING a.run, a.phase, a.reserved, a.awaited, a.pusd, a.uncertain, a.key, a.model,
            a.sample, t.*
    ), said AS (
        INSERT INTO responses SELECT key, model, sample, a12, a13, a14, a15, a16, a17, a18, a19,
            a20, a21, a22, a23, a24, now_ FROM closed WHERE a11
        {REPLACED}
    ), booked AS (
        UPDATE accounts AS b SET calls = calls + g.n, spent = spent + g.sure,
            uncertain = b.uncertain + g.unsure, reserved = b.reserved - g.freed
        FROM (SELECT run, phase, count(*) AS n, sum(reserved) AS freed,
                coalesce(sum(pusd) FILTER (WHERE NOT uncertain), 0) AS sure,
                coalesce(sum(pusd) FILTER (WHERE uncertain), 0) AS unsure
            FROM closed GROUP BY run, phase) AS g
        WHERE b.run = g.run AND b.phase = g.phase
    ) SELECT array_agg(DISTINCT run), bool_or(awaited) INTO theirs, anybody FROM closed;
    UPDATE runs SET waiting = false WHERE run = ANY (theirs) AND waiting;
    IF FOUND OR anybody THEN PERFORM pg_notify(channel(), ''); END IF;
    RETURN QUERY SELECT true FROM generate_series(1, n);
END $$;
"""
