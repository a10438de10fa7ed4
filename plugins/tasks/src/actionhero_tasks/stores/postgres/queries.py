"""The statements of `PostgresStore`, in which `tasks` is its schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero_tasks.job import JobState
from actionhero_tasks.stores.postgres.schema import STATES

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW_MS: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
ENQUEUE_SCHEDULED: Final = (
    "SELECT tasks.enqueue_scheduled($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
)
LAST_FIRE_TIME: Final = (
    "INSERT INTO tasks.fire_times AS t VALUES ($1, $2) "
    "ON CONFLICT (name) DO UPDATE SET fire_ms = t.fire_ms RETURNING fire_ms"
)
RESET_FIRE_TIME: Final = (
    "UPDATE tasks.fire_times SET fire_ms = $3 WHERE name = $1 AND fire_ms = $2 RETURNING name"
)
OPEN_BATCH: Final = (
    "INSERT INTO tasks.batches (id, then_id, then_queue, then_action, then_priority, then_body) "
    "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING"
)
BATCH: Final = (
    "SELECT id, total, completed, failed, closed, ended_ms FROM tasks.batches WHERE id = $1"
)
SETTLE_AND_CLAIM: Final = (
    "SELECT * FROM tasks.settle_and_claim"
    "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
)
PROGRESS: Final = (
    "UPDATE tasks.jobs SET progress = $3, progress_total = $4 WHERE id = $1 AND token = $2"
)
CANCELLATIONS: Final = (
    "SELECT id FROM tasks.jobs WHERE state = :RUNNING AND cancel_requested AND worker_id = $1"
)
RETRY: Final = "SELECT tasks.retry($1, $2)"
PAUSE_QUEUE: Final = (
    "INSERT INTO tasks.paused_queues VALUES ($1) ON CONFLICT DO NOTHING RETURNING queue"
)
RESUME_QUEUE: Final = "SELECT tasks.resume_queue($1)"
PAUSED_QUEUES: Final = "SELECT queue FROM tasks.paused_queues ORDER BY queue"
FIND: Final = "SELECT * FROM tasks.jobs WHERE id = $1"
BATCH_JOBS: Final = "SELECT * FROM tasks.jobs_in_batch($1, $2, $3, $4)"
TOTALS: Final = (
    "SELECT coalesce(sum(done), 0)::bigint, coalesce(sum(failed), 0)::bigint "
    "FROM (TABLE tasks.counts UNION ALL TABLE tasks.count_changes) c"
)
LIVE_WORKERS: Final = (
    "SELECT id, (SELECT count(*) FROM tasks.jobs j WHERE j.state = :RUNNING AND j.worker_id = w.id)"
    " FROM tasks.workers w WHERE until_ms >= extract(epoch FROM clock_timestamp()) * 1000"
    " ORDER BY id"
)
#: The newest jobs by state. Parameters: a queue or NULL, the `seq` of the last job of the previous
#: page or NULL, and the limit.
JOBS: Final[Mapping[JobState, str]] = {
    JobState.READY: "SELECT * FROM tasks.ready_jobs_of($1, $2, $3)",
    JobState.RUNNING: "SELECT * FROM tasks.running_jobs_of($1, $2, $3)",
    JobState.DELAYED: "SELECT * FROM tasks.jobs_in_state(:DELAYED::smallint, $1, $2, $3)",
    JobState.DONE: "SELECT * FROM tasks.jobs_in_state(:DONE::smallint, $1, $2, $3)",
    JobState.DEAD: "SELECT * FROM tasks.jobs_in_state(:DEAD::smallint, $1, $2, $3)",
    JobState.CANCELLED: "SELECT * FROM tasks.jobs_in_state(:CANCELLED::smallint, $1, $2, $3)",
}


def numbers_of(state: JobState | None) -> list[int]:
    """Return the numbers of a state; `None`: of all states."""
    return [number for number, name in STATES.items() if state in (None, name)]


#: The id of the job that has a deduplication key.
FIND_KEY: Final = (
    "SELECT id FROM tasks.keys WHERE key = $1 "
    "AND until_ms > extract(epoch FROM clock_timestamp()) * 1000"
)
