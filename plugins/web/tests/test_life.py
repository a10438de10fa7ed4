"""Starting and stopping one process that serves."""

from __future__ import annotations

import asyncio
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

    from plugins.web.tests.conftest import StartServer

pytestmark = pytest.mark.platform("linux")

QUIET = 'logs.level = "warn"'
SHORT_GRACE = "process.shutdown_timeout = 0.3"
REQUEST = b"GET /api/count HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_under_load_fails_no_request(
    start_server: StartServer, program: Callable[[str], str], number: int
) -> None:
    """I deploy while requests come in as fast as they can, and no client sees an error."""
    wrk = program("wrk")
    server = start_server(settings=QUIET)
    load = subprocess.Popen(
        [wrk, "-t1", "-c16", "-d60s", f"{server.url}/api/count"],
        stdout=subprocess.PIPE,
        text=True,
    )

    server.wait_for("under load")
    code = server.stop(number)
    # It ends, and tells how it went.
    load.send_signal(signal.SIGINT)
    report, _ = load.communicate()

    assert code == 0
    assert "Non-2xx" not in report
    # What it calls errors when it writes is that it is refused after the end.
    assert re.search(r"read [1-9]", report) is None, report
    calls = re.search(r"counted (\d+)", server.stderr)
    answers = re.search(r"(\d+) requests in", report)
    assert calls is not None
    assert answers is not None
    assert int(answers[1]) == int(calls[1]) > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("option", [(), ("--workers", "2")])
async def test_who_was_let_in_before_the_end_gets_a_whole_answer(
    start_server: StartServer, number: int, option: tuple[str, ...]
) -> None:
    """Whoever could connect and ask is answered, whatever the moment of the signal."""
    server = start_server(*option, settings=QUIET, wait=r"listens on http://127.0.0.1:(\d+)")
    clients = [
        asyncio.create_task(ask_until_the_end(server.port, kind))
        for kind in ("new", "kept", "pipelined")
        for _ in range(4)
    ]

    await asyncio.to_thread(server.wait_for, "under load")
    code = await asyncio.to_thread(server.stop, number)
    answered = await asyncio.gather(*clients)

    assert code == 0
    assert min(answered) > 0


async def ask_until_the_end(port: int, kind: str) -> int:
    """Ask again and again, see that each request is answered, and return how many were.

    Args:
        port: Where.
        kind: `new`: on a new connection each time. `kept`: on the same one for as long as the
            server keeps it. `pipelined`: the same, three requests at a time.
    """
    answered = 0
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return answered
        times = 3 if kind == "pipelined" else 1
        kept = True
        while kept:
            writer.write(REQUEST * times)
            await writer.drain()
            for left in reversed(range(times)):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                length = re.search(rb"Content-Length: (\d+)", head)
                assert length is not None
                await reader.readexactly(int(length[1]))
                answered += 1
                kept = b"Connection: close" not in head and kind != "new"
                # A request that was sent with others is not lost because the first is the last.
                assert kept or left == 0 or kind == "new", head
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("option", [(), ("--workers", "2")])
def test_who_waits_in_the_queue_is_answered(
    start_server: StartServer, option: tuple[str, ...]
) -> None:
    """Requests that nobody has looked at when the signal comes are answered too."""
    server = start_server(*option, wait=r"listens on http://127.0.0.1:(\d+)")
    # Time stands still for it, and for the system that takes connections it does not.
    os.killpg(server.process.pid, signal.SIGSTOP)
    clients = [server.connect() for _ in range(20)]
    for client in clients:
        client.request("GET", "/api/process")

    server.process.send_signal(signal.SIGTERM)
    os.killpg(server.process.pid, signal.SIGCONT)
    answers = [server.answer(client)[0] for client in clients]

    assert answers == [200] * 20
    assert server.wait() == 0


def test_an_open_call_is_finished_and_a_balancer_is_told_meanwhile(
    start_server: StartServer,
) -> None:
    """While my slow request is still being answered, `/readyz` says that no more is welcome."""
    server = start_server()
    waiting, asking, releasing = (server.connect() for _ in range(3))
    waiting.request("GET", "/api/wait")
    server.wait_for("waiting")
    asking.request("GET", "/readyz")
    before = server.answer(asking)

    server.process.send_signal(signal.SIGTERM)
    server.wait_for("stopping on SIGTERM")
    asking.request("GET", "/readyz")
    during = server.answer(asking)
    releasing.request("GET", "/api/release")
    released = server.answer(releasing)
    answer = server.answer(waiting)

    assert before == (200, {"ready": True, "checks": {}})
    assert during == (503, {"ready": False, "checks": {}})
    assert released == (200, "released")
    assert answer == (200, "waited")
    assert server.wait() == 0


def test_a_large_answer_is_sent_to_its_end(start_server: StartServer) -> None:
    """I download slowly while the server is told to stop, and get the whole of it."""
    server = start_server(settings="web.compress = false")
    with server.socket() as client:
        client.sendall(b"GET /api/large?size=30000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.wait_for("large ok")

        server.process.send_signal(signal.SIGTERM)
        server.wait_for("stopping on SIGTERM")
        received = 0
        while data := client.recv(1 << 20):
            received += len(data)

    assert received > 30_000_000
    assert server.wait() == 0


def test_a_hanging_action_is_cancelled_at_the_limit(start_server: StartServer) -> None:
    """An action that never ends does not keep the server: it is undone and its client is told."""
    server = start_server(settings=SHORT_GRACE)
    client = server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")

    begun = time.monotonic()
    code = server.stop()
    elapsed_seconds = time.monotonic() - begun
    status, body = server.answer(client)

    assert code == 0
    assert "after wait" in server.stderr
    assert status == 503
    assert body["error"]["type"] == "CONNECTION_SERVICE_UNAVAILABLE"
    assert body["error"]["message"] == "The server is shutting down"
    assert "still has open calls after 0.3 s; they are cancelled" in server.stderr
    # Far less than without an end, far more than it takes.
    assert elapsed_seconds < 20


@pytest.mark.parametrize("action", ["stubborn", "thread"])
def test_what_cannot_be_cancelled_is_left_behind(start_server: StartServer, action: str) -> None:
    """Neither an action that catches its cancellation nor a thread keeps the server alive."""
    server = start_server(settings=SHORT_GRACE)
    client = server.connect()
    client.request("GET", f"/api/{action}")
    server.wait_for("stubborn|in a thread")

    code = server.stop()

    assert code == 0
    assert "something has not ended in 1.0 s; ending without it" in server.stderr


def test_a_blocked_event_loop_ends_with_the_time(start_server: StartServer) -> None:
    """An action that forgot to await cannot keep my server from stopping."""
    server = start_server(settings=SHORT_GRACE)
    client = server.connect()
    client.request("GET", "/api/block")
    server.wait_for("blocking")

    code = server.stop()

    assert code == 70
    assert "something has not ended in 4.8 s; ending without it" in server.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_at_once(start_server: StartServer, number: int, code: int) -> None:
    """I press Ctrl-C twice, and the server is gone, whatever is open."""
    server = start_server()
    client, other = server.connect(), server.connect()
    client.request("GET", "/api/wait")
    server.wait_for("waiting")
    server.process.send_signal(number)
    server.wait_for("stopping on SIG")
    # It no longer writes, so that it can say one thing more.
    other.request("GET", "/livez")
    server.answer(other)

    ended = server.stop(number)

    assert ended == code
    assert f"second {signal.Signals(number).name}: ending at once" in server.stderr


def test_a_second_signal_ends_a_blocked_event_loop(start_server: StartServer) -> None:
    """Nor does an action that forgot to await keep it."""
    server = start_server()
    client = server.connect()
    client.request("GET", "/api/block")
    server.wait_for("blocking")

    # Of two that come together, the interpreter looks at the smaller number first.
    server.process.send_signal(signal.SIGINT)
    ended = server.stop(signal.SIGTERM)

    assert ended == 143


@pytest.mark.parametrize("option", [(), ("--workers", "2"), ("--reload",)])
def test_a_port_in_use_is_told(start_server: StartServer, option: tuple[str, ...]) -> None:
    """I start a second server on a port, and read what to do; no process stays."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = start_server("--port", str(port), *option, wait=None)
        code = server.wait()

    assert code == 78
    assert (
        f"Error: web.port {port} on 127.0.0.1 cannot be listened on: Address already in use; stop "
        "what listens there, or choose another with --port, ACTIONHERO_WEB__PORT or PORT\n"
    ) in server.stderr
    assert not server.has_left_processes


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_somebody_else_is_told(start_server: StartServer, host: str) -> None:
    """I mistype the host, and the message names it."""
    server = start_server("--host", host, wait=None)

    assert server.wait() == 78
    assert f"Error: web.host '{host}' cannot be listened on: " in server.stderr
    assert "choose an address of this machine with --host or ACTIONHERO_WEB__HOST" in server.stderr


def test_localhost_is_reached_by_each_of_its_addresses(start_server: StartServer) -> None:
    """`localhost` means what the system says it means, on one port."""
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
def test_a_signal_while_starting_undoes_what_was_started(
    start_server: StartServer, number: int
) -> None:
    """I stop a server that is still connecting to something, and nothing is left half open."""
    server = start_server(application=STARTING, wait="slow starts")

    code = server.stop(number)

    assert code == 0
    assert "slow stopped" in server.stderr
    assert "listening" not in server.stderr
