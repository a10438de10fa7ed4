"""permessage-deflate (RFC 7692), which is off unless it is asked for."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Frame, Started, StartServer

CONTINUATION, TEXT, BINARY, PING = 0, 1, 2, 9
#: The reserved bit of a compressed message.
DEFLATED = 4
AGREED = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}


def deflated(content: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    """Return a compressed message."""
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(content) + deflater.flush(flush)).removesuffix(b"\0\0\xff\xff")


def inflated(content: bytes) -> bytes:
    """Return what was compressed, on its own."""
    return zlib.decompressobj(wbits=-15).decompress(content + b"\0\0\xff\xff")


def said_in(frame: Frame) -> bytes:
    """Return what a frame holds, compressed or not."""
    return inflated(frame.content) if frame.reserved else frame.content


@pytest.fixture
def packed(start_server: StartServer) -> Started:
    """Give a server that compresses."""
    return start_server("[websocket]\ncompress = true\nmessages_per_second = 0\n")


def test_without_the_setting_no_offer_is_taken(server: Started) -> None:
    """Compression costs more than it saves on most networks."""
    client = server.connect("/echo", OFFER)

    assert "sec-websocket-extensions" not in client.headers
    client.put(TEXT, deflated(b"x" * 100), reserved=DEFLATED)
    assert client.next_close().code == 1002


def test_offers_are_taken_or_left(packed: Started) -> None:
    """What we cannot do is not agreed on, and the socket opens all the same."""
    taken = [
        "permessage-deflate", OFFER["Sec-WebSocket-Extensions"],
        "permessage-deflate; client_max_window_bits=10; server_no_context_takeover",
        "foo, permessage-deflate; server_max_window_bits=8, permessage-deflate",
        'permessage-deflate; server_max_window_bits="15"',
    ]  # fmt: skip
    left = [
        "foo", "x-webkit-deflate-frame", "permessage-deflate; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits", "permessage-deflate; unknown",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_max_window_bits; client_max_window_bits",
    ]  # fmt: skip

    for offer in taken:
        client = packed.connect("/echo", {"Sec-WebSocket-Extensions": offer})
        assert client.headers["sec-websocket-extensions"] == AGREED, offer
    for offer in left:
        client = packed.connect("/echo", {"Sec-WebSocket-Extensions": offer})
        assert "sec-websocket-extensions" not in client.headers, offer


def test_messages_are_compressed_each_on_its_own(packed: Started) -> None:
    """No context is kept, so that a broadcast is compressed once for all."""
    client = packed.connect("/api", OFFER)

    for _ in range(3):
        client.say(messageType="action", action="value", params={"kind": "large"})
        answer = client.frame()
        assert answer.reserved == DEFLATED
        assert len(answer.content) < 1000
        assert json.loads(inflated(answer.content)) == {"response": "x" * 100_000}


@pytest.mark.parametrize("bits", [9, 12, 15])
def test_a_smaller_window_is_agreed_on_and_kept(packed: Started, bits: int) -> None:
    """Who asks has no more memory for us than that; others have what they had."""
    offer = f"permessage-deflate; server_max_window_bits={bits}"
    small = packed.connect("/api", {"Sec-WebSocket-Extensions": offer})
    large = packed.connect("/api", OFFER)
    # Nothing in it comes again within 4096 bytes.
    text = "".join(f"{number:04x}" for number in range(2000)) * 2
    for client in (small, large):
        client.say(messageType="subscribe", channel="news")
        assert b"subscribed" in said_in(client.frame())

    packed.connect().call("tell", channel="news", message=text)
    heard = [client.frame() for client in (small, large)]

    agreed = small.headers["sec-websocket-extensions"]
    assert agreed == (AGREED if bits == 15 else f"{AGREED}; server_max_window_bits={bits}")
    for client_bits, frame in zip((bits, 15), heard, strict=True):
        inflater = zlib.decompressobj(wbits=-client_bits)
        whole = inflater.decompress(frame.content + b"\0\0\xff\xff")
        assert json.loads(whole)["message"]["message"] == text


def test_every_message_is_compressed_and_no_control_frame(packed: Started) -> None:
    """However short it is."""
    client = packed.connect("/echo", OFFER)
    client.put(TEXT, "short")
    client.put(TEXT)
    client.put(PING, "ping" * 30)

    frames = [client.frame() for _ in range(3)]

    assert sorted(frame.reserved for frame in frames) == [0, DEFLATED, DEFLATED]
    said = [inflated(frame.content) for frame in frames if frame.reserved]
    assert said == [b"short", b""]


def test_compressed_messages_are_heard(packed: Started) -> None:
    """Also in parts, also empty, also with a last block; uncompressed ones too."""
    client = packed.connect("/echo", OFFER)
    text = b"hello " * 50
    whole = deflated(text)

    client.put(TEXT, whole, reserved=DEFLATED)
    client.put(BINARY, whole[:5], reserved=DEFLATED, fin=False)
    client.put(PING)
    client.put(CONTINUATION, whole[5:])
    client.put(TEXT, deflated(text, zlib.Z_FINISH) + b"\0", reserved=DEFLATED)
    client.put(TEXT, b"\x00", reserved=DEFLATED)
    client.put(TEXT, text)

    answers = [client.frame() for _ in range(6)]
    heard = [said_in(item) for item in answers]
    assert sorted(heard) == sorted([text, b"", text, text, b"", text])


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"not deflated at all", b"\x03\x00 more"])
def test_what_is_not_deflated_is_refused(packed: Started, content: bytes) -> None:
    """The message cannot be known."""
    client = packed.connect("/echo", OFFER)

    client.put(TEXT, content, reserved=DEFLATED)

    assert client.next_close().code == 1002


def test_the_limit_is_for_what_comes_out(packed: Started) -> None:
    """A small frame that unfolds to a large one costs no memory."""
    client, bomb = packed.connect("/echo", OFFER), packed.connect("/echo", OFFER)

    client.put(BINARY, deflated(b"x" * 65536), reserved=DEFLATED)
    bomb.put(BINARY, deflated(bytes(50_000_000)), reserved=DEFLATED)

    assert inflated(client.frame().content) == b"x" * 65536
    assert bomb.next_close().code == 1009


@pytest.mark.parametrize(("opcode", "reserved"), [
    (CONTINUATION, DEFLATED), (PING, DEFLATED), (TEXT, 2), (TEXT, 1), (TEXT, 6),
])  # fmt: skip
def test_only_the_first_part_says_that_it_is_compressed(
    packed: Started, opcode: int, reserved: int
) -> None:
    """And no control frame, and with no other bit."""
    client = packed.connect("/echo", OFFER)
    if opcode == CONTINUATION:
        client.put(TEXT, deflated(b"x")[:2], fin=False, reserved=DEFLATED)

    client.put(opcode, b"", reserved=reserved)

    assert client.next_close().code == 1002


def test_a_broadcast_is_compressed_once_for_all(packed: Started) -> None:
    """The same bytes for everybody who agreed on it, and plain ones for the others."""
    clients = [packed.connect("/api", OFFER), packed.connect("/api", OFFER), packed.connect("/api")]
    for client in clients:
        client.say(messageType="subscribe", channel="news")
        assert b"subscribed" in said_in(client.frame())

    packed.connect().call("tell", channel="news", message="hello " * 100)
    first, second, plain = (client.frame() for client in clients)

    assert first.reserved == second.reserved == DEFLATED
    assert first.content == second.content
    assert plain.reserved == 0
    assert inflated(first.content) == plain.content
    assert plain.json["message"]["message"] == "hello " * 100
