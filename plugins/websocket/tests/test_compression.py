"""permessage-deflate (RFC 7692), which is disabled by default."""

from __future__ import annotations

import json
import random
import zlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Frame, ServerProcess, StartServer

CONTINUATION, TEXT, BINARY, PING = 0, 1, 2, 9
#: The reserved bit of a compressed message.
DEFLATED = 4
EXTENSION = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}


def deflate(content: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    """Return a compressed message."""
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(content) + deflater.flush(flush)).removesuffix(b"\0\0\xff\xff")


def inflate(content: bytes) -> bytes:
    """Return a decompressed message."""
    return zlib.decompressobj(wbits=-15).decompress(content + b"\0\0\xff\xff")


def content_of(frame: Frame) -> bytes:
    """Return the content of a frame, decompressed if necessary."""
    return inflate(frame.content) if frame.reserved else frame.content


@pytest.fixture
def compressing_server(start_server: StartServer) -> ServerProcess:
    """Return a server with compression enabled."""
    return start_server("[websocket]\ncompress = true\nmessages_per_second = 0\n")


def test_offers_are_declined_by_default(server: ServerProcess) -> None:
    """And compressed messages are refused."""
    client = server.connect("/echo", OFFER)

    assert "sec-websocket-extensions" not in client.headers
    client.send_frame(TEXT, deflate(b"x" * 100), reserved=DEFLATED)
    assert client.read_close().code == 1002


def test_unsupported_offers_are_declined(compressing_server: ServerProcess) -> None:
    """The handshake succeeds without compression."""
    accepted = [
        "permessage-deflate", OFFER["Sec-WebSocket-Extensions"],
        "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
        "foo, permessage-deflate; server_max_window_bits=8, permessage-deflate",
        'permessage-deflate; server_max_window_bits="15"',
    ]  # fmt: skip
    declined = [
        "foo", "x-webkit-deflate-frame", "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits", "permessage-deflate; unknown",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
    ]  # fmt: skip

    for offer in accepted:
        client = compressing_server.connect("/echo", {"Sec-WebSocket-Extensions": offer})
        assert client.headers["sec-websocket-extensions"] == EXTENSION, offer
    for offer in declined:
        client = compressing_server.connect("/echo", {"Sec-WebSocket-Extensions": offer})
        assert "sec-websocket-extensions" not in client.headers, offer


def test_messages_are_compressed_independently(compressing_server: ServerProcess) -> None:
    """Without context takeover, so that a broadcast is compressed once for all clients."""
    client = compressing_server.connect("/api", OFFER)

    for _ in range(3):
        client.send_json(messageType="action", action="value", params={"kind": "large"})
        frame = client.read_frame()
        assert frame.reserved == DEFLATED
        assert len(frame.content) < 1000
        assert json.loads(inflate(frame.content)) == {"response": "x" * 100_000}


@pytest.mark.parametrize("bits", [9, 12, 15])
def test_smaller_windows_are_negotiated(compressing_server: ServerProcess, bits: int) -> None:
    """For one client, without an effect on others."""
    offer = f"permessage-deflate; server_max_window_bits={bits}"
    small = compressing_server.connect("/api", {"Sec-WebSocket-Extensions": offer})
    large = compressing_server.connect("/api", OFFER)
    # It repeats nothing within 4096 bytes.
    text = "".join(f"{number:04x}" for number in range(2000)) * 2
    for client in (small, large):
        client.send_json(messageType="subscribe", channel="news")
        assert b"subscribed" in content_of(client.read_frame())

    compressing_server.connect().call("broadcast", channel="news", message=text)
    received = [client.read_frame() for client in (small, large)]

    extension = small.headers["sec-websocket-extensions"]
    assert extension == (EXTENSION if bits == 15 else f"{EXTENSION}; server_max_window_bits={bits}")
    for client_bits, frame in zip((bits, 15), received, strict=True):
        inflater = zlib.decompressobj(wbits=-client_bits)
        body = inflater.decompress(frame.content + b"\0\0\xff\xff")
        assert json.loads(body)["message"]["message"] == text


def test_messages_are_compressed_and_control_frames_are_not(
    compressing_server: ServerProcess,
) -> None:
    """Short and empty messages too."""
    client = compressing_server.connect("/echo", OFFER)
    client.send_frame(TEXT, "short")
    client.send_frame(TEXT)
    client.send_frame(PING, "ping" * 30)

    frames = [client.read_frame() for _ in range(3)]

    assert sorted(frame.reserved for frame in frames) == [0, DEFLATED, DEFLATED]
    contents = [inflate(frame.content) for frame in frames if frame.reserved]
    assert contents == [b"short", b""]


def test_compressed_messages_are_decompressed(compressing_server: ServerProcess) -> None:
    """Fragmented, empty and finished ones; uncompressed messages are accepted too."""
    client = compressing_server.connect("/echo", OFFER)
    text = b"hello " * 50
    compressed = deflate(text)

    client.send_frame(TEXT, compressed, reserved=DEFLATED)
    client.send_frame(BINARY, compressed[:5], reserved=DEFLATED, fin=False)
    client.send_frame(PING)
    client.send_frame(CONTINUATION, compressed[5:])
    client.send_frame(TEXT, deflate(text, zlib.Z_FINISH) + b"\0", reserved=DEFLATED)
    client.send_frame(TEXT, b"\x00", reserved=DEFLATED)
    client.send_frame(TEXT, text)

    contents = [content_of(client.read_frame()) for _ in range(6)]
    assert sorted(contents) == sorted([text, b"", text, text, b"", text])


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"not deflated at all", b"\x03\x00 more"])
def test_invalid_compressed_data_is_refused(
    compressing_server: ServerProcess, content: bytes
) -> None:
    """With 1002."""
    client = compressing_server.connect("/echo", OFFER)

    client.send_frame(TEXT, content, reserved=DEFLATED)

    assert client.read_close().code == 1002


def test_the_message_limit_applies_to_decompressed_data(compressing_server: ServerProcess) -> None:
    """A decompression bomb is refused."""
    client, bomb = (
        compressing_server.connect("/echo", OFFER),
        compressing_server.connect("/echo", OFFER),
    )

    client.send_frame(BINARY, deflate(b"x" * 65536), reserved=DEFLATED)
    bomb.send_frame(BINARY, deflate(bytes(50_000_000)), reserved=DEFLATED)

    assert inflate(client.read_frame().content) == b"x" * 65536
    assert bomb.read_close().code == 1009


@pytest.mark.parametrize("parts", [1, 2])
def test_compression_that_enlarges_a_message_does_not_count(
    compressing_server: ServerProcess, parts: int
) -> None:
    """Random data is larger afterwards, also beyond the limit."""
    content = random.Random(0).randbytes(65537)
    accepted, refused = (
        compressing_server.connect("/echo", OFFER),
        compressing_server.connect("/echo", OFFER),
    )

    for client, body in (accepted, deflate(content[1:])), (refused, deflate(content)):
        assert len(body) > 65536
        first = len(body) // parts
        client.send_frame(BINARY, body[:first], reserved=DEFLATED, fin=parts == 1)
        if parts == 2:
            client.send_frame(CONTINUATION, body[first:])

    assert content_of(accepted.read_frame()) == content[1:]
    assert refused.read_close().code == 1009


@pytest.mark.parametrize(("opcode", "reserved"), [
    (CONTINUATION, DEFLATED), (PING, DEFLATED), (TEXT, 2), (TEXT, 1), (TEXT, 6),
])  # fmt: skip
def test_only_first_fragments_may_have_the_reserved_bit(
    compressing_server: ServerProcess, opcode: int, reserved: int
) -> None:
    """Neither continuations nor control frames, and no other bit."""
    client = compressing_server.connect("/echo", OFFER)
    if opcode == CONTINUATION:
        client.send_frame(TEXT, deflate(b"x")[:2], fin=False, reserved=DEFLATED)

    client.send_frame(opcode, b"", reserved=reserved)

    assert client.read_close().code == 1002


def test_broadcasts_are_compressed_once(compressing_server: ServerProcess) -> None:
    """The same bytes for all clients with compression, and plain ones for the others."""
    clients = [
        compressing_server.connect("/api", OFFER),
        compressing_server.connect("/api", OFFER),
        compressing_server.connect("/api"),
    ]
    for client in clients:
        client.send_json(messageType="subscribe", channel="news")
        assert b"subscribed" in content_of(client.read_frame())

    compressing_server.connect().call("broadcast", channel="news", message="hello " * 100)
    first, second, plain = (client.read_frame() for client in clients)

    assert first.reserved == second.reserved == DEFLATED
    assert first.content == second.content
    assert plain.reserved == 0
    assert inflate(first.content) == plain.content
    assert plain.json["message"]["message"] == "hello " * 100
