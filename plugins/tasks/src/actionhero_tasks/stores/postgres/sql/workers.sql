-- The functions of workers and sweeps.

-- Records the step of a worker that claimed jobs, and extends its lease.
CREATE FUNCTION tasks.record_step(worker text, until bigint, step_number bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- A removed worker is added again, so that a sweep finds its claims.
    INSERT INTO tasks.workers AS w VALUES (worker, until, step_number)
    ON CONFLICT (id) DO UPDATE
    SET until_ms = excluded.until_ms, step = excluded.step
    WHERE w.step < excluded.step;
    IF NOT FOUND THEN
        -- The step was repeated on another connection in the meantime.
        RAISE EXCEPTION 'the step was repeated' USING ERRCODE = 'serialization_failure';
    END IF;
END $$;

-- Extends the lease of a worker.
CREATE FUNCTION tasks.record_heartbeat(worker text, lease bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO tasks.workers (id, until_ms)
    VALUES (worker, (extract(epoch FROM clock_timestamp()) * 1000)::bigint + lease)
    ON CONFLICT (id) DO UPDATE SET until_ms = excluded.until_ms
$$;

-- Makes the jobs of a removed worker ready again, or dead-letters them; returns how many are ready.
CREATE FUNCTION tasks.return_jobs(worker text, crashed boolean) RETURNS integer
LANGUAGE plpgsql :PLANNER AS $$
DECLARE
    now bigint := extract(epoch FROM clock_timestamp()) * 1000;
    ended_ids text[];
    number integer;
BEGIN
    WITH returned AS (
        UPDATE tasks.jobs j SET
            state = CASE
                WHEN crashed AND j.deliveries >= :MAX_DELIVERIES THEN :DEAD
                WHEN j.cancel_requested THEN :CANCELLED
                WHEN j.deliveries - (NOT crashed)::integer >= :MAX_DELIVERIES - 1 THEN :SUSPECT
                ELSE :READY
            END,
            worker_id = NULL,
            token = j.token + 1,
            deliveries = j.deliveries - (NOT crashed)::integer,
            ended_ms = CASE
                WHEN j.cancel_requested OR crashed AND j.deliveries >= :MAX_DELIVERIES THEN now
            END,
            error = CASE
                WHEN crashed AND j.deliveries >= :MAX_DELIVERIES THEN :LOST ELSE j.error
            END
        WHERE j.state = :RUNNING AND j.worker_id = worker
        RETURNING j.id, j.queue, j.state
    ), counted AS (
        INSERT INTO tasks.count_changes (queue, ready, dead, failed)
        SELECT
            queue, count(*) FILTER (WHERE state IN (:READY, :SUSPECT)),
            count(*) FILTER (WHERE state = :DEAD), count(*) FILTER (WHERE state = :DEAD)
        FROM returned GROUP BY queue
    )
    SELECT
        array_agg(id) FILTER (WHERE state IN (:DEAD, :CANCELLED)),
        count(*) FILTER (WHERE state IN (:READY, :SUSPECT))
    INTO ended_ids, number FROM returned;
    IF ended_ids IS NOT NULL THEN
        -- Keys before fan-outs, as in all transactions.
        PERFORM tasks.free_keys(ended_ids);
        PERFORM tasks.count_in_batches(ended_ids, 1);
    END IF;
    -- Jobs are ready, or places of limited queues are free.
    PERFORM pg_notify(:CHANNEL, '');
    RETURN number;
END $$;

CREATE FUNCTION tasks.remove_worker(worker text, crashed boolean) RETURNS integer
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tasks.workers w WHERE w.id = worker;
    RETURN tasks.return_jobs(worker, crashed);
END $$;

-- Merges the changes of counts.
CREATE FUNCTION tasks.merge_counts() RETURNS void LANGUAGE sql AS $$
    WITH changes AS (DELETE FROM tasks.count_changes RETURNING *)
    INSERT INTO tasks.counts AS c
    SELECT
        queue, sum(ready), sum(delayed), sum(retrying), sum(dead), sum(done), sum(failed)
    FROM changes GROUP BY queue
    ON CONFLICT (queue) DO UPDATE SET
        ready = c.ready + excluded.ready, delayed = c.delayed + excluded.delayed,
        retrying = c.retrying + excluded.retrying, dead = c.dead + excluded.dead,
        done = c.done + excluded.done, failed = c.failed + excluded.failed
$$;

-- Removes crashed workers, and merges counts; returns how many jobs are ready again.
CREATE FUNCTION tasks.sweep(lease bigint) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    now bigint := extract(epoch FROM clock_timestamp()) * 1000;
    last bigint;
    worker text;
    number integer := 0;
BEGIN
    -- One sweep at a time. The lock is that of the only row.
    SELECT s.last_ms INTO last FROM tasks.sweeps s FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    UPDATE tasks.sweeps SET last_ms = now;
    PERFORM tasks.merge_counts();
    IF now - last > lease / 2 OR now < last THEN
        -- No sweep reached the database for a while, and so neither did any heartbeat. This is no
        -- sign that workers have crashed: they have the time of a lease to report again.
        UPDATE tasks.workers w SET until_ms = now + lease;
        RETURN 0;
    END IF;
    FOR worker IN
        DELETE FROM tasks.workers w WHERE w.until_ms <= now RETURNING w.id
    LOOP
        number := number + tasks.return_jobs(worker, true);
    END LOOP;
    RETURN number;
END $$;

-- Deletes some expired results, keys and fan-outs; returns the number of results.
CREATE FUNCTION tasks.delete_expired(ttl bigint, max_deleted integer) RETURNS integer
LANGUAGE plpgsql :PLANNER AS $$
DECLARE
    now bigint := extract(epoch FROM clock_timestamp()) * 1000;
    number integer;
BEGIN
    DELETE FROM tasks.jobs WHERE ctid = ANY (ARRAY(
        SELECT j.ctid FROM tasks.jobs j
        WHERE j.state IN (:DONE, :CANCELLED) AND j.ended_ms < now - ttl
        ORDER BY j.ended_ms LIMIT max_deleted FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS number = ROW_COUNT;
    DELETE FROM tasks.keys WHERE ctid = ANY (ARRAY(
        SELECT k.ctid FROM tasks.keys k WHERE k.until_ms < now
        ORDER BY k.until_ms LIMIT max_deleted FOR UPDATE SKIP LOCKED
    ));
    DELETE FROM tasks.batches WHERE ctid = ANY (ARRAY(
        SELECT b.ctid FROM tasks.batches b WHERE b.ended_ms < now - ttl
        ORDER BY b.ended_ms LIMIT max_deleted FOR UPDATE SKIP LOCKED
    ));
    RETURN number;
END $$;
