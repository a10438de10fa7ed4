-- The tables. Replaced when they are installed: the schema `tasks`, and the states, such as :READY.
--
-- A change of the state of a job is never a heap-only update, because every partial index has the
-- state in its condition. So there is no index that is not needed by a frequent query.

CREATE TABLE tasks.version (number integer NOT NULL);

CREATE SEQUENCE tasks.job_numbers;

CREATE TABLE tasks.jobs (
    -- Increases with each job. Jobs are sorted by it where priorities are the same.
    seq bigint NOT NULL DEFAULT nextval('tasks.job_numbers'),
    id text COLLATE "C" NOT NULL CONSTRAINT job_id UNIQUE,
    queue text COLLATE "C" NOT NULL,
    action text NOT NULL,
    state smallint NOT NULL,
    priority bigint NOT NULL,
    body bytea NOT NULL,
    worker_id text COLLATE "C",
    -- Incremented by each claim, and when a job is taken from a worker.
    token bigint NOT NULL DEFAULT 0,
    -- The step of the worker that claimed it.
    step bigint,
    deliveries integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    created_ms bigint NOT NULL,
    due_ms bigint,
    started_ms bigint,
    ended_ms bigint,
    sent_ms bigint,
    result bytea,
    error bytea,
    progress double precision,
    progress_total double precision,
    key text COLLATE "C",
    schedule text COLLATE "C",
    batch text COLLATE "C",
    cancel_requested boolean NOT NULL DEFAULT false
) WITH (
    -- Dead rows are removed after a number of them, however many jobs are waiting.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 50000
);
CREATE INDEX ready_jobs ON tasks.jobs (queue, priority, seq) WHERE state = :READY;
CREATE INDEX suspect_jobs ON tasks.jobs (priority, seq) WHERE state = :SUSPECT;
CREATE INDEX sending_jobs ON tasks.jobs (sent_ms) WHERE state = :SENDING;
CREATE INDEX sent_jobs ON tasks.jobs (queue, sent_ms) WHERE state = :SENT;
CREATE INDEX delayed_jobs ON tasks.jobs (due_ms) WHERE state = :DELAYED;
CREATE INDEX running_jobs ON tasks.jobs (worker_id) WHERE state = :RUNNING;
CREATE INDEX cancelling_jobs ON tasks.jobs (worker_id)
    WHERE state = :RUNNING AND cancel_requested;
CREATE INDEX ended_jobs ON tasks.jobs (ended_ms) WHERE state IN (:DONE, :CANCELLED);
CREATE INDEX listed_jobs ON tasks.jobs (state, queue, seq)
    WHERE state IN (:DELAYED, :DONE, :DEAD, :CANCELLED);
CREATE INDEX unfinished_jobs_of_schedule ON tasks.jobs (schedule)
    WHERE schedule IS NOT NULL AND state NOT IN (:DONE, :DEAD, :CANCELLED);
CREATE INDEX jobs_of_batch ON tasks.jobs (batch, state, seq) WHERE batch IS NOT NULL;

-- The queues and priorities that were ever used. No constraint: of two transactions that add the
-- same row, none waits for the other, and duplicates do no harm.
CREATE TABLE tasks.queues (
    queue text COLLATE "C" NOT NULL,
    priority bigint NOT NULL
);

-- The number of jobs by queue, and of ended runs. Changes are added as rows, so that no
-- transaction waits for another, and are merged into `counts` by the sweeps.
CREATE TABLE tasks.counts (
    queue text COLLATE "C" PRIMARY KEY,
    ready bigint NOT NULL DEFAULT 0,
    delayed bigint NOT NULL DEFAULT 0,
    retrying bigint NOT NULL DEFAULT 0,
    dead bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE tasks.count_changes (
    queue text COLLATE "C" NOT NULL,
    ready bigint NOT NULL DEFAULT 0,
    delayed bigint NOT NULL DEFAULT 0,
    retrying bigint NOT NULL DEFAULT 0,
    dead bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);

CREATE TABLE tasks.workers (
    id text COLLATE "C" PRIMARY KEY,
    -- The end of its lease.
    until_ms bigint NOT NULL,
    -- The last step that claimed jobs.
    step bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- The time of the last sweep: one row.
CREATE TABLE tasks.sweeps (last_ms bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO tasks.sweeps VALUES (extract(epoch FROM clock_timestamp()) * 1000);

CREATE TABLE tasks.keys (
    key text COLLATE "C" PRIMARY KEY,
    id text COLLATE "C" NOT NULL,
    until_ms bigint NOT NULL
);
CREATE INDEX old_keys ON tasks.keys (until_ms);

-- The starts of jobs of queues with a rate.
CREATE TABLE tasks.starts (
    queue text COLLATE "C" NOT NULL,
    started_ms bigint NOT NULL
);
CREATE INDEX starts_of_queue ON tasks.starts (queue, started_ms);

-- The queues that operators have paused.
CREATE TABLE tasks.paused_queues (queue text COLLATE "C" PRIMARY KEY);

CREATE TABLE tasks.fire_times (
    name text COLLATE "C" PRIMARY KEY,
    fire_ms bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE tasks.batches (
    id text COLLATE "C" PRIMARY KEY,
    total bigint NOT NULL DEFAULT 0,
    completed bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    closed boolean NOT NULL DEFAULT false,
    ended_ms bigint,
    then_id text,
    then_queue text,
    then_action text,
    then_priority bigint,
    then_body bytea
) WITH (fillfactor = 50);
CREATE INDEX ended_batches ON tasks.batches (ended_ms) WHERE ended_ms IS NOT NULL;
