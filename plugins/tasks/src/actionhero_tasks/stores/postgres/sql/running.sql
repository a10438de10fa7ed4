-- The functions that settle and claim jobs.

-- Settles the jobs of a worker, and returns the ids of rejected settlements.
--
-- A repeated settlement is accepted, because the first reply may have been lost: its token is that
-- of a job that is not running. A job that was taken from its worker has another token.
CREATE FUNCTION tasks.settle(
    worker text, ids text[], tokens bigint[], kinds text[], results bytea[], errors bytea[],
    delays bigint[], now bigint
)
RETURNS text[] LANGUAGE plpgsql :PLANNER AS $$
DECLARE
    accepted text[];
    has_batches boolean;
    has_cancelled boolean;
    has_waiting boolean;
BEGIN
    WITH settled AS (
        UPDATE tasks.jobs j SET
            state = CASE
                WHEN s.kind = 'done' THEN :DONE
                WHEN s.kind = 'dead' THEN :DEAD
                WHEN s.kind = 'cancel' OR j.cancel_requested THEN :CANCELLED
                WHEN s.delay > 0 THEN :DELAYED
                WHEN s.kind = 'release' AND j.deliveries >= :MAX_DELIVERIES THEN :SUSPECT
                ELSE :READY
            END,
            worker_id = NULL,
            attempts = j.attempts + (s.kind IN ('retry', 'dead'))::integer,
            deliveries = CASE WHEN s.kind = 'release' THEN j.deliveries - 1 ELSE 0 END,
            ended_ms = CASE
                WHEN s.kind NOT IN ('retry', 'release') OR j.cancel_requested THEN now
            END,
            due_ms = CASE
                WHEN s.kind IN ('retry', 'release') AND s.delay > 0 AND NOT j.cancel_requested
                THEN now + s.delay
            END,
            result = s.result,
            error = CASE WHEN s.kind <> 'done' THEN coalesce(s.error, j.error) END
        FROM unnest(ids, tokens, kinds, results, errors, delays)
            AS s(id, token, kind, result, error, delay)
        -- The casts hide these conditions from the planner, which would else read all the running
        -- jobs of the worker for each settlement.
        WHERE j.id = s.id AND j.token = s.token
            AND j.worker_id::varchar = worker AND j.state::integer = :RUNNING
        RETURNING j.id, j.queue, j.state, j.attempts, j.batch, s.kind
    ), counted AS (
        INSERT INTO tasks.count_changes (queue, ready, delayed, retrying, dead, done, failed)
        SELECT
            queue,
            count(*) FILTER (WHERE state IN (:READY, :SUSPECT)),
            count(*) FILTER (WHERE state = :DELAYED),
            count(*) FILTER (WHERE state = :DELAYED AND attempts > 0),
            count(*) FILTER (WHERE state = :DEAD),
            count(*) FILTER (WHERE kind = 'done'),
            count(*) FILTER (WHERE kind IN ('retry', 'dead'))
        FROM settled GROUP BY queue
    )
    SELECT
        array_agg(id), bool_or(batch IS NOT NULL), bool_or(state = :CANCELLED),
        bool_or(state NOT IN (:DONE, :DEAD, :CANCELLED))
    INTO accepted, has_batches, has_cancelled, has_waiting FROM settled;
    IF has_cancelled THEN
        PERFORM tasks.free_keys(accepted);
    END IF;
    IF has_batches THEN
        PERFORM tasks.count_in_batches(accepted, 1);
    END IF;
    IF has_waiting THEN
        PERFORM pg_notify(:CHANNEL, '');
    END IF;
    IF cardinality(accepted) = cardinality(ids) THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(
        SELECT s.id FROM unnest(ids, tokens) AS s(id, token)
        WHERE s.id <> ALL (coalesce(accepted, '{}')) AND NOT EXISTS (
            SELECT FROM tasks.jobs j
            WHERE j.id = s.id AND j.token = s.token AND j.state <> :RUNNING
        )
    );
END $$;

-- Makes delayed jobs ready that are due.
CREATE FUNCTION tasks.promote(now bigint) RETURNS void LANGUAGE plpgsql
:PLANNER AS $$
BEGIN
    WITH due AS MATERIALIZED (
        SELECT ctid FROM tasks.jobs WHERE state = :DELAYED AND due_ms <= now
        ORDER BY due_ms LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), promoted AS (
        UPDATE tasks.jobs j SET state = :READY FROM due
        WHERE j.ctid = due.ctid RETURNING j.queue, j.attempts
    )
    INSERT INTO tasks.count_changes (queue, ready, delayed, retrying)
    SELECT queue, count(*), -count(*), -count(*) FILTER (WHERE attempts > 0)
    FROM promoted GROUP BY queue;
    -- Other workers may be waiting for these jobs.
    PERFORM pg_notify(:CHANNEL, '');
END $$;

-- Claims the rows of jobs that the caller has locked.
CREATE FUNCTION tasks.claim_rows(rows tid[], worker text, step_number bigint, now bigint)
RETURNS TABLE (
    id text, token bigint, queue text, action text, body bytea, deliveries integer,
    attempts integer
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY WITH claimed AS (
        UPDATE tasks.jobs j SET
            state = :RUNNING, worker_id = worker, token = j.token + 1, step = step_number,
            deliveries = j.deliveries + 1, started_ms = now, due_ms = NULL
        WHERE j.ctid = ANY (rows)
        RETURNING
            j.priority, j.seq, j.id, j.token, j.queue, j.action, j.body, j.deliveries, j.attempts
    ), counted AS (
        INSERT INTO tasks.count_changes (queue, ready)
        SELECT c.queue, -count(*) FROM claimed c GROUP BY c.queue
    )
    SELECT c.id, c.token, c.queue, c.action, c.body, c.deliveries, c.attempts
    FROM claimed c ORDER BY c.priority, c.seq;
END $$;

-- Returns the claims of a step again.
CREATE FUNCTION tasks.claims_of_step(worker text, step_number bigint)
RETURNS TABLE (
    id text, token bigint, queue text, action text, body bytea, deliveries integer,
    attempts integer
)
LANGUAGE sql AS $$
    SELECT j.id, j.token, j.queue, j.action, j.body, j.deliveries, j.attempts
    FROM tasks.jobs j
    WHERE j.state = :RUNNING AND j.worker_id = worker AND j.step = step_number
    ORDER BY j.priority, j.seq
$$;

-- Claims one suspect, unless the worker runs one; none of `excluded` queues.
CREATE FUNCTION tasks.claim_suspect(
    worker text, step_number bigint, names text[], excluded text[], now bigint
)
RETURNS TABLE (
    id text, token bigint, queue text, action text, body bytea, deliveries integer,
    attempts integer
)
LANGUAGE plpgsql :PLANNER AS $$
#variable_conflict use_column
DECLARE
    suspect tid;
BEGIN
    IF EXISTS (
        SELECT FROM tasks.jobs j
        WHERE j.state = :RUNNING AND j.worker_id = worker AND j.deliveries >= :MAX_DELIVERIES
    ) THEN
        RETURN;
    END IF;
    SELECT j.ctid INTO suspect FROM tasks.jobs j
    WHERE j.state = :SUSPECT AND (names IS NULL OR j.queue = ANY (names))
        AND (excluded IS NULL OR j.queue <> ALL (excluded))
    ORDER BY j.priority, j.seq LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        RETURN QUERY SELECT * FROM tasks.claim_rows(ARRAY[suspect], worker, step_number, now);
    END IF;
END $$;

-- Claims ready jobs by priority, then by age; of `limited` queues, as many as their `capacities`.
CREATE FUNCTION tasks.claim_ready(
    worker text, step_number bigint, names text[], claim_limit integer, limited text[],
    capacities integer[], now bigint
)
RETURNS TABLE (
    id text, token bigint, queue text, action text, body bytea, deliveries integer,
    attempts integer
)
LANGUAGE plpgsql :PLANNER AS $$
#variable_conflict use_column
DECLARE
    part record;
    remaining integer := claim_limit;
    free integer[] := capacities;
    -- The jobs of a round are those between these.
    above bigint;
    up_to bigint;
    round_size integer;
    rows tid[];
BEGIN
    FOR part IN
        SELECT q.priority, array_agg(DISTINCT q.queue) AS queues FROM tasks.queues q
        WHERE names IS NULL OR q.queue = ANY (names)
        GROUP BY q.priority ORDER BY q.priority
    LOOP
        above := 0;
        LOOP
            EXIT WHEN remaining <= 0;
            up_to := NULL;
            IF cardinality(part.queues) = 1 AND limited IS NULL THEN
                -- Most often; it takes a fraction of the time of the general statement.
                rows := ARRAY(
                    SELECT j.ctid FROM tasks.jobs j
                    WHERE j.state = :READY AND j.queue = part.queues[1]
                        AND j.priority = part.priority
                    ORDER BY j.seq LIMIT remaining FOR UPDATE SKIP LOCKED
                );
                IF cardinality(rows) > 0 THEN
                    RETURN QUERY SELECT * FROM tasks.claim_rows(rows, worker, step_number, now);
                    remaining := remaining - cardinality(rows);
                END IF;
                EXIT;
            END IF;
            IF cardinality(part.queues) > 1 THEN
                -- The oldest of several queues. Locking the first of each would lock too many.
                SELECT max(oldest.seq), count(*) INTO up_to, round_size FROM (
                    SELECT first.seq FROM unnest(part.queues) AS name, LATERAL (
                        SELECT j.seq FROM tasks.jobs j
                        WHERE j.state = :READY AND j.queue = name AND j.priority = part.priority
                            AND j.seq > above
                        ORDER BY j.seq
                        LIMIT least(
                            remaining, coalesce(
                                free[array_position(limited, name)], remaining
                            )
                        )
                    ) first
                    ORDER BY first.seq LIMIT remaining
                ) oldest;
                IF round_size < remaining THEN
                    up_to := NULL;
                END IF;
            END IF;
            SELECT array_agg(locked.row_id) INTO rows
            FROM unnest(part.queues) AS name, LATERAL (
                SELECT j.ctid AS row_id FROM tasks.jobs j
                WHERE j.state = :READY AND j.queue = name AND j.priority = part.priority
                    AND j.seq > above AND j.seq <= coalesce(up_to, 9223372036854775807)
                ORDER BY j.seq
                LIMIT least(
                    remaining, coalesce(free[array_position(limited, name)], remaining)
                )
                FOR UPDATE SKIP LOCKED
            ) locked;
            IF rows IS NOT NULL THEN
                rows := rows[1:remaining];
                IF limited IS NOT NULL THEN
                    free := ARRAY(
                        SELECT l.capacity - (
                            SELECT count(*) FROM tasks.jobs j
                            WHERE j.ctid = ANY (rows) AND j.queue = l.name
                        )::integer
                        FROM unnest(limited, free) WITH ORDINALITY AS l(name, capacity, at)
                        ORDER BY l.at
                    );
                END IF;
                RETURN QUERY SELECT * FROM tasks.claim_rows(rows, worker, step_number, now);
                remaining := remaining - cardinality(rows);
            END IF;
            EXIT WHEN up_to IS NULL;
            above := up_to;
        END LOOP;
        EXIT WHEN remaining <= 0;
    END LOOP;
END $$;

-- One step of a worker: settles jobs that have ended, and claims ready jobs.
--
-- Returns rows of three kinds: claims; rejected settlements, which have an id only; and the time in
-- milliseconds until the next delayed job is due, as a token without an id.
CREATE FUNCTION tasks.settle_and_claim(
    worker text, lease bigint, step_number bigint, claim_limit integer, names text[],
    ids text[], tokens bigint[], kinds text[], results bytea[], errors bytea[], delays bigint[],
    limited text[], concurrencies integer[], rates integer[], periods bigint[]
)
RETURNS TABLE (
    id text, token bigint, queue text, action text, body bytea, deliveries integer,
    attempts integer
)
LANGUAGE plpgsql :PLANNER AS $$
#variable_conflict use_column
DECLARE
    now bigint := extract(epoch FROM clock_timestamp()) * 1000;
    last_step bigint;
    claimed integer := 0;
    number integer;
    due bigint;
    capacities integer[];
    next_start bigint;
    paused text[];
BEGIN
    SELECT w.step INTO last_step FROM tasks.workers w WHERE w.id = worker;
    IF ids IS NOT NULL THEN
        RETURN QUERY SELECT
            rejected, NULL::bigint, NULL, NULL, NULL::bytea, NULL::integer, NULL::integer
        FROM unnest(tasks.settle(worker, ids, tokens, kinds, results, errors, delays, now))
            AS rejected;
        IF limited IS NOT NULL THEN
            -- Other workers may be waiting for the places of these jobs.
            PERFORM pg_notify(:CHANNEL, '');
        END IF;
    END IF;
    SELECT j.due_ms INTO due FROM tasks.jobs j
    WHERE j.state = :DELAYED ORDER BY j.due_ms LIMIT 1;
    IF due <= now THEN
        PERFORM tasks.promote(now);
        SELECT j.due_ms INTO due FROM tasks.jobs j
        WHERE j.state = :DELAYED ORDER BY j.due_ms LIMIT 1;
    END IF;
    IF last_step >= step_number THEN
        -- The reply to this step, or to one of `claim_delivered`, was lost: its claims are returned
        -- again, whatever the limit is, because the next step has another number.
        RETURN QUERY SELECT * FROM tasks.claims_of_step(worker, step_number);
        RETURN;
    END IF;
    IF claim_limit <= 0 THEN
        RETURN;
    END IF;
    IF limited IS NOT NULL THEN
        SELECT c.capacities, c.next_start INTO capacities, next_start
        FROM tasks.capacities(limited, concurrencies, rates, periods, names) c;
        -- The locks may have been waited for.
        now := extract(epoch FROM clock_timestamp()) * 1000;
    END IF;
    SELECT array_agg(p.queue) INTO paused FROM tasks.paused_queues p;
    IF paused IS NOT NULL THEN
        -- Before the limits, of which the first counts.
        capacities := array_fill(0, ARRAY[cardinality(paused)])
            || coalesce(capacities, '{}'::integer[]);
        rates := array_fill(NULL::integer, ARRAY[cardinality(paused)])
            || coalesce(rates, '{}'::integer[]);
        limited := paused || coalesce(limited, '{}'::text[]);
    END IF;
    IF EXISTS (SELECT FROM tasks.jobs j WHERE j.state = :SUSPECT) THEN
        RETURN QUERY SELECT * FROM tasks.claim_suspect(
            worker, step_number, names, tasks.without_capacity(limited, capacities), now
        );
        GET DIAGNOSTICS claimed = ROW_COUNT;
    END IF;
    IF claimed > 0 AND limited IS NOT NULL THEN
        SELECT array_agg(
            l.capacity - (
                SELECT count(*) FROM tasks.jobs j
                WHERE j.state = :RUNNING AND j.worker_id = worker AND j.step = step_number
                    AND j.queue = l.name
            )::integer ORDER BY l.at
        ) INTO capacities
        FROM unnest(limited, capacities) WITH ORDINALITY AS l(name, capacity, at);
    END IF;
    RETURN QUERY SELECT * FROM tasks.claim_ready(
        worker, step_number, names, claim_limit - claimed, limited, capacities, now
    );
    GET DIAGNOSTICS number = ROW_COUNT;
    claimed := claimed + number;
    IF claimed > 0 THEN
        PERFORM tasks.record_step(worker, now + lease, step_number);
        IF limited IS NOT NULL THEN
            PERFORM tasks.record_starts(worker, step_number, limited, rates, now);
        END IF;
    END IF;
    due := least(due, next_start);
    IF due IS NOT NULL AND claimed < claim_limit THEN
        RETURN QUERY SELECT
            NULL::text, due - now, NULL, NULL, NULL::bytea, NULL::integer, NULL::integer;
    END IF;
END $$;
