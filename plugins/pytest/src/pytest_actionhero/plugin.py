"""The pytest fixtures. This module imports only pytest; fixtures import the rest on demand."""

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
    "actionhero(plugins=None, settings=(), environ={}): the application of the fixture 'app'; with "
    "plugins, these only"
)
#: Modules with fixtures for services: `database_url`, `redis_server`.
_FIXTURES = {
    "actionhero_db": "actionhero_db.testing",
    "actionhero_redis": "actionhero_redis.testing",
}
#: Settings for tests, by package: any free port, and no worker that runs jobs.
_TEST_SETTINGS = {
    "actionhero_tasks": ("ACTIONHERO_TASKS__RUN_IN_SERVER", "false"),
    "actionhero_web": ("ACTIONHERO_WEB__PORT", "0"),
}
#: Fixtures that need running servers.
_SERVER_FIXTURES = frozenset({"server_url", "http", "websocket", "each_caller"})
#: The callers behind `each_caller`, and the package that each of them needs.
_CALLERS = {
    "caller": "actionhero",
    "cli_caller": "actionhero",
    "http_caller": "actionhero_web",
    "websocket_caller": "actionhero_websocket",
    "task_caller": "actionhero_tasks",
}
#: The time of the frozen clock.
_START = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and load the fixtures of installed packages."""
    config.addinivalue_line("markers", MARKER)
    for package, name in _FIXTURES.items():
        module = sys.modules.get(name)
        if module is not None:
            # A `conftest.py` has imported it, which is too late to import it as a plugin.
            config.pluginmanager.register(module, name)
        elif importlib.util.find_spec(package) is not None:
            config.pluginmanager.import_plugin(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with `each_caller` once for every transport of its application."""
    if "each_caller" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("actionhero")
    plugins = marker.kwargs.get("plugins") if marker is not None else None
    if plugins is None:
        packages = {
            name.partition(".")[0] for name in _active_modules(metafunc.config.rootpath, {})
        }
    else:
        packages = {_package(plugin) for plugin in plugins}
    names = [n for n, package in _CALLERS.items() if package in packages | {"actionhero"}]
    metafunc.parametrize("each_caller", names, indirect=True)


@pytest.fixture
def actionhero_environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Return the environment variables of `app`; override it to add your own.

    All files are in the temporary folder of the test, and the database is empty.
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
    """Yield a running application: that of the settings file, or the plugins of the marker.

    Its servers run if the test uses a fixture that needs one, such as `http`.
    """
    from actionhero import App, RunMode
    from actionhero.settings import read_sources
    from actionhero.testing import RunningApp, running_app

    mode = RunMode.SERVER if _SERVER_FIXTURES & set(request.fixturenames) else RunMode.CLI
    marker = request.node.get_closest_marker("actionhero")
    options: dict[str, Any] = dict(marker.kwargs) if marker is not None else {}
    environ = {**actionhero_environ, **options.pop("environ", {})}
    plugins, settings = options.pop("plugins", None), options.pop("settings", ())
    if options:
        raise pytest.UsageError(
            f"unknown option {', '.join(sorted(options))} of the marker 'actionhero'; it is: "
            f"{MARKER}"
        )
    if plugins is not None:
        environ = {**_test_settings(_package(plugin) for plugin in plugins), **environ}
        async with running_app(*plugins, settings=settings, mode=mode, environ=environ) as running:
            yield running
        return
    root = request.config.rootpath
    active = _active_modules(root, environ)
    environ = {**_test_settings(name.partition(".")[0] for name in active), **environ}
    application = App.load(read_sources(root, environ=environ), mode, settings)
    await application.start()
    try:
        yield RunningApp(application)
    finally:
        await application.stop()


@pytest.fixture
def caller(app: RunningApp) -> Caller:
    """Return a caller without a socket, with one session."""
    return app.connect()


@pytest.fixture
def server_url(app: RunningApp) -> str:
    """Return the URL of the HTTP server: scheme, address and port."""
    for server in app.app.servers:
        if server.name == "web":
            parts = urlsplit(server.addresses[0])  # type: ignore[attr-defined]
            return f"{parts.scheme}://{parts.netloc}"
    raise pytest.UsageError(
        "this application has no HTTP server; install actionhero-web, or add its plugin to the "
        "marker 'actionhero'"
    )


@pytest_asyncio.fixture
async def http(server_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield an HTTP client with cookies: `http.get("/api/status")`."""
    import aiohttp

    # By default, a cookie jar ignores cookies of IP addresses.
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(server_url, cookie_jar=jar) as client:
        yield client


@pytest_asyncio.fixture
async def websocket(app: RunningApp, server_url: str) -> AsyncIterator[Client]:
    """Yield a WebSocket client: `websocket.call("status")`."""
    from actionhero_web import WebSettings
    from actionhero_websocket import WebSocketSettings, connect

    address = f"ws{server_url.removeprefix('http')}{app.get(WebSettings).prefix}"
    limits = app.get(WebSocketSettings)
    async with connect(
        address,
        messages_per_second=limits.messages_per_second,
        message_limit_bytes=limits.message_limit_bytes,
    ) as client:
        yield client


@pytest.fixture
def http_caller(app: RunningApp, http: aiohttp.ClientSession) -> HttpCaller:
    """Return a caller that calls actions by their names over HTTP, with cookies."""
    from pytest_actionhero.http_caller import HttpCaller

    return HttpCaller(app.app, http)


@pytest.fixture
def websocket_caller(app: RunningApp, websocket: Client) -> WebSocketCaller:
    """Return a caller that calls actions over one WebSocket."""
    from pytest_actionhero.websocket_caller import WebSocketCaller

    return WebSocketCaller(app.app, websocket)


@pytest.fixture
def cli_caller(app: RunningApp) -> CliCaller:
    """Return a caller that calls actions with the options of `actionhero call`."""
    from pytest_actionhero.cli_caller import CliCaller

    return CliCaller(app.app)


@pytest.fixture
def task_caller(app: RunningApp, job_queue: JobQueue) -> TaskCaller:
    """Return a caller that runs actions as jobs, and waits for their results."""
    from pytest_actionhero.task_caller import TaskCaller

    return TaskCaller(app.app, job_queue)


@pytest.fixture
def each_caller(request: pytest.FixtureRequest) -> Any:
    """Return each caller in turn, for the transports of the application."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def broadcasts(app: RunningApp) -> Iterator[list[CapturedBroadcast]]:
    """Yield a list of all broadcasts of the application."""
    from actionhero_channels import captured_broadcasts

    with captured_broadcasts(app) as captured:
        yield captured


@pytest_asyncio.fixture
async def job_queue(app: RunningApp) -> AsyncIterator[JobQueue]:
    """Yield the job queue: `await job_queue.drain()` runs all due jobs."""
    from pytest_actionhero.job_queue import JobQueue

    queue = JobQueue(app.app)
    yield queue
    await queue.close()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Yield a clock that is frozen at noon of the first day of 2026: `clock.shift(60)`.

    The clock of the event loop is not frozen, so timeouts expire as usual.
    """
    import time_machine

    with contextlib.ExitStack() as stack:
        yield stack.enter_context(time_machine.travel(_START, tick=False))


def _active_modules(root: Path, environ: dict[str, str]) -> list[str]:
    """Return the modules of the plugins that are active in the settings file of a folder."""
    from actionhero.cli import load_plugins
    from actionhero.settings import read_sources

    host = load_plugins(read_sources(root, environ=environ))
    return [plugin.module_name for plugin in host.plugins if plugin.state == "active"]


def _package(plugin: Any) -> str:
    """Return the package of a plugin."""
    name: str = getattr(plugin, "__name__", type(plugin).__module__)
    return name.partition(".")[0]


def _test_settings(packages: Iterable[str]) -> dict[str, str]:
    """Return the environment variables for tests of the packages; others would be errors."""
    return dict(_TEST_SETTINGS[package] for package in packages if package in _TEST_SETTINGS)
