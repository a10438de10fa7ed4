"""`PipelinedEnqueuer` with Redis: jobs are pipelined, and none is lost with the connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import actionhero_redis.plugin
from actionhero import Action, Inputs, RunMode, ServiceUnavailable
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
    tasks_app: Callable[..., Any], server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Tasks]:
    monkeypatch.setattr("actionhero_tasks.pipelined_enqueuer.REOPEN_SECONDS", 0.0)
    environ = {"REDIS_URL": server.url}
    plugins = (actionhero_redis.plugin,)
    async with tasks_app(Work, plugins=plugins, environ=environ, mode=RunMode.CLI) as app:
        yield app.get(Tasks)


async def open_pipeline(tasks: Tasks) -> None:
    """Enqueue jobs until the pipeline is open."""
    while not (tasks.pipelined_enqueuer._pipeline and tasks.pipelined_enqueuer._pipeline.is_open):
        await tasks.enqueue(Work, {"n": 0})


async def ready_ids(tasks: Tasks) -> set[str]:
    jobs = await tasks.use(lambda store: store.jobs(JobState.READY, limit=10_000))
    return {job.id for job in jobs}


async def test_jobs_are_pipelined_with_their_ids_in_order(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many at once, and with keys; a single job opens no pipeline."""
    first = await tasks.enqueue(Work, {"n": 0})
    assert tasks.pipelined_enqueuer._pipeline is None
    assert tasks.pipelined_enqueuer._opening is None
    await open_pipeline(tasks)
    pipeline: Any = tasks.pipelined_enqueuer._pipeline
    monkeypatch.delattr(type(tasks.store), "add")
    ids = await asyncio.gather(*(tasks.enqueue(Work, {"n": n}) for n in range(200)))
    same = [await tasks.enqueue(Work, {"n": 1}, key="k") for _ in range(2)]

    assert len(set(ids)) == 200
    assert same[0] == same[1]
    assert {first, *ids, same[0]} <= await ready_ids(tasks)
    assert not pipeline._pending


async def test_no_job_is_lost_with_the_connection(tasks: Tasks, server: ThrowAwayRedis) -> None:
    """Jobs without a reply are added once through the store, and another pipeline is opened."""
    await open_pipeline(tasks)
    pipeline: Any = tasks.pipelined_enqueuer._pipeline
    server.pause()
    enqueuing = [asyncio.create_task(tasks.enqueue(Work, {"n": n})) for n in range(50)]
    while len(pipeline._pending) < 50:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0)
    server.resume()
    pipeline._transport.abort()
    before = set(await asyncio.gather(*enqueuing))

    await open_pipeline(tasks)

    assert before <= await ready_ids(tasks)
    assert len(before) == 50
    assert tasks.pipelined_enqueuer._pipeline is not pipeline


async def test_a_script_that_redis_has_lost_is_loaded_again(
    tasks: Tasks, server: ThrowAwayRedis
) -> None:
    """As after a restart, or a failover to a replica."""
    await open_pipeline(tasks)
    await tasks.use(lambda store: store._client.script_flush())  # type: ignore[attr-defined]

    ids = {await tasks.enqueue(Work, {"n": n}) for n in range(3)}

    assert ids <= await ready_ids(tasks)
    assert tasks.pipelined_enqueuer._pipeline is not None
    assert tasks.pipelined_enqueuer._pipeline.is_open


async def test_an_outage_of_redis_is_reported_and_the_pipeline_reopened_after_it(
    tasks: Tasks, server: ThrowAwayRedis
) -> None:
    """During the outage, enqueueing raises `ServiceUnavailable`."""
    await open_pipeline(tasks)
    server.kill()
    with pytest.raises(ServiceUnavailable):
        await tasks.enqueue(Work, {"n": 0})
    server.start()

    await open_pipeline(tasks)
    id = await tasks.enqueue(Work, {"n": 1})

    assert id in await ready_ids(tasks)


async def test_a_connection_without_replies_is_aborted(
    tasks: Tasks, server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job is added through the store, which has its own timeout."""
    monkeypatch.setattr("actionhero_tasks.redis_pipeline.REPLY_SECONDS", 0.1)
    await open_pipeline(tasks)
    pipeline: Any = tasks.pipelined_enqueuer._pipeline
    server.pause()
    enqueuing = asyncio.create_task(tasks.enqueue(Work, {"n": 7}))
    while pipeline.is_open:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(0.01)
    server.resume()

    assert await enqueuing in await ready_ids(tasks)
