"""Many sockets, and much nonsense: nothing is left of the ones, nothing comes of the other."""

from __future__ import annotations

import json
import random
import resource
import select
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.websocket.tests.conftest import Client, Started, StartServer

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

SETTINGS = "[websocket]\nmessages_per_second = 0\n"


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


# -- nonsense -----------------------------------------------------------------------------------


def some_json(chance: random.Random, depth: int = 0) -> Any:
    """Return any JSON value."""
    kinds: list[Any] = [
        None, True, False, 0, -1, 1.5, 2**63, 2**64, 10**30, "", "x", "ü" * 50, "news",
        "action", "greet", "stream", "subscribe",
    ]  # fmt: skip
    if depth > 4 or chance.random() < 0.6:
        return chance.choice(kinds)
    if chance.random() < 0.5:
        return [some_json(chance, depth + 1) for _ in range(chance.randrange(4))]
    keys = ["messageType", "action", "messageId", "params", "channel", "since", "name", "x", ""]
    return {chance.choice(keys): some_json(chance, depth + 1) for _ in range(chance.randrange(5))}


def some_content(chance: random.Random) -> bytes:
    """Return a message that may mean something, or nothing."""
    kind = chance.random()
    if kind < 0.2:
        return chance.randbytes(chance.randrange(200))
    if kind < 0.4:
        return json.dumps(some_json(chance)).encode()
    message = {
        "messageType": chance.choice(["action", "subscribe", "unsubscribe", "nope", 5]),
        "messageId": some_json(chance, 3),
        "action": chance.choice(["greet", "value", "stream", "keep", "nobody", None, "whoami"]),
        "params": some_json(chance, 2),
        "channel": chance.choice(["news", "log:a", "messages", "many:1", "a b", None, "nowhere"]),
    }
    text = json.dumps(message)
    if kind < 0.5:
        place = chance.randrange(len(text))
        text = text[:place] + chance.choice(["\\", '"', "{", "", "\\u0000"]) + text[place + 1 :]
    return text.encode()


def say_nonsense(server: Started, count: int, seed: int) -> None:
    """Send so many messages and frames, and look whether the server is still itself."""
    chance = random.Random(seed)
    client = server.connect()
    for _ in range(count):
        opcode = chance.choices(
            [TEXT, BINARY, PING, PONG, CLOSE, CONTINUATION, 5], [80, 9, 3, 3, 1, 2, 1]
        )[0]
        content = some_content(chance)
        if opcode >= CLOSE:
            content = content[:125]
        try:
            client.put(
                opcode,
                content,
                fin=chance.random() < 0.97,
                reserved=0 if chance.random() < 0.99 else chance.randrange(8),
                mask=chance.randbytes(4) if chance.random() < 0.995 else None,
            )
            while select.select([client.socket], [], [], 0)[0]:
                said = client.frame()
                assert b"Traceback" not in said.content
                assert b"File \\" not in said.content
                if said.opcode == CLOSE:
                    assert said.code in {1000, 1001, 1002, 1007, 1009, *range(3000, 5000)}
                    raise EOFError
        except (EOFError, ConnectionError):
            client.close()
            client = server.connect()
    client.close()
    assert server.connect().call("greet", name="Ada")["response"]["greeting"] == "Hello, Ada!"


def test_nonsense_is_answered_with_sense(server: Started) -> None:
    """Never with our insides, and never with the end of the server."""
    say_nonsense(server, 1500, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_much_nonsense_is_answered_with_sense(server: Started) -> None:
    """Ten thousand of it."""
    for seed in range(2, 12):
        say_nonsense(server, 1000, seed)
