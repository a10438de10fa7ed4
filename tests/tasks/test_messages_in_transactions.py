"""Messages of dramatiq that are sent in a transaction: they are committed with its data."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
from dramatiq import group

import actionhero_db.plugin
import actionhero_redis.plugin
import actionhero_tasks.plugin
from actionhero import Action, Call, Conflict, Inputs, NotFound, Transactions, hookimpl
from actionhero.testing import running_app
from actionhero_db import Database, Models, Transaction
from actionhero_db.outbox.outbox import DatabaseOutbox
from actionhero_db.outbox.sweeper import OutboxSweeper
from actionhero_db.testing import postgres_server, postgres_url  # noqa: F401 - fixtures
from actionhero_redis.testing import throw_away_redis
from actionhero_tasks import JobState, Task, Tasks
from actionhero_tasks.dramatiq.declarations import DECLARATIONS
from actionhero_tasks.testing import drain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from actionhero.testing import RunningApp
    from actionhero_redis.testing import ThrowAwayRedis

MODELS = """
from tortoise import fields
from tortoise.models import Model


class Member(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=50)
"""
MODULE = "members_with_messages"


class NameInputs(Inputs):
    name: str = ""
    fail: bool = False


class Welcome(Action):
    """Return the name."""

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
    """Create a row, and send messages to an action and an actor, in a transaction."""

    name = "sign-up"
    middleware = [Transaction()]

    async def run(self, inputs: NameInputs, call: Call) -> list[str]:
        await create_member(inputs.name)
        sent = [send("welcome", name=inputs.name), send("greet", inputs.name)]
        if inputs.fail:
            raise Conflict("it exists already")
        return [message.message_id for message in sent]


def send(actor: str, *args: Any, **kwargs: Any) -> dramatiq.Message[Any]:
    return dramatiq.get_broker().get_actor(actor).send(*args, **kwargs)


async def create_member(name: str) -> None:
    await __import__(MODULE).Member.create(name=name)


async def members() -> int:
    number: int = await __import__(MODULE).Member.all().count()
    return number


class Members:
    """A plugin with the model `Member`."""

    @hookimpl
    def actionhero_db_models(self) -> list[Models]:
        return [Models("members", [MODULE])]


@pytest.fixture(autouse=True)
def _greet() -> Iterator[None]:
    """Declare an actor of dramatiq."""

    @dramatiq.actor
    def greet(name: str) -> str:
        return f"hello {name}"

    yield
    del DECLARATIONS.actors["greet"]


@pytest.fixture
def redis_server() -> Iterator[ThrowAwayRedis]:
    with throw_away_redis() as server:
        yield server


@contextlib.asynccontextmanager
async def application(folder: Path, environ: dict[str, str]) -> AsyncIterator[RunningApp]:
    plugins: list[Any] = [actionhero_db.plugin, actionhero_tasks.plugin, Members()]
    if "REDIS_URL" in environ:
        plugins.append(actionhero_redis.plugin)
    actions = (Welcome, Daily, SignUp)
    async with running_app(*plugins, *actions, folder=folder, environ=environ) as app:
        yield app


@pytest.fixture(autouse=True)
def _models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{MODULE}.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture(
    params=["sqlite and the embedded store", "postgresql and redis", "postgresql alone"]
)
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RunningApp]:
    environ = {}
    if request.param != "sqlite and the embedded store":
        environ["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    if request.param == "postgresql and redis":
        redis: ThrowAwayRedis = request.getfixturevalue("redis_server")
        environ["REDIS_URL"] = redis.url
    async with application(tmp_path, environ) as app:
        yield app


@pytest.fixture
def tasks(app: RunningApp) -> Tasks:
    return app.get(Tasks)


async def stored(app: RunningApp) -> int:
    """Return the number of rows of the outbox, once those of sent jobs are deleted."""
    await outbox_of(app).flush()
    client = await app.get(Database).connection()
    rows: Any
    _, rows = await client.execute_query("SELECT count(*) AS number FROM actionhero_outbox")
    return int(rows[0]["number"])


def outbox_of(app: RunningApp) -> DatabaseOutbox:
    outbox = app.get(Transactions).outbox
    assert isinstance(outbox, DatabaseOutbox)
    return outbox


async def ready(tasks: Tasks) -> int:
    return sum(counts.ready for counts in await tasks.use(lambda store: store.counts()))


async def test_messages_of_a_call_are_committed_with_its_data(
    app: RunningApp, tasks: Tasks
) -> None:
    """Of an action and of an actor; the ids of the messages are those of the jobs."""
    with pytest.raises(Conflict):
        await app.call("sign-up", name="Ada", fail=True)
    after_rollback = await ready(tasks), await members()
    ids = await app.call("sign-up", name="Ada")
    sent = [await tasks.job(id) for id in ids]
    done = {job.id: job.result for job in await drain(app)}

    assert after_rollback == (0, 0)
    assert [job.state for job in sent] == [JobState.READY, JobState.READY]
    assert [done[id] for id in ids] == ["Ada", "hello Ada"]
    assert (await members(), await stored(app)) == (1, 0)


async def test_messages_are_written_before_the_commit(
    app: RunningApp, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the process ends after the commit, they are stored: as rows, or as jobs."""

    async def end(*_: object) -> None:
        """Do nothing, as if the process were killed."""

    monkeypatch.setattr(app.get(Database).after_commit_runner, "run", end)
    async with app.get(Database).transaction():
        message = send("welcome", name="Ada")
        other = await asyncio.to_thread(send, "greet", "Bob")
        before = await ready(tasks), await stored(app)
    states = [(await tasks.job(sent.message_id)).state for sent in (message, other)]
    after = await ready(tasks) + await stored(app)

    assert before == (0, 0)
    assert after == 2
    assert states == [JobState.READY, JobState.READY]


async def test_messages_of_a_savepoint_that_is_rolled_back_are_not_sent(
    app: RunningApp, tasks: Tasks
) -> None:
    async with app.get(Database).transaction():
        outer = send("welcome", name="Ada")
        async with app.get(Database).transaction():
            inner = send("greet", "Bob")
        with contextlib.suppress(LookupError):
            async with app.get(Database).transaction():
                lost = [send("greet", "Cy"), await asyncio.to_thread(send, "welcome", name="Cy")]
                raise LookupError

    assert await ready(tasks) == 2
    assert (await tasks.job(outer.message_id)).state is JobState.READY
    assert (await tasks.job(inner.message_id)).state is JobState.READY
    for message in lost:
        with pytest.raises(NotFound):
            await tasks.job(message.message_id)


async def test_a_message_can_be_enqueued_several_times(app: RunningApp, tasks: Tasks) -> None:
    """Each is a job: in one transaction, and in one after another."""
    greet = tasks.broker.get_actor("greet")
    message = greet.message("Ada")
    for _ in range(2):
        async with app.get(Database).transaction():
            tasks.broker.enqueue(message)
            tasks.broker.enqueue(message)
    outbox_of(app).unregister("jobs")
    for _ in range(2):
        async with app.get(Database).transaction():
            tasks.broker.enqueue(message)
    assert tasks.enqueuer is not None
    tasks.enqueuer.start()
    await OutboxSweeper(app.get(Database), outbox_of(app)).sweep(0)

    assert await ready(tasks) == 6
    assert [job.result for job in await drain(app)] == ["hello Ada"] * 6


async def test_a_group_is_written_in_one_step(
    app: RunningApp, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tasks.enqueuer is not None
    steps: list[int] = []
    enqueue = tasks.enqueuer.enqueue

    async def count(jobs: Any) -> Any:
        steps.append(len(jobs))
        return await enqueue(jobs)

    monkeypatch.setattr(tasks.enqueuer, "enqueue", count)
    async with app.get(Database).transaction():
        group(tasks.broker.get_actor("greet").message(f"{n}") for n in range(300)).run()

    assert steps == [300]
    assert await ready(tasks) == 300
    assert await stored(app) == 0


async def test_the_id_of_a_message_is_that_of_the_earlier_job_with_its_key(
    app: RunningApp, tasks: Tasks
) -> None:
    earlier = await tasks.enqueue(Daily, {"name": "Ada"})
    async with app.get(Database).transaction():
        message = send("daily", name="Ada")
        enqueued = await tasks.enqueue(Daily, {"name": "Ada"})
        other = send("daily", name="Bob")
        again = send("daily", name="Bob")
        in_thread = await asyncio.to_thread(send, "daily", name="Bob")

    assert message.message_id == enqueued == earlier
    assert not enqueued.is_new
    assert again.message_id == in_thread.message_id == other.message_id
    assert (await tasks.job(other.message_id)).inputs["name"] == "Bob"
    assert await ready(tasks) == 2


async def test_messages_and_jobs_of_a_transaction_share_their_keys(
    app: RunningApp, tasks: Tasks
) -> None:
    """The first one has the id, whether it was sent or enqueued; a cancelled job frees its key."""
    async with app.get(Database).transaction():
        enqueued = await tasks.enqueue(Daily, {"name": "Ada"})
        sent = [send("daily", name="Ada"), send("daily", name="Bob")]
        second = await tasks.enqueue(Daily, {"name": "Bob"})
        cancelled = await tasks.enqueue(Daily, {"name": "Cy"})
        assert await tasks.cancel(cancelled)
        sent.append(send("daily", name="Cy"))

    assert [message.message_id for message in sent[:2]] == [enqueued, second]
    assert (enqueued.is_new, second.is_new) == (True, False)
    jobs = [await tasks.job(message.message_id) for message in sent]
    assert [job.state for job in jobs] == [JobState.READY] * 3


async def test_the_key_of_a_message_that_is_rolled_back_is_free(
    app: RunningApp, tasks: Tasks
) -> None:
    """Of a savepoint; the next message with the key is a job."""
    async with app.get(Database).transaction():
        with contextlib.suppress(LookupError):
            async with app.get(Database).transaction():
                lost = send("daily", name="Ada")
                raise LookupError
        message = send("daily", name="Ada")

    assert message.message_id != lost.message_id
    assert (await tasks.job(message.message_id)).state is JobState.READY
    assert await ready(tasks) == 1


async def test_a_job_of_the_outbox_is_cancelled(app: RunningApp, tasks: Tasks) -> None:
    """In its transaction, and after its commit; it is not sent, and does not run."""
    outbox_of(app).unregister("jobs")
    async with app.get(Database).transaction():
        inside = await tasks.enqueue(Welcome, {"name": "Ada"})
        cancelled = await tasks.cancel(inside)
    async with app.get(Database).transaction():
        after = send("welcome", name="Bob").message_id
    cancelled_after = await tasks.cancel(after)
    assert tasks.enqueuer is not None
    tasks.enqueuer.start()
    rows = await stored(app)
    again = await tasks.cancel(after)

    assert (cancelled, cancelled_after, again, rows) == (True, True, False, 0)
    assert (await tasks.job(after)).state is JobState.CANCELLED
    assert (await tasks.job(inside)).state is JobState.CANCELLED
    assert not await tasks.cancel("unknown")


async def test_a_cancellation_in_a_savepoint_that_is_rolled_back_is_undone(
    app: RunningApp, tasks: Tasks
) -> None:
    """The job runs, and has its key; it is cancelled if the savepoint is committed."""
    async with app.get(Database).transaction():
        kept = await tasks.enqueue(Daily, {"name": "Ada"})
        with contextlib.suppress(LookupError):
            async with app.get(Database).transaction():
                assert await tasks.cancel(kept)
                inside = (await tasks.job(kept)).state
                raise LookupError
        message = send("daily", name="Ada")
        cancelled = await tasks.enqueue(Daily, {"name": "Bob"})
        async with app.get(Database).transaction():
            assert await tasks.cancel(cancelled)
    await OutboxSweeper(app.get(Database), outbox_of(app)).sweep(0)

    assert inside is JobState.CANCELLED
    assert message.message_id == kept
    assert (await tasks.job(kept)).state is JobState.READY
    assert (await tasks.job(cancelled)).state is JobState.CANCELLED
    assert await ready(tasks) == 1


async def test_a_cancelled_job_is_stored_beside_a_later_one_with_its_key(
    app: RunningApp, tasks: Tasks
) -> None:
    async with app.get(Database).transaction():
        first = await tasks.enqueue(Daily, {"name": "Ada"})
        assert await tasks.cancel(first)
        second = await tasks.enqueue(Daily, {"name": "Ada"})

    assert (await tasks.job(first)).state is JobState.CANCELLED
    assert (await tasks.job(second)).state is JobState.READY


async def test_a_cancellation_that_is_rolled_back_loses_no_committed_job(
    app: RunningApp, tasks: Tasks
) -> None:
    """Which is still in the outbox. One that the store has is cancelled at once."""
    outbox_of(app).unregister("jobs")
    async with app.get(Database).transaction():
        id = await tasks.enqueue(Welcome, {"name": "Ada"})
    rows = await stored(app)
    with contextlib.suppress(LookupError):
        async with app.get(Database).transaction():
            assert await tasks.cancel(id)
            raise LookupError
    assert tasks.enqueuer is not None
    tasks.enqueuer.start()
    await OutboxSweeper(app.get(Database), outbox_of(app)).sweep(0)

    state = (await tasks.job(id)).state
    assert state is (JobState.READY if rows else JobState.CANCELLED)


async def test_concurrent_tasks_of_a_transaction_share_their_keys(
    app: RunningApp, tasks: Tasks
) -> None:
    async with app.get(Database).transaction():
        ids = await asyncio.gather(*[tasks.enqueue(Daily, {"name": "Ada"}) for _ in range(5)])

    assert len(set(ids)) == 1
    assert [id.is_new for id in ids].count(True) == 1
    assert await ready(tasks) == 1


async def test_a_job_that_has_ended_is_not_cancelled_because_of_its_row(
    app: RunningApp, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row of a job is deleted some time after it was sent."""
    monkeypatch.setattr(outbox_of(app)._cleaner, "add", lambda _: None)
    async with app.get(Database).transaction():
        id = send("greet", "Ada").message_id
    await drain(app)

    assert await tasks.cancel(id) is False
    assert (await tasks.job(id)).state is JobState.DONE


async def test_messages_are_sent_and_cancelled_while_the_job_store_is_away(
    tmp_path: Path,
) -> None:
    with throw_away_redis() as redis:
        async with application(tmp_path, {"REDIS_URL": redis.url}) as app:
            tasks = app.get(Tasks)
            await app.call("sign-up", name="before")
            redis.stop()
            async with asyncio.timeout(20):
                ids = await app.call("sign-up", name="Ada")
                cancelled = await tasks.cancel(ids[1])
            rows = await stored(app)
            redis.start()
            while await stored(app):
                await OutboxSweeper(app.get(Database), outbox_of(app)).sweep(0)

            assert (cancelled, rows) == (True, 1)
            assert (await tasks.job(ids[0])).inputs["name"] == "Ada"
            with pytest.raises(NotFound):
                await tasks.job(ids[1])
