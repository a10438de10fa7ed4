-- The functions of operators, and the counts.

-- Deletes the keys of cancelled jobs, unless newer jobs have them.
CREATE FUNCTION tasks.free_keys(ids text[]) RETURNS void LANGUAGE plpgsql :PLANNER AS $$
BEGIN
    -- In the order of `claim_keys`.
    DELETE FROM tasks.keys WHERE ctid = ANY (ARRAY(
        SELECT k.ctid FROM tasks.keys k JOIN tasks.jobs j ON k.key = j.key AND k.id = j.id
        WHERE j.id = ANY (ids) AND j.state::integer = :CANCELLED
        ORDER BY k.key FOR UPDATE OF k
    ));
END $$;

-- Cancels a job, or requests the cancellation of a running one.
CREATE FUNCTION tasks.cancel(job_id text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    old tasks.jobs;
BEGIN
    SELECT j.* INTO old FROM tasks.jobs j WHERE j.id = job_id FOR UPDATE;
    IF old.state = :RUNNING THEN
        UPDATE tasks.jobs j SET cancel_requested = true WHERE j.id = job_id;
        RETURN true;
    END IF;
    IF NOT FOUND OR old.state NOT IN (:READY, :DELAYED, :SUSPECT, :SENDING, :SENT) THEN
        RETURN false;
    END IF;
    UPDATE tasks.jobs j
    SET state = :CANCELLED, ended_ms = extract(epoch FROM clock_timestamp()) * 1000
    WHERE j.id = job_id;
    INSERT INTO tasks.count_changes (queue, ready, delayed, retrying) VALUES (
        old.queue, -(old.state <> :DELAYED)::integer, -(old.state = :DELAYED)::integer,
        -(old.state = :DELAYED AND old.attempts > 0)::integer
    );
    PERFORM tasks.free_keys(ARRAY[job_id]);
    PERFORM tasks.count_in_batches(ARRAY[job_id], 1);
    RETURN true;
END $$;

-- Makes a dead-lettered job ready, with another body unless that is NULL.
CREATE FUNCTION tasks.retry(job_id text, new_body bytea) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    old tasks.jobs;
BEGIN
    SELECT j.* INTO old FROM tasks.jobs j WHERE j.id = job_id FOR UPDATE;
    IF NOT FOUND OR old.state <> :DEAD THEN
        RETURN false;
    END IF;
    PERFORM tasks.count_in_batches(ARRAY[job_id], -1);
    UPDATE tasks.jobs j
    SET
        state = :READY, deliveries = 0, attempts = 0, ended_ms = NULL, error = NULL,
        cancel_requested = false, body = coalesce(new_body, j.body)
    WHERE j.id = job_id;
    INSERT INTO tasks.count_changes (queue, ready, dead) VALUES (old.queue, 1, -1);
    PERFORM pg_notify(:CHANNEL, '');
    RETURN true;
END $$;

-- Resumes a queue.
CREATE FUNCTION tasks.resume_queue(name text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    was_paused boolean;
BEGIN
    DELETE FROM tasks.paused_queues p WHERE p.queue = name;
    was_paused := FOUND;
    PERFORM pg_notify(:CHANNEL, '');
    RETURN was_paused;
END $$;

-- Deletes a dead-lettered job.
CREATE FUNCTION tasks.discard(job_id text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    old tasks.jobs;
BEGIN
    DELETE FROM tasks.jobs j WHERE j.id = job_id AND j.state::integer = :DEAD
    RETURNING j.* INTO old;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM tasks.keys k WHERE k.key = old.key AND k.id = job_id;
    INSERT INTO tasks.count_changes (queue, dead) VALUES (old.queue, -1);
    RETURN true;
END $$;

-- Returns the counts of all queues.
CREATE FUNCTION tasks.queue_counts() RETURNS TABLE (
    queue text, ready bigint, delayed bigint, retrying bigint, running bigint, dead bigint,
    oldest_ms bigint
)
LANGUAGE sql :PLANNER AS $$
    WITH counted AS (
        SELECT
            c.queue, sum(c.ready) AS ready, sum(c.delayed) AS delayed,
            sum(c.retrying) AS retrying, sum(c.dead) AS dead
        FROM (TABLE tasks.counts UNION ALL TABLE tasks.count_changes) c GROUP BY c.queue
    ), running AS (
        SELECT j.queue, count(*) AS running FROM tasks.jobs j WHERE j.state = :RUNNING
        GROUP BY j.queue
    )
    SELECT
        c.queue, c.ready::bigint, c.delayed::bigint, c.retrying::bigint,
        coalesce(r.running, 0), c.dead::bigint,
        (extract(epoch FROM clock_timestamp()) * 1000)::bigint - least(
            (
                SELECT min(first.created_ms) FROM tasks.queues q, LATERAL (
                    SELECT j.created_ms FROM tasks.jobs j
                    WHERE j.state = :READY AND j.queue = q.queue AND j.priority = q.priority
                    ORDER BY j.seq LIMIT 1
                ) first
                WHERE q.queue = c.queue
            ),
            (
                SELECT j.created_ms FROM tasks.jobs j WHERE j.state = :SENT AND j.queue = c.queue
                ORDER BY j.sent_ms LIMIT 1
            ),
            (
                SELECT min(j.created_ms) FROM tasks.jobs j
                WHERE j.state = :SUSPECT AND j.queue = c.queue
            )
        )
    FROM counted c LEFT JOIN running r USING (queue)
    ORDER BY c.queue
$$;
