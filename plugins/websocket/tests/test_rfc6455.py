"""RFC 6455 after the handshake, section by section, with raw bytes on a socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Client, ServerProcess

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@pytest.fixture
def echo(server: ServerProcess) -> Client:
    """Return a connection to the echo endpoint."""
    return server.connect("/echo")


def is_alive(client: Client) -> bool:
    """Return whether the connection still echoes messages."""
    client.send_frame(TEXT, "probe")
    return client.read_frame() == (TEXT, b"probe", True, 0)


# -- 5.1, 5.3: masking -----------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [TEXT, BINARY, CLOSE, PING, PONG])
def test_5_1_unmasked_frames_are_refused(echo: Client, opcode: int) -> None:
    """The connection is closed with 1002."""
    echo.send_frame(opcode, mask=None)

    assert echo.read_close().code == 1002
    assert echo.is_closed()


@pytest.mark.parametrize("mask", [bytes(4), b"\xff\xff\xff\xff", b"\x00\x01\x02\x03"])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 126, 127, 65535, 65536])
def test_5_3_frames_are_unmasked(echo: Client, mask: bytes, size: int) -> None:
    """At all lengths, and at the limits of each length format."""
    content = bytes(index % 251 for index in range(size))

    echo.send_frame(BINARY, content, mask=mask)

    assert echo.read_frame() == (BINARY, content, True, 0)


# -- 5.2: the frame --------------------------------------------------------------------------------


@pytest.mark.parametrize("reserved", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_5_2_reserved_bits_are_refused(echo: Client, reserved: int, opcode: int) -> None:
    """No extension was negotiated."""
    echo.send_frame(opcode, reserved=reserved)

    assert echo.read_close().code == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_5_2_reserved_opcodes_are_refused(echo: Client, opcode: int) -> None:
    """For data and control frames."""
    echo.send_frame(opcode)

    assert echo.read_close().code == 1002


@pytest.mark.parametrize("length", [
    b"\x7e\x00\x7d", b"\x7f" + bytes(7) + b"\x7d", b"\x7f" + bytes(6) + b"\xff\xff",
    b"\x7f\x80" + bytes(7), b"\x7f" + b"\xff" * 8,
])  # fmt: skip
def test_5_2_malformed_lengths_are_refused(echo: Client, length: bytes) -> None:
    """A length must have its shortest form, and must not be negative."""
    echo.send_frame(BINARY, b"x" * 125, length=length)

    assert echo.read_close().code == 1002


def test_5_2_frames_may_arrive_byte_by_byte(echo: Client) -> None:
    """In 138 reads."""
    for byte in bytes((0x81, 0xFE, 0, 130)) + bytes(4) + b"h" * 130:
        echo.send_bytes(bytes((byte,)))

    assert echo.read_frame().content == b"h" * 130


def test_5_2_many_frames_may_arrive_at_once(echo: Client) -> None:
    """Their order is kept."""
    hello = [bytes((0x81, 0x82)) + bytes(4) + b"%02d" % number for number in range(50)]

    echo.send_bytes(*hello)

    assert [echo.read_frame().content for _ in hello] == [b"%02d" % number for number in range(50)]


# -- 5.4: fragmentation ----------------------------------------------------------------------------


def test_5_4_messages_may_be_fragmented(echo: Client) -> None:
    """With control frames between the fragments."""
    echo.send_frame(TEXT, "grü".encode()[:3], fin=False)
    echo.send_frame(PING, "1")
    echo.send_frame(CONTINUATION, "grü".encode()[3:], fin=False)
    echo.send_frame(CONTINUATION, b"", fin=False)
    echo.send_frame(PONG, "unsolicited")
    echo.send_frame(CONTINUATION, "ße")

    assert echo.read_frame() == (PONG, b"1", True, 0)
    assert echo.read_frame() == (TEXT, "grüße".encode(), True, 0)


def test_5_4_empty_fragments_are_an_empty_message(echo: Client) -> None:
    """The next frame is a new message."""
    echo.send_frame(BINARY, fin=False)
    echo.send_frame(CONTINUATION, fin=False)
    echo.send_frame(CONTINUATION)
    echo.send_frame(TEXT, "next")

    assert echo.read_frame() == (BINARY, b"", True, 0)
    assert echo.read_frame() == (TEXT, b"next", True, 0)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("first", [b"", b"first"])
@pytest.mark.parametrize("fin", [True, False])
def test_5_4_a_new_message_within_another_is_refused(
    echo: Client, opcode: int, first: bytes, fin: bool
) -> None:
    """Also after an empty first fragment."""
    echo.send_frame(TEXT, first, fin=False)
    echo.send_frame(opcode, "another", fin=fin)

    assert echo.read_close().code == 1002


@pytest.mark.parametrize("fin", [True, False])
def test_5_4_a_continuation_without_a_message_is_refused(echo: Client, fin: bool) -> None:
    """After a complete message."""
    echo.send_frame(TEXT, "complete")
    echo.send_frame(CONTINUATION, "more", fin=fin)

    assert echo.read_frame().content == b"complete"
    assert echo.read_close().code == 1002


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_5_4_fragmented_control_frames_are_refused(echo: Client, opcode: int) -> None:
    """With 1002."""
    echo.send_frame(opcode, fin=False)

    assert echo.read_close().code == 1002


# -- 5.5: control frames ---------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"hello", bytes(range(125))])
def test_5_5_2_pongs_have_the_content_of_the_ping(echo: Client, content: bytes) -> None:
    """Up to 125 bytes."""
    echo.send_frame(PING, content)

    assert echo.read_frame() == (PONG, content, True, 0)


def test_5_5_3_unsolicited_pongs_are_ignored(echo: Client) -> None:
    """They may be a unidirectional heartbeat."""
    echo.send_frame(PONG, "hello")

    assert is_alive(echo)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_5_5_long_control_frames_are_refused(echo: Client, opcode: int) -> None:
    """The limit is 125 bytes."""
    echo.send_frame(opcode, b"\x03\xe8" + b"x" * 124)

    assert echo.read_close().code == 1002


@pytest.mark.parametrize("content", [
    b"", b"\x03\xe8", b"\x03\xe9bye", b"\x0b\xb8" + "grüße".encode(), b"\x03\xe8" + b"x" * 123,
])  # fmt: skip
def test_5_5_1_the_server_replies_to_a_close_frame(echo: Client, content: bytes) -> None:
    """With the same code, and closes the connection."""
    echo.send_frame(CLOSE, content)

    reply = echo.read_frame()

    assert (reply.opcode, reply.content) == (CLOSE, content[:2])
    assert echo.is_closed()


def test_5_5_1_frames_after_a_close_frame_are_ignored(echo: Client) -> None:
    """The server sends no more frames either."""
    echo.send_bytes(
        bytes((0x88, 0x80)) + bytes(4), bytes((0x81, 0x82)) + bytes(4) + b"hi",
        bytes((0x89, 0x80)) + bytes(4),
    )  # fmt: skip

    assert echo.read_frame().opcode == CLOSE
    assert echo.is_closed()


# -- 7.4: close codes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
)
def test_7_4_valid_codes_are_accepted(echo: Client, code: int) -> None:
    """Those of the standard and its registry, of frameworks, and of applications."""
    echo.send_frame(CLOSE, code.to_bytes(2) + b"reason")

    assert echo.read_frame().code == code


@pytest.mark.parametrize(
    "code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
)
def test_7_4_invalid_codes_are_refused(echo: Client, code: int) -> None:
    """Reserved codes must not be sent; others are undefined."""
    echo.send_frame(CLOSE, code.to_bytes(2))

    assert echo.read_frame().code == 1002
    assert echo.is_closed()


def test_7_1_6_one_byte_codes_are_refused(echo: Client) -> None:
    """A code has two bytes."""
    echo.send_frame(CLOSE, b"\x03")

    assert echo.read_frame().code == 1002


def test_5_5_1_reasons_other_than_utf8_are_refused(echo: Client) -> None:
    """With 1007."""
    echo.send_frame(CLOSE, b"\x03\xe8\xff")

    assert echo.read_frame().code == 1007


# -- 8.1: text is UTF-8 ----------------------------------------------------------------------------

NOT_UTF8 = [
    b"\xff", b"\xc3", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf",
    b"a\x80", b'{"messageType": "action", "action": "\xff"}',
]  # fmt: skip


@pytest.mark.parametrize("path", ["/echo", "/api"])
@pytest.mark.parametrize("text", NOT_UTF8)
def test_8_1_text_other_than_utf8_is_refused(server: ServerProcess, path: str, text: bytes) -> None:
    """With 1007, by endpoints and by the message protocol."""
    client = server.connect(path)

    client.send_frame(TEXT, text)

    assert client.read_close().code == 1007
    assert client.is_closed()


@pytest.mark.parametrize("path", ["/echo", "/api"])
def test_8_1_a_character_may_be_split_between_fragments(server: ServerProcess, path: str) -> None:
    """Only the complete message is validated."""
    client = server.connect(path)
    text = json.dumps({"messageId": "🦸", "messageType": "x"}, ensure_ascii=False).encode()
    cut = text.index("🦸".encode()) + 2

    client.send_frame(TEXT, text[:cut], fin=False)
    client.send_frame(CONTINUATION, text[cut:])

    response: Any = client.read_json()
    assert response["messageId"] == "🦸"


def test_8_1_binary_messages_may_have_any_content(echo: Client) -> None:
    """They are not validated."""
    echo.send_frame(BINARY, b"\xff\xfe\x00")

    assert echo.read_frame() == (BINARY, b"\xff\xfe\x00", True, 0)


def test_binary_messages_other_than_utf8_are_invalid_json(server: ServerProcess) -> None:
    """The frame is valid, so the socket stays open."""
    client = server.connect()

    client.send_frame(BINARY, b"\xff")

    assert client.read_json()["error"]["message"].startswith("SyntaxError: ")
    assert "response" in client.call("over:socket")


# -- 10.4: limits ----------------------------------------------------------------------------------


def test_10_4_messages_up_to_the_limit_are_accepted(echo: Client) -> None:
    """65536 bytes, in one fragment or in several."""
    echo.send_frame(BINARY, b"x" * 65536)
    echo.send_frame(BINARY, b"y" * 65535, fin=False)
    echo.send_frame(CONTINUATION, b"y")

    assert echo.read_frame().content == b"x" * 65536
    assert echo.read_frame().content == b"y" * 65536


@pytest.mark.parametrize("sizes", [(65537,), (65536, 1), (1, 65536), (1 << 40,)])
def test_10_4_messages_over_the_limit_are_refused(echo: Client, sizes: tuple[int, ...]) -> None:
    """As soon as the length is known, before the content arrives."""
    for number, size in enumerate(sizes, 1):
        is_last = number == len(sizes)
        first = (0x80 if is_last else 0) | (BINARY if number == 1 else CONTINUATION)
        echo.send_bytes(
            bytes((first, 0xFF)) + size.to_bytes(8) if size > 65535 else bytes((first, 0x81))
        )
        if not is_last:
            echo.send_bytes(bytes(4) + b"x" * size if size < 65536 else bytes(4 + size))

    close = echo.read_close()
    assert (close.code, close.reason) == (1009, "Received too big message")
    assert echo.is_closed()


def test_the_close_frame_arrives_during_a_large_upload(echo: Client) -> None:
    """With a megabyte in flight."""
    echo.send_frame(BINARY, b"x" * 1_000_000)

    assert echo.read_close().code == 1009
