"""Observers of requests, added by the hook `actionhero_web_observers`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from actionhero import Action, NotFound, RunMode, hookimpl
from actionhero.testing import running_app
from actionhero_web import (
    EncodedResponse,
    Endpoint,
    StaticFiles,
    Upgrade,
    UpgradeRefused,
    WebObserver,
    WebSettings,
    build_application,
    plugin,
)
from actionhero_web.application import DISPATCHER
from actionhero_web.dispatch import Dispatcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest


class Log(WebObserver):
    """Records requests, and in which order observers are called."""

    def __init__(self) -> None:
        self.ended_requests: list[tuple[str, int | None, str]] = []
        self.open = 0
        self.done = asyncio.Event()

    def began(self, request: web.BaseRequest) -> Any:
        self.open += 1
        return request.method

    def ended(self, request: web.BaseRequest, status: int | None, route: str, mark: Any) -> None:
        assert mark == request.method
        self.open -= 1
        self.ended_requests.append((request.method, status, route))
        self.done.set()


class Broken(WebObserver):
    def began(self, request: web.BaseRequest) -> Any:
        raise RuntimeError("broken")

    def ended(self, request: web.BaseRequest, status: int | None, route: str, mark: Any) -> None:
        assert mark is None


class Show(Action):
    """Show a user."""

    name = "user:show"
    web = "GET /user/{id}"

    async def run(self, id: str) -> str:
        if id == "0":
            raise NotFound("No such user")
        return id


class Hang(Action):
    """Never return."""

    name = "hang"
    web = "GET /hang"

    async def run(self) -> None:
        await asyncio.Event().wait()


class Upper(Upgrade):
    paths = ("/upper",)

    async def accept(self, request: Any) -> Any:
        if request.query == "refused":
            raise UpgradeRefused(403, "no")
        return {}, asyncio.Protocol()


class Answer(Endpoint):
    path = "/answer"

    async def respond(self, request: Any) -> EncodedResponse:
        return EncodedResponse(200, b"42")


class Plugin:
    def __init__(self, observers: list[WebObserver], folder: Path | None = None) -> None:
        self.observers = observers
        self.folder = folder

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [Show, Hang]

    @hookimpl
    def actionhero_web_observers(self) -> list[WebObserver]:
        return self.observers

    @hookimpl
    def actionhero_web_upgrades(self) -> list[Upgrade]:
        return [Upper()]

    @hookimpl
    def actionhero_web_endpoints(self) -> list[Endpoint]:
        return [Answer()]

    @hookimpl
    def actionhero_web_static(self) -> list[StaticFiles]:
        return [] if self.folder is None else [StaticFiles(self.folder, "/files")]

    @hookimpl
    def actionhero_web_routes(self) -> list[web.RouteDef]:
        async def page(request: web.Request) -> web.Response:
            if "fail" in request.query:
                raise RuntimeError("failed")
            return web.Response(text="page")

        return [web.get("/page/{name}", page)]


@contextlib.asynccontextmanager
async def served(
    *observers: WebObserver, folder: Path | None = None
) -> AsyncIterator[aiohttp.ClientSession]:
    """Run a server with observers, and yield its client."""
    async with running_app(
        plugin,
        Plugin(list(observers), folder),
        settings=[WebSettings(port=0)],
        mode=RunMode.SERVER,
    ) as app:
        server: Any = app.app.servers[0]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
            yield client


async def status_of(client: aiohttp.ClientSession, path: str, **options: Any) -> int:
    """Return the status of a response, which is read to its end."""
    async with client.request(options.pop("method", "GET"), path, **options) as response:
        await response.read()
        return response.status


async def test_each_dispatched_request_is_observed_with_its_route() -> None:
    log = Log()
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    requests: list[tuple[str, str, int, str, dict[str, str]]] = [
        ("GET", "/api/user/1", 200, "/api/user/{id}", {}),
        ("HEAD", "/api/user/1", 200, "/api/user/{id}", {}),
        ("GET", "/api/user/0", 404, "/api/user/{id}", {}),
        ("DELETE", "/api/user/1", 405, "/api/user/{id}", {}),
        ("OPTIONS", "/api/user/1", 204, "/api/user/{id}", {}),
        ("GET", "/api/unknown", 404, "", {}),
        ("GET", "/unknown", 404, "", {}),
        ("GET", "/livez", 200, "/livez", {}),
        ("GET", "/page/a", 200, "/page/{name}", {}),
        ("GET", "/page/a?fail=1", 500, "/page/{name}", {}),
        ("POST", "/answer?a=1", 200, "/answer", {}),
        ("GET", "/upper?refused", 403, "/upper", upgrade),
    ]

    async with served(log) as client:
        statuses = [
            await status_of(client, path, method=method, headers=headers)
            for method, path, _, _, headers in requests
        ]
        async with client.get("/upper", headers=upgrade) as response:
            assert response.status == 101
            response.close()

    assert statuses == [status for _, _, status, _, _ in requests]
    assert log.ended_requests == [
        *((method, status, route) for method, _, status, route, _ in requests),
        ("GET", 101, "/upper"),
    ]
    assert log.open == 0


async def test_the_status_of_a_file_is_that_of_its_response(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0123456789")
    log = Log()

    async with served(log, folder=tmp_path) as client:
        async with client.get("/files/a.txt") as response:
            etag = response.headers["ETag"]
        await status_of(client, "/files/a.txt", headers={"If-None-Match": etag})
        await status_of(client, "/files/a.txt", headers={"Range": "bytes=0-3"})

    assert [status for _, status, _ in log.ended_requests] == [200, 304, 206]
    assert log.open == 0


async def test_a_request_of_a_client_that_is_gone_has_no_status() -> None:
    log = Log()

    async with served(log) as client:
        with contextlib.suppress(TimeoutError):
            await status_of(client, "/api/hang", timeout=aiohttp.ClientTimeout(0.1))
        async with asyncio.timeout(5):
            await log.done.wait()

    assert log.ended_requests == [("GET", None, "/api/hang")]


async def test_errors_of_an_observer_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    log = Log()

    async with served(Broken(), log) as client:
        statuses = [await status_of(client, "/api/user/1") for _ in range(2)]

    assert statuses == [200, 200]
    assert len(log.ended_requests) == 2
    assert [r.name for r in caplog.records].count("actionhero.observers") == 1


async def test_a_server_without_observers_has_no_code_for_them() -> None:
    async with running_app(plugin, Show) as app:
        assert type(build_application(app.app)[DISPATCHER]) is Dispatcher
