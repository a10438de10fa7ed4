"""The tables of the embedded store."""

from __future__ import annotations

from typing import Final

#: Incremented when the tables change; a file of another version is upgraded or rejected.
VERSION: Final = 7
#: The versions that only lack tables, which `SCHEMA` creates: 6 those of paused queues.
UPGRADABLE: Final = frozenset({6})

#: The states of jobs; integers, because every index contains them.
READY: Final = 0
DELAYED: Final = 1
RUNNING: Final = 2
DONE: Final = 3
DEAD: Final = 4
CANCELLED: Final = 5
#: Ready, and it was running during two crashes.
SUSPECT: Final = 6
#: Ready, and being sent to a message broker.
SENDING: Final = 7
#: Ready, and sent to a message broker.
SENT: Final = 8

#: The states that may have any number of jobs, and their own order for other purposes than lists.
LISTED: Final = (DELAYED, DONE, DEAD, CANCELLED, SENT)
#: The states whose jobs are counted as they move: to count a million of them would take too long.
COUNTED: Final = (READY, DELAYED, DEAD, SENT)


def _numbers(states: tuple[int, ...]) -> str:
    return ", ".join(map(str, states))


def _count(row: str, change: int) -> str:
    """Return the statement of a trigger that counts a job; `is_retry` marks delayed failed jobs."""
    return f"""
    INSERT INTO counters
    SELECT {row}.queue, {row}.state, {row}.state = {DELAYED} AND {row}.attempts > 0, {change}
    WHERE {row}.state IN ({_numbers(COUNTED)})
    ON CONFLICT DO UPDATE SET jobs = jobs + {change};"""


#: The time, for triggers.
NOW_MS: Final = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"

# The indexes have additional columns, so that jobs are counted and listed from an index alone.
SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    queue TEXT NOT NULL,
    action TEXT NOT NULL,
    state INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    body BLOB NOT NULL,
    worker_id TEXT,
    token INTEGER NOT NULL DEFAULT 0,
    deliveries INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    due_ms INTEGER,
    started_ms INTEGER,
    ended_ms INTEGER,
    result BLOB,
    error BLOB,
    progress REAL,
    progress_total REAL,
    key TEXT,
    schedule TEXT,
    batch TEXT,
    sent_ms INTEGER,
    cancel_requested INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS ready_of_queue ON jobs (queue, priority, seq) WHERE state = {READY};
CREATE INDEX IF NOT EXISTS ready ON jobs (priority, seq) WHERE state = {READY};
CREATE INDEX IF NOT EXISTS suspect ON jobs (priority, seq, queue) WHERE state = {SUSPECT};
CREATE INDEX IF NOT EXISTS sending ON jobs (sent_ms, queue) WHERE state = {SENDING};
CREATE INDEX IF NOT EXISTS sent ON jobs (queue, sent_ms) WHERE state = {SENT};
CREATE INDEX IF NOT EXISTS delayed ON jobs (due_ms) WHERE state = {DELAYED};
CREATE INDEX IF NOT EXISTS running ON jobs (worker_id, deliveries, queue) WHERE state = {RUNNING};
CREATE INDEX IF NOT EXISTS cancelling ON jobs (worker_id)
    WHERE state = {RUNNING} AND cancel_requested;
CREATE INDEX IF NOT EXISTS ended ON jobs (ended_ms)
    WHERE state IN ({DONE}, {CANCELLED});
CREATE INDEX IF NOT EXISTS listed ON jobs (state, queue, seq)
    WHERE state IN ({_numbers(LISTED)});
CREATE INDEX IF NOT EXISTS of_schedule ON jobs (schedule, state) WHERE schedule IS NOT NULL;
CREATE INDEX IF NOT EXISTS of_batch ON jobs (batch, state, seq) WHERE batch IS NOT NULL;
CREATE TABLE IF NOT EXISTS counters (
    queue TEXT NOT NULL,
    state INTEGER NOT NULL,
    is_retry INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (queue, state, is_retry)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS count_added AFTER INSERT ON jobs BEGIN {_count("NEW", 1)}
END;
CREATE TRIGGER IF NOT EXISTS count_moved AFTER UPDATE OF state ON jobs
WHEN NEW.state != OLD.state BEGIN {_count("OLD", -1)} {_count("NEW", 1)}
END;
CREATE TRIGGER IF NOT EXISTS count_deleted AFTER DELETE ON jobs BEGIN {_count("OLD", -1)}
END;
CREATE TABLE IF NOT EXISTS batches (
    id TEXT PRIMARY KEY,
    total INTEGER NOT NULL DEFAULT 0,
    completed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    closed INTEGER NOT NULL DEFAULT 0,
    ended_ms INTEGER,
    then_id TEXT,
    then_queue TEXT,
    then_action TEXT,
    then_priority INTEGER,
    then_body BLOB
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS job_added AFTER INSERT ON jobs WHEN NEW.batch IS NOT NULL BEGIN
    UPDATE batches SET total = total + 1 WHERE id = NEW.batch;
END;
CREATE TRIGGER IF NOT EXISTS job_moved AFTER UPDATE OF state ON jobs
WHEN NEW.batch IS NOT NULL AND NEW.state != OLD.state BEGIN
    UPDATE batches SET
        completed = completed + (NEW.state = {DONE}) - (OLD.state = {DONE}),
        failed = failed + (NEW.state IN ({DEAD}, {CANCELLED}))
            - (OLD.state IN ({DEAD}, {CANCELLED}))
    WHERE id = NEW.batch;
END;
CREATE TRIGGER IF NOT EXISTS batch_ended AFTER UPDATE ON batches
WHEN NEW.closed AND NEW.ended_ms IS NULL AND NEW.completed + NEW.failed >= NEW.total BEGIN
    UPDATE batches SET ended_ms = {NOW_MS} WHERE id = NEW.id;
    INSERT INTO jobs (id, queue, action, state, priority, body, created_ms)
    SELECT then_id, then_queue, then_action, {READY}, then_priority, then_body, {NOW_MS}
    FROM batches WHERE id = NEW.id AND then_id IS NOT NULL;
END;
CREATE TABLE IF NOT EXISTS keys (
    key TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    until_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS old_keys ON keys (until_ms);
CREATE TRIGGER IF NOT EXISTS job_cancelled AFTER UPDATE OF state ON jobs
WHEN NEW.state = {CANCELLED} AND NEW.key IS NOT NULL BEGIN
    DELETE FROM keys WHERE key = NEW.key AND id = NEW.id;
END;
CREATE TRIGGER IF NOT EXISTS job_discarded AFTER DELETE ON jobs
WHEN OLD.state = {DEAD} AND OLD.key IS NOT NULL BEGIN
    DELETE FROM keys WHERE key = OLD.key AND id = OLD.id;
END;
CREATE TABLE IF NOT EXISTS fire_times (
    name TEXT PRIMARY KEY,
    fire_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS starts (
    queue TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    id TEXT NOT NULL,
    token INTEGER NOT NULL,
    PRIMARY KEY (queue, started_ms, id, token)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS paused_queues (queue TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals (
    done INTEGER NOT NULL,
    failed INTEGER NOT NULL
);
INSERT INTO totals SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM totals);
PRAGMA user_version = {VERSION};
"""

#: From how many queues one statement selects: SQLite accepts 500 subqueries.
MAX_QUEUES: Final = 400
_CLAIM: Final = (
    f"UPDATE jobs SET state = {RUNNING}, worker_id = ?, token = token + 1, "
    "deliveries = deliveries + 1, started_ms = ?, due_ms = NULL"
)
_RETURNING: Final = "RETURNING priority, seq, id, token, queue, action, body, deliveries, attempts"
_OF_QUEUE: Final = """
SELECT * FROM (
    SELECT seq, priority FROM jobs WHERE state = {state} AND queue = ?
    ORDER BY priority, seq LIMIT ?
)
"""


def next_jobs(state: int, queues: int | None) -> str:
    """Return the statement that selects the first jobs of a state, by priority.

    Its parameters are the name and the limit for each queue, then the total limit.

    Args:
        state: `READY` or `SUSPECT`.
        queues: The number of queues, at most `MAX_QUEUES`; `None`: all queues, and the only
            parameter is the limit.
    """
    if queues is None:
        return f"SELECT seq FROM jobs WHERE state = {state} ORDER BY priority, seq LIMIT ?"
    # One subquery per queue: with one condition for all, SQLite would sort all their jobs.
    parts = " UNION ALL ".join([_OF_QUEUE.format(state=state)] * queues)
    return f"SELECT seq FROM ({parts}) ORDER BY priority, seq LIMIT ?"


def claim(selection: str) -> str:
    """Return the statement that claims the jobs whose numbers a query selects.

    Its parameters are the worker id and the time, then those of the query.
    """
    return f"{_CLAIM} WHERE seq IN ({selection}) {_RETURNING}"


def claim_by_ids(count: int) -> str:
    """Return the statement that claims jobs by id, as far as they are ready.

    Its parameters are the worker id and the time, then the ids.
    """
    return (
        f"{_CLAIM} WHERE id IN ({', '.join('?' * count)}) "
        f"AND state IN ({READY}, {SENDING}, {SENT}) "
        f"AND queue NOT IN (SELECT queue FROM paused_queues) {_RETURNING}"
    )


def unsend_paused(count: int) -> str:
    """Return the statement that marks jobs of paused queues as unsent; its parameters are ids."""
    return (
        f"UPDATE jobs SET state = {READY} WHERE id IN ({', '.join('?' * count)}) "
        f"AND state IN ({SENDING}, {SENT}) AND queue IN (SELECT queue FROM paused_queues)"
    )
