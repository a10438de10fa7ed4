"""The growth of costs with a million waiting jobs, and with a fan-out of 100,000.

Stores with few and with many waiting jobs are measured in turn, each with its default settings.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from tests.benchmarks.figures import Reading, median
from tests.benchmarks.program import CLIENT_CORE, on_client_core, pin

from actionhero.transport import new_identifier
from actionhero_redis.testing import throw_away_redis
from actionhero_tasks.job import JobState, NewJob, Settlement, SettlementKind
from actionhero_tasks.testing.delivered_store import DeliveredStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_tasks.stores.outbox import Outbox
    from actionhero_tasks.stores.store import JobStore

    #: Opens an empty store.
    Open = Callable[[ExitStack], JobStore]

WAITING: Final = (1_000, 1_000_000)
CHILDREN: Final = 100_000
ROUNDS: Final = 9
#: How many jobs are enqueued, and claimed, one by one in a round.
JOBS: Final = 300
#: How many jobs are added in one step.
STEP: Final = 1_000

_numbers = itertools.count()


def measure(keys: set[str]) -> dict[str, Reading]:
    """Return the requested figures, such as `growth.enqueue.redis` and `growth.fan_out.redis`."""
    readings: dict[str, Reading] = {}
    for name, open_store in _STORES.items():
        own = {key for key in keys if key.endswith(f".{name}")}
        with ExitStack() as stack:
            if f"growth.fan_out.{name}" in own:
                readings[f"growth.fan_out.{name}"] = _fan_out(open_store(stack))
            if own - {f"growth.fan_out.{name}"}:
                readings |= _waiting(name, open_store(stack), open_store(stack))
    return {key: reading for key, reading in readings.items() if key in keys}


def _waiting(name: str, few: JobStore, many: JobStore) -> dict[str, Reading]:
    """Measure two stores with few and with many waiting jobs."""
    for store, count in zip((few, many), WAITING, strict=True):
        store.register_worker("worker")
        for _ in range(0, count, STEP):
            store.add([_new_job() for _ in range(STEP)])
        if isinstance(store, DeliveredStore):
            store.delivery.sender.send()
    times: dict[str, dict[Any, list[float]]] = {
        operation: {few: [], many: []} for operation in ("enqueue", "claim")
    }
    with on_client_core():
        for number in range(-1, ROUNDS):
            for store in (few, many) if number % 2 else (many, few):
                for operation, seconds in (("enqueue", _enqueue(store)), ("claim", _claim(store))):
                    if number >= 0:
                        times[operation][store].append(seconds / JOBS * 1e6)
    readings = {}
    for operation, of_store in times.items():
        ratios = [a / b for a, b in zip(of_store[many], of_store[few], strict=True)]
        note = f"{median(of_store[many]):.0f} µs over {median(of_store[few]):.0f} µs"
        readings[f"growth.{operation}.{name}"] = Reading(ratios, note)
    readings[f"growth.list.{name}"] = _milliseconds(lambda: many.jobs(JobState.READY, limit=100))
    readings[f"growth.counts.{name}"] = _milliseconds(many.counts)
    return readings


def _enqueue(store: JobStore) -> float:
    jobs = [_new_job() for _ in range(JOBS)]
    begun = time.perf_counter()
    for job in jobs:
        store.add([job])
    return time.perf_counter() - begun


def _claim(store: JobStore) -> float:
    """Claim and settle jobs one by one, as a worker with one job at a time does."""
    settlements: list[Settlement] = []
    count = 0
    source = store.delivery.source if isinstance(store, DeliveredStore) else store
    begun = time.perf_counter()
    if isinstance(store, DeliveredStore):
        store.delivery.sender.send()
    while count < JOBS:
        claims, _ = source.settle_and_claim("worker", None, 1, settlements)
        count += len(claims)
        settlements = [
            Settlement(claim.id, claim.token, SettlementKind.DONE, b"null") for claim in claims
        ]
    source.settle_and_claim("worker", None, 0, settlements)
    return time.perf_counter() - begun


def _fan_out(store: JobStore) -> Reading:
    """Measure the steps of `fan_out_status`, with all jobs done but the last thousand."""
    store.register_worker("worker")
    store.open_batch("batch", None)
    for _ in range(0, CHILDREN, STEP):
        store.add([_new_job(batch="batch") for _ in range(STEP)])
    store.close_batch("batch")
    for _ in range(CHILDREN // STEP - 1):
        claims, _ = store.settle_and_claim("worker", None, STEP)
        settlements = [
            Settlement(claim.id, claim.token, SettlementKind.DONE, b"null") for claim in claims
        ]
        store.settle_and_claim("worker", None, 0, settlements)

    def status() -> None:
        store.batch("batch")
        store.batch_jobs("batch", JobState.DONE, limit=100)
        store.batch_jobs("batch", JobState.DEAD, limit=100)

    return _milliseconds(status)


def _milliseconds(function: Callable[[], object]) -> Reading:
    values = []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        function()
        values.append((time.perf_counter() - begun) * 1e3)
    return Reading(values[1:])


def _new_job(**fields: Any) -> NewJob:
    return NewJob(new_identifier(), "default", "job", b"x" * 200, **fields)


# -- the stores --------------------------------------------------------------------------------


def _embedded(stack: ExitStack) -> JobStore:
    from actionhero_tasks.stores.sqlite.store import SqliteStore

    # In memory: the speed of the disk is not measured here.
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
    store = SqliteStore(folder, result_ttl_ms=3_600_000)
    stack.callback(store.close)
    return store


def _redis(stack: ExitStack) -> JobStore:
    import redis

    from actionhero_tasks.stores.redis.store import RedisStore

    # Each has a server of its own; nothing is written to disk, whose speed is not measured here.
    server = stack.enter_context(throw_away_redis(options=["--appendonly", "no", "--save", ""]))
    # Together with this process: one of two servers on another core, which sleeps while it waits,
    # is slower by half than the other, whatever it stores.
    pin(server.pid, CLIENT_CORE)
    store = RedisStore(
        lambda: redis.Redis.from_url(server.url), "bench:{tasks}:", result_ttl_ms=3_600_000
    )
    stack.callback(store.close)
    return store


def _rabbitmq(stack: ExitStack) -> JobStore:
    from actionhero_tasks.brokers.delivery import BrokerDelivery
    from actionhero_tasks.brokers.rabbitmq import RabbitmqBackend, rabbitmq_broker
    from actionhero_tasks.testing.rabbitmq import throw_away_rabbitmq

    server = stack.enter_context(throw_away_rabbitmq())
    inner = _redis(stack)
    backend, broker = RabbitmqBackend(), rabbitmq_broker(server.url)
    delivery = BrokerDelivery(inner, _outbox_of(inner), backend, broker, "rabbit")
    stack.callback(delivery.close)
    return cast("JobStore", DeliveredStore(inner, delivery))


def _outbox_of(store: JobStore) -> Outbox:
    outbox = store.outbox()
    if outbox is None:
        raise RuntimeError("the store has no outbox")
    return outbox


def _postgres(stack: ExitStack) -> JobStore:
    from actionhero_db.testing import throw_away_postgres
    from actionhero_tasks.stores.postgres.store import PostgresStore

    server = stack.enter_context(throw_away_postgres())
    options = {"host": "127.0.0.1", "port": server.port, "user": "postgres", "database": "postgres"}
    store = PostgresStore(options, f"bench_{next(_numbers)}", result_ttl_ms=3_600_000)
    stack.callback(store.close)
    return store


_STORES: Final[dict[str, Open]] = {
    "embedded": _embedded,
    "redis": _redis,
    "postgres": _postgres,
    "rabbitmq": _rabbitmq,
}
