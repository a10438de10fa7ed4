"""Many sockets: closed ones leave no state, and idle ones need little memory."""

from __future__ import annotations

import resource
import select
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.websocket.tests.conftest import Client, ServerProcess, StartServer

TEXT, CLOSE = 1, 8

#: The clients of these tests do not reply to pings.
SETTINGS = "[websocket]\nmessages_per_second = 0\nping_interval = 600\n"


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """Raise the limit of open files for this process and its children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"this machine allows {hard} open files, and {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def subscribe(client: Client) -> None:
    """Subscribe to a channel."""
    assert client.request(messageType="subscribe", channel="news") == {
        "subscribed": {"channel": "news"}
    }


def connect_and_disconnect(server: ServerProcess, count: int) -> None:
    """Connect, subscribe, receive a broadcast, and disconnect in three ways."""
    process = psutil.Process(server.process.pid)
    observer = server.connect()
    assert observer.call("subscribers")["response"] == {"subscribers": {}}
    files = process.num_fds()

    clients = [server.connect() for _ in range(count)]
    for client in clients:
        subscribe(client)
    assert observer.call("subscribers")["response"] == {"subscribers": {"news": count}}
    observer.call("broadcast", channel="news", message="broadcast")
    for client in clients:
        assert client.read_json()["message"]["message"] == "broadcast"
    for number, client in enumerate(clients):
        if number % 3 == 0:
            client.send_frame(CLOSE, b"\x03\xe8")
        elif number % 3 == 1:
            client.send_frame(TEXT, b"\xff")
        client.close()

    # The pub/sub connection to Redis may stay open.
    while process.num_fds() > files + 1:
        select.select([], [], [], 0.01)
    while observer.call("subscribers")["response"] != {"subscribers": {}}:
        select.select([], [], [], 0.01)


def test_closed_sockets_leave_no_state(start_server: StartServer) -> None:
    """No connection, subscription or open file."""
    with many_files(2000):
        server = start_server(SETTINGS)
        connect_and_disconnect(server, 200)
        connect_and_disconnect(server, 200)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_5000_closed_sockets_leave_no_state(start_server: StartServer) -> None:
    """Memory does not grow with the second 5000."""
    with many_files(12_000):
        server = start_server(SETTINGS)
        connect_and_disconnect(server, 5000)
        server.close_clients()
        before = psutil.Process(server.process.pid).memory_info().rss
        connect_and_disconnect(server, 5000)
        assert psutil.Process(server.process.pid).memory_info().rss < before * 1.1


def test_idle_sockets_need_little_memory(start_server: StartServer) -> None:
    """At most 25 KiB each, with a subscription."""
    with many_files(4000):
        server = start_server(SETTINGS)
        memory = psutil.Process(server.process.pid).memory_info
        for client in [server.connect() for _ in range(200)]:
            subscribe(client)
        before = memory().rss

        for client in [server.connect() for _ in range(1000)]:
            subscribe(client)

        assert (memory().rss - before) / 1000 < 25 * 1024


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_15000_idle_sockets_receive_a_broadcast(start_server: StartServer) -> None:
    """The duration and the memory per socket are printed."""
    count = 15_000
    with many_files(count + 1000):
        server = start_server(SETTINGS)
        memory = psutil.Process(server.process.pid).memory_info
        sender = server.connect()
        before = memory().rss
        clients = [server.connect() for _ in range(count)]
        for client in clients:
            subscribe(client)
        each = (memory().rss - before) / count

        started = time.perf_counter()
        sender.call("broadcast", channel="news", message="broadcast")
        for client in clients:
            assert client.read_json()["message"]["message"] == "broadcast"
        seconds = time.perf_counter() - started

    print(f"{each / 1024:.1f} KiB for each of {count} sockets; delivered in {seconds:.2f} s")
    assert each < 25 * 1024
