"""Many sockets: nothing is left of those that have gone, and those that stay cost little."""

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

    from plugins.websocket.tests.conftest import Client, Started, StartServer

TEXT, CLOSE = 1, 8

#: The clients here do not answer when they are asked whether they are there.
SETTINGS = "[websocket]\nmessages_per_second = 0\nping_interval = 600\n"


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """Let this process, and those that it starts, have so many open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"this machine allows {hard} open files, and {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def subscribe(client: Client) -> None:
    """Join a channel."""
    assert client.ask(messageType="subscribe", channel="news") == {
        "subscribed": {"channel": "news"}
    }


def come_hear_and_go(server: Started, count: int) -> None:
    """Connect, subscribe, get a broadcast and leave, in every way that there is."""
    process = psutil.Process(server.process.pid)
    watcher = server.connect()
    assert watcher.call("joined")["response"] == {"joined": {}}
    files = process.num_fds()

    clients = [server.connect() for _ in range(count)]
    for client in clients:
        subscribe(client)
    assert watcher.call("joined")["response"] == {"joined": {"news": count}}
    watcher.call("tell", channel="news", message="for all")
    for client in clients:
        assert client.next()["message"]["message"] == "for all"
    for number, client in enumerate(clients):
        if number % 3 == 0:
            client.put(CLOSE, b"\x03\xe8")
        elif number % 3 == 1:
            client.put(TEXT, b"\xff")
        client.close()

    # One file is that of the subscription to Redis, which may stay.
    while process.num_fds() > files + 1:
        select.select([], [], [], 0.01)
    while watcher.call("joined")["response"] != {"joined": {}}:
        select.select([], [], [], 0.01)


def test_nothing_is_left_of_sockets_that_have_gone(start_server: StartServer) -> None:
    """No connection, no subscription, no file."""
    with many_files(2000):
        server = start_server(SETTINGS)
        come_hear_and_go(server, 200)
        come_hear_and_go(server, 200)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_nothing_is_left_of_5000_sockets(start_server: StartServer) -> None:
    """Nor of as many again: memory does not grow."""
    with many_files(12_000):
        server = start_server(SETTINGS)
        come_hear_and_go(server, 5000)
        server.close_clients()
        before = psutil.Process(server.process.pid).memory_info().rss
        come_hear_and_go(server, 5000)
        assert psutil.Process(server.process.pid).memory_info().rss < before * 1.1


def test_an_idle_socket_costs_little(start_server: StartServer) -> None:
    """At most 25 KiB, subscribed."""
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
def test_15000_idle_sockets_hear_a_broadcast(start_server: StartServer) -> None:
    """All of them, soon; how much memory each takes is printed."""
    count = 15_000
    with many_files(count + 1000):
        server = start_server(SETTINGS)
        memory = psutil.Process(server.process.pid).memory_info
        teller = server.connect()
        before = memory().rss
        clients = [server.connect() for _ in range(count)]
        for client in clients:
            subscribe(client)
        each = (memory().rss - before) / count

        begun = time.perf_counter()
        teller.call("tell", channel="news", message="for all")
        for client in clients:
            assert client.next()["message"]["message"] == "for all"
        seconds = time.perf_counter() - begun

    print(f"{each / 1024:.1f} KiB for each of {count} sockets; all had heard it in {seconds:.2f} s")
    assert each < 25 * 1024
