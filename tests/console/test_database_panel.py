"""The panel Database of the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from plugins.console.tests.conftest import OPERATORS, console_site
from plugins.db.tests.conftest import importable, models_plugin, people  # noqa: F401

from actionhero import OutboxMessage, hookimpl
from actionhero.transport import new_identifier
from actionhero_console.console import Console
from actionhero_db import Database, console_panel
from actionhero_db import plugin as db_plugin
from actionhero_db.url import DatabaseUrl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from plugins.console.tests.conftest import Site
    from plugins.db.tests.conftest import People


class Letters:
    """A plugin with a topic of the outbox."""

    @hookimpl
    def actionhero_db_outbox_topics(self) -> list[str]:
        return ["letters"]


@pytest.fixture
async def site(people: People, tmp_path: Path) -> AsyncIterator[Site]:  # noqa: F811 - a fixture
    """A running application with a model, an outbox and a console."""
    environ = {"DATABASE_URL": f"sqlite:///{tmp_path}/shop.sqlite3"}
    plugins = (db_plugin, people, Letters())
    async with console_site(*plugins, operators=OPERATORS, environ=environ) as running:
        await running.sign_in("eve")
        yield running


async def rewrite_history(database: Database, *statements: str) -> None:
    """Change the table of applied migrations."""
    client = await database.connection()
    for statement in statements:
        await client.execute_query(statement)


async def test_connections_of_processes_are_listed(site: Site) -> None:
    """With the address of the database, without a password."""
    database = site.app.app.get(Database)
    secret = DatabaseUrl.parse("postgres://shop:s3cret@127.0.0.1/shop")
    async with database.transaction():
        shown = await site.read("database.connections")
    database.url = secret
    server = await site.read("database.connections")

    assert shown["engine"] == "sqlite"
    assert shown["url"].endswith("/shop.sqlite3")
    [process] = shown["processes"]
    assert (process["used"], process["idle"], process["error"]) == (1, 0, "")
    assert (shown["maximum"], shown["migrations"]) == (1, "tortoise")
    assert "127.0.0.1/shop" in server["url"]
    assert "s3cret" not in repr(server)


async def test_migrations_behind_and_ahead_are_shown(
    site: Site,
    people: People,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Read again after a while only; the models can be used meanwhile."""
    database = site.app.app.get(Database)
    current = await site.read("database.migrations")
    table = "tortoise_migrations"
    await rewrite_history(
        database,
        f"INSERT INTO {table} (app, name, applied_at) "
        "VALUES ('actionhero_outbox', '0009_newer', CURRENT_TIMESTAMP)",
        f"DELETE FROM {table} WHERE name = '0001_initial'",
    )
    cached = await site.read("database.migrations")
    query = site.app.app.get(Console).panels["database"].panel.reads["migrations"]
    monkeypatch.setattr(query, "_seconds", 0)
    changed = await site.read("database.migrations")
    async with database.activated():
        await people.Person.create(email="ada@example.com")
        count = await people.Person.all().count()

    label = "actionhero_outbox"
    initial = {"label": label, "name": "0001_initial", "applied": True, "known": True}
    newer = {"label": label, "name": "0009_newer", "applied": True, "known": False}
    assert current["migrations"] == [initial]
    assert (current["error"], current["notes"]) == ("", [])
    assert cached == current
    assert changed["migrations"] == [{**initial, "applied": False}, newer]
    [note] = [note for note in changed["notes"] if "0009_newer" in note]
    assert "this release has no file for it" in note
    assert count == 1


async def test_an_unreadable_status_has_no_details(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message of a driver may have a password."""

    async def fail(engine: Any) -> None:
        raise OSError("postgres://shop:s3cret@db/shop is unreachable")

    monkeypatch.setattr(console_panel, "read_status", fail)
    shown = await site.read("database.migrations")

    assert shown["error"] == "the database cannot be read (OSError); the log has the reason"
    assert shown["migrations"] == []


async def test_messages_in_the_outbox_are_counted(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By topic, up to a maximum."""
    database = site.app.app.get(Database)
    empty = await site.read("database.outbox")
    async with database.activated(), database.transaction():
        messages = [OutboxMessage(new_identifier(), b"letter") for _ in range(3)]
        assert database.outbox is not None
        await database.outbox.add("letters", messages)
    waiting = await site.read("database.outbox")
    monkeypatch.setattr(console_panel, "MAX_MESSAGES", 2)
    limited = await site.read("database.outbox")

    assert empty == {"topics": [], "is_complete": True}
    [topic] = waiting["topics"]
    assert (topic["topic"], topic["count"], waiting["is_complete"]) == ("letters", 3, True)
    assert limited["is_complete"] is False


async def test_without_models_there_is_no_panel() -> None:
    """Nothing is connected then."""
    async with console_site(db_plugin, operators=OPERATORS) as site:
        await site.sign_in("eve")
        described = (await site.client.get("/console/api/console")).json()

    assert "database" not in [panel["name"] for panel in described["panels"]]
