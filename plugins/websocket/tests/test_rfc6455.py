"""RFC 6455 after its opening, section by section, with plain bytes on a socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Client, Started

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@pytest.fixture
def echo(server: Started) -> Client:
    """Give a connection to an endpoint that says back what it hears."""
    return server.connect("/echo")


def is_alive(client: Client) -> bool:
    """Whether a message still comes back."""
    client.put(TEXT, "are you there?")
    return client.frame() == (TEXT, b"are you there?", True, 0)


# -- 5.1, 5.3: masking -----------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [TEXT, BINARY, CLOSE, PING, PONG])
def test_5_1_a_frame_that_is_not_masked_is_refused(echo: Client, opcode: int) -> None:
    """A server must close upon it; 1002 says why."""
    echo.put(opcode, mask=None)

    assert echo.next_close().code == 1002
    assert echo.is_at_end()


@pytest.mark.parametrize("mask", [bytes(4), b"\xff\xff\xff\xff", b"\x00\x01\x02\x03"])
@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 126, 127, 65535, 65536])
def test_5_3_every_mask_is_taken_off(echo: Client, mask: bytes, size: int) -> None:
    """At every length, and at its edges."""
    content = bytes(index % 251 for index in range(size))

    echo.put(BINARY, content, mask=mask)

    assert echo.frame() == (BINARY, content, True, 0)


# -- 5.2: the frame --------------------------------------------------------------------------------


@pytest.mark.parametrize("reserved", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_5_2_reserved_bits_are_refused(echo: Client, reserved: int, opcode: int) -> None:
    """No extension was agreed on that gives them a meaning."""
    echo.put(opcode, reserved=reserved)

    assert echo.next_close().code == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_5_2_reserved_kinds_are_refused(echo: Client, opcode: int) -> None:
    """Nobody knows what they mean."""
    echo.put(opcode)

    assert echo.next_close().code == 1002


@pytest.mark.parametrize("length", [
    b"\x7e\x00\x7d", b"\x7f" + bytes(7) + b"\x7d", b"\x7f" + bytes(6) + b"\xff\xff",
    b"\x7f\x80" + bytes(7), b"\x7f" + b"\xff" * 8,
])  # fmt: skip
def test_5_2_a_length_in_too_many_bytes_is_refused(echo: Client, length: bytes) -> None:
    """It is written as short as possible, and never negative."""
    echo.put(BINARY, b"x" * 125, length=length)

    assert echo.next_close().code == 1002


def test_5_2_a_frame_may_come_byte_by_byte(echo: Client) -> None:
    """However the network cuts it."""
    for byte in bytes((0x81, 0xFE, 0, 130)) + bytes(4) + b"h" * 130:
        echo.send(bytes((byte,)))

    assert echo.frame().content == b"h" * 130


def test_5_2_many_frames_may_come_at_once(echo: Client) -> None:
    """Their order is kept."""
    hello = [bytes((0x81, 0x82)) + bytes(4) + b"%02d" % number for number in range(50)]

    echo.send(*hello)

    assert [echo.frame().content for _ in hello] == [b"%02d" % number for number in range(50)]


# -- 5.4: fragmentation ----------------------------------------------------------------------------


def test_5_4_a_message_may_come_in_parts(echo: Client) -> None:
    """It is heard as one, with control frames between its parts."""
    echo.put(TEXT, "grü".encode()[:3], fin=False)
    echo.put(PING, "1")
    echo.put(CONTINUATION, "grü".encode()[3:], fin=False)
    echo.put(CONTINUATION, b"", fin=False)
    echo.put(PONG, "nobody asked")
    echo.put(CONTINUATION, "ße")

    assert echo.frame() == (PONG, b"1", True, 0)
    assert echo.frame() == (TEXT, "grüße".encode(), True, 0)


def test_5_4_empty_parts_make_an_empty_message(echo: Client) -> None:
    """And what comes next is a message of its own."""
    echo.put(BINARY, fin=False)
    echo.put(CONTINUATION, fin=False)
    echo.put(CONTINUATION)
    echo.put(TEXT, "next")

    assert echo.frame() == (BINARY, b"", True, 0)
    assert echo.frame() == (TEXT, b"next", True, 0)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("first", [b"", b"begun"])
@pytest.mark.parametrize("fin", [True, False])
def test_5_4_a_message_inside_of_another_is_refused(
    echo: Client, opcode: int, first: bytes, fin: bool
) -> None:
    """Also after an empty first part."""
    echo.put(TEXT, first, fin=False)
    echo.put(opcode, "another", fin=fin)

    assert echo.next_close().code == 1002


@pytest.mark.parametrize("fin", [True, False])
def test_5_4_a_part_of_no_message_is_refused(echo: Client, fin: bool) -> None:
    """At the beginning, and after a message that is whole."""
    echo.put(TEXT, "whole")
    echo.put(CONTINUATION, "of nothing", fin=fin)

    assert echo.frame().content == b"whole"
    assert echo.next_close().code == 1002


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_5_4_a_control_frame_in_parts_is_refused(echo: Client, opcode: int) -> None:
    """It comes whole."""
    echo.put(opcode, fin=False)

    assert echo.next_close().code == 1002


# -- 5.5: control frames ---------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"hello", bytes(range(125))])
def test_5_5_2_a_ping_is_answered_with_what_it_held(echo: Client, content: bytes) -> None:
    """All of it."""
    echo.put(PING, content)

    assert echo.frame() == (PONG, content, True, 0)


def test_5_5_3_a_pong_that_nobody_asked_for_is_ignored(echo: Client) -> None:
    """It may be a heartbeat of one side."""
    echo.put(PONG, "hello")

    assert is_alive(echo)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_5_5_a_long_control_frame_is_refused(echo: Client, opcode: int) -> None:
    """125 bytes are the most."""
    echo.put(opcode, b"\x03\xe8" + b"x" * 124)

    assert echo.next_close().code == 1002


@pytest.mark.parametrize("content", [
    b"", b"\x03\xe8", b"\x03\xe9bye", b"\x0b\xb8" + "grüße".encode(), b"\x03\xe8" + b"x" * 123,
])  # fmt: skip
def test_5_5_1_a_close_is_answered_and_the_connection_ends(echo: Client, content: bytes) -> None:
    """With the same code."""
    echo.put(CLOSE, content)

    answer = echo.frame()

    assert (answer.opcode, answer.content) == (CLOSE, content[:2])
    assert echo.is_at_end()


def test_5_5_1_what_comes_after_a_close_is_not_heard(echo: Client) -> None:
    """Nothing is said after it either."""
    echo.send(
        bytes((0x88, 0x80)) + bytes(4), bytes((0x81, 0x82)) + bytes(4) + b"hi",
        bytes((0x89, 0x80)) + bytes(4),
    )  # fmt: skip

    assert echo.frame().opcode == CLOSE
    assert echo.is_at_end()


# -- 7.4: codes of the end -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
)
def test_7_4_codes_that_may_be_sent_are_answered(echo: Client, code: int) -> None:
    """Those of the standard and its registry, of libraries, and of applications."""
    echo.put(CLOSE, code.to_bytes(2) + b"why")

    assert echo.frame().code == code


@pytest.mark.parametrize(
    "code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
)
def test_7_4_codes_that_may_not_be_sent_are_refused(echo: Client, code: int) -> None:
    """Some only stand for what happened, some for nothing at all."""
    echo.put(CLOSE, code.to_bytes(2))

    assert echo.frame().code == 1002
    assert echo.is_at_end()


def test_7_1_6_a_code_of_one_byte_is_refused(echo: Client) -> None:
    """It has two."""
    echo.put(CLOSE, b"\x03")

    assert echo.frame().code == 1002


def test_5_5_1_a_reason_that_is_not_utf8_is_refused(echo: Client) -> None:
    """It is for people to read."""
    echo.put(CLOSE, b"\x03\xe8\xff")

    assert echo.frame().code == 1007


# -- 8.1: text is UTF-8 ----------------------------------------------------------------------------

NOT_UTF8 = [
    b"\xff", b"\xc3", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf",
    b"a\x80", b'{"messageType": "action", "action": "\xff"}',
]  # fmt: skip


@pytest.mark.parametrize("path", ["/echo", "/api"])
@pytest.mark.parametrize("text", NOT_UTF8)
def test_8_1_text_that_is_not_utf8_is_refused(server: Started, path: str, text: bytes) -> None:
    """With 1007, wherever it comes in."""
    client = server.connect(path)

    client.put(TEXT, text)

    assert client.next_close().code == 1007
    assert client.is_at_end()


@pytest.mark.parametrize("path", ["/echo", "/api"])
def test_8_1_a_character_cut_in_two_by_parts_is_whole(server: Started, path: str) -> None:
    """Only the message as a whole is looked at."""
    client = server.connect(path)
    text = json.dumps({"messageId": "🦸", "messageType": "x"}, ensure_ascii=False).encode()
    cut = text.index("🦸".encode()) + 2

    client.put(TEXT, text[:cut], fin=False)
    client.put(CONTINUATION, text[cut:])

    answer: Any = client.next()
    assert answer["messageId"] == "🦸"


def test_8_1_binary_messages_hold_anything(echo: Client) -> None:
    """They are no text."""
    echo.put(BINARY, b"\xff\xfe\x00")

    assert echo.frame() == (BINARY, b"\xff\xfe\x00", True, 0)


def test_a_binary_message_that_is_not_utf8_is_not_json(server: Started) -> None:
    """The frame is sound, so the socket stays open."""
    client = server.connect()

    client.put(BINARY, b"\xff")

    assert client.next()["error"]["message"].startswith("SyntaxError: ")
    assert "response" in client.call("over:socket")


# -- 10.4: limits ----------------------------------------------------------------------------------


def test_10_4_the_largest_message_is_heard(echo: Client) -> None:
    """65536 bytes, in one piece or in several."""
    echo.put(BINARY, b"x" * 65536)
    echo.put(BINARY, b"y" * 65535, fin=False)
    echo.put(CONTINUATION, b"y")

    assert echo.frame().content == b"x" * 65536
    assert echo.frame().content == b"y" * 65536


@pytest.mark.parametrize("sizes", [(65537,), (65536, 1), (1, 65536), (1 << 40,)])
def test_10_4_a_larger_message_is_refused(echo: Client, sizes: tuple[int, ...]) -> None:
    """As soon as its length is known; nothing of it is waited for."""
    for number, size in enumerate(sizes, 1):
        is_last = number == len(sizes)
        first = (0x80 if is_last else 0) | (BINARY if number == 1 else CONTINUATION)
        echo.send(bytes((first, 0xFF)) + size.to_bytes(8) if size > 65535 else bytes((first, 0x81)))
        if not is_last:
            echo.send(bytes(4) + b"x" * size if size < 65536 else bytes(4 + size))

    close = echo.next_close()
    assert (close.code, close.reason) == (1009, "Received too big message")
    assert echo.is_at_end()


def test_who_sends_too_much_can_read_why(echo: Client) -> None:
    """However much is on its way already."""
    echo.put(BINARY, b"x" * 1_000_000)

    assert echo.next_close().code == 1009
