-- The functions that list jobs. A page is merged from the pages of several index ranges, so its
-- cost does not depend on the number of jobs.

-- The newest jobs of a state, except ready ones: of a queue, or of all, before a `seq`.
CREATE FUNCTION tasks.jobs_in_state(number smallint, name text, before bigint, max_jobs integer)
RETURNS SETOF tasks.jobs LANGUAGE plpgsql :PLANNER AS $$
BEGIN
    RETURN QUERY SELECT j.* FROM (
        SELECT DISTINCT q.queue FROM tasks.queues q WHERE name IS NULL OR q.queue = name
    ) q, LATERAL (
        SELECT * FROM tasks.jobs o
        WHERE o.state = number AND o.state IN (:DELAYED, :DONE, :DEAD, :CANCELLED)
            AND o.queue = q.queue AND o.seq < coalesce(before, 9223372036854775807)
        ORDER BY o.seq DESC LIMIT max_jobs
    ) j
    ORDER BY j.seq DESC LIMIT max_jobs;
END $$;

-- The newest running jobs. There are as many as workers can run.
CREATE FUNCTION tasks.running_jobs_of(name text, before bigint, max_jobs integer)
RETURNS SETOF tasks.jobs LANGUAGE plpgsql :PLANNER AS $$
BEGIN
    RETURN QUERY SELECT j.* FROM tasks.jobs j
    WHERE j.state = :RUNNING AND (name IS NULL OR j.queue = name)
        AND j.seq < coalesce(before, 9223372036854775807)
    ORDER BY j.seq DESC LIMIT max_jobs;
END $$;

-- The newest ready jobs, with the states that are reported as ready.
CREATE FUNCTION tasks.ready_jobs_of(name text, before bigint, max_jobs integer)
RETURNS SETOF tasks.jobs LANGUAGE plpgsql :PLANNER AS $$
DECLARE
    newest bigint := coalesce(before, 9223372036854775807);
BEGIN
    RETURN QUERY SELECT * FROM (
        SELECT j.* FROM (
            SELECT DISTINCT q.queue, q.priority FROM tasks.queues q
            WHERE name IS NULL OR q.queue = name
        ) q, LATERAL (
            SELECT * FROM tasks.jobs o
            WHERE o.state = :READY AND o.queue = q.queue AND o.priority = q.priority
                AND o.seq < newest
            ORDER BY o.seq DESC LIMIT max_jobs
        ) j
        UNION ALL
        SELECT * FROM tasks.jobs j
        WHERE j.state = :SUSPECT AND (name IS NULL OR j.queue = name) AND j.seq < newest
        UNION ALL
        SELECT * FROM tasks.jobs j
        WHERE j.state = :SENDING AND (name IS NULL OR j.queue = name) AND j.seq < newest
        UNION ALL
        SELECT * FROM tasks.jobs j
        WHERE j.state = :SENT AND (name IS NULL OR j.queue = name) AND j.seq < newest
    ) page
    ORDER BY seq DESC LIMIT max_jobs;
END $$;

-- The jobs of a fan-out in some states, the oldest first, after a `seq`.
CREATE FUNCTION tasks.jobs_in_batch(
    batch_id text, numbers smallint[], after bigint, max_jobs integer
)
RETURNS SETOF tasks.jobs LANGUAGE plpgsql :PLANNER AS $$
BEGIN
    RETURN QUERY SELECT j.* FROM unnest(numbers) AS number, LATERAL (
        SELECT * FROM tasks.jobs o
        WHERE o.batch = batch_id AND o.state = number AND o.seq > after
        ORDER BY o.seq LIMIT max_jobs
    ) j
    ORDER BY j.seq LIMIT max_jobs;
END $$;
