"""Callbacks after a commit, when the HTTP client leaves, and while the server shuts down."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

import actionhero_db.plugin
import actionhero_tasks.plugin
import actionhero_web.plugin
from actionhero import Action, Call, RunMode, hookimpl
from actionhero.testing import free_port, running_app
from actionhero_db import Database, Models, Transaction
from actionhero_tasks import JobState, Tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from actionhero.testing import RunningApp

MODELS = """
from tortoise import fields
from tortoise.models import Model


class Visit(Model):
    id = fields.IntField(primary_key=True)
"""


class Callbacks:
    """The callbacks of the action, and events to control them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.job_id = ""
        self.started = asyncio.Event()
        self.may_end = asyncio.Event()
        self.ended = asyncio.Event()

    async def slow(self) -> None:
        self.started.set()
        await self.may_end.wait()
        self.done.append("slow")

    def last(self) -> None:
        self.done.append("last")
        self.ended.set()


class Note(Action):
    """Do nothing."""

    name = "note"

    async def run(self) -> None:
        pass


class Visit(Action):
    """Register callbacks, and enqueue a job."""

    name = "visit"
    web = "POST /visits"
    middleware = [Transaction()]

    async def run(self, call: Call) -> None:
        callbacks = call.get(Callbacks)
        await call.get(Database).after_commit(callbacks.slow)
        await call.get(Database).after_commit(callbacks.last)
        callbacks.job_id = await call.get(Tasks).enqueue(Note)


class Visits:
    """A plugin with a model."""

    @hookimpl
    def actionhero_db_models(self) -> list[Models]:
        return [Models("visits", ["visits_over_http"])]


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningApp]:
    (tmp_path / "visits_over_http.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    plugins: list[Any] = [actionhero_db.plugin, actionhero_tasks.plugin, actionhero_web.plugin]
    environ = {
        "ACTIONHERO_WEB__PORT": str(free_port()),
        "ACTIONHERO_TASKS__RUN_IN_SERVER": "false",
    }
    async with running_app(
        *plugins, Visits(), Visit, Note, mode=RunMode.SERVER, environ=environ, folder=tmp_path
    ) as app:
        app.app.provide(Callbacks, Callbacks())
        app.app.provide(Address, Address(environ["ACTIONHERO_WEB__PORT"]))
        yield app


class Address(str):
    """The port of the server."""


async def visit(app: RunningApp) -> int:
    url = f"http://127.0.0.1:{app.get(Address)}/api/visits"
    async with aiohttp.ClientSession() as session, session.post(url) as response:
        return response.status


async def test_a_client_that_leaves_takes_no_callback_along(app: RunningApp) -> None:
    """The job is in the store, and each callback runs to its end."""
    callbacks = app.get(Callbacks)
    client = asyncio.create_task(visit(app))
    await callbacks.started.wait()

    client.cancel()
    await asyncio.wait({client})
    job = await app.get(Tasks).job(callbacks.job_id)
    callbacks.may_end.set()
    await callbacks.ended.wait()

    assert job.state is JobState.READY
    assert callbacks.done == ["slow", "last"]


async def test_a_shutdown_waits_for_callbacks(app: RunningApp) -> None:
    """They are part of an open call, whose client gets its response."""
    callbacks = app.get(Callbacks)
    client = asyncio.create_task(visit(app))
    await callbacks.started.wait()

    stopping = asyncio.create_task(app.app.stop())
    while not app.app.is_stopping:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0)
    callbacks.may_end.set()
    await stopping

    assert callbacks.done == ["slow", "last"]
    assert await client == 200
