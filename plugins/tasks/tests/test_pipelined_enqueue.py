"""Single jobs over the pipelined connection to Redis: none is lost with the connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import actionhero_redis.plugin
from actionhero import Action, Inputs, RunMode, ServiceUnavailable
from actionhero_redis import RedisClients
from actionhero_redis.testing import throw_away_redis
from actionhero_tasks import JobState, Tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from actionhero_redis.testing import ThrowAwayRedis

pytestmark = pytest.mark.usefixtures("limit")


class Number(Inputs):
    n: int


class Work(Action):
    """Return the input."""

    name = "work"

    async def run(self, inputs: Number) -> int:
        return inputs.n


@pytest.fixture
def server() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis(options=["--appendfsync", "always"]) as server:
        yield server


@pytest.fixture
async def tasks(
    tasks_app: Callable[..., Any], server: ThrowAwayRedis, request: pytest.FixtureRequest
) -> AsyncIterator[Tasks]:
    environ = {"REDIS_URL": server.url, **getattr(request, "param", {})}
    plugins = (actionhero_redis.plugin,)
    async with tasks_app(Work, plugins=plugins, environ=environ, mode=RunMode.CLI) as app:
        yield app.get(Tasks)


@pytest.fixture
def no_other_connection(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs can be added over the pipelined connection only."""
    monkeypatch.delattr(type(tasks.store), "add")


async def ready_ids(tasks: Tasks) -> list[str]:
    jobs = await tasks.use(lambda store: store.jobs(JobState.READY, limit=10_000))
    return [job.id for job in jobs]


def pending_of(tasks: Tasks) -> Any:
    """The commands without a reply of the pipelined connection."""
    clients = tasks._app.get(RedisClients)
    return clients._set.commands._protocol.pending  # type: ignore[union-attr]


async def test_the_first_job_opens_no_second_connection(tasks: Tasks) -> None:
    """A command line call adds one job."""
    await tasks.enqueue(Work, {"n": 0})

    clients = await tasks.use(lambda store: store._client.info("clients"))  # type: ignore[attr-defined]

    assert clients["connected_clients"] == 1


@pytest.mark.usefixtures("no_other_connection")
async def test_jobs_are_pipelined_with_their_ids(tasks: Tasks) -> None:
    """Many at once, and with keys."""
    ids = await asyncio.gather(*(tasks.enqueue(Work, {"n": n}) for n in range(200)))
    same = [await tasks.enqueue(Work, {"n": 1}, key="k") for _ in range(2)]

    assert len(set(ids)) == 200
    assert same[0] == same[1]
    # The newest first.
    assert await ready_ids(tasks) == [same[0], *reversed(ids)]


async def test_no_job_is_lost_with_the_connection(tasks: Tasks, server: ThrowAwayRedis) -> None:
    """Jobs without a reply are added again, once."""
    await tasks.enqueue(Work, {"n": 0})
    await tasks.enqueue(Work, {"n": 0})
    pending = pending_of(tasks)
    server.pause()
    enqueuing = [asyncio.create_task(tasks.enqueue(Work, {"n": n})) for n in range(50)]
    while len(pending) < 50:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0)
    server.resume()
    clients: Any = tasks._app.get(RedisClients)
    clients._set.commands._protocol._transport.abort()

    ids = await asyncio.gather(*enqueuing)

    assert sorted(await ready_ids(tasks))[-50:] == sorted(ids)
    assert len(await ready_ids(tasks)) == 52


@pytest.mark.usefixtures("no_other_connection")
async def test_a_script_that_redis_has_lost_is_loaded_again(tasks: Tasks) -> None:
    """As after a restart, or a failover to a replica."""
    await tasks.use(lambda store: store._client.script_flush())  # type: ignore[attr-defined]

    ids = {await tasks.enqueue(Work, {"n": n}) for n in range(3)}

    assert ids == set(await ready_ids(tasks))


async def test_an_outage_of_redis_is_reported(tasks: Tasks, server: ThrowAwayRedis) -> None:
    """Enqueueing raises `ServiceUnavailable`, and succeeds afterwards."""
    for _ in range(2):
        await tasks.enqueue(Work, {"n": 0})
    server.kill()
    with pytest.raises(ServiceUnavailable):
        await tasks.enqueue(Work, {"n": 0})
    server.start()

    assert await tasks.enqueue(Work, {"n": 1}) in await ready_ids(tasks)


TIMEOUT_SECONDS = 2.0


@pytest.mark.parametrize("tasks", [{"ACTIONHERO_REDIS__TIMEOUT": "2s"}], indirect=True)
async def test_during_a_hang_each_enqueue_fails_within_the_timeout_of_its_own(
    tasks: Tasks, server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis is stopped until all have failed: nothing piles up, and nothing is added later."""
    await tasks.enqueue(Work, {"n": 0})
    add = type(tasks.store).add
    added: list[str] = []

    def counted(store: Any, jobs: Any) -> list[str]:
        added.extend(job.id for job in jobs)
        return add(store, jobs)

    monkeypatch.setattr(type(tasks.store), "add", counted)
    elapsed_seconds: list[float] = []
    loop = asyncio.get_running_loop()

    async def fail(enqueue: Callable[[], Awaitable[object]]) -> None:
        start = loop.time()
        with pytest.raises(ServiceUnavailable):
            await enqueue()
        elapsed_seconds.append(loop.time() - start)

    server.pause()
    try:
        async with asyncio.TaskGroup() as callers:
            for _ in range(12):
                for _ in range(20):
                    callers.create_task(fail(lambda: tasks.enqueue(Work, {"n": 1})))
                    callers.create_task(
                        fail(lambda: tasks.enqueue_many(Work, [{"n": 2}] * 2, queue="many"))
                    )
                # The hang lasts longer than three timeouts.
                await asyncio.sleep(TIMEOUT_SECONDS / 4)
    finally:
        server.resume()

    assert len(elapsed_seconds) == 480
    # The timeout, and the second that a call may wait for others; not two timeouts.
    assert max(elapsed_seconds) < 2 * TIMEOUT_SECONDS
    # Not one attempt for each of the 240 callers.
    assert len(added) <= 12 * 2
    id = await tasks.enqueue(Work, {"n": 3})
    many = await tasks.use(lambda store: store.jobs(JobState.READY, "many", limit=1000))
    assert id in await ready_ids(tasks)
    assert {job.id for job in many} <= set(added)


async def test_an_outage_during_a_fan_out_is_reported(
    tasks: Tasks, server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As everywhere. It ends once it has been closed, which is repeated for a while."""
    monkeypatch.setattr("actionhero_tasks.enqueuing.CLOSE_SECONDS", 60)
    closed = asyncio.Event()
    use = tasks._client.use
    ids: list[str] = []

    async def use_store(function: Callable[[Any], Any]) -> Any:
        try:
            return await use(function)
        except ServiceUnavailable:
            closed.set()
            raise

    monkeypatch.setattr(tasks._client, "use", use_store)
    opened = tasks.store.open_batch

    def open_batch(id: str, then: Any) -> None:
        ids.append(id)
        opened(id, then)

    monkeypatch.setattr(tasks.store, "open_batch", open_batch)

    def numbers() -> Iterator[dict[str, int]]:
        yield {"n": 1}
        server.kill()
        yield {"n": 2}

    fan_out = asyncio.create_task(tasks.fan_out(Work, numbers(), batch=1))
    await closed.wait()
    server.start()
    with pytest.raises(ServiceUnavailable):
        await fan_out

    status = await tasks.fan_out_status(ids[0])
    assert (status.total, status.completed) == (1, 0)
    batch = await tasks.use(lambda store: store.batch(ids[0]))
    assert batch is not None
    assert batch.closed
