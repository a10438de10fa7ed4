"""Jobs in PostgreSQL that are enqueued in transactions of the same database."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

import actionhero_db.plugin
import actionhero_tasks.plugin
from actionhero import Action, Inputs, NotFound, ServiceUnavailable, hookimpl
from actionhero.testing import running_app
from actionhero_db import Database, Models
from actionhero_db.testing import postgres_server, postgres_url  # noqa: F401 - fixtures
from actionhero_tasks import JobState, Tasks
from actionhero_tasks.stores.postgres.store import PostgresStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from actionhero.testing import RunningApp

MODELS = """
from tortoise import fields
from tortoise.models import Model


class Member(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=50)
"""


class NameInputs(Inputs):
    name: str


class Welcome(Action):
    """Do nothing."""

    name = "welcome"

    async def run(self, inputs: NameInputs) -> str:
        return inputs.name


class Members:
    """A plugin with the model `Member`."""

    @hookimpl
    def actionhero_db_models(self) -> list[Models]:
        return [Models("members", ["members_with_jobs"])]


@pytest.fixture
async def app(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgres_url: str,  # noqa: F811 - the fixture
) -> AsyncIterator[RunningApp]:
    (tmp_path / "members_with_jobs.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    plugins = (actionhero_db.plugin, actionhero_tasks.plugin, Members())
    environ = {"DATABASE_URL": postgres_url}
    async with running_app(*plugins, Welcome, folder=tmp_path, environ=environ) as app:
        assert isinstance(app.get(Tasks).store, PostgresStore)
        yield app


async def query(app: RunningApp, sql: str) -> list[Any]:
    client = await app.get(Database).connection()
    rows: Any
    _, rows = await client.execute_query(sql)
    return [tuple(row) for row in rows]


async def test_a_job_is_a_row_of_the_transaction_of_the_data(app: RunningApp) -> None:
    """It has no row in the outbox, and is not visible before the commit."""
    tasks = app.get(Tasks)
    from members_with_jobs import Member  # type: ignore[import-not-found]

    async with app.get(Database).transaction():
        await Member.create(name="Ada")
        id = await tasks.enqueue(Welcome, {"name": "Ada"})
        before = await tasks.use(lambda store: store.find(id))
    after = await tasks.job(id)
    [(schema,)] = await query(
        app, "SELECT schemaname FROM pg_tables WHERE tablename = 'count_changes'"
    )

    assert before is None
    assert after.state is JobState.READY
    assert await query(app, f'SELECT xmin::text FROM "{schema}".jobs') == await query(
        app, "SELECT xmin::text FROM member"
    )
    assert schema.endswith("_tasks")
    assert await query(app, "SELECT count(*) FROM actionhero_outbox") == [(0,)]


async def test_a_rollback_takes_the_jobs_along(app: RunningApp) -> None:
    """Of a transaction, and of a savepoint in one that is committed."""
    tasks = app.get(Tasks)
    with contextlib.suppress(LookupError):
        async with app.get(Database).transaction():
            lost = await tasks.enqueue(Welcome, {"name": "Ada"}, key="ada")
            raise LookupError
    async with app.get(Database).transaction():
        kept = await tasks.enqueue(Welcome, {"name": "Ada"}, key="ada")
        with contextlib.suppress(LookupError):
            async with app.get(Database).transaction():
                inner = await tasks.enqueue_many(Welcome, [{"name": "Bob"}, {"name": "Cy"}])
                raise LookupError
    again = await tasks.enqueue(Welcome, {"name": "Ada"}, key="ada")

    assert (kept.is_new, again.is_new, again) == (True, False, kept)
    assert (await tasks.job(kept)).state is JobState.READY
    for id in (lost, *inner):
        with pytest.raises(NotFound):
            await tasks.job(id)


async def test_a_job_can_be_cancelled_in_the_transaction_that_enqueued_it(app: RunningApp) -> None:
    """The cancellation is committed, or rolled back, with the transaction."""
    tasks = app.get(Tasks)
    async with app.get(Database).transaction():
        id, other = await tasks.enqueue_many(Welcome, [{"name": "Ada"}, {"name": "Bob"}])
        before = await tasks.job(id)
        results = [await tasks.cancel(id), await tasks.cancel(id), await tasks.cancel("unknown")]
        with contextlib.suppress(LookupError):
            async with app.get(Database).transaction():
                assert await tasks.cancel(other)
                raise LookupError
        within = await tasks.job(id)

    assert before.state is JobState.READY
    assert results == [True, False, False]
    assert within.state is JobState.CANCELLED
    assert (await tasks.job(id)).state is JobState.CANCELLED
    assert (await tasks.job(other)).state is JobState.READY


async def test_a_lost_connection_is_service_unavailable(app: RunningApp) -> None:
    """As for every statement of the transaction."""

    async def enqueue() -> None:
        async with app.get(Database).transaction():
            async with app.get(Database).driver_connection() as connection:
                connection.terminate()
            await app.get(Tasks).enqueue(Welcome, {"name": "Ada"})

    with pytest.raises(ServiceUnavailable):
        await enqueue()
