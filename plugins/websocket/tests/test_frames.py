"""The reader of frames by itself: however the bytes are cut, the messages are the same."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from actionhero_websocket import frames
from actionhero_websocket.frames import FrameError, FrameReader

LIMIT = 1000

opcodes = st.sampled_from([frames.TEXT, frames.BINARY])


def masked(opcode: int, content: bytes, mask: bytes, *, fin: bool = True) -> bytes:
    """Return a client's frame."""
    written = bytearray(frames.frame(opcode, content))
    if not fin:
        written[0] &= 0x7F
    written[1] |= 0x80
    hidden = bytearray(content)
    frames.unmask_with_integers(mask, hidden)
    return bytes(written[: len(written) - len(content)]) + mask + bytes(hidden)


def heard(reader: FrameReader, pieces: list[bytes]) -> tuple[list[tuple[int, bytes]], int | None]:
    """Return what a reader makes of bytes, and the code that it ends with."""
    found = []
    try:
        for piece in pieces:
            text = reader.single(piece)
            if text is not None:
                found.append((frames.TEXT, bytes(text)))
                continue
            for opcode, content in reader.feed(piece):
                found.append((opcode, bytes(content)))
                if opcode == frames.CLOSE:
                    return found, None
    except FrameError as error:
        return found, error.code
    return found, None


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Return `data` in pieces."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[begin:end] for begin, end in pairwise(edges)]


@given(
    st.lists(
        st.tuples(
            opcodes,
            st.lists(st.binary(max_size=200), min_size=1, max_size=4),
            st.binary(max_size=9),
        ),
        max_size=5,
    ),
    st.binary(min_size=4, max_size=4),
    st.lists(st.integers(min_value=0), max_size=8),
)
def test_messages_are_the_same_however_their_bytes_are_cut(
    messages: list[tuple[int, list[bytes], bytes]], mask: bytes, places: list[int]
) -> None:
    """In parts, with control frames between them, in many reads or in one."""
    sent = b""
    expected: list[tuple[int, bytes]] = []
    for opcode, parts, ping in messages:
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            kind = opcode if number == 0 else frames.CONTINUATION
            sent += masked(kind, part, mask, fin=last)
            if not last:
                sent += masked(frames.PING, ping, mask)
                expected.append((frames.PING, ping))
        expected.append((opcode, b"".join(parts)))

    assert heard(FrameReader(LIMIT), cut(sent, places)) == (expected, None)


@given(st.binary(max_size=300), st.lists(st.integers(min_value=0), max_size=8), st.booleans())
def test_anything_is_read_or_refused_in_the_same_way(
    data: bytes, places: list[int], inflates: bool
) -> None:
    """However it is cut; no other error comes out, and nothing is kept beyond the limit."""
    whole = heard(FrameReader(LIMIT, inflates=inflates), [data])
    pieces = heard(FrameReader(LIMIT, inflates=inflates), cut(data, places))

    assert pieces == whole
    assert whole[1] in {None, 1002, 1007, 1009}
    assert sum(len(content) for _, content in whole[0]) <= max(len(data), 300 * LIMIT)


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=500))
def test_both_ways_to_take_a_mask_off_are_the_same(mask: bytes, data: bytes) -> None:
    """The compiled one may go away with a version of aiohttp."""
    first, second = bytearray(data), bytearray(data)

    frames.take_off(mask, first)
    frames.unmask_with_integers(mask, second)

    assert first == second
    frames.take_off(mask, first)
    assert first == data


@given(st.binary(max_size=70_000), opcodes, st.integers(min_value=9, max_value=15))
def test_what_is_written_compressed_is_read_again(content: bytes, opcode: int, bits: int) -> None:
    """Whether or not that made it smaller, and whatever the window."""
    written = bytearray(frames.deflated_frame(content, bits, opcode))
    # As a client would send it, with the mask that changes nothing.
    size = 2 if written[1] < 126 else 4 if written[1] == 126 else 10
    written[1] |= 0x80
    sent = bytes(written[:size]) + bytes(4) + bytes(written[size:])

    assert heard(FrameReader(100_000, inflates=True), [sent]) == ([(opcode, content)], None)


def test_a_reason_that_is_too_long_is_cut_between_characters() -> None:
    """A control frame has room for 125 bytes."""
    written = frames.close_frame(1000, "ä" * 100)

    assert len(written) == 2 + 2 + 122
    assert written[4:].decode() == "ä" * 61


def test_a_single_text_is_found_at_every_length_up_to_the_limit() -> None:
    """And nowhere else."""
    for size in (0, 1, 125, 126, 127, LIMIT - 1, LIMIT):
        content = b"x" * size
        single = FrameReader(LIMIT).single(masked(frames.TEXT, content, bytes(4)))
        assert single is not None
        assert bytes(single) == content
    beyond = masked(frames.TEXT, b"x" * (LIMIT + 1), bytes(4))
    assert FrameReader(LIMIT).single(beyond) is None
    assert heard(FrameReader(LIMIT), [beyond]) == ([], 1009)
