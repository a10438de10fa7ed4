"""Jobs go into Redis on a line of the event loop; whatever becomes of it, none is lost."""

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
    """Be enqueued."""

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
    monkeypatch.setattr("actionhero_tasks.pipelined_enqueuer.AGAIN_SECONDS", 0.0)
    environ = {"REDIS_URL": server.url}
    plugins = (actionhero_redis.plugin,)
    async with tasks_app(Work, plugins=plugins, environ=environ, mode=RunMode.CLI) as app:
        yield app.get(Tasks)


async def has_line(tasks: Tasks) -> None:
    """Enqueue until it is on a line."""
    while not (tasks.express._line and tasks.express._line.is_open):
        await tasks.enqueue(Work, {"n": 0})


async def names(tasks: Tasks) -> set[str]:
    jobs = await tasks.use(lambda store: store.jobs(JobState.READY, limit=10_000))
    return {job.id for job in jobs}


async def test_jobs_take_the_line_and_their_answers_come_in_order(
    tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many at once, and with keys; what a command line call enqueues opens none."""
    first = await tasks.enqueue(Work, {"n": 0})
    assert tasks.express._line is None
    assert tasks.express._opening is None
    await has_line(tasks)
    line: Any = tasks.express._line
    monkeypatch.delattr(type(tasks.store), "add")
    ids = await asyncio.gather(*(tasks.enqueue(Work, {"n": n}) for n in range(200)))
    same = [await tasks.enqueue(Work, {"n": 1}, key="k") for _ in range(2)]

    assert len(set(ids)) == 200
    assert same[0] == same[1]
    assert {first, *ids, same[0]} <= await names(tasks)
    assert not line._waiting


async def test_a_line_that_is_lost_loses_no_job(tasks: Tasks, server: ThrowAwayRedis) -> None:
    """What was not answered goes another way, and is kept once; soon there is a line again."""
    await has_line(tasks)
    line: Any = tasks.express._line
    server.pause()
    asked = [asyncio.create_task(tasks.enqueue(Work, {"n": n})) for n in range(50)]
    while len(line._waiting) < 50:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    server.resume()
    line._transport.abort()
    before = set(await asyncio.gather(*asked))

    await has_line(tasks)

    assert before <= await names(tasks)
    assert len(before) == 50
    assert tasks.express._line is not line


async def test_a_redis_that_forgot_the_script_is_told_it_again(
    tasks: Tasks, server: ThrowAwayRedis
) -> None:
    """As after a restart, or in a replica that took over."""
    await has_line(tasks)
    await tasks.use(lambda store: store._client.script_flush())  # type: ignore[attr-defined]

    ids = {await tasks.enqueue(Work, {"n": n}) for n in range(3)}

    assert ids <= await names(tasks)
    assert tasks.express._line is not None
    assert tasks.express._line.is_open


async def test_a_redis_that_is_gone_is_told_and_one_that_is_back_is_used(
    tasks: Tasks, server: ThrowAwayRedis
) -> None:
    """503 for who enqueues meanwhile."""
    await has_line(tasks)
    server.kill()
    with pytest.raises(ServiceUnavailable):
        await tasks.enqueue(Work, {"n": 0})
    server.start()

    await has_line(tasks)
    id = await tasks.enqueue(Work, {"n": 1})

    assert id in await names(tasks)


async def test_a_line_that_says_nothing_is_given_up(
    tasks: Tasks, server: ThrowAwayRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its job goes another way, which has a limit of its own."""
    monkeypatch.setattr("actionhero_tasks.redis_pipeline.ANSWER_SECONDS", 0.1)
    await has_line(tasks)
    line: Any = tasks.express._line
    server.pause()
    asked = asyncio.create_task(tasks.enqueue(Work, {"n": 7}))
    while line.is_open:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)
    server.resume()

    assert await asked in await names(tasks)
