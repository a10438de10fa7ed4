"""Other servers: gunicorn with aiohttp's workers, aiohttp alone, and an enclosing application."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.conftest import ServerProcess, StartServer

GUNICORN = (
    "-m", "gunicorn", "actionhero_web.application:create", "--no-control-socket",
    "--bind", "127.0.0.1:0", "--worker-class",
)  # fmt: skip
WORKER_CLASSES = ["aiohttp.GunicornUVLoopWebWorker", "aiohttp.GunicornWebWorker"]

#: Serves the expression `APPLICATION` on a free port.
SERVE = """
import asyncio
import sys

from aiohttp import web

from actionhero_web.application import create


async def existing(prefix):
    application = web.Application()
    application.router.add_get("/own", lambda request: web.json_response("own"))
    application.add_subapp(prefix, await create())
    return application


def log(text):
    print(text, file=sys.stderr, flush=True)


web.run_app(APPLICATION, host="127.0.0.1", port=0, print=log)
"""
RUNNING = r"Running on http://127.0.0.1:(\d+)"


def run_aiohttp(start_server: StartServer, application: str, settings: str = "") -> ServerProcess:
    """Start a process in which aiohttp serves `application`, an expression."""
    code = SERVE.replace("APPLICATION", application)
    return start_server(command=("-c", code), wait=RUNNING, settings=settings)


@pytest.mark.platform("linux")
@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_gunicorn_serves_the_application(start_server: StartServer, worker_class: str) -> None:
    """The application starts and stops cleanly under gunicorn."""
    server = start_server(
        command=(*GUNICORN, worker_class), wait=r"Listening at: http://127.0.0.1:(\d+)"
    )

    response = server.get("/api/process")
    ready = server.get("/readyz")
    error = server.get("/api/nowhere")
    code = server.stop()

    assert response[0] == 200
    assert response[1] != server.process.pid
    assert ready == (200, {"ready": True, "checks": {}})
    assert error[0] == 404
    assert error[1]["error"]["message"].startswith("Action not found")
    assert code == 0
    # The initializers have stopped.
    assert "counted 0" in server.stderr


@pytest.mark.platform("linux")
@pytest.mark.parametrize("worker_class", WORKER_CLASSES)
def test_gunicorn_finishes_open_calls(start_server: StartServer, worker_class: str) -> None:
    """Open calls finish when gunicorn stops."""
    server = start_server(
        command=(*GUNICORN, worker_class), wait=r"Listening at: http://127.0.0.1:(\d+)"
    )
    os.mkfifo(server.folder / "pipe")
    client = server.connect()
    client.request("GET", "/api/pipe")
    server.wait_for("reading the pipe")

    server.process.send_signal(signal.SIGTERM)
    server.wait_for("Handling signal: term")
    (server.folder / "pipe").write_text("open")
    response = server.read_response(client)

    assert response == (200, "open")
    assert server.wait() == 0


@pytest.mark.platform("linux")
def test_gunicorn_exits_with_invalid_settings(start_server: StartServer) -> None:
    """It does not restart workers endlessly, and its output contains our message."""
    server = start_server(
        command=(*GUNICORN, WORKER_CLASSES[0]), settings="web.prot = 80", wait=None
    )

    assert server.wait() == 3
    assert "web.prot" in server.stderr


def test_aiohttp_runs_the_application(start_server: StartServer) -> None:
    """`web.run_app` serves it like any other aiohttp application."""
    server = run_aiohttp(start_server, "create()")

    response = server.get("/api/process")
    code = server.stop()

    assert response == (200, server.process.pid)
    assert code == 0
    assert "counted 0" in server.stderr


@pytest.mark.parametrize("shown", [False, True])
def test_clients_of_other_servers_see_tracebacks_on_demand(
    start_server: StartServer, shown: bool
) -> None:
    """Also in development: the address of the other server is not known."""
    settings = "errors.show_tracebacks = true" if shown else ""
    server = run_aiohttp(start_server, "create()", settings)

    # There is no pipe.
    status, document = server.get("/api/pipe")

    assert status == 500
    assert ("stack" in document["error"]) is shown


@pytest.mark.parametrize("prefix", ["/sub", "/deep/er"])
@pytest.mark.parametrize("inner", ["/api", "", "/v1/api"])
def test_the_application_is_mounted_in_an_existing_application(
    start_server: StartServer, prefix: str, inner: str
) -> None:
    """Actions can be added to an aiohttp application, whose own routes do not change."""
    server = run_aiohttp(start_server, f"existing({prefix!r})", f'web.prefix = "{inner}"')

    mounted = server.get(f"{prefix}{inner}/process")
    query = server.get(f"{prefix}{inner}/large?size=3")
    invalid = server.get(f"{prefix}{inner}/large?size=x")
    unknown = server.get(f"{prefix}{inner}/nowhere")
    alive = server.get(f"{prefix}/livez")
    own = server.get("/own")
    client = server.connect()
    client.request("GET", f"{inner}/process")
    outside = client.getresponse()
    outside.read()
    code = server.stop()

    assert mounted == (200, server.process.pid)
    assert query == (200, "aaa")
    assert invalid[0] == 422
    assert unknown[0] == 404
    assert unknown[1]["error"]["message"].startswith("Action not found")
    assert alive == (200, {"alive": True})
    assert own == (200, "own")
    assert outside.status == 404
    assert code == 0
    assert "counted 0" in server.stderr
