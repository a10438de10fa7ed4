"""`RedisStore`: a store in Redis, shared by the processes of many machines."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import threading
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import NoScriptError, RedisError

from actionhero import ServiceUnavailable
from actionhero_redis import Script
from actionhero_tasks.job import BatchRecord, Claim, JobState, StoreUnavailable, Totals
from actionhero_tasks.stores.redis import scripts
from actionhero_tasks.stores.redis.outbox import SCRIPTS, RedisOutbox
from actionhero_tasks.stores.redis.values import (
    arguments_of,
    counts_of,
    limit_arguments,
    queue_arguments,
    record_of,
)
from actionhero_tasks.stores.redis.wake_listener import WakeListener
from actionhero_tasks.stores.store import LOST_ERROR, MAX_DELIVERIES, JobStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import redis

    from actionhero_redis import RedisClients
    from actionhero_tasks.job import JobRecord, NewJob, QueueCounts, Settlement
    from actionhero_tasks.stores.outbox import Outbox

#: How long the lease of a worker is valid after a heartbeat.
LEASE_MS: Final = 10_000
#: How often a waiting worker polls, because a pub/sub message may be lost.
POLL_SECONDS: Final = 1.0
#: How many results are deleted by one script, which blocks Redis.
MAX_DELETED: Final = 1000
#: How many such scripts a sweep runs: more than a worker produces results until the next.
MAX_ROUNDS: Final = 20
#: How many jobs of a fan-out are read in one step.
PAGE: Final = 500
#: The states by which the jobs of a fan-out are indexed.
_INDEXED: Final = frozenset({JobState.DONE, JobState.DEAD, JobState.CANCELLED})
_SCRIPTS: Final = (
    *("ADD", "OPEN_BATCH", "CLOSE_BATCH", "ENQUEUE_SCHEDULED", "LAST_FIRE_TIME"),
    *("SETTLE_AND_CLAIM", "REMOVE_WORKER", "SWEEP"),
    *("RESET_FIRE_TIME", "PROGRESS", "CANCEL", "RETRY", "DISCARD", "RESUME_QUEUE"),
    "COUNTS",
)
#: The scripts after which jobs may be ready.
_ADDING: Final = frozenset(
    {"ADD", "ENQUEUE_SCHEDULED", "CLOSE_BATCH", "RETRY", "REMOVE_WORKER", "SWEEP", "RESUME_QUEUE"}
)


class RedisStore(JobStore):
    """Stores jobs in Redis. They are as durable as the persistence of Redis.

    Args:
        connect: Returns a new client whose replies are bytes; closed with the store.
        prefix: The prefix of all keys, with a hash tag, such as `app:{tasks}:`.
        result_ttl_ms: How long jobs are stored after they have ended; dead-lettered ones remain.
        lease_ms: How long the lease of a worker is valid after a heartbeat.
        clients: The clients of the application, whose pipelined connection adds single jobs.
    """

    def __init__(
        self,
        connect: Callable[[], redis.Redis],
        prefix: str,
        *,
        result_ttl_ms: int,
        lease_ms: int = LEASE_MS,
        clients: RedisClients | None = None,
    ) -> None:
        super().__init__()
        self._clients = clients
        # An id is added once.
        self._add = Script(scripts.ADD, idempotent=True)
        self._connect = connect
        self._client: Any = connect()
        self._prefix = prefix
        self._result_ttl_ms = result_ttl_ms
        self._lease_ms = lease_ms
        self._scripts = {
            name: self._client.register_script(getattr(scripts, name)) for name in _SCRIPTS
        }
        #: A nonce for the current step of each worker. It is reused until there is a reply, so that
        #: the claims of a lost reply are returned again.
        self._nonces: dict[str, str] = {}
        #: When the next job may start that the rate of a queue has kept from a worker; 0: none.
        self._next_starts: dict[str, int] = {}
        self._listener: WakeListener | None = None
        self._lock = threading.Lock()

    # -- adding jobs ---------------------------------------------------------------------------

    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        ids = self._run("ADD", *arguments_of(jobs)) if jobs else []
        return [id.decode() for id in ids]

    async def add_pipelined(self, job: NewJob) -> str | None:
        if self._clients is None:
            return None
        # No second attempt over the other connection: it would double the timeout.
        with self._errors():
            [id] = await self._clients.run_script(self._add, (self._prefix,), arguments_of([job]))
        self.notify_sender()
        return str(id.decode())

    def find_key(self, key: str) -> str | None:
        with self._errors():
            id = self._client.get(self._key("key", key))
        return None if id is None else str(id.decode())

    # -- schedules -----------------------------------------------------------------------------

    def enqueue_scheduled(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        return bool(
            self._run("ENQUEUE_SCHEDULED", name, fire_ms, int(overlap), *arguments_of([job]))
        )

    def last_fire_time(self, name: str, initial_ms: int) -> int:
        return int(self._run("LAST_FIRE_TIME", name, initial_ms))

    def fire_times(self) -> dict[str, int]:
        with self._errors():
            times = self._client.hgetall(self._key("fire_times"))
        return {name.decode(): int(time) for name, time in times.items()}

    def reset_fire_time(self, name: str, last_ms: int, fire_ms: int) -> bool:
        return bool(self._run("RESET_FIRE_TIME", name, last_ms, fire_ms))

    # -- fan-outs ------------------------------------------------------------------------------

    def open_batch(self, id: str, then: NewJob | None) -> None:
        job: tuple[Any, ...] = ()
        if then is not None:
            job = (then.id, then.queue, then.action, then.body, then.priority)
        self._run("OPEN_BATCH", id, self._result_ttl_ms, *job)

    def close_batch(self, id: str) -> None:
        self._run("CLOSE_BATCH", id)

    def batch(self, id: str) -> BatchRecord | None:
        names = ("total", "completed", "failed", "closed", "ended_ms")
        with self._errors():
            values = self._client.hmget(self._key("batch", id), names)
        if values[0] is None:
            return None
        total, completed, failed, closed = map(int, values[:4])
        ended_ms = None if values[4] is None else int(values[4])
        return BatchRecord(id, total, completed, failed, closed=bool(closed), ended_ms=ended_ms)

    def batch_jobs(
        self, id: str, state: JobState | None = None, *, after: int = 0, limit: int = 100
    ) -> list[JobRecord]:
        is_indexed = state in _INDEXED
        index = self._key("of", id, str(state)) if is_indexed else self._key("of", id)
        # There is no index by other states: the pages of all jobs are filtered.
        count = limit if is_indexed or state is None else PAGE
        jobs: list[JobRecord] = []
        while len(jobs) < limit:
            with self._errors():
                page = self._client.zrangebyscore(
                    index, f"({after}", "+inf", 0, count, withscores=True
                )
            # Some may have been deleted, or have changed their state, since they were listed.
            records = self._records([id.decode() for id, _ in page])
            jobs += [record for record in records if state in (None, record.state)]
            if len(page) < count:
                break
            after = int(page[-1][1])
        return jobs[:limit]

    # -- running jobs --------------------------------------------------------------------------

    def settle_and_claim(
        self,
        worker_id: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        nonce = self._nonces.setdefault(worker_id, secrets.token_hex(8))
        settlement_arguments = itertools.chain.from_iterable(
            (
                *(settlement.id, settlement.token, str(settlement.kind)),
                *(settlement.result or b"", settlement.error or b"", settlement.delay_ms),
            )
            for settlement in settlements
        )
        claims, rejected, next_start_ms = self._run(
            "SETTLE_AND_CLAIM",
            *(worker_id, self._lease_ms, nonce, limit, MAX_DELIVERIES),
            *queue_arguments(queues),
            *limit_arguments(self.queue_limits),
            *settlement_arguments,
        )
        self._nonces.pop(worker_id, None)
        self._next_starts[worker_id] = next_start_ms
        return [
            Claim(id.decode(), token, queue.decode(), action.decode(), body, deliveries, attempts)
            for id, token, queue, action, body, deliveries, attempts in claims
        ], [id.decode() for id in rejected]

    def progress(self, id: str, token: int, done: float, total: float | None) -> None:
        self._run("PROGRESS", id, token, done, "" if total is None else total)

    def wait(self, worker_id: str, wake_event: threading.Event, timeout_ms: int) -> None:
        self._listen()
        with self._errors():
            due = self._client.zrange(self._key("delayed"), 0, 0, withscores=True)
            seconds = min(timeout_ms / 1000, POLL_SECONDS)
            times = [due[0][1]] if due else []
            if next_start_ms := self._next_starts.get(worker_id):
                times.append(next_start_ms)
            if times:
                seconds = min(seconds, (min(times) - self.now_ms()) / 1000)
        if seconds > 0:
            wake_event.wait(seconds)

    # -- workers -------------------------------------------------------------------------------

    def register_worker(self, worker_id: str) -> None:
        self._listen()
        self.record_heartbeat(worker_id)

    def record_heartbeat(self, worker_id: str) -> None:
        with self._errors():
            self._client.zadd(self._key("workers"), {worker_id: self.now_ms() + self._lease_ms})

    def cancellations(self, worker_id: str) -> list[str]:
        with self._errors():
            ids = self._client.smembers(self._key("cancelling", worker_id))
        return sorted(id.decode() for id in ids)

    def remove_worker(self, worker_id: str, *, crashed: bool) -> int:
        self._next_starts.pop(worker_id, None)
        self._nonces.pop(worker_id, None)
        return int(self._run("REMOVE_WORKER", worker_id, int(crashed), MAX_DELIVERIES, LOST_ERROR))

    def sweep(self) -> int:
        count = 0
        for _ in range(MAX_ROUNDS):
            removed, deleted = self._run(
                "SWEEP",
                *(MAX_DELIVERIES, LOST_ERROR, self._result_ttl_ms, MAX_DELETED, self._lease_ms),
            )
            count += removed
            if deleted < MAX_DELETED:
                break
        return count

    # -- inspection ----------------------------------------------------------------------------

    def now_ms(self) -> int:
        with self._errors():
            seconds, microseconds = self._client.time()
            return int(seconds * 1000 + microseconds // 1000)

    def find(self, id: str) -> JobRecord | None:
        with self._errors():
            values = self._client.hgetall(self._key("job", id))
        return record_of(id, values) if values else None

    def jobs(
        self,
        state: JobState,
        queue: str | None = None,
        *,
        before: int | None = None,
        limit: int = 100,
    ) -> list[JobRecord]:
        newest = "+inf" if before is None else f"({before}"
        with self._errors():
            queues = [queue] if queue is not None else self._queues()
            items = [
                item
                for name in queues
                for item in self._client.zrevrangebyscore(
                    self._key("in", str(state), name), newest, "-inf", 0, limit, withscores=True
                )
            ]
            items.sort(key=lambda item: item[1], reverse=True)
        return self._records([id.decode() for id, _ in items[:limit]])

    def counts(self) -> list[QueueCounts]:
        return counts_of(self._run("COUNTS"))

    def totals(self) -> Totals:
        with self._errors():
            done, failed = self._client.hmget(self._key("totals"), "done", "failed")
        return Totals(int(done or 0), int(failed or 0))

    def worker_loads(self) -> dict[str, int]:
        worker_ids = self.worker_ids()
        with self._errors(), self._client.pipeline(transaction=False) as pipeline:
            for worker_id in worker_ids:
                pipeline.zcard(self._key("running", worker_id))
            return dict(zip(worker_ids, pipeline.execute(), strict=True))

    def worker_ids(self) -> list[str]:
        with self._errors():
            alive = self._client.zrangebyscore(self._key("workers"), self.now_ms(), "+inf")
        return sorted(worker_id.decode() for worker_id in alive)

    # -- operations ----------------------------------------------------------------------------

    def cancel(self, id: str) -> bool:
        return bool(self._run("CANCEL", id))

    def retry(self, id: str, body: bytes | None = None) -> bool:
        return bool(self._run("RETRY", id, *(() if body is None else (body,))))

    def discard(self, id: str) -> bool:
        return bool(self._run("DISCARD", id))

    def pause_queue(self, queue: str) -> bool:
        with self._errors():
            return bool(self._client.sadd(self._key("paused"), queue))

    def resume_queue(self, queue: str) -> bool:
        return bool(self._run("RESUME_QUEUE", queue))

    def paused_queues(self) -> list[str]:
        with self._errors():
            return sorted(queue.decode() for queue in self._client.smembers(self._key("paused")))

    # -- delivery through a broker -------------------------------------------------------------

    def outbox(self) -> Outbox:
        self._scripts |= {
            name: self._client.register_script(text) for name, text in SCRIPTS.items()
        }
        return RedisOutbox(self._run, self._lease_ms)

    # -- lifecycle -----------------------------------------------------------------------------

    def ping(self) -> None:
        with self._errors():
            self._client.ping()

    async def ping_nowait(self) -> bool:
        if self._clients is None:
            return False
        with self._errors():
            await self._clients.check()
        return True

    def close(self) -> None:
        if self._listener is not None:
            self._listener.stop()
        self._client.close()

    def _run(self, name: str, *arguments: Any) -> Any:
        script = self._scripts[name]
        with self._errors():
            try:
                # Calling the `Script` object instead would double the time in Python.
                reply = self._client.evalsha(script.sha, 1, self._prefix, *arguments)
            except NoScriptError:
                reply = script(keys=[self._prefix], args=arguments)
        if self.sender_events and name in _ADDING:
            self.notify_sender()
        return reply

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    def _queues(self) -> list[str]:
        return [name.decode() for name in self._client.smembers(self._key("queues"))]

    def _records(self, ids: Sequence[str]) -> list[JobRecord]:
        with self._errors(), self._client.pipeline(transaction=False) as pipeline:
            for id in ids:
                pipeline.hgetall(self._key("job", id))
            replies = pipeline.execute()
        return [record_of(id, values) for id, values in zip(ids, replies, strict=True) if values]

    def _listen(self) -> None:
        with self._lock:
            if self._listener is None:
                self._listener = WakeListener(self._connect, self._key("wake"), self.notify)
                self._listener.start()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (RedisError, OSError, ServiceUnavailable) as error:
            raise StoreUnavailable(f"Redis: {error}") from error
