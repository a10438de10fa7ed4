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
    from collections.abc import AsyncIterator, Callable, Iterator

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


@pytest.mark.parametrize("tasks", [{"ACTIONHERO_REDIS__TIMEOUT": "100ms"}], indirect=True)
async def test_jobs_without_a_reply_are_added_through_the_store(
    tasks: Tasks, server: ThrowAwayRedis
) -> None:
    """Which has a timeout of its own: during a hang the error is `ServiceUnavailable`."""
    for _ in range(2):
        await tasks.enqueue(Work, {"n": 0})
    server.pause()
    try:
        with pytest.raises(ServiceUnavailable):
            await tasks.enqueue(Work, {"n": 7})
    finally:
        server.resume()

    ids = [await tasks.enqueue(Work, {"n": n}) for n in range(3)]

    assert set(ids) <= set(await ready_ids(tasks))
