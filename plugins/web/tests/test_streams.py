"""Actions that stream, over real sockets."""

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
    from plugins.web.tests.conftest import ServerProcess, StartServer

APPLICATION = '''
from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from actionhero import Action, Call, Conflict, Event, Field, Inputs, Middleware, Outcome, Stream
from actionhero_web import Route


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class LogAfter(Middleware):
    async def after(self, call: Call, outcome: Outcome) -> None:
        log(f"after {call.action.name}: {'value' if outcome.ok else outcome.error.message}")


class CounterInputs(Inputs):
    count: int = Field(default=5, ge=1, le=100)


class Counter(Action):
    """Count."""

    name = "streaming:counter"
    web = "GET /streaming/counter"
    middleware = [LogAfter()]

    async def run(self, inputs: CounterInputs, call: Call) -> AsyncIterator[Event[dict[str, int]]]:
        for index in range(1, inputs.count + 1):
            yield Event({"index": index, "total": inputs.count}, event="counter")
            await asyncio.sleep(0)


class AfterInputs(Inputs):
    after: int


class Failing(Action):
    name = "failing"
    web = "POST /failing"

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
    web = ("GET /bytes", Route.post("/bytes", status=201))

    async def run(self) -> Stream:
        async def chunks() -> AsyncIterator[bytes]:
            yield bytes(3)

        return Stream(chunks())


class InvalidChunks(Action):
    name = "invalid_chunks"
    web = "GET /invalid-chunks"

    async def run(self) -> Stream:
        async def chunks() -> AsyncIterator[int]:
            yield 1

        return Stream(chunks())


class Open(Action):
    """Yield one event, and then wait forever."""

    name = "open"
    web = "GET /open"
    middleware = [LogAfter()]

    async def run(self) -> AsyncIterator[str]:
        try:
            yield "opened"
            await asyncio.Event().wait()
        finally:
            log("closed")


class Endless(Action):
    """Yield chunks forever, as fast as the client reads them."""

    name = "endless"
    web = "GET /endless"

    async def run(self) -> Stream:
        return Stream(self._chunks())

    async def _chunks(self) -> AsyncIterator[bytes]:
        count = 0
        try:
            while True:
                count += 1
                yield bytes(1 << 16)
        finally:
            log(f"yielded {count}")


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
ERROR_FORMATS = pytest.mark.parametrize("error_format", ["standard", "actionhero"])


@pytest.fixture
def server(start_server: StartServer) -> ServerProcess:
    """A server with actions that stream."""
    return start_server(application=APPLICATION)


def open_stream(server: ServerProcess, path: str) -> socket.socket:
    """Request a stream on a new connection, and return it after the headers and some data."""
    client = server.socket()
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
    return client


def fetch(server: ServerProcess, path: str, method: str = "GET", body: Any = None) -> Any:
    """Return a response and its complete body."""
    client = server.connect()
    content = None if body is None else json.dumps(body)
    client.request(method, path, content, {"Content-Type": "application/json"} if content else {})
    response = client.getresponse()
    return response, response.read()


def split_events(body: bytes) -> list[list[str]]:
    """Return the lines of each event."""
    *events, rest = body.decode().split("\n\n")
    assert not rest, "the last event is incomplete"
    return [event.split("\n") for event in events]


def test_items_are_sent_as_events(server: ServerProcess) -> None:
    """The headers of an event stream, and the exact text of the events."""
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


def test_the_connection_is_reused(server: ServerProcess) -> None:
    """After the last event, the connection accepts the next request."""
    client = server.connect()
    for _ in range(2):
        client.request("GET", "/api/streaming/counter?count=100")
        assert len(split_events(client.getresponse().read())) == 100


def test_an_event_is_sent_immediately(server: ServerProcess) -> None:
    """The first event of an infinite stream arrives."""
    client = server.connect()
    client.request("GET", "/api/open")
    response = client.getresponse()

    assert response.readline() == b"data: opened\n"


@ERROR_FORMATS
def test_an_error_before_the_first_item_is_an_ordinary_error_response(
    start_server: StartServer, error_format: str
) -> None:
    """It has its status, and is not a stream."""
    server = start_server(application=APPLICATION, settings=f'web.error_format = "{error_format}"')
    standard = error_format == "standard"

    failed, body = fetch(server, "/api/failing", "POST", {"after": 0})
    invalid, _ = fetch(server, "/api/streaming/counter?count=300")

    assert failed.status == (409 if standard else 500)
    assert failed.headers["Content-Type"] == "application/json"
    assert json.loads(body)["error"]["message"] == "no more"
    assert invalid.status == (422 if standard else 406)


@ERROR_FORMATS
def test_a_later_error_is_an_event(start_server: StartServer, error_format: str) -> None:
    """An event named `error` contains the error document, and the stream ends properly."""
    server = start_server(application=APPLICATION, settings=f'web.error_format = "{error_format}"')

    response, body = fetch(server, "/api/failing", "POST", {"after": 2})

    assert response.status == 200
    first, second, (name, data) = split_events(body)
    assert (first, second, name) == (["data: 0"], ["data: 1"], "event: error")
    error = json.loads(data.removeprefix("data: "))["error"]
    name = "CONNECTION_ACTION_CONFLICT" if error_format == "standard" else "ACTION_VALIDATION"
    assert error["message"] == "no more"
    assert error["type"].endswith(name)


def test_a_stream_is_a_chunked_body(server: ServerProcess) -> None:
    """It has the media type of the action, or the default for bytes."""
    export, rows = fetch(server, "/api/export/2")
    binary, zeros = fetch(server, "/api/bytes")
    empty, no_rows = fetch(server, "/api/export/0")

    assert (export.headers["Content-Type"], rows) == ("text/csv", b"0,x\n1,x\n")
    assert export.headers["Transfer-Encoding"] == "chunked"
    assert (binary.headers["Content-Type"], zeros) == ("application/octet-stream", bytes(3))
    assert (empty.headers["Content-Type"], no_rows) == ("text/csv", b"")


def test_a_stream_has_the_status_of_its_route(server: ServerProcess) -> None:
    """As any other result."""
    response, zeros = fetch(server, "/api/bytes", "POST")

    assert (response.status, zeros) == (201, bytes(3))


def test_an_error_truncates_a_chunked_body(server: ServerProcess) -> None:
    """The client detects the truncation, and has received all previous chunks."""
    with pytest.raises(http.client.IncompleteRead) as error:
        fetch(server, "/api/export/3")

    assert error.value.partial == b"0,x\n1,x\n2,x\n"
    assert "Traceback" not in server.stderr


def test_a_chunk_is_bytes_or_text(server: ServerProcess) -> None:
    """The log contains the invalid type."""
    response, _ = fetch(server, "/api/invalid-chunks")

    assert response.status == 500
    server.wait_for("the chunks of a Stream are bytes or text, not 'int'")


def test_head_gets_headers_only(server: ServerProcess) -> None:
    """No event is sent, and the stream is closed."""
    response, body = fetch(server, "/api/open", "HEAD")

    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    assert body == b""
    server.wait_for("closed")
    server.wait_for("after open: value")


def test_a_client_of_http_1_0_reads_to_the_end_of_the_connection(server: ServerProcess) -> None:
    """HTTP/1.0 has no chunked bodies."""
    with server.socket() as client:
        client.sendall(b"GET /api/streaming/counter?count=1 HTTP/1.0\r\n\r\n")
        received = b""
        while data := client.recv(65536):
            received += data

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert b"keep-alive" not in head
    assert body == b'event: counter\ndata: {"index":1,"total":1}\n\n'


def test_a_disconnect_closes_the_stream(server: ServerProcess) -> None:
    """Its `finally` runs, and middleware gets the cancellation as outcome."""
    open_stream(server, "/api/open").close()

    server.wait_for("closed")
    server.wait_for("after open: The call was cancelled")
    server.wait_for(r"GET /api/open - \d+ ms open outcome=cancelled")


def test_without_cancel_on_disconnect_the_next_item_is_the_last(
    start_server: StartServer,
) -> None:
    """The call succeeds after a disconnect, but does not continue forever."""
    server = start_server(application=APPLICATION, settings="web.cancel_on_disconnect = false")
    client = open_stream(server, "/api/endless")
    # A reset, which the server detects immediately.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    client.close()

    server.wait_for("yielded")
    server.wait_for(r"GET /api/endless 200 \d+ ms endless ")


def test_a_slow_client_applies_back_pressure(start_server: StartServer) -> None:
    """An action yields only as much as fits into buffers; a stalled client is disconnected."""
    server = start_server(application=APPLICATION, settings="web.write_timeout = 0.5")

    with open_stream(server, "/api/endless"):
        count = int(server.wait_for(r"yielded (\d+)")[0][1])

    # Chunks of 64 KiB: the kernel buffers some megabytes.
    assert count < 500


def test_an_idle_stream_gets_heartbeats(start_server: StartServer) -> None:
    """Comments are sent, also before the first event; clients ignore them."""
    server = start_server(application=APPLICATION, settings="web.stream_heartbeat = 0.05")
    client = server.connect()

    client.request("GET", "/api/silent")
    response = client.getresponse()

    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.read(9) == b":\n\n" * 3


def test_a_shutdown_stops_event_streams(start_server: StartServer) -> None:
    """They end properly after `stream_grace`, with an error event, before the grace period ends."""
    server = start_server(
        application=APPLICATION,
        settings="web.stream_grace = 0.2\nprocess.shutdown_timeout = 3600",
    )
    client = server.connect()
    client.request("GET", "/api/open")
    response = client.getresponse()
    assert response.read(len("data: opened\n\n")) == b"data: opened\n\n"

    assert server.stop() == 0

    [(name, data)] = split_events(response.read())
    assert name == "event: error"
    assert json.loads(data.removeprefix("data: "))["error"]["message"] == (
        "The server is shutting down"
    )
    server.wait_for("closed")


def test_an_event_stream_opened_after_the_grace_period_is_stopped(
    start_server: StartServer,
) -> None:
    """A proxy sends requests on connections that it has kept open, also to a stopping server."""
    server = start_server(
        application=APPLICATION,
        settings="web.stream_grace = 0.05\nprocess.shutdown_timeout = 3600",
    )
    proxied = server.connect()
    proxied.request("GET", "/api/tasks")
    assert server.read_response(proxied)[0] == 200
    # A download that continues during the shutdown.
    with open_stream(server, "/api/endless"), open_stream(server, "/api/open"):
        server.process.terminate()
        server.wait_for("stopping 1 event streams")

        proxied.request("GET", "/api/open")
        response = proxied.getresponse()

        # Before the first event, so that a proxy can repeat the request.
        assert response.status == 503
        assert b"The server is shutting down" in response.read()
        server.process.kill()


def test_thousands_of_streams_leave_no_tasks(server: ServerProcess) -> None:
    """Each stream and its tasks end with the connection."""
    client = server.connect()

    def tasks() -> Any:
        client.request("GET", "/api/tasks")
        return server.read_response(client)[1]

    before = tasks()
    count, concurrent = 2000, 200
    for _ in range(count // concurrent):
        with ExitStack() as clients:
            for _ in range(concurrent):
                clients.enter_context(open_stream(server, "/api/open"))

    server.wait_for("closed\n", times=count)
    server.wait_for("after open", times=count)
    assert re.search(r"Traceback|Error", server.stderr) is None
    # The last connections are removed in a later iteration of the event loop.
    assert any(tasks() == before for _ in range(1000))
