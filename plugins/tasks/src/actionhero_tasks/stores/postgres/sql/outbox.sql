-- The functions of the delivery through a message broker.

-- Marks ready jobs as being sent, and returns them, by priority; none of `excluded` queues.
CREATE FUNCTION tasks.begin_sending(max_jobs integer, excluded text[])
RETURNS TABLE (id text, queue text, action text, priority bigint)
LANGUAGE plpgsql :PLANNER AS $$
#variable_conflict use_column
DECLARE
    part record;
    remaining integer := max_jobs;
    number integer;
BEGIN
    FOR part IN
        SELECT DISTINCT q.priority, q.queue FROM tasks.queues q
        WHERE q.queue <> ALL (excluded)
            AND NOT EXISTS (SELECT FROM tasks.paused_queues p WHERE p.queue = q.queue)
        ORDER BY 1, 2
    LOOP
        EXIT WHEN remaining <= 0;
        RETURN QUERY WITH first AS MATERIALIZED (
            SELECT j.ctid FROM tasks.jobs j
            WHERE j.state = :READY AND j.queue = part.queue AND j.priority = part.priority
            ORDER BY j.seq LIMIT remaining FOR UPDATE SKIP LOCKED
        ), sending AS (
            UPDATE tasks.jobs j SET
                state = :SENDING, sent_ms = extract(epoch FROM clock_timestamp()) * 1000
            FROM first WHERE j.ctid = first.ctid
            RETURNING j.id, j.queue, j.action, j.priority, j.seq
        )
        SELECT s.id, s.queue, s.action, s.priority FROM sending s ORDER BY s.seq;
        GET DIAGNOSTICS number = ROW_COUNT;
        remaining := remaining - number;
    END LOOP;
END $$;

-- Marks jobs that are being sent as sent, or as unsent.
CREATE FUNCTION tasks.end_sending(ids text[], new_state integer) RETURNS void
LANGUAGE plpgsql :PLANNER AS $$
BEGIN
    UPDATE tasks.jobs j
    SET state = new_state, sent_ms = extract(epoch FROM clock_timestamp()) * 1000
    WHERE j.id = ANY (ids) AND j.state = :SENDING;
    IF new_state = :SENT THEN
        PERFORM pg_notify(:CHANNEL, '');
    END IF;
END $$;

-- Marks jobs of a queue as unsent that were sent before a time, and returns how many there were.
CREATE FUNCTION tasks.reset_sent(queue_name text, before bigint, max_jobs integer)
RETURNS integer LANGUAGE plpgsql :PLANNER AS $$
DECLARE
    number integer;
BEGIN
    UPDATE tasks.jobs SET state = :READY WHERE ctid = ANY (ARRAY(
        SELECT j.ctid FROM tasks.jobs j
        WHERE j.state = :SENT AND j.queue = queue_name AND j.sent_ms < before
        ORDER BY j.sent_ms LIMIT max_jobs FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS number = ROW_COUNT;
    RETURN number;
END $$;

-- Claims jobs by id, as far as they are ready; those of paused queues become unsent. Without ids,
-- claims one suspect.
CREATE FUNCTION tasks.claim_delivered(
    worker text, lease bigint, step_number bigint, names text[], excluded text[], ids text[]
)
RETURNS TABLE (
    id text, token bigint, queue text, action text, body bytea, deliveries integer,
    attempts integer
)
LANGUAGE plpgsql :PLANNER AS $$
#variable_conflict use_column
DECLARE
    now bigint := extract(epoch FROM clock_timestamp()) * 1000;
    rows tid[];
    number integer;
BEGIN
    IF EXISTS (SELECT FROM tasks.workers w WHERE w.id = worker AND w.step >= step_number) THEN
        RETURN QUERY SELECT * FROM tasks.claims_of_step(worker, step_number);
        RETURN;
    END IF;
    IF cardinality(ids) = 0 THEN
        RETURN QUERY SELECT * FROM tasks.claim_suspect(
            worker, step_number, names,
            excluded || ARRAY(SELECT p.queue FROM tasks.paused_queues p), now
        );
    ELSE
        IF EXISTS (SELECT FROM tasks.paused_queues) THEN
            UPDATE tasks.jobs j SET state = :READY
            WHERE j.id = ANY (ids) AND j.state IN (:SENDING, :SENT)
                AND j.queue IN (SELECT p.queue FROM tasks.paused_queues p);
        END IF;
        rows := ARRAY(
            SELECT j.ctid FROM tasks.jobs j
            WHERE j.id = ANY (ids) AND j.state IN (:READY, :SENDING, :SENT)
                AND NOT EXISTS (SELECT FROM tasks.paused_queues p WHERE p.queue = j.queue)
            FOR UPDATE OF j SKIP LOCKED
        );
        RETURN QUERY SELECT * FROM tasks.claim_rows(rows, worker, step_number, now);
    END IF;
    GET DIAGNOSTICS number = ROW_COUNT;
    IF number > 0 THEN
        PERFORM tasks.record_step(worker, now + lease, step_number);
    END IF;
END $$;
