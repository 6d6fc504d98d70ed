"""The recording on PostgreSQL: its tables, and the functions that move money in one round trip.

Every transaction that moves money first locks the rows of its runs, in order (`lock_runs`), so a
cap is checked against sums that nobody else can change meanwhile, and nobody waits in a circle.
Functions are PL/pgSQL, whose plans a connection keeps; those of SQL would be planned at every call.
Times are seconds since the epoch by the database's clock; the clocks of hosts are never compared.
"""

from __future__ import annotations

LAYOUT = 2

UPGRADE = """  -- from layout 1, of before 0.1.0: its functions go, to be made anew
ALTER TABLE accounts DROP CONSTRAINT accounts_run_fkey;
CREATE TABLE waiters (run text, owner text, age bigint NOT NULL, PRIMARY KEY (run, owner));
DO $$ DECLARE f regprocedure; BEGIN
    FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
        AND proname = ANY ('{now_s,channel,lock_runs,beat,fits,reserve,book,record,settle,release,
            lose,owners_under_way,filled,lease,settle_all,reserve_all,older_waits,leave}') LOOP
        EXECUTE 'DROP FUNCTION ' || f;
    END LOOP;
END $$;
"""

TABLES = """
CREATE TABLE layout (application text NOT NULL, number int NOT NULL);
CREATE TABLE responses (
    key text PRIMARY KEY, model text NOT NULL, sample bigint NOT NULL,
    request text, text text NOT NULL, raw bytea,
    prompt_tokens bigint NOT NULL, completion_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL, reasoning_tokens bigint NOT NULL,
    service_time float8 NOT NULL, retry_time float8 NOT NULL, finish text NOT NULL,
    error text, message text NOT NULL, status int, recorded_at float8 NOT NULL);
CREATE TABLE attempts (
    id bigint PRIMARY KEY,
    run text NOT NULL, phase text NOT NULL, query text NOT NULL, sample bigint NOT NULL,
    round int NOT NULL, agent int NOT NULL, turn int NOT NULL, role text NOT NULL,
    backbone text NOT NULL, model text NOT NULL, key text NOT NULL, attempt int NOT NULL,
    owner text NOT NULL, started_at float8 NOT NULL, reserved bigint NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'settled', 'lost')),
    alone boolean NOT NULL, awaited boolean NOT NULL DEFAULT false, mark bigint,
    prompt_tokens bigint, completion_tokens bigint, cached_tokens bigint,
    reasoning_tokens bigint, pusd bigint, uncertain boolean,
    service_time float8, queue_time float8, error text, ended_at float8);
CREATE INDEX open_attempts ON attempts (owner) WHERE state = 'open';
CREATE UNIQUE INDEX alone_attempts ON attempts (key) WHERE state = 'open' AND alone;
CREATE TABLE runs (run text PRIMARY KEY, waiting boolean NOT NULL DEFAULT false);
CREATE TABLE accounts (
    run text NOT NULL, phase text NOT NULL, calls bigint NOT NULL DEFAULT 0,
    spent bigint NOT NULL DEFAULT 0, uncertain bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0, lost bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (run, phase));
CREATE TABLE waiters (  -- for money, each process for its oldest rollout: when that began, in ns
    run text, owner text, age bigint NOT NULL, PRIMARY KEY (run, owner));
CREATE TABLE owners (owner text PRIMARY KEY, beat float8 NOT NULL, lease float8 NOT NULL);
CREATE TABLE endpoints (
    endpoint text PRIMARY KEY, requests float8 NOT NULL, tokens float8 NOT NULL,
    at float8 NOT NULL, opened_at float8, prober text, probed_at float8);
CREATE TABLE slots (
    endpoint text REFERENCES endpoints, owner text, held int NOT NULL, wanted int NOT NULL,
    PRIMARY KEY (endpoint, owner));
"""

REPLACED = """ON CONFLICT (key) DO UPDATE SET (model, sample, request, text, raw, prompt_tokens,
        completion_tokens, cached_tokens, reasoning_tokens, service_time, retry_time, finish,
        error, message, status, recorded_at) = (excluded.model, excluded.sample,
        excluded.request, excluded.text, excluded.raw, excluded.prompt_tokens,
        excluded.completion_tokens, excluded.cached_tokens, excluded.reasoning_tokens,
        excluded.service_time, excluded.retry_time, excluded.finish, excluded.error,
        excluded.message, excluded.status, excluded.recorded_at)"""

FUNCTIONS = """
DO $$ BEGIN  -- half the time of a settlement; a server may be built without it
    ALTER TABLE responses ALTER request SET COMPRESSION lz4, ALTER text SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR syntax_error OR invalid_parameter_value THEN NULL;
END $$;

CREATE FUNCTION now_s() RETURNS float8 LANGUAGE sql VOLATILE AS
    $$ SELECT extract(epoch FROM clock_timestamp())::float8 $$;

CREATE FUNCTION channel() RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT 'abgnn_' || current_schema() $$;

-- lock runs in order; those that do not exist yet are made
CREATE FUNCTION lock_runs(names text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO runs (run) SELECT DISTINCT n FROM unnest(names) AS n
        WHERE NOT EXISTS (SELECT 1 FROM runs WHERE run = n) ORDER BY n ON CONFLICT DO NOTHING;
    PERFORM 1 FROM runs WHERE run = ANY (names) ORDER BY run FOR UPDATE;
END $$;

CREATE FUNCTION beat(owner_ text, lease_ float8) RETURNS float8 LANGUAGE sql AS $$
    INSERT INTO owners VALUES (owner_, now_s(), lease_)
    ON CONFLICT (owner) DO UPDATE SET beat = excluded.beat, lease = excluded.lease
    RETURNING beat $$;

-- whether an amount fits beside what is booked, with or without what is under way
CREATE FUNCTION fits(run_ text, phase_ text, pusd_ bigint, run_cap bigint, phase_cap bigint,
    under_way boolean) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT (run_cap IS NULL OR all_of + pusd_ <= run_cap)
        AND (phase_cap IS NULL OR own + pusd_ <= phase_cap)
    FROM (SELECT coalesce(sum(booked), 0) AS all_of,
            coalesce(sum(booked) FILTER (WHERE phase = phase_), 0) AS own
        FROM (SELECT phase, spent + uncertain + lost
                + CASE WHEN under_way THEN reserved ELSE 0 END AS booked
            FROM accounts WHERE run = run_) AS phases) AS sums);
END $$;

-- whether a rollout that began earlier waits for money of this run in another living process
CREATE FUNCTION older_waits(run_ text, owner_ text, age_ bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM waiters AS w JOIN owners AS o ON o.owner = w.owner
        WHERE w.run = run_ AND w.owner <> owner_ AND w.age < age_ AND o.beat + o.lease >= now_s());
END $$;

-- a rollout waits no more; who comes after it is told
CREATE FUNCTION leave(run_ text, owner_ text, age_ bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM waiters WHERE run = run_ AND owner = owner_ AND age = age_;
    IF FOUND AND EXISTS (SELECT 1 FROM waiters WHERE run = run_) THEN
        PERFORM pg_notify(channel(), '');
    END IF;
END $$;

-- an attempt's ticket; 0: the same call is under way elsewhere, or recorded; NULL: a cap forbids it
CREATE FUNCTION reserve(id_ bigint, run_ text, phase_ text, query_ text, sample_ bigint,
    round_ int, agent_ int, turn_ int, role_ text, backbone_ text, model_ text, key_ text,
    attempt_ int, owner_ text, pusd_ bigint, run_cap bigint, phase_cap bigint, alone_ boolean,
    age_ bigint)  -- NULL: waits for nobody, and nobody for it
    RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM attempts WHERE id = id_) THEN
        RETURN id_;  -- asked again after a connection was lost
    END IF;
    IF alone_ THEN
        UPDATE attempts SET awaited = true WHERE key = key_ AND state = 'open' AND alone;
        IF FOUND OR EXISTS (SELECT 1 FROM responses WHERE key = key_ AND error IS NULL) THEN
            RETURN 0;
        END IF;
    END IF;
    IF NOT (run_cap IS NULL AND phase_cap IS NULL) THEN
        IF (age_ IS NOT NULL AND older_waits(run_, owner_, age_))
            OR NOT fits(run_, phase_, pusd_, run_cap, phase_cap, true) THEN
            UPDATE runs SET waiting = true WHERE run = run_ AND NOT waiting;
            IF age_ IS NOT NULL THEN
                INSERT INTO waiters AS w VALUES (run_, owner_, age_)
                    ON CONFLICT (run, owner) DO UPDATE SET age = least(w.age, excluded.age);
            END IF;
            RETURN NULL;
        END IF;
        PERFORM leave(run_, owner_, age_);
    END IF;
    INSERT INTO attempts (id, run, phase, query, sample, round, agent, turn, role, backbone,
        model, key, attempt, owner, started_at, reserved, alone)
        VALUES (id_, run_, phase_, query_, sample_, round_, agent_, turn_, role_, backbone_,
            model_, key_, attempt_, owner_, now_s(), pusd_, alone_)
        ON CONFLICT (key) WHERE state = 'open' AND alone DO NOTHING;
    IF NOT FOUND THEN
        UPDATE attempts SET awaited = true WHERE key = key_ AND state = 'open' AND alone;
        RETURN 0;  -- another host's has just begun
    END IF;
    INSERT INTO accounts (run, phase, reserved) VALUES (run_, phase_, pusd_)
        ON CONFLICT (run, phase) DO UPDATE SET reserved = accounts.reserved + excluded.reserved;
    RETURN id_;
END $$;

-- free what was set aside for an attempt and wake who waits for it; calls, spent, uncertain
CREATE FUNCTION book(taken attempts, calls_ int, spent_ bigint, uncertain_ bigint)
    RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts SET calls = calls + calls_, spent = spent + spent_,
        uncertain = uncertain + uncertain_,
        reserved = reserved - CASE WHEN taken.state = 'open' THEN taken.reserved ELSE 0 END,
        lost = lost - CASE WHEN taken.state = 'lost' THEN taken.reserved ELSE 0 END
        WHERE run = taken.run AND phase = taken.phase;
    UPDATE runs SET waiting = false WHERE run = taken.run AND waiting;
    IF FOUND OR taken.awaited THEN PERFORM pg_notify(channel(), ''); END IF;
END $$;

-- the response of an attempt that `settle` has just closed
CREATE FUNCTION record(id_ bigint, mark_ bigint, request_ text, text_ text, raw_ bytea,
    usage_ bigint[], service_ float8, retry_ float8, finish_ text, error_ text, message_ text,
    status_ int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO responses SELECT key, model, sample, request_, text_, raw_, usage_[1], usage_[2],
        usage_[3], usage_[4], service_, retry_, finish_, error_, message_, status_, now_s()
        FROM attempts WHERE id = id_ AND mark = mark_
    REPLACED;
END $$;

-- whether the attempt was under way, or lost; `mark` tells a settlement that is asked again
CREATE FUNCTION settle(id_ bigint, mark_ bigint, usage_ bigint[], pusd_ bigint,
    uncertain_ boolean, service_ float8, queue_ float8, error_ text, recorded boolean,
    request_ text, text_ text, raw_ bytea, r_usage bigint[], r_service float8, retry_ float8,
    finish_ text, r_error text, message_ text, status_ int)
    RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE taken attempts;
BEGIN
    SELECT * INTO taken FROM attempts WHERE id = id_;  -- the lock on its run is enough
    IF NOT FOUND THEN RETURN false; END IF;
    IF taken.state = 'settled' THEN RETURN taken.mark = mark_; END IF;
    UPDATE attempts SET state = 'settled', mark = mark_, prompt_tokens = usage_[1],
        completion_tokens = usage_[2], cached_tokens = usage_[3], reasoning_tokens = usage_[4],
        pusd = pusd_, uncertain = uncertain_, service_time = service_, queue_time = queue_,
        error = error_, ended_at = now_s() WHERE id = id_;
    PERFORM book(taken, 1, CASE WHEN uncertain_ THEN 0 ELSE pusd_ END,
        CASE WHEN uncertain_ THEN pusd_ ELSE 0 END);
    IF recorded THEN
        PERFORM record(id_, mark_, request_, text_, raw_, r_usage, r_service, retry_, finish_,
            r_error, message_, status_);
    END IF;
    RETURN true;
END $$;

CREATE FUNCTION release(id_ bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE taken attempts;
BEGIN
    DELETE FROM attempts WHERE id = id_ AND state <> 'settled' RETURNING * INTO taken;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM book(taken, 0, 0, 0);
    RETURN true;
END $$;

-- open attempts of these owners become lost: their worst case stays committed
CREATE FUNCTION lose(owners_ text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    theirs text[] := array(SELECT DISTINCT run FROM attempts
        WHERE state = 'open' AND owner = ANY (owners_));
    sums record;
    anybody boolean := false;
    waited boolean;
BEGIN
    PERFORM lock_runs(theirs);
    DELETE FROM waiters WHERE owner = ANY (owners_);
    waited := FOUND;
    FOR sums IN WITH ended AS (UPDATE attempts SET state = 'lost', ended_at = now_s()
            WHERE state = 'open' AND owner = ANY (owners_) AND run = ANY (theirs)
            RETURNING run, phase, reserved, awaited)
        SELECT run, phase, sum(reserved) AS pusd, bool_or(awaited) AS awaited
            FROM ended GROUP BY run, phase
    LOOP
        UPDATE accounts SET reserved = reserved - sums.pusd, lost = lost + sums.pusd
            WHERE run = sums.run AND phase = sums.phase;
        anybody := anybody OR sums.awaited;
    END LOOP;
    UPDATE runs SET waiting = false WHERE run = ANY (theirs) AND waiting;
    IF FOUND OR anybody OR waited THEN PERFORM pg_notify(channel(), ''); END IF;
END $$;

-- owners of open attempts and waiting rollouts, and whether their lease is over
CREATE FUNCTION owners_under_way() RETURNS TABLE (name text, over boolean)
    LANGUAGE sql VOLATILE AS $$
    SELECT a.owner, coalesce(o.beat + o.lease < now_s(), true)
    FROM (SELECT owner FROM attempts WHERE state = 'open' UNION SELECT owner FROM waiters) AS a
        LEFT JOIN owners AS o ON o.owner = a.owner $$;
""".replace("REPLACED", REPLACED)
