"""The server contract for the job queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import actionhero_db.plugin
import actionhero_redis.plugin
from actionhero import TypedError, json
from actionhero_redis.testing import throw_away_redis
from actionhero_tasks import JobState, Tasks
from actionhero_tasks.stores.postgres.store import PostgresStore
from actionhero_tasks.stores.redis.store import RedisStore
from pytest_actionhero import (
    CallFailure,
    CallResult,
    TransportClient,
    TransportContract,
    contract_actions,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from actionhero.testing import RunningApp


class QueueClient(TransportClient):
    """Enqueues an action, and waits for its result."""

    def __init__(self, app: RunningApp) -> None:
        self._app = app
        self._tasks = app.get(Tasks)

    async def call(self, action: str, inputs: Mapping[str, str]) -> CallResult:
        try:
            id = await self._tasks.enqueue(action, inputs)
        except TypedError as error:
            return CallResult(failure=CallFailure.from_error(error), text=str(error))
        job = await self._tasks.wait(id)
        if job.state is JobState.DONE:
            return CallResult(job.result, text=json.dumps(job.result).decode())
        assert job.error is not None
        failure = CallFailure.from_document({"error": job.error})
        return CallResult(failure=failure, text=json.dumps(job.error).decode())

    async def call_and_disconnect(
        self, action: str, inputs: Mapping[str, str], started: Callable[[], Awaitable[None]]
    ) -> None:
        await self._tasks.enqueue(action, inputs)
        await started()
        # A job has no client that could disconnect, so the worker is closed.
        [server] = self._app.app.servers
        await server.close()


class TestQueue(TransportContract):
    """With the embedded store."""

    validates_before_authorization = True

    @pytest.fixture
    async def transport(self, tasks_app: Callable[..., Any]) -> AsyncIterator[TransportClient]:
        async with tasks_app(plugins=(contract_actions,), retries=0) as app:
            yield QueueClient(app)


class TestQueueInRedis(TransportContract):
    """With the Redis store."""

    validates_before_authorization = True

    @pytest.fixture
    async def transport(
        self, tasks_app: Callable[..., Any], redis_url: str
    ) -> AsyncIterator[TransportClient]:
        plugins = (contract_actions, actionhero_redis.plugin)
        environ = {"REDIS_URL": redis_url}
        async with tasks_app(
            plugins=plugins, environ=environ, run_in_server=True, retries=0
        ) as app:
            assert isinstance(app.get(Tasks).store, RedisStore)
            yield QueueClient(app)


class TestQueueInPostgres(TransportContract):
    """With the PostgreSQL store."""

    validates_before_authorization = True

    @pytest.fixture
    async def transport(
        self, tasks_app: Callable[..., Any], postgres_url: str
    ) -> AsyncIterator[TransportClient]:
        plugins = (contract_actions, actionhero_db.plugin)
        environ = {"DATABASE_URL": postgres_url}
        async with tasks_app(
            plugins=plugins, environ=environ, run_in_server=True, retries=0
        ) as app:
            assert isinstance(app.get(Tasks).store, PostgresStore)
            yield QueueClient(app)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with throw_away_redis() as server:
        yield server.url
