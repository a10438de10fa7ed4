"""The outbox: messages that are committed with the data of a transaction, and sent afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import pytest

from actionhero import Outbox, OutboxMessage, ServiceUnavailable, Transactions, hookimpl
from actionhero.testing import running_app
from actionhero.transport import new_identifier
from actionhero_db import Database, plugin
from actionhero_db.migrations.factory import create_engine
from actionhero_db.models import OUTBOX
from actionhero_db.outbox.cleaner import RowCleaner
from actionhero_db.outbox.models import OutboxRow
from actionhero_db.outbox.outbox import DatabaseOutbox
from actionhero_db.outbox.sweeper import OutboxSweeper
from actionhero_db.settings import DbSettings
from actionhero_db.testing import rolled_back
from actionhero_db.url import DatabaseUrl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from actionhero.testing import RunningApp

TOPIC = "letters"


class Letters:
    """A plugin with a topic."""

    @hookimpl
    def actionhero_db_outbox_topics(self) -> list[str]:
        return [TOPIC]


class Receiver:
    """Receives the messages of the topic, unless it is away."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.calls = 0
        self.is_away = False
        self.rejected = b""

    async def send(self, messages: Sequence[OutboxMessage]) -> None:
        self.calls += 1
        if self.is_away:
            raise ServiceUnavailable("away")
        if any(message.body == self.rejected for message in messages):
            raise ValueError("rejected")
        self.bodies += [message.body for message in messages]


def letter(body: bytes, key: str | None = None) -> OutboxMessage:
    return OutboxMessage(new_identifier(), body, key)


@pytest.fixture
async def app(people: Any, each_url: str) -> AsyncIterator[RunningApp]:
    environ = {"DATABASE_URL": each_url}
    async with running_app(plugin, people, Letters(), environ=environ) as running:
        yield running


@pytest.fixture
def outbox(app: RunningApp) -> Outbox:
    outbox = app.get(Transactions).outbox
    assert outbox is not None
    return outbox


@pytest.fixture
def receiver(outbox: Outbox) -> Receiver:
    receiver = Receiver()
    outbox.register(TOPIC, receiver.send)
    return receiver


@pytest.fixture
def sweeper(app: RunningApp, outbox: Outbox) -> OutboxSweeper:
    assert isinstance(outbox, DatabaseOutbox)
    return OutboxSweeper(app.get(Database), outbox)


async def stored(outbox: Outbox) -> int:
    """Return the number of rows, once those of sent messages are deleted."""
    assert isinstance(outbox, DatabaseOutbox)
    await outbox.flush()
    return await OutboxRow.all().count()


async def test_messages_are_sent_after_the_commit(
    app: RunningApp, outbox: Outbox, receiver: Receiver
) -> None:
    """In one step, before the callbacks, and their rows are deleted."""
    database = app.get(Database)
    before: list[Any] = []
    async with database.transaction():
        await database.after_commit(lambda: before.extend(receiver.bodies))
        await outbox.add(TOPIC, [letter(b"one"), letter(b"two")])
        async with database.transaction():
            await outbox.add(TOPIC, [letter(b"three")])
        rows = await OutboxRow.all().count()
        sent_before = list(receiver.bodies)

    assert (rows, sent_before) == (3, [])
    assert before == receiver.bodies == [b"one", b"two", b"three"]
    assert receiver.calls == 1
    assert await stored(outbox) == 0


async def test_many_messages_are_written_in_several_statements(
    app: RunningApp, outbox: Outbox, receiver: Receiver
) -> None:
    async with app.get(Database).transaction():
        await outbox.add(TOPIC, [letter(b"%d" % n) for n in range(1001)])

    assert len(receiver.bodies) == 1001
    assert await stored(outbox) == 0


async def test_messages_of_a_rollback_are_not_sent(
    app: RunningApp, outbox: Outbox, receiver: Receiver
) -> None:
    """Those of a savepoint that is rolled back neither."""
    database = app.get(Database)
    with contextlib.suppress(LookupError):
        async with database.transaction():
            await outbox.add(TOPIC, [letter(b"lost")])
            raise LookupError
    async with database.transaction():
        await outbox.add(TOPIC, [letter(b"outer")])
        with contextlib.suppress(LookupError):
            async with database.transaction():
                await outbox.add(TOPIC, [letter(b"inner")])
                raise LookupError

    assert receiver.bodies == [b"outer"]
    assert await stored(outbox) == 0


async def test_a_message_outside_of_a_transaction_is_refused(outbox: Outbox) -> None:
    with pytest.raises(RuntimeError, match="there is none; begin one"):
        await outbox.add(TOPIC, [letter(b"one")])


async def test_a_message_is_found_until_it_is_sent(
    app: RunningApp, outbox: Outbox, receiver: Receiver
) -> None:
    """By its id and its key, in its transaction and in others after the commit."""
    message, other = letter(b"one", "key"), letter(b"two", "other key")
    receiver.is_away = True
    async with app.get(Database).transaction():
        await outbox.add(TOPIC, [message, other])
        inside = await outbox.find(TOPIC, message.id)
    outside = await outbox.find_key(TOPIC, "key")

    assert inside is not None
    assert outside is not None
    assert (inside.id, inside.body) == (outside.id, outside.body) == (message.id, b"one")
    assert 0 <= outside.age_ms < 60_000
    assert await outbox.find(TOPIC, new_identifier()) is None
    assert await outbox.find("other topic", message.id) is None
    assert await outbox.find_key(TOPIC, "unknown") is None


async def test_a_message_that_is_removed_is_not_sent(
    app: RunningApp, outbox: Outbox, receiver: Receiver, sweeper: OutboxSweeper
) -> None:
    """Neither in its transaction, nor in a savepoint, nor after the commit."""
    messages = [letter(b"%d" % n) for n in range(4)]
    database = app.get(Database)
    async with database.transaction():
        await outbox.add(TOPIC, messages[:3])
        removed = [await outbox.remove(TOPIC, messages[0].id)]
        async with database.transaction():
            removed.append(await outbox.remove(TOPIC, messages[1].id))
    outbox.unregister(TOPIC)
    async with database.transaction():
        await outbox.add(TOPIC, messages[3:])
    outbox.register(TOPIC, receiver.send)
    removed += [
        await outbox.remove("other topic", messages[3].id),
        await outbox.remove(TOPIC, messages[3].id),
        await outbox.remove(TOPIC, messages[3].id),
    ]
    await stored(outbox)
    await sweeper.sweep(0)

    assert removed == [True, True, False, True, False]
    assert receiver.bodies == [b"2"]
    assert await stored(outbox) == 0


async def test_a_failed_attempt_is_repeated(
    app: RunningApp, outbox: Outbox, receiver: Receiver
) -> None:
    """A short outage of the receiver delays the message only."""
    receiver.is_away = True
    attempted = asyncio.Event()

    async def send(messages: Sequence[OutboxMessage]) -> None:
        attempted.set()
        await receiver.send(messages)

    outbox.register(TOPIC, send)

    async def write() -> None:
        async with app.get(Database).transaction():
            await outbox.add(TOPIC, [letter(b"one")])

    writing = asyncio.create_task(write())
    await attempted.wait()
    receiver.is_away = False
    await writing

    assert receiver.bodies == [b"one"]
    assert await stored(outbox) == 0


async def test_messages_are_stored_while_their_receiver_is_away(
    app: RunningApp,
    outbox: Outbox,
    receiver: Receiver,
    sweeper: OutboxSweeper,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Only the first caller waits for it. A sweep sends them once it is back."""
    monkeypatch.setattr("actionhero_db.outbox.delivery.SEND_SECONDS", 0.2)
    monkeypatch.setattr("actionhero_db.outbox.delivery.PAUSE_SECONDS", (60.0, 60.0))
    outbox.register(TOPIC, receiver.send)
    receiver.is_away = True
    database = app.get(Database)
    async with database.transaction():
        await outbox.add(TOPIC, [letter(b"one")])
    attempts = receiver.calls
    async with database.transaction():
        await outbox.add(TOPIC, [letter(b"two")])
    assert receiver.calls == attempts > 1
    assert await stored(outbox) == 2
    assert caplog.text.count("cannot be sent; they are stored") == 1

    receiver.is_away = False
    paused = await sweeper.sweep(0)
    outbox.register(TOPIC, receiver.send)
    swept = await sweeper.sweep(0)

    assert (paused, swept) == (0, 2)
    assert receiver.bodies == [b"one", b"two"]
    assert await stored(outbox) == 0


async def test_a_receiver_that_hangs_delays_a_call_for_a_bounded_time(
    app: RunningApp, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actionhero_db.outbox.delivery.SEND_SECONDS", 0.05)

    async def hang(_: Sequence[OutboxMessage]) -> None:
        await asyncio.Event().wait()

    outbox.register(TOPIC, hang)
    async with asyncio.timeout(10), app.get(Database).transaction():
        await outbox.add(TOPIC, [letter(b"one")])

    assert await stored(outbox) == 1


async def test_young_messages_are_left_to_the_process_that_has_written_them(
    app: RunningApp, outbox: Outbox, receiver: Receiver, sweeper: OutboxSweeper
) -> None:
    outbox.unregister(TOPIC)
    async with app.get(Database).transaction():
        await outbox.add(TOPIC, [letter(b"one")])
    outbox.register(TOPIC, receiver.send)

    assert await sweeper.sweep() == 0
    assert await sweeper.sweep(0) == 1


async def test_a_message_that_cannot_be_sent_does_not_stop_others(
    app: RunningApp,
    outbox: Outbox,
    receiver: Receiver,
    sweeper: OutboxSweeper,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged once, and stays, although there are more than one sweep sends in one step."""
    monkeypatch.setattr("actionhero_db.outbox.sweeper.PAGE", 2)
    receiver.rejected = b"bad"
    outbox.unregister(TOPIC)
    bodies = [b"bad", b"bad", b"bad", b"good"]
    async with app.get(Database).transaction():
        await outbox.add(TOPIC, [letter(body) for body in bodies])
    outbox.register(TOPIC, receiver.send)

    with caplog.at_level(logging.ERROR, "actionhero.db"):
        counts = [await sweeper.sweep(0) for _ in range(2)]

    assert counts == [1, 0]
    assert receiver.bodies == [b"good"]
    assert await stored(outbox) == 3
    assert len(caplog.records) == 3


async def test_a_rejected_message_that_is_sent_later_is_forgotten(
    app: RunningApp, outbox: Outbox, receiver: Receiver, sweeper: OutboxSweeper
) -> None:
    """So the errors of any number of messages are logged, one after the other."""
    assert isinstance(outbox, DatabaseOutbox)
    receiver.rejected = b"bad"
    async with app.get(Database).transaction():
        await outbox.add(TOPIC, [letter(b"bad")])
    rejected = set(outbox.deliveries[TOPIC]._rejected)
    receiver.rejected = b""

    count = await sweeper.sweep(0)

    assert (len(rejected), count) == (1, 1)
    assert outbox.deliveries[TOPIC]._rejected == set()


async def test_concurrent_sweeps_send_a_message_once_on_postgresql(
    people: Any, postgres_url: str
) -> None:
    """Each leaves out the rows that the other one has locked."""
    environ = {"DATABASE_URL": postgres_url}
    async with running_app(plugin, people, Letters(), environ=environ) as app:
        outbox = app.get(Transactions).outbox
        assert isinstance(outbox, DatabaseOutbox)
        sending, may_end = asyncio.Event(), asyncio.Event()
        receiver = Receiver()

        async def send(messages: Sequence[OutboxMessage]) -> None:
            await receiver.send(messages)
            sending.set()
            await may_end.wait()

        async with app.get(Database).transaction():
            await outbox.add(TOPIC, [letter(b"one")])
        outbox.register(TOPIC, send)
        sweeper = OutboxSweeper(app.get(Database), outbox)
        first = asyncio.create_task(sweeper.sweep(0))
        await sending.wait()
        second = await sweeper.sweep(0)
        may_end.set()

        assert (await first, second) == (1, 0)
        assert receiver.bodies == [b"one"]


async def test_in_a_test_that_rolls_back_messages_of_a_call_are_sent(
    app: RunningApp, outbox: Outbox, receiver: Receiver
) -> None:
    """As callbacks run."""
    async with rolled_back(app):
        async with app.get(Database).transaction():
            await outbox.add(TOPIC, [letter(b"one")])
        assert await OutboxRow.all().count() == 0

    assert receiver.bodies == [b"one"]
    assert await stored(outbox) == 0


async def test_the_driver_connection_is_that_of_the_transaction(
    app: RunningApp, people: Any
) -> None:
    """Rows that are written over it are rolled back with the others."""
    database = app.get(Database)
    with contextlib.suppress(LookupError):
        async with database.transaction():
            async with database.driver_connection() as connection:
                statement = "INSERT INTO person (email, age) VALUES ('ada@x', 1)"
                if database.dialect == "mysql":
                    async with connection.cursor() as cursor:
                        await cursor.execute(statement)
                else:
                    await connection.execute(statement)
            count = await people.Person.all().count()
            raise LookupError
    async with database.driver_connection() as outside:
        pass

    assert (count, await people.Person.all().count()) == (1, 0)
    assert outside is None


async def test_an_application_without_topics_has_no_table(people: Any, each_url: str) -> None:
    async with running_app(plugin, people, environ={"DATABASE_URL": each_url}) as app:
        assert app.get(Transactions).outbox is None
        assert OUTBOX not in app.get(Database).models


async def test_a_topic_without_models_connects_no_database(tmp_path: Path) -> None:
    async with running_app(plugin, Letters(), folder=tmp_path) as app:
        assert not app.get(Database).has_models
        assert app.get(Transactions).outbox is None


@pytest.mark.parametrize("engine", ["tortoise", "aerich"])
async def test_the_migration_creates_the_table_of_the_model(each_url: str, engine: Any) -> None:
    """With both engines: the columns and indexes are those that the model has."""
    if engine == "aerich":
        pytest.importorskip("aerich")
    settings = DbSettings(migrations=engine)
    database = Database(DatabaseUrl.parse(each_url), [OUTBOX], settings)
    lines: list[str] = []
    try:
        migrations = create_engine(database, settings)
        await migrations.migrate(None, None, lines.append)
        changed = await migrations.changed_labels()
        async with database.activated():
            await OutboxRow.create(id=new_identifier(), topic=TOPIC, body=b"\x00", created_ms=1)
            row = await OutboxRow.get()
        await migrations.rollback(OUTBOX.label, "zero", lines.append)
    finally:
        await database.close()

    assert changed == []
    assert bytes(row.body) == b"\x00"
    assert lines[-1].endswith(": undone")


async def test_rows_of_sent_messages_are_deleted_in_batches() -> None:
    """Those that are added while others are deleted wait for more of them."""
    batches: list[list[str]] = []
    deleting, may_end = asyncio.Event(), asyncio.Event()

    async def delete(ids: Sequence[str]) -> None:
        batches.append(list(ids))
        deleting.set()
        await may_end.wait()

    cleaner = RowCleaner(delete)
    cleaner.add(["a", "b"])
    await deleting.wait()
    cleaner.add(["c"])
    may_end.set()
    cleaner.add(f"{n}" for n in range(1001))
    await cleaner.flush()

    assert [len(batch) for batch in batches] == [2, 500, 500, 2]
    assert batches[1][0] == "c"


async def test_rows_that_cannot_be_deleted_are_left_to_the_sweep(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def delete(_: Sequence[str]) -> None:
        raise OSError("gone")

    cleaner = RowCleaner(delete)
    cleaner.add(["a"])
    await cleaner.flush()

    assert "are deleted later: gone" in caplog.text


async def test_waiting_messages_are_counted_by_topic(app: RunningApp, outbox: Outbox) -> None:
    """With the age of the oldest; up to a number of messages."""
    assert isinstance(outbox, DatabaseOutbox)
    none = await outbox.waiting(10)
    async with app.get(Database).transaction():
        await outbox.add("a", [letter(b"1"), letter(b"2")])
        await outbox.add("b", [letter(b"3")])
    client = await app.get(Database).connection()
    await client.execute_query("UPDATE actionhero_outbox SET created_ms = created_ms - 60000")

    waiting = await outbox.waiting(10)
    limited = await outbox.waiting(2)

    assert none == []
    assert [(each.topic, each.count) for each in waiting] == [("a", 2), ("b", 1)]
    assert all(60_000 <= each.age_ms < 120_000 for each in waiting)
    assert sum(each.count for each in limited) == 2
