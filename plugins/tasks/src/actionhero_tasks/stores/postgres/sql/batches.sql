-- The functions of fan-outs.

-- Ends a fan-out, and adds its next job, if it is closed and all its jobs have ended.
CREATE FUNCTION tasks.check_batch(batch_id text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    batch tasks.batches;
BEGIN
    UPDATE tasks.batches b SET ended_ms = extract(epoch FROM clock_timestamp()) * 1000
    WHERE b.id = batch_id AND b.closed AND b.ended_ms IS NULL
        AND b.completed + b.failed >= b.total
    RETURNING b.* INTO batch;
    IF FOUND AND batch.then_id IS NOT NULL THEN
        PERFORM tasks.add(
            ARRAY[batch.then_id], ARRAY[batch.then_queue], ARRAY[batch.then_action],
            ARRAY[batch.then_body], ARRAY[batch.then_priority], ARRAY[0::bigint],
            NULL, NULL, NULL, NULL
        );
    END IF;
END $$;

CREATE FUNCTION tasks.close_batch(batch_id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasks.batches b SET closed = true WHERE b.id = batch_id;
    PERFORM tasks.check_batch(batch_id);
END $$;

-- Counts ended jobs in their fan-outs; with `sign` -1, jobs that had ended and were retried.
CREATE FUNCTION tasks.count_in_batches(ids text[], sign integer) RETURNS void LANGUAGE plpgsql
:PLANNER AS $$
DECLARE
    part record;
BEGIN
    -- In one order, so that two transactions do not wait for each other.
    FOR part IN
        SELECT
            j.batch, count(*) FILTER (WHERE j.state = :DONE) AS completed,
            count(*) FILTER (WHERE j.state IN (:DEAD, :CANCELLED)) AS failed
        -- Without a condition on the fan-out, with which the planner would read all its jobs.
        FROM tasks.jobs j WHERE j.id = ANY (ids)
        GROUP BY j.batch ORDER BY j.batch
    LOOP
        CONTINUE WHEN part.batch IS NULL OR part.completed = 0 AND part.failed = 0;
        UPDATE tasks.batches b
        SET completed = b.completed + sign * part.completed, failed = b.failed + sign * part.failed
        WHERE b.id = part.batch;
        PERFORM tasks.check_batch(part.batch);
    END LOOP;
END $$;
