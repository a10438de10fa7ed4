"""The fixtures. Importing this imports nothing but pytest: the rest comes when it is asked for."""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from pathlib import Path

    import aiohttp
    import time_machine

    from actionhero.testing import Caller, RunningApp
    from actionhero_channels import CapturedBroadcast
    from actionhero_websocket import Client
    from pytest_actionhero.cli_caller import CliCaller
    from pytest_actionhero.http_caller import HttpCaller
    from pytest_actionhero.job_queue import JobQueue
    from pytest_actionhero.task_caller import TaskCaller
    from pytest_actionhero.websocket_caller import WebSocketCaller

MARKER = (
    "actionhero(plugins=None, settings=(), environ={}): what the fixture 'app' runs; with plugins, "
    "these and no others"
)
#: Modules with fixtures for what an application leans on: `database_url`, `redis_server`.
_FIXTURES = {
    "actionhero_db": "actionhero_db.testing",
    "actionhero_redis": "actionhero_redis.testing",
}
#: By package: any port that is free, and jobs that wait until the test drains the queue.
_SUITABLE = {
    "actionhero_tasks": ("ACTIONHERO_TASKS__RUN_IN_SERVER", "false"),
    "actionhero_web": ("ACTIONHERO_WEB__PORT", "0"),
}
#: Who asks for one of these wants doors that are open.
_THROUGH_A_DOOR = frozenset({"server_url", "http", "websocket", "each_caller"})
#: The callers that `each_caller` stands for, and the package that each of them takes.
_CALLERS = {
    "caller": "actionhero",
    "cli_caller": "actionhero",
    "http_caller": "actionhero_web",
    "websocket_caller": "actionhero_websocket",
    "task_caller": "actionhero_tasks",
}
#: When the frozen clock begins.
_BEGINNING = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


def pytest_configure(config: pytest.Config) -> None:
    """Tell of the marker, and bring the fixtures of the packages that are installed."""
    config.addinivalue_line("markers", MARKER)
    for package, name in _FIXTURES.items():
        module = sys.modules.get(name)
        if module is not None:
            # A `conftest.py` has asked for it: importing it as a plugin would be too late.
            config.pluginmanager.register(module, name)
        elif importlib.util.find_spec(package) is not None:
            config.pluginmanager.import_plugin(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `each_caller` once for every door that its application has."""
    if "each_caller" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("actionhero")
    plugins = marker.kwargs.get("plugins") if marker is not None else None
    if plugins is None:
        packages = {name.partition(".")[0] for name in _active(metafunc.config.rootpath, {})}
    else:
        packages = {_package(plugin) for plugin in plugins}
    names = [n for n, package in _CALLERS.items() if package in packages | {"actionhero"}]
    metafunc.parametrize("each_caller", names, indirect=True)


@pytest.fixture
def actionhero_environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Give the environment variables that `app` reads; override it to add your own.

    All that is kept is below the test's own folder, and the database is empty.
    """
    environ = {"ACTIONHERO_ENV": "test", "ACTIONHERO_APP__DATA_DIR": str(tmp_path / "data")}
    if importlib.util.find_spec("actionhero_db") is not None:
        environ["DATABASE_URL"] = request.getfixturevalue("database_url")
    if "redis_server" in request.fixturenames:
        environ["REDIS_URL"] = request.getfixturevalue("redis_server").url
    return environ


@pytest_asyncio.fixture
async def app(
    request: pytest.FixtureRequest, actionhero_environ: dict[str, str]
) -> AsyncIterator[RunningApp]:
    """Give a running application: that of the settings file, or what the marker names.

    Its servers are open if the test asks for a fixture that goes through one, such as `http`.
    """
    from actionhero import App, RunMode
    from actionhero.settings import read_sources
    from actionhero.testing import RunningApp, running_app

    mode = RunMode.SERVER if _THROUGH_A_DOOR & set(request.fixturenames) else RunMode.CLI
    marker = request.node.get_closest_marker("actionhero")
    given: dict[str, Any] = dict(marker.kwargs) if marker is not None else {}
    environ = {**actionhero_environ, **given.pop("environ", {})}
    plugins, settings = given.pop("plugins", None), given.pop("settings", ())
    if given:
        raise pytest.UsageError(
            f"the marker 'actionhero' does not take {', '.join(sorted(given))}; it is: {MARKER}"
        )
    if plugins is not None:
        environ = {**_suitable(_package(plugin) for plugin in plugins), **environ}
        async with running_app(*plugins, settings=settings, mode=mode, environ=environ) as running:
            yield running
        return
    root = request.config.rootpath
    active = _active(root, environ)
    environ = {**_suitable(name.partition(".")[0] for name in active), **environ}
    whole = App.load(read_sources(root, environ=environ), mode, settings)
    await whole.start()
    try:
        yield RunningApp(whole)
    finally:
        await whole.stop()


@pytest.fixture
def caller(app: RunningApp) -> Caller:
    """Give somebody who calls without a socket, and keeps one session."""
    return app.connect()


@pytest.fixture
def server_url(app: RunningApp) -> str:
    """Give where HTTP is served: scheme, address and port."""
    for server in app.app.servers:
        if server.name == "web":
            parts = urlsplit(server.addresses[0])  # type: ignore[attr-defined]
            return f"{parts.scheme}://{parts.netloc}"
    raise pytest.UsageError(
        "there is no HTTP server in this application: install actionhero-web, or name its plugin "
        "in the marker 'actionhero'"
    )


@pytest_asyncio.fixture
async def http(server_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Give a client of HTTP that keeps its cookies: `http.get("/api/status")`."""
    import aiohttp

    # Else it would keep no cookie of an address without a name.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(server_url, cookie_jar=jar) as client:
        yield client


@pytest_asyncio.fixture
async def websocket(app: RunningApp, server_url: str) -> AsyncIterator[Client]:
    """Give a client of WebSocket: `websocket.call("status")`."""
    from actionhero_web import WebSettings
    from actionhero_websocket import connect

    address = f"ws{server_url.removeprefix('http')}{app.get(WebSettings).prefix}"
    async with connect(address) as client:
        yield client


@pytest.fixture
def http_caller(app: RunningApp, http: aiohttp.ClientSession) -> HttpCaller:
    """Give somebody who calls actions by their names over HTTP, and keeps their cookies."""
    from pytest_actionhero.http_caller import HttpCaller

    return HttpCaller(app.app, http)


@pytest.fixture
def websocket_caller(app: RunningApp, websocket: Client) -> WebSocketCaller:
    """Give somebody who calls actions over one WebSocket."""
    from pytest_actionhero.websocket_caller import WebSocketCaller

    return WebSocketCaller(app.app, websocket)


@pytest.fixture
def cli_caller(app: RunningApp) -> CliCaller:
    """Give somebody who calls actions with the options of `actionhero call`."""
    from pytest_actionhero.cli_caller import CliCaller

    return CliCaller(app.app)


@pytest.fixture
def task_caller(app: RunningApp, job_queue: JobQueue) -> TaskCaller:
    """Give somebody who lets actions run as jobs, and awaits their results."""
    from pytest_actionhero.task_caller import TaskCaller

    return TaskCaller(app.app, job_queue)


@pytest.fixture
def each_caller(request: pytest.FixtureRequest) -> Any:
    """Give each caller in turn, as far as the application has their doors."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def broadcasts(app: RunningApp) -> Iterator[list[CapturedBroadcast]]:
    """Give a list to which every broadcast of the application is added."""
    from actionhero_channels import captured_broadcasts

    with captured_broadcasts(app) as said:
        yield said


@pytest_asyncio.fixture
async def job_queue(app: RunningApp) -> AsyncIterator[JobQueue]:
    """Give the queue of jobs: `await job_queue.drain()` runs all that are due."""
    from pytest_actionhero.job_queue import JobQueue

    queue = JobQueue(app.app)
    yield queue
    await queue.leave()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Give a clock that stands still at noon of the first day of 2026: `clock.shift(60)`.

    The event loop's own clock goes on: a limit of time is reached when it would be.
    """
    import time_machine

    with contextlib.ExitStack() as stack:
        yield stack.enter_context(time_machine.travel(_BEGINNING, tick=False))


def _active(root: Path, environ: dict[str, str]) -> list[str]:
    """Return the modules of the plugins that the settings file of a folder switches on."""
    from actionhero.plugins.discovery import PluginState, find_plugins
    from actionhero.settings import read_sources

    found, _ = find_plugins(read_sources(root, environ=environ).boot())
    return [one.module_name for one in found if one.state is PluginState.ACTIVE]


def _package(plugin: Any) -> str:
    """Return the package that a plugin is written in."""
    name: str = getattr(plugin, "__name__", type(plugin).__module__)
    return name.partition(".")[0]


def _suitable(packages: Iterable[str]) -> dict[str, str]:
    """Return the variables that suit a test; one for a plugin that is not there is an error."""
    return dict(_SUITABLE[package] for package in packages if package in _SUITABLE)
