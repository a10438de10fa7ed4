"""Exceptions outside of calls are reported: of jobs, callbacks, pages and endpoints."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

import actionhero_channels.plugin
import actionhero_db.plugin
import actionhero_redis.plugin
import actionhero_tasks.plugin
import actionhero_web.plugin
import actionhero_websocket.plugin
from actionhero import (
    Action,
    Call,
    ErrorType,
    ExceptionReport,
    ExceptionReporter,
    Inputs,
    NotFound,
    RunMode,
    hookimpl,
)
from actionhero.testing import running_app
from actionhero_db import Database, Models, Transaction
from actionhero_tasks import NewJob, Task, Tasks, TasksSettings
from actionhero_web import WebSettings
from actionhero_web.responses.error_mapping import ERROR_MAPPINGS
from actionhero_websocket import Endpoint, EndpointSocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


MODELS = """
from tortoise import fields
from tortoise.models import Model


class Visit(Model):
    id = fields.IntField(primary_key=True)
"""


class KindInputs(Inputs):
    kind: str


class Work(Action):
    """Fail."""

    name = "work"
    task = Task(retries=1, backoff=timedelta(0))

    async def run(self, inputs: KindInputs) -> None:
        if inputs.kind == "client":
            raise NotFound("No such order")
        raise ValueError(inputs.kind)


class Visit(Action):
    """Succeed, with a callback that fails."""

    name = "visit"
    web = "POST /visit"
    middleware = [Transaction()]

    async def run(self, call: Call) -> None:
        def fail() -> None:
            raise ValueError("callback")

        await call.get(Database).after_commit(fail)


class Reports(ExceptionReporter):
    """The reports of the test."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[ExceptionReport] = asyncio.Queue()

    def report(self, report: ExceptionReport) -> None:
        self.queue.put_nowait(report)

    async def next(self) -> ExceptionReport:
        async with asyncio.timeout(10):
            return await self.queue.get()


async def serve_socket(socket: EndpointSocket) -> None:
    raise ValueError("endpoint")


async def page(request: web.Request) -> web.Response:
    raise ValueError("page")


class Site:
    """The application."""

    def __init__(self, reports: Reports) -> None:
        self.reports = reports

    @hookimpl
    def actionhero_exception_reporters(self) -> list[ExceptionReporter]:
        return [self.reports]

    @hookimpl
    def actionhero_db_models(self) -> list[Models]:
        return [Models("visits", ["reported_visits"])]

    @hookimpl
    def actionhero_web_routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/page", page)]

    @hookimpl
    def actionhero_websocket_endpoints(self) -> list[Endpoint]:
        return [Endpoint("/endpoint", serve_socket)]


class Running:
    """The running application, its client and its reports."""

    def __init__(self, tasks: Tasks, client: aiohttp.ClientSession, reports: Reports) -> None:
        self.tasks = tasks
        self.client = client
        self.reports = reports


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    (tmp_path / "reported_visits.py").write_text(MODELS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    reports = Reports()
    async with running_app(
        actionhero_db.plugin,
        actionhero_web.plugin,
        actionhero_redis.plugin,
        actionhero_channels.plugin,
        actionhero_websocket.plugin,
        actionhero_tasks.plugin,
        Site(reports),
        Work,
        Visit,
        mode=RunMode.SERVER,
        settings=[WebSettings(port=0), TasksSettings(run_in_server=True)],
        environ={"ACTIONHERO_REDIS__MODE": "memory"},
        folder=tmp_path,
    ) as app:
        server: Any = next(server for server in app.app.servers if server.name == "web")
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
            yield Running(app.get(Tasks), client, reports)


async def test_exceptions_of_jobs_are_reported(site: Running) -> None:
    """Of each run, and of a dead job whose error would be that of a client."""
    unexpected = await site.tasks.enqueue(Work, {"kind": "unexpected"})
    runs = [await site.reports.next() for _ in range(2)]
    client = await site.tasks.enqueue(Work, {"kind": "client"})
    dead = await site.reports.next()
    broken = NewJob("1", "default", "work", b"no message")
    await site.tasks.use(lambda store: store.add([broken]))
    undecodable = await site.reports.next()
    await site.tasks.wait(unexpected)

    for run in runs:
        assert str(run.exception) == "unexpected"
        assert (run.action, run.transport, run.facts["job"]) == ("work", "task", unexpected)
    assert isinstance(dead.exception, NotFound)
    assert dead.operation == f"job {client} of 'work'"
    assert (dead.action, dead.transport, dead.facts["job"]) == ("work", "task", client)
    assert dead.request_id
    assert "cannot be decoded" in str(undecodable.exception)
    assert site.reports.queue.empty()


async def test_an_exception_of_a_callback_is_reported(site: Running) -> None:
    """The call has succeeded."""
    async with site.client.post("/api/visit") as response:
        assert response.status == 200
    report = await site.reports.next()

    assert (str(report.exception), report.operation) == (
        "callback",
        "a callback after a commit",
    )
    assert (report.action, report.transport) == ("visit", "web")


async def test_an_exception_of_a_page_is_reported(site: Running) -> None:
    """Once."""
    async with site.client.get("/page") as response:
        assert response.status == 500
    report = await site.reports.next()

    assert (str(report.exception), report.operation) == ("page", "the response to a request")
    assert site.reports.queue.empty()


async def test_an_exception_of_an_endpoint_is_reported(site: Running) -> None:
    async with site.client.ws_connect("/endpoint") as socket:
        await socket.receive()
    report = await site.reports.next()

    assert (str(report.exception), report.operation) == ("endpoint", "endpoint '/endpoint'")


def test_errors_of_the_server_are_those_with_5xx() -> None:
    for type_ in ErrorType:
        assert type_.is_server_error is (ERROR_MAPPINGS[type_].status >= 500)
