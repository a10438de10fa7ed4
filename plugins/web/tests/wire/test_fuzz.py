"""Random requests: the server handles them without internal errors, and keeps running."""

from __future__ import annotations

import http.client
import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugins.web.tests.wire.conftest import HttpClient, Serve

SHORT = 125
LONG = 2500

#: A line of a traceback. A single word of it could be part of a generated and echoed request.
TRACEBACK_LINE = re.compile(rb'File "[^"]+\.py", line \d+, in ')

#: The generated data is the same in each run, so that failures are reproducible.
COMMON: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}

PATHS = [
    "/api/echo", "/api/echo/text/x", "/api/account", "/api/upload", "/api/user/me", "/api/user/",
    "/api/value/int", "/api/webhook", "/api/nothing", "/api/status", "/", "/livez", "/page", "/api",
    "/api/created", "/api/native/text", "/api/stream", "/hello.txt", "/api/echo/number/1", "",
]  # fmt: skip
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]
MEDIA_TYPES = [
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b",
    "application/vnd.x+json; charset=utf-8", "text/plain", "multipart/form-data", "",
    "application/json; charset=utf-16", "multipart/mixed; boundary=b",
]  # fmt: skip
FIELDS = [
    "text", "number", "amount", "flag", "tags", "numbers", "when", "day", "wait", "uuid", "color",
    "address", "people", "table", "any", "price", "level", "name", "email", "password", "file",
    "postalCode", "counts", "note", "more", "id",
]  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.integers(2**62, 2**65) | st.sampled_from(["NaN", "2024-01-01", "1e400", "\x00", "-0"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(
        ["street", "zip", "floor", "entry_code"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def as_json(value: Any) -> bytes:
    import json  # noqa: PLC0415 - one use

    return json.dumps(value).encode()


json_bodies = st.dictionaries(st.sampled_from(FIELDS) | st.text(), json_values, max_size=6).map(
    as_json
)
percent_text = st.text() | st.sampled_from(
    ["%", "%00", "%ff", "a%2Fb", "+", "%u1234", "..", "%2e%2e"]
)


def quoted(text: str) -> str:
    return "".join(c if "!" <= c <= "~" and c not in "#?" else "".join(
        f"%{byte:02X}" for byte in c.encode("utf-8", "surrogatepass")) for c in text)  # fmt: skip


fields = st.lists(st.tuples(st.sampled_from(FIELDS) | percent_text, percent_text), max_size=6)
queries = fields.map(lambda pairs: "&".join(f"{quoted(n)}={quoted(v)}" for n, v in pairs))
form_bodies = queries.map(str.encode)
parts = st.lists(
    st.tuples(
        st.sampled_from([
            b'form-data; name="file"; filename="a"', b'form-data; name="text"', b"form-data", b"",
            b'form-data; name="any"; filename="\xff"', b'form-data; name="_charset_"', b"x; =;;",
            b'form-data; name="number"; filename*=utf-8\'\'%ff', b'attachment; filename="',
        ]),
        st.sampled_from([b"", b"\r\nContent-Type: text/plain; charset=utf-7", b"\r\nx", b"\r\n: y",
                         b"\r\nContent-Type: multipart/mixed; boundary=c", b"\r\nContent-Length: 3",
                         b"\r\nContent-Transfer-Encoding: base64", b"\r\nContent-Encoding: gzip"]),
        st.binary(max_size=60) | st.sampled_from([b"--b", b"\r\n--b--", b"7"]),
    ),
    max_size=4,
)  # fmt: skip
multipart_bodies = parts.map(
    lambda items: (
        b"".join(
            b"--b\r\nContent-Disposition: " + value + headers + b"\r\n\r\n" + content + b"\r\n"
            for value, headers, content in items
        )
        + b"--b--\r\n"
    )
)
bodies = json_bodies | form_bodies | multipart_bodies | st.binary(max_size=200)


@st.composite
def malformed(draw: Callable[[Any], Any], valid: Any) -> bytes:
    """Generate nearly valid bytes."""
    data = bytearray(draw(valid))
    for _ in range(draw(st.integers(0, 4))):
        position = draw(st.integers(0, len(data)))
        if draw(st.booleans()):
            data[position : position + draw(st.integers(0, 5))] = draw(st.binary(max_size=4))
        else:
            data[position:position] = draw(
                st.sampled_from(
                    [b"\r\n", b"\x00", b"\xff", b"{", b'"', b"\\ud800", b"[" * 70, b"%"]
                )
            )
    return bytes(data)


header_values = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40
)
headers = st.lists(
    st.tuples(
        st.sampled_from([
            "Accept", "Accept-Encoding", "Origin", "Cookie", "X-Request-Id", "X-Forwarded-For",
            "Forwarded", "If-None-Match", "If-Modified-Since", "Range", "If-Range", "Authorization",
            "Content-Encoding", "Access-Control-Request-Method", "Access-Control-Request-Headers",
            "X-Forwarded-Proto", "Upgrade", "Connection", "Expect", "User-Agent", "TE", "Via",
        ]),
        header_values | st.sampled_from([
            "gzip", "br;q=0", "bytes=0-", "bytes=-1", "*", "websocket", "upgrade", "100-continue",
            "for=1.2.3.4", "1.2.3.4, ::1", "deflate", "application/problem+json", "close",
        ]),
    ),
    max_size=5,
)  # fmt: skip
targets = st.tuples(st.sampled_from(PATHS), percent_text, queries).map(
    lambda target: (target[0] + (quoted(target[1]) if target[1] else "") or "/") + "?" + target[2]
)

requests = st.tuples(
    st.sampled_from(METHODS),
    targets,
    bodies | malformed(bodies),
    st.sampled_from(MEDIA_TYPES) | header_values,
    headers,
)


class KeepAliveClient:
    """Sends requests on one connection, for as long as it stays open."""

    def __init__(self, server: HttpClient) -> None:
        self.server = server
        self.connection: http.client.HTTPConnection | None = None

    def send(
        self,
        method: str,
        target: str,
        body: bytes,
        media_type: str,
        extra_headers: list[tuple[str, str]],
    ) -> tuple[int, bytes] | None:
        """Return status and body; `None` if the server closed the connection."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        connection = self.connection
        target = target if target.startswith("/") else f"/{target}"
        connection.putrequest(method, target, skip_accept_encoding=True)
        framing = [("Content-Type", media_type), ("Content-Length", str(len(body)))]
        for name, value in [*extra_headers, *framing]:
            connection.putheader(name, value.encode("latin-1").strip())
        try:
            connection.endheaders()
            connection.send(body)
            response = connection.getresponse()
            result = response.status, response.read()
        except (ConnectionError, http.client.HTTPException):
            self.close()
            return None
        if response.will_close or response.status == 101:
            self.close()
        return result

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@pytest.fixture
def create_client() -> Iterator[Callable[[HttpClient], KeepAliveClient]]:
    clients: list[KeepAliveClient] = []

    def create(server: HttpClient) -> KeepAliveClient:
        clients.append(KeepAliveClient(server))
        return clients[-1]

    yield create
    for client in clients:
        client.close()


@pytest.fixture
def fuzzed(serve: Serve, request: pytest.FixtureRequest, tmp_path_factory: Any) -> HttpClient:
    """A server with all features enabled; the parameter has error format and parser."""
    error_format, parser = request.param
    variables = {
        "web__error_format": error_format,
        "web__trusted_proxies": "127.0.0.1",
        "web__allowed_origins": "https://app.example.com",
        "errors__show_tracebacks": "false",
        # Truncated requests time out quickly.
        "web__body_idle_timeout": "0.3",
        "web__header_timeout": "0.3",
    }
    if parser == "Python":
        variables["AIOHTTP_NO_EXTENSIONS"] = "1"
    return serve(**variables)


EACH_SERVER = pytest.mark.parametrize(
    "fuzzed",
    [("standard", "C"), ("actionhero", "C"), ("standard", "Python")],
    indirect=True,
    ids="-".join,
)


def assert_valid(status: int, body: bytes) -> None:
    assert status < 500 or status == 503, body
    assert not TRACEBACK_LINE.search(body)


def fuzz_requests(server: HttpClient, client: KeepAliveClient, count: int) -> None:
    @settings(max_examples=count, **COMMON)
    @given(requests)
    def every_response_is_valid(request: Any) -> None:
        result = client.send(*request)
        if result is not None:
            assert_valid(*result)

    every_response_is_valid()
    assert server.is_alive
    assert not TRACEBACK_LINE.search(server.new_log_text().encode())


def fuzz_bytes(server: HttpClient, count: int) -> None:
    @settings(max_examples=count, **COMMON)
    @given(malformed(encoded_requests))
    def every_response_is_valid(sent: bytes) -> None:
        received = exchange(server, sent)

        for line in received.split(b"\r\n"):
            if line.startswith(b"HTTP/1."):
                status = int(line.split()[1])
                assert status < 500 or status in {501, 503, 505}, received
        assert not TRACEBACK_LINE.search(received)

    every_response_is_valid()
    assert server.is_alive
    assert not TRACEBACK_LINE.search(server.new_log_text().encode())


def exchange(server: HttpClient, sent: bytes) -> bytes:
    """Send bytes, and return the received data after a short wait.

    The wait determines the amount of received data, but not its correctness.
    """
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        with suppress(ConnectionError):
            connection.sendall(sent)
            connection.settimeout(0.02)
            with suppress(TimeoutError):
                received = connection.recv(65536)
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(10)
        with suppress(OSError):
            while data := connection.recv(65536):
                received += data
    return received


encoded_requests = st.tuples(
    st.sampled_from(METHODS),
    targets,
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0"]),
    headers,
    st.sampled_from(MEDIA_TYPES),
    bodies,
    st.booleans(),
).map(lambda parts: encode_request(*parts))


def encode_request(
    method: str, target: str, version: bytes, extra: list[tuple[str, str]], media_type: str,
    body: bytes, chunked: bool,
) -> bytes:  # fmt: skip
    lines = [f"{name}: {value}".encode("latin-1") for name, value in extra]
    lines += [b"Host: localhost", b"Content-Type: " + media_type.encode()]
    if chunked:
        lines.append(b"Transfer-Encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    else:
        lines.append(b"Content-Length: %d" % len(body))
    head = b"%b %b %b\r\n" % (method.encode(), target.encode("latin-1"), version)
    return head + b"\r\n".join(lines) + b"\r\n\r\n" + body


@EACH_SERVER
def test_random_requests_never_get_500(
    fuzzed: HttpClient, create_client: Callable[[HttpClient], KeepAliveClient]
) -> None:
    """The short form."""
    fuzz_requests(fuzzed, create_client(fuzzed), SHORT)


@EACH_SERVER
def test_random_bytes_never_get_500(fuzzed: HttpClient) -> None:
    """The short form."""
    fuzz_bytes(fuzzed, SHORT)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@EACH_SERVER
def test_ten_thousand_random_requests_never_get_500(
    fuzzed: HttpClient, create_client: Callable[[HttpClient], KeepAliveClient]
) -> None:
    """On each server, and half as many malformed byte sequences."""
    fuzz_requests(fuzzed, create_client(fuzzed), 4 * LONG)
    fuzz_bytes(fuzzed, 2 * LONG)
