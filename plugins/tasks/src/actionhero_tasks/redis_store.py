"""The store in Redis, which the processes of many machines share."""

from __future__ import annotations

import contextlib
import itertools
import json
import secrets
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Final

from redis.exceptions import NoScriptError, RedisError

from actionhero_tasks import redis_scripts as scripts
from actionhero_tasks.job import (
    BatchRecord,
    Claim,
    QueueCounts,
    StoreUnavailable,
    Totals,
)
from actionhero_tasks.redis_outbox import SCRIPTS, RedisOutbox
from actionhero_tasks.redis_pipeline import RedisPipeline
from actionhero_tasks.redis_values import record_of, values_of
from actionhero_tasks.store import MOST_DELIVERIES, JobStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import redis

    from actionhero_tasks.job import JobRecord, JobState, NewJob, Settlement
    from actionhero_tasks.outbox import Outbox
    from actionhero_tasks.store import Line

#: After which time an owner of whom nothing was heard is taken for gone.
LEASE_MS: Final = 10_000
#: How often a worker that waits looks all the same: a word from Redis may be lost.
LOOK_SECONDS: Final = 1.0
#: How long the thread that listens may take to end.
JOIN_SECONDS: Final = 5.0
#: How many results are dropped in one go: meanwhile Redis does nothing else.
MOST_DROPPED: Final = 1000
#: How many jobs of a fan-out are read in one go.
PAGE: Final = 500
_SCRIPTS: Final = (
    *("ADD", "OPEN_BATCH", "SEAL_BATCH", "TICK", "LAST_TICK", "TRADE", "LEAVE", "SWEEP"),
    *("PROGRESS", "CANCEL", "RETRY", "DISCARD", "COUNTS"),
)
_LOST: Final = json.dumps(
    {
        "message": f"its worker ended {MOST_DELIVERIES} times while it ran",
        "type": "WORKER_LOST",
    }
)


class RedisStore(JobStore):
    """Keeps jobs in Redis. What was added stays as surely as Redis writes it down.

    Args:
        connect: Returns a new client whose answers are bytes; closed with the store.
        prefix: What every key begins with. It has a hash tag, such as `app:{tasks}:`.
        result_ttl_ms: How long jobs that have ended are remembered. Dead ones are kept.
        lease_ms: After which time an owner of whom nothing was heard is taken for gone.
    """

    kind: ClassVar[str] = "redis"

    def __init__(
        self,
        connect: Callable[[], redis.Redis],
        prefix: str,
        *,
        result_ttl_ms: int,
        lease_ms: int = LEASE_MS,
    ) -> None:
        super().__init__()
        self._connect = connect
        self._client: Any = connect()
        self._prefix = prefix
        self._result_ttl_ms = result_ttl_ms
        self._lease_ms = lease_ms
        self._scripts = {
            name: self._client.register_script(getattr(scripts, name)) for name in _SCRIPTS
        }
        #: The number of the trade that an owner is at. It stays the same until it is answered, so
        #: that what was claimed in an answer that was lost is told again.
        self._trades: dict[str, str] = {}
        self._listener: _Listener | None = None
        self._lock = threading.Lock()

    # -- putting in ----------------------------------------------------------------------------

    def add(self, jobs: Sequence[NewJob]) -> list[str]:
        ids = self._run("ADD", *itertools.chain.from_iterable(map(values_of, jobs))) if jobs else []
        return [id.decode() for id in ids]

    def open_line(self) -> Line | None:
        with self._errors():
            return RedisPipeline.over(self._connect(), scripts.ADD, self._prefix)

    def tick(self, name: str, fire_ms: int, job: NewJob, *, overlap: bool) -> bool:
        return bool(self._run("TICK", name, fire_ms, int(overlap), *values_of(job)))

    def last_tick(self, name: str, or_from_ms: int) -> int:
        return int(self._run("LAST_TICK", name, or_from_ms))

    # -- many as one ---------------------------------------------------------------------------

    def open_batch(self, id: str, then: NewJob | None) -> None:
        job = () if then is None else (*values_of(then)[:5],)
        self._run("OPEN_BATCH", id, self._result_ttl_ms, *job)

    def seal_batch(self, id: str) -> None:
        self._run("SEAL_BATCH", id)

    def batch(self, id: str) -> BatchRecord | None:
        names = ("total", "completed", "failed", "sealed", "ended_ms")
        with self._errors():
            kept = self._client.hmget(self._key("batch", id), names)
        if kept[0] is None:
            return None
        total, completed, failed, sealed = map(int, kept[:4])
        ended_ms = None if kept[4] is None else int(kept[4])
        return BatchRecord(id, total, completed, failed, sealed=bool(sealed), ended_ms=ended_ms)

    def batch_jobs(
        self, id: str, state: JobState | None = None, *, offset: int = 0, limit: int = 100
    ) -> list[JobRecord]:
        found: list[JobRecord] = []
        start = 0
        # Those of one state are not kept apart: looked for, a page at a time.
        while len(found) < offset + limit:
            with self._errors():
                page = self._client.zrange(self._key("of", id), start, start + PAGE - 1)
            start += PAGE
            records = self._records([each.decode() for each in page])
            found += [record for record in records if state in (None, record.state)]
            if len(page) < PAGE:
                break
        return found[offset : offset + limit]

    # -- running -------------------------------------------------------------------------------

    def trade(
        self,
        owner: str,
        queues: Sequence[str] | None,
        limit: int,
        settlements: Sequence[Settlement] = (),
    ) -> tuple[list[Claim], list[str]]:
        nonce = self._trades.setdefault(owner, secrets.token_hex(8))
        asked = ("",) if queues is None else (len(queues), *queues)
        ended = itertools.chain.from_iterable(
            (
                *(settlement.id, settlement.token, str(settlement.ending)),
                *(settlement.result or b"", settlement.error or b"", settlement.delay_ms),
            )
            for settlement in settlements
        )
        claims, refused = self._run(
            "TRADE", owner, self._lease_ms, nonce, limit, MOST_DELIVERIES, *asked, *ended
        )
        self._trades.pop(owner, None)
        found = [
            Claim(id.decode(), token, queue.decode(), action.decode(), body, deliveries, attempts)
            for id, token, queue, action, body, deliveries, attempts in claims
        ]
        return found, [id.decode() for id in refused]

    def progress(self, id: str, token: int, done: float, total: float | None) -> None:
        self._run("PROGRESS", id, token, done, "" if total is None else total)

    def wait(self, owner: str, bell: threading.Event, timeout_ms: int) -> None:
        self._listen()
        with self._errors():
            due = self._client.zrange(self._key("delayed"), 0, 0, withscores=True)
            left = min(timeout_ms / 1000, LOOK_SECONDS)
            if due:
                left = min(left, (due[0][1] - self.now_ms()) / 1000)
        if left > 0:
            bell.wait(left)

    # -- who runs ------------------------------------------------------------------------------

    def join(self, owner: str) -> None:
        self._listen()
        self.beat(owner)

    def beat(self, owner: str) -> None:
        with self._errors():
            self._client.zadd(self._key("owners"), {owner: self.now_ms() + self._lease_ms})

    def leave(self, owner: str, *, crashed: bool) -> int:
        self._trades.pop(owner, None)
        return int(self._run("LEAVE", owner, int(crashed), MOST_DELIVERIES, _LOST))

    def sweep(self) -> int:
        return int(self._run("SWEEP", MOST_DELIVERIES, _LOST, self._result_ttl_ms, MOST_DROPPED))

    # -- looking in ----------------------------------------------------------------------------

    def now_ms(self) -> int:
        with self._errors():
            seconds, microseconds = self._client.time()
            return int(seconds * 1000 + microseconds // 1000)

    def find(self, id: str) -> JobRecord | None:
        with self._errors():
            kept = self._client.hgetall(self._key("job", id))
        return record_of(id, kept) if kept else None

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
            found = [
                item
                for name in queues
                for item in self._client.zrevrangebyscore(
                    self._key("in", str(state), name), newest, "-inf", 0, limit, withscores=True
                )
            ]
            found.sort(key=lambda item: item[1], reverse=True)
        return self._records([id.decode() for id, _ in found[:limit]])

    def counts(self) -> list[QueueCounts]:
        found = [
            QueueCounts(
                queue.decode(),
                ready=ready,
                delayed=delayed,
                retrying=retrying,
                running=running,
                dead=dead,
                oldest_ms=None if oldest < 0 else oldest,
            )
            for queue, ready, delayed, running, dead, retrying, oldest in self._run("COUNTS")
            if ready or delayed or running or dead
        ]
        return sorted(found, key=lambda counts: counts.queue)

    def totals(self) -> Totals:
        with self._errors():
            done, failed = self._client.hmget(self._key("totals"), "done", "failed")
        return Totals(int(done or 0), int(failed or 0))

    def loads(self) -> dict[str, int]:
        owners = self.owners()
        with self._errors(), self._client.pipeline(transaction=False) as asked:
            for owner in owners:
                asked.zcard(self._key("running", owner))
            return dict(zip(owners, asked.execute(), strict=True))

    def owners(self) -> list[str]:
        with self._errors():
            alive = self._client.zrangebyscore(self._key("owners"), self.now_ms(), "+inf")
        return sorted(owner.decode() for owner in alive)

    # -- by hand -------------------------------------------------------------------------------

    def cancel(self, id: str) -> bool:
        return bool(self._run("CANCEL", id))

    def retry(self, id: str) -> bool:
        return bool(self._run("RETRY", id))

    def discard(self, id: str) -> bool:
        return bool(self._run("DISCARD", id))

    def outbox(self) -> Outbox:
        self._scripts |= {
            name: self._client.register_script(text) for name, text in SCRIPTS.items()
        }
        return RedisOutbox(self._run, self._lease_ms)

    def ping(self) -> None:
        with self._errors():
            self._client.ping()

    def close(self) -> None:
        if self._listener is not None:
            self._listener.stop()
        self._client.close()

    # -- what they share -----------------------------------------------------------------------

    def _run(self, name: str, *arguments: Any) -> Any:
        script = self._scripts[name]
        with self._errors():
            try:
                # Not by calling it, which takes as long as all the rest on our side.
                return self._client.evalsha(script.sha, 1, self._prefix, *arguments)
            except NoScriptError:
                return script(keys=[self._prefix], args=arguments)

    def _key(self, *parts: str) -> str:
        return self._prefix + ":".join(parts)

    def _queues(self) -> list[str]:
        return [name.decode() for name in self._client.smembers(self._key("queues"))]

    def _records(self, ids: Sequence[str]) -> list[JobRecord]:
        with self._errors(), self._client.pipeline(transaction=False) as asked:
            for id in ids:
                asked.hgetall(self._key("job", id))
            kept = asked.execute()
        return [record_of(id, values) for id, values in zip(ids, kept, strict=True) if values]

    def _listen(self) -> None:
        with self._lock:
            if self._listener is None:
                self._listener = _Listener(self._connect, self._key("wake"), self.ring)
                self._listener.start()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            raise StoreUnavailable(f"Redis: {error}") from error


class _Listener(threading.Thread):
    """Rings when Redis says that there is something to claim.

    Args:
        connect: Returns a new client.
        channel: Where it is said.
        ring: What is called.
    """

    def __init__(
        self, connect: Callable[[], redis.Redis], channel: str, ring: Callable[[], None]
    ) -> None:
        super().__init__(name="actionhero-tasks-wake", daemon=True)
        self._connect = connect
        self._channel = channel
        self._ring = ring
        self._stopped = threading.Event()

    def run(self) -> None:
        wait = 0.05
        while not self._stopped.is_set():
            try:
                with self._connect() as client, client.pubsub() as subscriber:
                    subscriber.subscribe(self._channel)
                    # What was said meanwhile, nobody has heard.
                    self._ring()
                    wait = 0.05
                    while not self._stopped.is_set():
                        if subscriber.get_message(timeout=0.2) is not None:
                            self._ring()
            except (RedisError, OSError):
                self._stopped.wait(wait)
                wait = min(2 * wait, 1.0)

    def stop(self) -> None:
        self._stopped.set()
        if self.is_alive():
            self.join(JOIN_SECONDS)
