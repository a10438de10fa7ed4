"""Tortoise's contexts, one for each event loop, and the private names they need."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import textwrap
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
import tortoise.context

from actionhero import Action, Call, PluginError, RunMode, hookimpl
from actionhero.testing import running_app
from actionhero_db import Database, DbSettings, Models, plugin
from actionhero_db.orm import current_context
from actionhero_db.url import DatabaseUrl

if TYPE_CHECKING:
    from pathlib import Path


class People:
    """The type under which actions find the plugin of the fixture."""

    Person: Any


class Add(Action):
    """Add a person."""

    name = "add"

    async def run(self, call: Call) -> int:
        person = await call.get(People).Person.create(email=f"{call.request_id}@example.org")
        return int(person.id)


def test_the_private_context_variable_of_tortoise_exists() -> None:
    """This fails if an upgrade of Tortoise moves it."""
    assert isinstance(tortoise.context._current_context, ContextVar)
    assert tortoise.context.get_current_context.__code__.co_names[0] == "_current_context"


async def test_models_can_be_used_in_tests_and_calls(people: Any) -> None:
    """Also in tasks that are independent of the one that started the application."""
    async with running_app(plugin, people, Add) as app:
        app.app.provide(People, people)

        await people.Person.create(email="direct@example.org")
        ids = await asyncio.gather(*(app.call("add") for _ in range(20)))

        assert len(set(ids)) == 20
        assert await people.Person.all().count() == 21
    assert current_context() is None


async def test_two_applications_use_separate_databases(people: Any) -> None:
    """Each call uses the database of its own application."""
    async with running_app(plugin, people, Add) as one, running_app(plugin, people, Add) as two:
        for app in (one, two):
            app.app.provide(People, people)
        await one.call("add")
        await one.call("add")
        await two.call("add")

        async with one.get(Database).activated():
            in_one = await people.Person.all().count()
        async with two.get(Database).activated():
            in_two = await people.Person.all().count()

    assert (in_one, in_two) == (2, 1)


async def test_another_event_loop_has_its_own_connections(people: Any, each_url: str) -> None:
    """A thread may call actions, and its connections are closed with the others."""
    environ = {"DATABASE_URL": each_url}
    async with running_app(plugin, people, Add, environ=environ) as app:
        app.app.provide(People, people)
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()

        def call_in_thread(number: int) -> Any:
            return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(app.call("add"), loop))

        ids = await asyncio.gather(
            *(app.call("add") for _ in range(10)), *map(call_in_thread, range(10))
        )
        await app.get(Database).close()
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join)
        loop.close()

    assert len(set(ids)) == 20


async def test_connections_of_a_closed_event_loop_are_dropped(people: Any, tmp_path: Path) -> None:
    """An open SQLite connection would keep the process from exiting."""
    environ = {"DATABASE_URL": f"sqlite://{tmp_path / 'test.sqlite3'}"}
    before = threading.active_count()
    async with running_app(plugin, people, environ=environ) as app:
        database = app.get(Database)

        def other_loop() -> None:
            loop = asyncio.new_event_loop()
            connection = loop.run_until_complete(database.connection())
            loop.run_until_complete(connection.execute_query("SELECT 1"))
            loops.append(loop)

        loops: list[asyncio.AbstractEventLoop] = []
        await asyncio.to_thread(other_loop)
        loops[0].close()
        await database.close()
        for thread in threading.enumerate():
            if "_connection_worker_thread" in thread.name:
                await asyncio.to_thread(thread.join)

    gc.collect()
    # The threads of `asyncio.to_thread` may stay.
    assert not [t for t in threading.enumerate() if "_connection_worker_thread" in t.name]
    assert threading.active_count() >= before


def test_a_process_exits_after_its_application_has_stopped(tmp_path: Path, people: Any) -> None:
    """No open connection keeps it running."""
    module = people.Person.__module__
    folder = os.path.dirname(sys.modules[module].__file__ or "")
    program = textwrap.dedent(
        f"""
        import asyncio, sys
        sys.path.insert(0, {folder!r})
        from actionhero import hookimpl
        from actionhero.testing import running_app
        from actionhero_db import Models, plugin

        class Plugin:
            @hookimpl
            def actionhero_db_models(self):
                return [Models("people", [{module!r}])]

        async def main():
            async with running_app(plugin, Plugin()):
                from {module} import Person
                await Person.create(email="ada@example.org")

        asyncio.run(main())
        print("ended")
        """
    )

    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert (process.returncode, process.stdout) == (0, "ended\n"), process.stderr


async def test_without_models_nothing_is_connected(tmp_path: Path) -> None:
    """The plugin may be installed where it is not needed."""
    environ = {"DATABASE_URL": "postgres://127.0.0.1:1/nothing"}

    async with running_app(plugin, environ=environ, mode=RunMode.SERVER) as app:
        with pytest.raises(PluginError) as raised:
            await app.get(Database).connection()

    assert str(raised.value) == (
        "the database was requested, but no plugin has models; write some in a module 'models' of "
        "the application, or name them in the hook actionhero_db_models"
    )


async def test_two_plugins_with_one_label_are_refused(people: Any) -> None:
    """References and migrations use the label."""

    class Other:
        @hookimpl
        def actionhero_db_models(self) -> list[Models]:
            return [Models(people.module.__name__, ["other"])]

    with pytest.raises(PluginError, match="two plugins have models with the label 'models"):
        async with running_app(plugin, people, Other()):
            pass


async def test_a_label_is_an_identifier() -> None:
    """References and folders contain it."""

    class Other:
        @hookimpl
        def actionhero_db_models(self) -> list[Models]:
            return [Models("no-name", ["other"])]

    with pytest.raises(PluginError, match=r"the label 'no-name' of the models of .* is not an ide"):
        async with running_app(plugin, Other()):
            pass


async def test_a_missing_module_is_named(tmp_path: Path) -> None:
    """The error of Tortoise becomes an error of the plugin."""
    url = DatabaseUrl.of_file(tmp_path / "test.sqlite3")
    database = Database(url, [Models("notes", ["missing.models"])], DbSettings())

    with pytest.raises(
        PluginError, match=r"the models of 'notes' are inconsistent: Module .missing\.models."
    ):
        await database.connection()
