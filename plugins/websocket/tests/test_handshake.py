"""The opening of a WebSocket connection: section 4 of RFC 6455, with plain bytes on a socket."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Client, Started


@pytest.fixture
def echo(server: Started) -> Client:
    """Give a connection to an endpoint that says back what it hears."""
    return server.connect("/echo")


def test_4_2_2_the_key_is_answered_with_its_digest(echo: Client) -> None:
    """So that the client knows that it was understood."""
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
    server: Started, headers: dict[str, str | None]
) -> None:
    """Firefox sends `keep-alive, Upgrade`."""
    assert server.client().shake("/echo", headers).status == 101


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
def test_4_2_2_a_malformed_opening_is_refused(
    server: Started, headers: dict[str, str | None]
) -> None:
    """With 400, and a word about what is wrong."""
    client = server.client().shake("/echo", headers)

    assert client.status == 400
    assert client.body
    assert "x-request-id" in client.headers


@pytest.mark.parametrize("version", [None, "12", "8", "7", "0", "13, 8", "014", "thirteen"])
def test_4_4_another_version_is_refused_with_ours(server: Started, version: str | None) -> None:
    """With 426, and the version that we speak."""
    client = server.client().shake("/echo", {"Sec-WebSocket-Version": version})

    assert client.status == 426
    assert client.headers["sec-websocket-version"] == "13"


def test_4_2_1_http_1_0_cannot_be_upgraded(server: Started) -> None:
    """There is no upgrade in it."""
    assert server.client().shake("/echo", version="HTTP/1.0").status == 400


@pytest.mark.parametrize(("asked", "agreed"), [
    ("keryx-frontend", "keryx-frontend"),
    ("second, first", "second"),
    (" spaced ,b", "spaced"),
    (",, third", "third"),
])  # fmt: skip
def test_4_2_2_the_first_subprotocol_is_agreed_on(server: Started, asked: str, agreed: str) -> None:
    """Whichever it is: the messages are the same."""
    client = server.connect("/api", {"Sec-WebSocket-Protocol": asked})

    assert client.headers["sec-websocket-protocol"] == agreed


def test_what_is_sent_with_the_opening_is_heard(server: Started) -> None:
    """A client need not wait for the answer to the opening."""
    client = server.client()
    hello = bytes((0x81, 0x85)) + bytes(4) + b"hello"

    client.shake("/echo", after=hello + hello[:3])

    assert client.frame().content == b"hello"
    client.send(hello[3:])
    assert client.frame().content == b"hello"
