"""The start and stop of a server with one process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plugins.web.tests.conftest import StartServer

pytestmark = pytest.mark.platform("linux")

#: An application with a server that does not close in time.
SLOW_SERVER = """
import asyncio
import sys

from actionhero import Server


class SlowServer(Server):
    name = "slow"

    async def start(self, app):
        pass

    async def close(self):
        print("closing slowly", file=sys.stderr, flush=True)
        await asyncio.Event().wait()
"""

#: A native route and an endpoint that read the body, and an upgrade that is never accepted.
NATIVE_ROUTES = """
import asyncio
import sys

from aiohttp import web

from actionhero import hookimpl
from actionhero_web import EncodedResponse, Endpoint, Upgrade


async def read(request):
    return web.Response(text=await request.text())


class Read(Endpoint):
    path = "/endpoint"

    async def respond(self, request):
        return EncodedResponse(200, await request.read())


class Hang(Upgrade):
    paths = ("/upgrade",)

    async def accept(self, request):
        print("waiting to accept", file=sys.stderr, flush=True)
        await asyncio.Event().wait()


@hookimpl
def actionhero_web_upgrades():
    return [Hang()]


@hookimpl
def actionhero_web_routes():
    return [web.post("/native", read)]


@hookimpl
def actionhero_web_endpoints():
    return [Read()]
"""

QUIET = 'logs.level = "warn"'
SHORT_GRACE = "process.shutdown_timeout = 0.3"
REQUEST = b"GET /api/count HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_no_request_fails_on_a_signal_under_load(
    start_server: StartServer, program: Callable[[str], str], number: int
) -> None:
    """A deployment under load causes no errors for clients."""
    wrk = program("wrk")
    server = start_server(settings=QUIET)
    load = subprocess.Popen(
        [wrk, "-t1", "-c16", "-d60s", f"{server.url}/api/count"],
        stdout=subprocess.PIPE,
        text=True,
    )

    server.wait_for("under load")
    code = server.stop(number)
    # wrk stops and prints its report.
    load.send_signal(signal.SIGINT)
    report, _ = load.communicate()

    assert code == 0
    assert "Non-2xx" not in report
    # Write errors are connections rejected after the end of the server.
    assert re.search(r"read [1-9]", report) is None, report
    calls = re.search(r"counted (\d+)", server.stderr)
    responses = re.search(r"(\d+) requests in", report)
    assert calls is not None
    assert responses is not None
    assert int(responses[1]) == int(calls[1]) > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("option", [(), ("--workers", "2")])
async def test_accepted_requests_get_complete_responses_during_shutdown(
    start_server: StartServer, number: int, option: tuple[str, ...]
) -> None:
    """Every request on an open connection gets a response, regardless of the time of the signal."""
    server = start_server(*option, settings=QUIET, wait=r"listens on http://127.0.0.1:(\d+)")
    clients = [
        asyncio.create_task(send_requests_until_shutdown(server.port, mode))
        for mode in ("new", "keep-alive", "pipelined")
        for _ in range(4)
    ]

    await asyncio.to_thread(server.wait_for, "under load")
    code = await asyncio.to_thread(server.stop, number)
    response_counts = await asyncio.gather(*clients)

    assert code == 0
    assert min(response_counts) > 0


async def send_requests_until_shutdown(port: int, mode: str) -> int:
    """Send requests repeatedly, check that each gets a response, and return their number.

    Args:
        port: The port of the server.
        mode: `new`: each request on a new connection. `keep-alive`: on the same connection until
            the server closes it. `pipelined`: the same, three requests at a time.
    """
    responses = 0
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return responses
        batch = 3 if mode == "pipelined" else 1
        is_open = True
        while is_open:
            writer.write(REQUEST * batch)
            await writer.drain()
            for remaining in reversed(range(batch)):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                length = re.search(rb"Content-Length: (\d+)", head)
                assert length is not None
                await reader.readexactly(int(length[1]))
                responses += 1
                is_open = b"Connection: close" not in head and mode != "new"
                # The connection is closed only after the last of the pipelined requests.
                assert is_open or remaining == 0 or mode == "new", head
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("option", [(), ("--workers", "2")])
def test_connections_in_the_backlog_get_responses(
    start_server: StartServer, option: tuple[str, ...]
) -> None:
    """Requests that the server has not accepted at the time of the signal get responses too."""
    server = start_server(*option, wait=r"listens on http://127.0.0.1:(\d+)")
    # The processes are stopped, while the operating system still establishes connections.
    os.killpg(server.process.pid, signal.SIGSTOP)
    clients = [server.connect() for _ in range(20)]
    for client in clients:
        client.request("GET", "/api/process")

    server.process.send_signal(signal.SIGTERM)
    os.killpg(server.process.pid, signal.SIGCONT)
    statuses = [server.read_response(client)[0] for client in clients]

    assert statuses == [200] * 20
    assert server.wait() == 0


def test_open_calls_finish_while_the_readiness_probe_fails(
    start_server: StartServer,
) -> None:
    """While a slow call finishes, `/readyz` keeps the load balancer from sending requests."""
    server = start_server()
    waiting, probing, releasing = (server.connect() for _ in range(3))
    waiting.request("GET", "/api/wait")
    server.wait_for("waiting")
    probing.request("GET", "/readyz")
    before = server.read_response(probing)

    server.process.send_signal(signal.SIGTERM)
    server.wait_for("stopping on SIGTERM")
    probing.request("GET", "/readyz")
    during = server.read_response(probing)
    releasing.request("GET", "/api/release")
    released = server.read_response(releasing)
    response = server.read_response(waiting)

    assert before == (200, {"ready": True, "checks": {}})
    assert during == (503, {"ready": False, "checks": {}})
    assert released == (200, "released")
    assert response == (200, "waited")
    assert server.wait() == 0


@pytest.mark.parametrize("option", [(), ("--reload",)])
def test_a_closed_terminal_stops_the_server_in_order(
    start_server: StartServer, option: tuple[str, ...]
) -> None:
    """It sends SIGHUP to all processes, perhaps twice; open calls finish."""
    # The tests may run with `nohup`, which the server would respect.
    handler = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        server = start_server(*option)
    finally:
        signal.signal(signal.SIGHUP, handler)
    client, releasing = server.connect(), server.connect()
    releasing.request("GET", "/livez")
    server.read_response(releasing)
    client.request("GET", "/api/wait")
    server.wait_for("waiting")

    os.killpg(server.process.pid, signal.SIGHUP)
    server.wait_for("stopping on SIGHUP")
    os.killpg(server.process.pid, signal.SIGHUP)
    releasing.request("GET", "/api/release")
    response = server.read_response(client)

    assert response == (200, "waited")
    assert server.wait() == 0


def test_nohup_is_respected(start_server: StartServer) -> None:
    """A terminal that closes does not stop a server that was started with it."""
    program = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
        "from actionhero.cli import main; main()"
    )
    server = start_server(command=("-c", program, "start"))

    server.process.send_signal(signal.SIGHUP)
    client = server.connect()
    client.request("GET", "/livez")
    status, _ = server.read_response(client)

    assert status == 200
    assert server.stop() == 0
    assert "SIGHUP" not in server.stderr


def test_idle_connections_are_closed_before_other_servers_close(
    start_server: StartServer, tmp_path: Path
) -> None:
    """No request arrives on a connection that a proxy has kept open, only to be cancelled."""
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "__init__.py").write_text(SLOW_SERVER)
    server = start_server(environ={"ACTIONHERO_APP__PACKAGE": "slow"})
    with server.socket() as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")

        server.process.send_signal(signal.SIGTERM)
        server.wait_for("closing slowly")
        # It has been closed by now; the other server has four seconds.
        client.settimeout(1.0)
        end = client.recv(65536)

    server.process.kill()
    assert end == b""


def test_a_large_response_is_sent_completely_during_shutdown(start_server: StartServer) -> None:
    """A slow download continues during the shutdown until it is complete."""
    server = start_server(settings="web.compress = false")
    with server.socket() as client:
        client.sendall(b"GET /api/large?size=30000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.wait_for("GET /api/large 200")

        server.process.send_signal(signal.SIGTERM)
        server.wait_for("stopping on SIGTERM")
        received = 0
        while data := client.recv(1 << 20):
            received += len(data)

    assert received > 30_000_000
    assert server.wait() == 0


def test_a_hanging_call_is_cancelled_after_the_grace_period(start_server: StartServer) -> None:
    """A call that never finishes is rolled back, its client gets 503, and the server stops."""
    server = start_server(settings=SHORT_GRACE)
    client = server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")

    started_at = time.monotonic()
    code = server.stop()
    elapsed_seconds = time.monotonic() - started_at
    status, body = server.read_response(client)

    assert code == 0
    assert "after wait" in server.stderr
    assert status == 503
    assert body["error"]["type"] == "CONNECTION_SERVICE_UNAVAILABLE"
    assert body["error"]["message"] == "The server is shutting down"
    assert "still has open calls after 0.3 s; cancelling them" in server.stderr
    # A generous limit: it usually takes about a second.
    assert elapsed_seconds < 20


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/api/length", "application/json"),
        ("/api/length", "multipart/form-data; boundary=b"),
        ("/native", "application/json"),
        ("/endpoint", "application/json"),
    ],
)
def test_a_request_whose_body_does_not_arrive_gets_503_after_the_grace_period(
    start_server: StartServer,
    application_folder: Callable[[], Path],
    path: str,
    content_type: str,
) -> None:
    """The client is still connected, and may send the request to another server."""
    (application_folder() / "small" / "plugin.py").write_text(NATIVE_ROUTES)
    server = start_server(settings=SHORT_GRACE)
    client = server.connect()
    headers = {"Content-Type": content_type, "Content-Length": "100"}
    client.request("POST", path, b"--b", headers)

    code = server.stop()
    response = client.getresponse()
    body = json.loads(response.read())

    assert code == 0
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert body["error"]["message"] == "The server is shutting down"


def test_an_upgrade_that_is_not_accepted_gets_503_after_the_grace_period(
    start_server: StartServer, application_folder: Callable[[], Path]
) -> None:
    """As one that is requested during the shutdown."""
    (application_folder() / "small" / "plugin.py").write_text(NATIVE_ROUTES)
    server = start_server(settings=SHORT_GRACE)
    client = server.connect()
    client.request("GET", "/upgrade", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    server.wait_for("waiting to accept")

    code = server.stop()
    response = client.getresponse()

    assert code == 0
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert response.read() == b"Server is shutting down"


@pytest.mark.parametrize("action", ["uncancellable", "thread"])
def test_uncancellable_calls_do_not_prevent_the_exit(
    start_server: StartServer, action: str
) -> None:
    """Neither an action that suppresses its cancellation nor a thread keeps the server running."""
    server = start_server(settings=SHORT_GRACE)
    client = server.connect()
    client.request("GET", f"/api/{action}")
    server.wait_for("uncancellable|in a thread")

    code = server.stop()

    assert code == 0
    assert "shutdown did not finish within 1.0 s; exiting" in server.stderr


def test_a_blocked_event_loop_does_not_prevent_the_exit(start_server: StartServer) -> None:
    """An action that blocks the event loop cannot prevent the stop of the server."""
    server = start_server(settings=SHORT_GRACE)
    client = server.connect()
    client.request("GET", "/api/block")
    server.wait_for("blocking")

    code = server.stop()

    assert code == 70
    assert "shutdown did not finish within 4.8 s; exiting" in server.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_exits_immediately(
    start_server: StartServer, number: int, code: int
) -> None:
    """Ctrl-C twice exits the server regardless of open calls."""
    server = start_server()
    client, other = server.connect(), server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")
    server.process.send_signal(number)
    server.wait_for("stopping on SIG")
    # After this response, the server does not write any more.
    other.request("GET", "/livez")
    server.read_response(other)

    exit_code = server.stop(number)

    assert exit_code == code
    assert f"second {signal.Signals(number).name}: exiting immediately" in server.stderr


def test_a_second_signal_exits_with_a_blocked_event_loop(start_server: StartServer) -> None:
    """A blocked event loop does not prevent the immediate exit."""
    server = start_server()
    client = server.connect()
    client.request("GET", "/api/block")
    server.wait_for("blocking")

    # Of two pending signals, the interpreter handles the smaller number first.
    server.process.send_signal(signal.SIGINT)
    exit_code = server.stop(signal.SIGTERM)

    assert exit_code == 143


@pytest.mark.parametrize("option", [(), ("--workers", "2"), ("--reload",)])
def test_a_port_in_use_is_an_error(start_server: StartServer, option: tuple[str, ...]) -> None:
    """A second server on a port fails with the remedy, and leaves no process behind."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = start_server("--port", str(port), *option, wait=None)
        code = server.wait()

    assert code == 78
    assert (
        f"Error: cannot listen on web.port {port} of 127.0.0.1: Address already in use; stop the "
        "process on that port, or choose another with --port, ACTIONHERO_WEB__PORT or PORT\n"
    ) in server.stderr
    assert not server.has_child_processes


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "a..b"])
def test_an_address_of_another_machine_is_an_error(start_server: StartServer, host: str) -> None:
    """The message contains a mistyped host."""
    server = start_server("--host", host, wait=None)

    assert server.wait() == 78
    assert f"Error: cannot listen on web.host '{host}': " in server.stderr
    assert "choose an address of this machine with --host or ACTIONHERO_WEB__HOST" in server.stderr


def test_localhost_listens_on_each_of_its_addresses(start_server: StartServer) -> None:
    """The server listens on all addresses that `localhost` resolves to, on one port."""
    server = start_server("--host", "localhost")

    expected = {item[4][0] for item in socket.getaddrinfo("localhost", None)}
    for address in expected:
        with socket.create_connection((str(address), server.port), 10) as client:
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
    assert server.stop() == 0


STARTING = """
import asyncio
import sys

from actionhero import Initializer


class Slow(Initializer):
    name = "slow"

    async def start(self, app):
        print("slow starts", file=sys.stderr, flush=True)
        await asyncio.Event().wait()

    async def stop(self, app):
        print("slow stopped", file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_start_stops_the_started_initializers(
    start_server: StartServer, number: int
) -> None:
    """A server that is stopped while an initializer starts releases its resources."""
    server = start_server(application=STARTING, wait="slow starts")

    code = server.stop(number)

    assert code == 0
    assert "slow stopped" in server.stderr
    assert "listening" not in server.stderr


BLOCKING = """
import time

from actionhero import Action


class Report(Action):
    name = "report"
    web = "GET /report"

    async def run(self) -> None:
        time.sleep(0.6)
"""


def test_development_names_actions_that_block_the_event_loop(start_server: StartServer) -> None:
    """The warning of a started server has the action and the line."""
    server = start_server(application=BLOCKING)
    client = server.connect()
    client.request("GET", "/api/report")
    match = server.wait_for(r"action '(\w+)' blocked the event loop for \d+ ms \((\S+) (.+?)\);")[0]

    assert match[1] == "report"
    assert match[2].endswith(".py:12:")
    assert match[3] == "time.sleep(0.6)"
