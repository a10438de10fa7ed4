"""Migrations at the start of processes: run once, and not in production."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from actionhero import ConfigurationError, UnavailableError, hookimpl
from actionhero.testing import running_app
from actionhero_db import Models, plugin
from actionhero_db.migrations.lock import migration_lock

ONE = """
class Note(Model):
    id = fields.IntField(primary_key=True)
    text = fields.CharField(max_length=20)

    class Meta:
        table = "note"
"""
TWO = ONE.replace("max_length=20)", "max_length=20)\n    stars = fields.IntField(db_default=1)")


class Plugin:
    """A plugin with models."""

    def __init__(self, models: Models) -> None:
        self._models = models

    @hookimpl
    def actionhero_db_models(self) -> list[Models]:
        return [self._models]


async def test_the_wait_for_another_process_has_a_limit(notebook: Any) -> None:
    """The process that runs migrations holds the lock."""
    await notebook.make(ONE, "initial")
    database = notebook.database()
    client = await database.connection()

    async with migration_lock(database, client, 1.0):
        with pytest.raises(UnavailableError) as raised:
            await notebook.engine(migration_timeout="100ms").migrate(None, None, print)

    assert str(raised.value) == (
        "another process has run migrations for more than 0.1 s; wait until it ends, or raise "
        "db.migration_timeout"
    )
    assert await notebook.migrate() == ["notes.0001_initial: done"]


async def test_concurrent_processes_run_each_migration_once(notebook: Any) -> None:
    """All processes succeed, and each migration is run by one of them."""
    await notebook.make(ONE, "initial")
    notebook.write_migration(
        "0002_fill", "ops.RunSQL(\"INSERT INTO note (text) VALUES ('once')\", '')"
    )
    program = textwrap.dedent(
        f"""
        import asyncio, sys
        sys.path.insert(0, {str(notebook.folder)!r})
        from actionhero_db import Database, DbSettings, Models
        from actionhero_db.migrations.factory import create_engine
        from actionhero_db.url import DatabaseUrl

        models = Models("notes", {notebook.models.modules!r}, {notebook.models.migrations!r})
        database = Database(DatabaseUrl.parse({notebook.url!r}), [models], DbSettings())
        sys.stdin.readline()
        asyncio.run(create_engine(database, DbSettings()).migrate(None, None, print))
        """
    )

    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))

    assert [process.returncode for process in processes] == [0, 0, 0]
    lines = b"".join(out for out, _ in outputs).decode().splitlines()
    assert sorted(line for line in lines if "copied" not in line) == [
        "notes.0001_initial: done",
        "notes.0002_fill: done",
    ]
    assert await notebook.count("note") == 1


async def test_changed_models_are_named_without_automatic_migrations(
    notebook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A developer who runs migrations by hand is warned, too."""
    await notebook.make(ONE, "initial")
    await notebook.migrate()
    notebook.write(TWO)
    environ = {
        "ACTIONHERO_ENV": "development",
        "ACTIONHERO_DB__AUTO_MIGRATE": "false",
        "DATABASE_URL": notebook.url,
    }

    async with running_app(plugin, Plugin(notebook.models), environ=environ):
        pass

    assert "the models of 'notes' have changed since their newest migration" in caplog.text


async def test_migrations_run_at_start_in_development(
    notebook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning names the models that have changed since their newest migration."""
    await notebook.make(ONE, "initial")
    notebook.write(TWO)
    environ = {"ACTIONHERO_ENV": "development", "DATABASE_URL": notebook.url}

    with caplog.at_level(logging.INFO, "actionhero.db"):
        async with running_app(plugin, Plugin(notebook.models), environ=environ):
            assert await notebook.count("note") == 0

    assert "migrations: notes.0001_initial: done" in caplog.text
    assert (
        "the models of 'notes' have changed since their newest migration; run: actionhero db make "
        "--label notes NAME"
    ) in caplog.text


async def test_pending_migrations_prevent_a_start_in_production(notebook: Any) -> None:
    """The application starts once the operator has run them."""
    await notebook.make(ONE, "initial")
    environ = {"ACTIONHERO_ENV": "production", "DATABASE_URL": notebook.url}

    with pytest.raises(ConfigurationError) as raised:
        async with running_app(plugin, Plugin(notebook.models), environ=environ):
            pass
    await notebook.migrate()

    assert str(raised.value).endswith(
        "is not up to date; pending: notes.0001_initial; run: actionhero db migrate, or set "
        "ACTIONHERO_DB__AUTO_MIGRATE=true"
    )
    assert raised.value.exit_code == 78
    async with running_app(plugin, Plugin(notebook.models), environ=environ):
        pass


async def test_migrations_that_delete_values_wait_in_development(
    notebook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Those before them run, and a warning names the command."""
    await notebook.make(TWO, "initial")
    await notebook.migrate()
    await notebook.run("INSERT INTO note (text, stars) VALUES ('one', 5)")
    await notebook.make(TWO.replace("max_length=20", "max_length=30"), "wider")
    await notebook.make(ONE.replace("max_length=20", "max_length=30"), "drop", "Note.stars")
    environ = {"ACTIONHERO_ENV": "development", "DATABASE_URL": notebook.url}

    with caplog.at_level(logging.INFO, "actionhero.db"):
        async with running_app(plugin, Plugin(notebook.models), environ=environ):
            assert await notebook.run("SELECT stars FROM note") == [{"stars": 5}]

    assert "migrations: notes.0002_wider: done" in caplog.text
    assert (
        "migration notes.0003_drop is not run at the start, because it deletes the values of "
        "notes.Note.stars (column 'stars' of table 'note'); run: actionhero db migrate"
    ) in caplog.text
    assert "notes.0003_drop: done" in await notebook.migrate()


async def test_a_history_with_deletions_creates_the_tables_of_a_new_database(
    sqlite_notebook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """There are no values yet."""
    await sqlite_notebook.make(TWO, "initial")
    await sqlite_notebook.make(ONE, "drop", "Note.stars")
    environ = {"ACTIONHERO_ENV": "development", "DATABASE_URL": sqlite_notebook.url}

    with caplog.at_level(logging.INFO, "actionhero.db"):
        async with running_app(plugin, Plugin(sqlite_notebook.models), environ=environ):
            assert await sqlite_notebook.count("note") == 0

    assert "migrations: notes.0002_drop: done" in caplog.text


async def test_the_setting_runs_migrations_that_delete_values(
    sqlite_notebook: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator has decided."""
    await sqlite_notebook.make(TWO, "initial")
    await sqlite_notebook.migrate()
    await sqlite_notebook.make(ONE, "drop", "Note.stars")
    environ = {
        "ACTIONHERO_ENV": "development",
        "ACTIONHERO_DB__AUTO_MIGRATE": "true",
        "DATABASE_URL": sqlite_notebook.url,
    }

    with caplog.at_level(logging.INFO, "actionhero.db"):
        async with running_app(plugin, Plugin(sqlite_notebook.models), environ=environ):
            pass

    assert "migrations: notes.0002_drop: done" in caplog.text
