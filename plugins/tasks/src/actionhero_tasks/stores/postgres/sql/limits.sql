-- The functions of queues with limits. Others do not call them.

-- Returns how many jobs of each queue may start, and when the next one may start of a queue whose
-- rate has no capacity. Until the end of the transaction, no other claims jobs of these queues.
CREATE FUNCTION tasks.capacities(
    limited text[], concurrencies integer[], rates integer[], periods bigint[], names text[],
    OUT capacities integer[], OUT next_start bigint
)
LANGUAGE plpgsql :PLANNER AS $$
DECLARE
    now bigint;
    running integer;
    started integer;
    first_start bigint;
    capacity integer;
BEGIN
    FOR at IN 1..cardinality(limited) LOOP
        capacities[at] := 0;
        CONTINUE WHEN names IS NOT NULL AND limited[at] <> ALL (names);
        -- Without jobs, no lock is needed.
        CONTINUE WHEN NOT EXISTS (
            SELECT FROM tasks.jobs j WHERE j.state = :READY AND j.queue = limited[at]
        ) AND NOT EXISTS (SELECT FROM tasks.jobs j WHERE j.state = :SUSPECT);
        -- All workers have the same order, so none waits for another in a circle.
        PERFORM pg_advisory_xact_lock(hashtextextended(:CHANNEL || ' ' || limited[at], 0));
        now := extract(epoch FROM clock_timestamp()) * 1000;
        capacity := 2147483647;
        IF concurrencies[at] IS NOT NULL THEN
            SELECT count(*) INTO running FROM tasks.jobs j
            WHERE j.state = :RUNNING AND j.queue = limited[at];
            capacity := concurrencies[at] - running;
        END IF;
        IF rates[at] IS NOT NULL AND capacity > 0 THEN
            DELETE FROM tasks.starts s
            WHERE s.queue = limited[at] AND s.started_ms <= now - periods[at];
            SELECT count(*) INTO started FROM tasks.starts s WHERE s.queue = limited[at];
            IF started >= rates[at] THEN
                -- The start whose end of the period frees a place.
                SELECT s.started_ms INTO first_start FROM tasks.starts s
                WHERE s.queue = limited[at]
                ORDER BY s.started_ms OFFSET started - rates[at] LIMIT 1;
                next_start := least(next_start, first_start + periods[at]);
            END IF;
            capacity := least(capacity, rates[at] - started);
        END IF;
        capacities[at] := greatest(capacity, 0);
    END LOOP;
END $$;

-- Returns the queues that have no capacity; NULL if there are no limits.
CREATE FUNCTION tasks.without_capacity(limited text[], capacities integer[]) RETURNS text[]
LANGUAGE plpgsql AS $$
BEGIN
    IF limited IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN ARRAY(
        SELECT l.name FROM unnest(limited, capacities) AS l(name, capacity) WHERE l.capacity <= 0
    );
END $$;

-- Records the starts of a step, of queues with a rate.
CREATE FUNCTION tasks.record_starts(
    worker text, step_number bigint, limited text[], rates integer[], now bigint
)
RETURNS void LANGUAGE plpgsql :PLANNER AS $$
BEGIN
    INSERT INTO tasks.starts (queue, started_ms)
    SELECT j.queue, now FROM tasks.jobs j
    WHERE j.state = :RUNNING AND j.worker_id = worker AND j.step = step_number
        AND rates[array_position(limited, j.queue)] IS NOT NULL;
END $$;
