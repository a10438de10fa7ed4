"""Actions that answer in pieces, over real sockets."""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.conftest import Started, StartServer

APPLICATION = '''
from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from actionhero import Action, Call, Conflict, Event, Field, Inputs, Middleware, Outcome, Stream


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Told(Middleware):
    async def after(self, call: Call, outcome: Outcome) -> None:
        say(f"after {call.action.name}: {'value' if outcome.ok else outcome.error.message}")


class CounterInputs(Inputs):
    count: int = Field(default=5, ge=1, le=100)


class Counter(Action):
    """Count."""

    name = "streaming:counter"
    web = "GET /streaming/counter"
    middleware = [Told()]

    async def run(self, inputs: CounterInputs, call: Call) -> AsyncIterator[Event[dict[str, int]]]:
        for index in range(1, inputs.count + 1):
            yield Event({"index": index, "total": inputs.count}, event="counter")
            await asyncio.sleep(0)


class AfterInputs(Inputs):
    after: int


class Broken(Action):
    name = "broken"
    web = "POST /broken"

    async def run(self, inputs: AfterInputs) -> AsyncIterator[int]:
        for number in range(inputs.after):
            yield number
        raise Conflict("no more")


class Export(Action):
    name = "export"
    web = "GET /export/{after}"

    async def run(self, inputs: AfterInputs) -> Stream:
        async def rows() -> AsyncIterator[str]:
            for number in range(inputs.after):
                yield f"{number},x\\n"
            if inputs.after == 3:
                raise Conflict("no more")

        return Stream(rows(), "text/csv")


class Bytes(Action):
    name = "bytes"
    web = "GET /bytes"

    async def run(self) -> Stream:
        async def pieces() -> AsyncIterator[bytes]:
            yield bytes(3)

        return Stream(pieces())


class Odd(Action):
    name = "odd"
    web = "GET /odd"

    async def run(self) -> Stream:
        async def pieces() -> AsyncIterator[int]:
            yield 1

        return Stream(pieces())


class Open(Action):
    """One event, and then nothing for ever."""

    name = "open"
    web = "GET /open"
    middleware = [Told()]

    async def run(self) -> AsyncIterator[str]:
        try:
            yield "opened"
            await asyncio.Event().wait()
        finally:
            say("closed")


class Endless(Action):
    """Chunks for ever, as fast as somebody takes them."""

    name = "endless"
    web = "GET /endless"

    async def run(self) -> Stream:
        return Stream(self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        made = 0
        try:
            while True:
                made += 1
                yield bytes(1 << 16)
        finally:
            say(f"made {made}")


class Silent(Action):
    name = "silent"
    web = "GET /silent"

    async def run(self) -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield "never"


class Tasks(Action):
    name = "tasks"
    web = "GET /tasks"

    async def run(self) -> int:
        return len(asyncio.all_tasks())
'''
PROFILES = pytest.mark.parametrize("profile", ["standard", "actionhero"])


@pytest.fixture
def server(start_server: StartServer) -> Started:
    """Give a server with actions that stream."""
    return start_server(application=APPLICATION)


def open_stream(server: Started, path: str) -> socket.socket:
    """Ask for a stream on a connection of its own, and return when its head and more is there."""
    client = server.socket()
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
    return client


def fetch(server: Started, path: str, method: str = "GET", body: Any = None) -> Any:
    """Return the answer and its body, to the end."""
    client = server.connect()
    sent = None if body is None else json.dumps(body)
    client.request(method, path, sent, {"Content-Type": "application/json"} if sent else {})
    response = client.getresponse()
    return response, response.read()


def frames(body: bytes) -> list[list[str]]:
    """Return the lines of each event, as a reader of events would take them."""
    *whole, rest = body.decode().split("\n\n")
    assert not rest, "the last event is not whole"
    return [event.split("\n") for event in whole]


def test_items_are_events(server: Started) -> None:
    """The counter, to the letter: the head that readers of events ask for, and the events."""
    response, body = fetch(server, "/api/streaming/counter?count=2")

    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["Connection"] == "keep-alive"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Request-Id"]
    assert response.headers["Content-Encoding"] is None
    assert body == (
        b'event: counter\ndata: {"index":1,"total":2}\n\n'
        b'event: counter\ndata: {"index":2,"total":2}\n\n'
    )


def test_the_connection_is_used_again(server: Started) -> None:
    """After the last event the same connection takes the next request."""
    client = server.connect()
    for _ in range(2):
        client.request("GET", "/api/streaming/counter?count=100")
        assert len(frames(client.getresponse().read())) == 100


def test_an_event_is_there_before_the_next_is_made(server: Started) -> None:
    """The first event of a stream without an end arrives."""
    client = server.connect()
    client.request("GET", "/api/open")
    response = client.getresponse()

    assert response.readline() == b"data: opened\n"


@PROFILES
def test_what_fails_before_the_first_item_is_an_error_like_any_other(
    start_server: StartServer, profile: str
) -> None:
    """With its status, and no stream."""
    server = start_server(application=APPLICATION, settings=f'web.error_format = "{profile}"')
    standard = profile == "standard"

    failed, body = fetch(server, "/api/broken", "POST", {"after": 0})
    refused, _ = fetch(server, "/api/streaming/counter?count=300")

    assert failed.status == (409 if standard else 500)
    assert failed.headers["Content-Type"] == "application/json"
    assert json.loads(body)["error"]["message"] == "no more"
    assert refused.status == (422 if standard else 406)


@PROFILES
def test_what_fails_later_is_an_event(start_server: StartServer, profile: str) -> None:
    """The envelope of the profile, in an event named error, and the stream ends as it should."""
    server = start_server(application=APPLICATION, settings=f'web.error_format = "{profile}"')

    response, body = fetch(server, "/api/broken", "POST", {"after": 2})

    assert response.status == 200
    first, second, (name, data) = frames(body)
    assert (first, second, name) == (["data: 0"], ["data: 1"], "event: error")
    error = json.loads(data.removeprefix("data: "))["error"]
    told = "CONNECTION_ACTION_CONFLICT" if profile == "standard" else "ACTION_VALIDATION"
    assert error["message"] == "no more"
    assert error["type"].endswith(told)


def test_a_stream_is_a_body_in_chunks(server: Started) -> None:
    """Of the type that the action says, or of bytes."""
    export, rows = fetch(server, "/api/export/2")
    raw, zeros = fetch(server, "/api/bytes")
    empty, nothing = fetch(server, "/api/export/0")

    assert (export.headers["Content-Type"], rows) == ("text/csv", b"0,x\n1,x\n")
    assert export.headers["Transfer-Encoding"] == "chunked"
    assert (raw.headers["Content-Type"], zeros) == ("application/octet-stream", bytes(3))
    assert (empty.headers["Content-Type"], nothing) == ("text/csv", b"")


def test_chunks_that_fail_break_off(server: Started) -> None:
    """Nobody takes half a file for a whole one; and all that was made has arrived."""
    with pytest.raises(http.client.IncompleteRead) as broken:
        fetch(server, "/api/export/3")

    assert broken.value.partial == b"0,x\n1,x\n2,x\n"
    assert "Traceback" not in server.stderr


def test_what_is_neither_bytes_nor_text_is_no_chunk(server: Started) -> None:
    """The author reads in the log what the action gave."""
    response, _ = fetch(server, "/api/odd")

    assert response.status == 500
    server.wait_for("a Stream gives bytes or text, not 'int'")


def test_head_tells_the_head_alone(server: Started) -> None:
    """No event is sent, and the stream is closed."""
    response, body = fetch(server, "/api/open", "HEAD")

    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    assert body == b""
    server.wait_for("closed")
    server.wait_for("after open: value")


def test_a_client_of_http_1_0_reads_to_the_end_of_the_connection(server: Started) -> None:
    """It knows no chunks."""
    with server.socket() as client:
        client.sendall(b"GET /api/streaming/counter?count=1 HTTP/1.0\r\n\r\n")
        received = b""
        while data := client.recv(65536):
            received += data

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert b"keep-alive" not in head
    assert body == b'event: counter\ndata: {"index":1,"total":1}\n\n'


def test_a_client_that_goes_away_ends_the_stream(server: Started) -> None:
    """Its `finally` runs, and middleware learns that the call was cancelled."""
    open_stream(server, "/api/open").close()

    server.wait_for("closed")
    server.wait_for("after open: The call was cancelled")


def test_where_a_client_that_goes_away_cancels_nothing_the_next_item_is_the_last(
    start_server: StartServer,
) -> None:
    """With `cancel_on_disconnect` off, the call ends well, and does not go on for ever."""
    server = start_server(application=APPLICATION, settings="web.cancel_on_disconnect = false")
    client = open_stream(server, "/api/endless")
    # A reset, so that the server learns of it at once.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    client.close()

    server.wait_for("made")
    server.wait_for("endless ok")


def test_a_client_that_reads_slowly_slows_down_the_action(start_server: StartServer) -> None:
    """No more is made than fits the buffers of the system; who takes nothing at all is dropped."""
    server = start_server(application=APPLICATION, settings="web.write_timeout = 0.5")

    with open_stream(server, "/api/endless"):
        made = int(server.wait_for(r"made (\d+)")[0][1])

    # Pieces of 64 KiB: what the kernel buffers is some megabytes.
    assert made < 500


def test_a_silent_stream_is_kept_alive(start_server: StartServer) -> None:
    """Comments go out, also before the first event, and readers of events pass them over."""
    server = start_server(application=APPLICATION, settings="web.stream_heartbeat = 0.05")
    client = server.connect()

    client.request("GET", "/api/silent")
    response = client.getresponse()

    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.read(9) == b":\n\n" * 3


def test_a_server_that_stops_ends_streams_of_events(start_server: StartServer) -> None:
    """After `stream_grace`, with the reason and a proper end, long before the grace time ends."""
    server = start_server(
        application=APPLICATION,
        settings="web.stream_grace = 0.2\nprocess.shutdown_timeout = 3600",
    )
    client = server.connect()
    client.request("GET", "/api/open")
    response = client.getresponse()
    assert response.read(len("data: opened\n\n")) == b"data: opened\n\n"

    assert server.stop() == 0

    [(name, data)] = frames(response.read())
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["message"] == (
        "The server is shutting down"
    )
    server.wait_for("closed")


def test_thousands_that_come_and_go_leave_nothing(server: Started) -> None:
    """Each stream ends with its connection, and so does every task."""
    client = server.connect()

    def tasks() -> Any:
        client.request("GET", "/api/tasks")
        return server.answer(client)[1]

    before = tasks()
    count, at_once = 2000, 200
    for _ in range(count // at_once):
        with ExitStack() as clients:
            for _ in range(at_once):
                clients.enter_context(open_stream(server, "/api/open"))

    server.wait_for("closed\n", times=count)
    server.wait_for("after open", times=count)
    assert re.search(r"Traceback|Error", server.stderr) is None
    # The last connections are forgotten when the loop comes round to it.
    assert any(tasks() == before for _ in range(1000))
