"""Jobs in the outbox of the database: ids, keys, and a job store that is away at the commit."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

import actionhero_db.plugin
import actionhero_redis.plugin
import actionhero_tasks.plugin
from actionhero import Action, Call, Inputs, NotFound, Transactions, hookimpl
from actionhero.errors import ErrorType
from actionhero.testing import running_app
from actionhero_db import Database, Models, Transaction
from actionhero_db.outbox.outbox import DatabaseOutbox
from actionhero_db.outbox.sweeper import OutboxSweeper
from actionhero_db.testing import postgres_server, postgres_url  # noqa: F401 - fixtures
from actionhero_redis.testing import throw_away_redis
from actionhero_tasks import JobId, JobState, Task, Tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis
    from actionhero_tasks.job import NewJob

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


class Daily(Action):
    """Do nothing, once for the same inputs."""

    name = "daily"
    task = Task(unique_for=timedelta(days=1))

    async def run(self, inputs: NameInputs) -> str:
        return inputs.name


class SignUp(Action):
    """Create a row and a job in a transaction."""

    name = "sign-up"
    middleware = [Transaction()]

    async def run(self, inputs: NameInputs, call: Call) -> str:
        await call.get(Members).Member.create(name=inputs.name)
        return await call.get(Tasks).enqueue(Welcome, {"name": inputs.name})


class Broken(Action):
    """Enqueue an action with inputs that are invalid, which is not the fault of the client."""

    name = "broken"

    async def run(self, call: Call) -> None:
        await call.get(Tasks).enqueue(Welcome, {"name": ["Ada"]})


class Members:
    """A plugin with the model `Member`."""

    def __init__(self, module: str) -> None:
        self.module = module

    @property
    def Member(self) -> Any:  # noqa: N802 - a model
        return __import__(self.module).Member

    @hookimpl
    def actionhero_db_models(self) -> list[Models]:
        return [Models("members", [self.module])]


@pytest.fixture
def members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Members:
    (tmp_path / "members_outbox.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return Members("members_outbox")


@pytest.fixture(scope="module")
def redis_server() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


@contextlib.asynccontextmanager
async def application(
    members: Members, folder: Path, environ: dict[str, str]
) -> AsyncIterator[RunningApp]:
    plugins = [actionhero_db.plugin, actionhero_tasks.plugin, members]
    if "REDIS_URL" in environ:
        plugins.append(actionhero_redis.plugin)
    actions = (Welcome, Daily, SignUp, Broken)
    async with running_app(*plugins, *actions, folder=folder, environ=environ) as app:
        app.app.provide(Members, members)
        yield app


@pytest.fixture(params=["sqlite and the embedded store", "postgresql and redis"])
async def app(
    request: pytest.FixtureRequest, members: Members, tmp_path: Path
) -> AsyncIterator[RunningApp]:
    environ = {}
    if request.param == "postgresql and redis":
        redis: ThrowAwayRedis = request.getfixturevalue("redis_server")
        environ = {"DATABASE_URL": request.getfixturevalue("postgres_url"), "REDIS_URL": redis.url}
    async with application(members, tmp_path, environ) as app:
        yield app


@pytest.fixture
def tasks(app: RunningApp) -> Tasks:
    return app.get(Tasks)


async def stored(app: RunningApp) -> int:
    """Return the number of rows of the outbox, once those of sent jobs are deleted."""
    outbox = app.get(Transactions).outbox
    assert isinstance(outbox, DatabaseOutbox)
    await outbox.flush()
    client = await app.get(Database).connection()
    rows: Any
    _, rows = await client.execute_query("SELECT count(*) AS number FROM actionhero_outbox")
    return int(rows[0]["number"])


async def sweep(app: RunningApp) -> int:
    outbox = app.get(Transactions).outbox
    assert isinstance(outbox, DatabaseOutbox)
    return await OutboxSweeper(app.get(Database), outbox).sweep(0)


async def test_a_job_is_stored_with_the_data(app: RunningApp, tasks: Tasks) -> None:
    """Its id is that of the row, and it is in the job store after the commit."""
    async with app.get(Database).transaction():
        id = await tasks.enqueue(Welcome, {"name": "Ada"}, delay=timedelta(hours=1), priority=3)
        rows = await stored(app)
        in_outbox = await tasks.job(id)
    in_store = await tasks.job(id)
    record = await tasks.use(lambda store: store.find(id))

    assert (rows, await stored(app)) == (1, 0)
    assert in_outbox.state is in_store.state is JobState.DELAYED
    assert in_outbox.inputs == in_store.inputs == {"name": "Ada"}
    assert record is not None
    assert record.priority == 3


async def test_jobs_of_a_transaction_are_added_in_one_step(
    app: RunningApp, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    add = tasks.store.add

    def count(jobs: Sequence[NewJob]) -> list[str]:
        steps.append(len(jobs))
        return add(jobs)

    monkeypatch.setattr(tasks.store, "add", count)
    async with app.get(Database).transaction():
        first = await tasks.enqueue(Welcome, {"name": "Ada"})
        async with app.get(Database).transaction():
            others = await tasks.enqueue_many(Welcome, [{"name": "Bob"}, {"name": "Cy"}])

    assert steps == [3]
    assert [(await tasks.job(id)).inputs["name"] for id in (first, *others)] == ["Ada", "Bob", "Cy"]


async def test_a_savepoint_that_is_rolled_back_takes_its_jobs_along(
    app: RunningApp, tasks: Tasks
) -> None:
    async with app.get(Database).transaction():
        outer = await tasks.enqueue(Welcome, {"name": "Ada"})
        with contextlib.suppress(LookupError):
            async with app.get(Database).transaction():
                inner = await tasks.enqueue(Welcome, {"name": "Bob"}, key="bob")
                raise LookupError
        again = await tasks.enqueue(Welcome, {"name": "Bob"}, key="bob")

    assert (await tasks.job(outer)).state is (await tasks.job(again)).state is JobState.READY
    assert again.is_new
    with pytest.raises(NotFound):
        await tasks.job(inner)


async def test_an_id_shows_whether_the_job_is_new(app: RunningApp, tasks: Tasks) -> None:
    """Outside of a transaction, in one, and in one after another."""
    outside = [await tasks.enqueue(Welcome, {"name": "Ada"}, key="a") for _ in range(2)]
    async with app.get(Database).transaction():
        after = await tasks.enqueue(Welcome, {"name": "Ada"}, key="a")
        inside = [await tasks.enqueue(Welcome, {"name": "Bob"}, key="b") for _ in range(2)]
        many = await tasks.enqueue_many(Daily, [{"name": n} for n in ("x", "y", "x")])
    committed = await tasks.enqueue(Welcome, {"name": "Bob"}, key="b")

    assert [id.is_new for id in (*outside, after, *inside, committed)] == [
        *(True, False),
        *(False,),
        *(True, False),
        *(False,),
    ]
    assert outside[0] == outside[1] == after
    assert inside[0] == inside[1] == committed
    assert [id.is_new for id in many] == [True, True, False]
    assert many[0] == many[2] != many[1]


async def test_an_id_is_a_string() -> None:
    id = JobId("a", is_new=False)

    assert (id, f"{id}", id.is_new, JobId("a").is_new) == ("a", "a", False, True)


async def test_an_old_job_is_delayed_by_the_rest_of_its_delay(
    app: RunningApp, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its delay begins when it is enqueued, although it is sent later."""
    outbox = app.get(Transactions).outbox
    assert isinstance(outbox, DatabaseOutbox)
    outbox.unregister("jobs")
    async with app.get(Database).transaction():
        id = await tasks.enqueue(Welcome, {"name": "Ada"}, delay=timedelta(hours=1))
    client = await app.get(Database).connection()
    await client.execute_query("UPDATE actionhero_outbox SET created_ms = created_ms - 1800000")
    assert tasks.enqueuer is not None
    tasks.enqueuer.start()
    await sweep(app)

    record = await tasks.use(lambda store: store.find(id))
    assert record is not None
    assert record.due_ms is not None
    assert 1_700_000 < record.due_ms - record.created_ms <= 1_800_000


async def test_an_enqueued_job_that_was_sent_already_is_sent_once(
    app: RunningApp, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ended before its row was deleted; the job may be done by then."""
    outbox = app.get(Transactions).outbox
    assert isinstance(outbox, DatabaseOutbox)
    delete = outbox.delete
    cleaner = outbox._cleaner
    monkeypatch.setattr(cleaner, "add", lambda _: None)
    async with app.get(Database).transaction():
        id = await tasks.enqueue(Welcome, {"name": "Ada"})
    await tasks.use(lambda store: settle_all(store))
    done = await tasks.job(id)
    monkeypatch.setattr(cleaner, "_delete", delete)

    swept = await sweep(app)

    assert done.state is (await tasks.job(id)).state is JobState.DONE
    assert (swept, await stored(app)) == (1, 0)


def settle_all(store: Any) -> None:
    """Run the ready jobs as a worker."""
    from actionhero_tasks import Settlement, SettlementKind

    store.register_worker("w")
    claims, _ = store.settle_and_claim("w", None, 10)
    done = [Settlement(claim.id, claim.token, SettlementKind.DONE, b"1") for claim in claims]
    store.settle_and_claim("w", None, 0, done)
    store.remove_worker("w", crashed=False)


async def test_a_call_succeeds_while_the_job_store_is_away(
    members: Members, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The job is stored with the data, and is sent once Redis is back. It is no error."""
    with throw_away_redis() as redis:
        async with application(members, tmp_path, {"REDIS_URL": redis.url}) as app:
            tasks = app.get(Tasks)
            await app.call("sign-up", name="before")
            redis.stop()
            async with asyncio.timeout(20):
                ids = [await app.call("sign-up", name=f"{n}") for n in range(5)]
            rows = await stored(app)
            redis.start()
            outbox = app.get(Transactions).outbox
            assert isinstance(outbox, DatabaseOutbox)
            while await stored(app):
                await sweep(app)
            jobs = [await tasks.job(id) for id in ids]

            assert rows == 5
            assert [job.inputs["name"] for job in jobs] == ["0", "1", "2", "3", "4"]
            assert await members.Member.all().count() == 6
            logged = [record for record in caplog.records if record.name == "actionhero.db"]
            assert {record.levelname for record in logged} == {"WARNING"}


async def test_invalid_inputs_of_a_job_are_not_an_error_of_the_client(
    app: RunningApp, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = await app.connect().outcome("broken")

    assert outcome.error is not None
    assert outcome.error.type is ErrorType.ACTION_RUN
    assert outcome.error.message == "Internal error"
    assert "Welcome cannot be enqueued: " in caplog.text


async def test_messages_of_another_version_are_decoded(app: RunningApp, tasks: Tasks) -> None:
    """With fields that this version does not know, and without some that it does."""
    from actionhero_tasks.job_message import job_in, message_of

    async with app.get(Database).transaction():
        id = await tasks.enqueue(Welcome, {"name": "Ada"})
        assert tasks.enqueuer is not None
        record = await tasks.enqueuer.find(id)
    assert record is not None
    message = message_of(await new_job(tasks, id))
    newer = dataclasses.replace(
        message, body=message.body.replace(b'{"queue"', b'{"tenant":1,"queue"'), item=None
    )

    assert job_in(newer) == message.item
    with pytest.raises(ValueError, match="is not the message of a job"):
        job_in(dataclasses.replace(message, body=b"{}\n", item=None))


async def new_job(tasks: Tasks, id: str) -> Any:
    from actionhero_tasks.job import NewJob

    record = await tasks.use(lambda store: store.find(id))
    assert record is not None
    return NewJob(id, record.queue, record.action, record.body)
