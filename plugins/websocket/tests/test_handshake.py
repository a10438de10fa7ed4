"""The opening handshake, RFC 6455 section 4, with raw bytes on a socket."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Client, ServerProcess


@pytest.fixture
def echo(server: ServerProcess) -> Client:
    """Return a connection to the echo endpoint."""
    return server.connect("/echo")


def test_4_2_2_the_response_has_the_digest_of_the_key(echo: Client) -> None:
    """And no subprotocol or extension that was not requested."""
    assert echo.key is not None
    digest = hashlib.sha1(echo.key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()

    assert echo.headers["sec-websocket-accept"] == base64.b64encode(digest).decode()
    assert echo.headers["upgrade"].lower() == "websocket"
    assert echo.headers["connection"].lower() == "upgrade"
    assert "sec-websocket-protocol" not in echo.headers
    assert "sec-websocket-extensions" not in echo.headers


@pytest.mark.parametrize("headers", [
    {"Upgrade": "WebSocket", "Connection": "keep-alive, UPGRADE"},
    {"Upgrade": "websocket", "Connection": "upgrade", "Origin": None},
])  # fmt: skip
def test_4_2_1_headers_are_compared_without_case(
    server: ServerProcess, headers: dict[str, str | None]
) -> None:
    """Firefox sends `keep-alive, Upgrade`."""
    assert server.client().handshake("/echo", headers).status == 101


@pytest.mark.parametrize("headers", [
    {"Sec-WebSocket-Key": None},
    {"Sec-WebSocket-Key": ""},
    {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ"},
    {"Sec-WebSocket-Key": base64.b64encode(b"fifteen bytes..").decode()},
    {"Sec-WebSocket-Key": "!!!!c2FtcGxlIG5vbmNlIQ=="},
    {"Connection": "keep-alive"},
    {"Content-Length": "3"},
    {"Transfer-Encoding": "chunked"},
    {"Sec-WebSocket-Protocol": "a b"},
    {"Host": None},
])  # fmt: skip
def test_4_2_2_malformed_handshakes_are_refused(
    server: ServerProcess, headers: dict[str, str | None]
) -> None:
    """With 400 and a reason."""
    client = server.client().handshake("/echo", headers)

    assert client.status == 400
    assert client.body
    assert "x-request-id" in client.headers


@pytest.mark.parametrize("version", [None, "12", "8", "7", "0", "13, 8", "014", "thirteen"])
def test_4_4_other_versions_are_refused(server: ServerProcess, version: str | None) -> None:
    """With 426 and the supported version."""
    client = server.client().handshake("/echo", {"Sec-WebSocket-Version": version})

    assert client.status == 426
    assert client.headers["sec-websocket-version"] == "13"


def test_4_2_1_http_1_0_cannot_be_upgraded(server: ServerProcess) -> None:
    """HTTP/1.0 has no upgrades."""
    assert server.client().handshake("/echo", version="HTTP/1.0").status == 400


@pytest.mark.parametrize(("requested", "expected"), [
    ("keryx-frontend", "keryx-frontend"),
    ("second, first", "second"),
    (" spaced ,b", "spaced"),
    (",, third", "third"),
])  # fmt: skip
def test_4_2_2_the_first_subprotocol_is_selected(
    server: ServerProcess, requested: str, expected: str
) -> None:
    """Its name does not affect the messages."""
    client = server.connect("/api", {"Sec-WebSocket-Protocol": requested})

    assert client.headers["sec-websocket-protocol"] == expected


def test_frames_sent_with_the_handshake_are_received(server: ServerProcess) -> None:
    """A client need not wait for the response."""
    client = server.client()
    hello = bytes((0x81, 0x85)) + bytes(4) + b"hello"

    client.handshake("/echo", after=hello + hello[:3])

    assert client.read_frame().content == b"hello"
    client.send_bytes(hello[3:])
    assert client.read_frame().content == b"hello"
