"""`FrameReader`: decoding does not depend on how the bytes are split into reads."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from actionhero_websocket.protocol import frames
from actionhero_websocket.protocol.frames import FrameError, FrameReader

LIMIT = 1000

opcodes = st.sampled_from([frames.TEXT, frames.BINARY])


def masked(opcode: int, content: bytes, mask: bytes, *, fin: bool = True) -> bytes:
    """Return a masked frame."""
    frame = bytearray(frames.frame(opcode, content))
    if not fin:
        frame[0] &= 0x7F
    frame[1] |= 0x80
    masked_content = bytearray(content)
    frames.unmask_in_python(mask, masked_content)
    return bytes(frame[: len(frame) - len(content)]) + mask + bytes(masked_content)


def read(reader: FrameReader, chunks: list[bytes]) -> tuple[list[tuple[int, bytes]], int | None]:
    """Return the messages and control frames of a reader, and the code of its error."""
    contents = []
    try:
        for chunk in chunks:
            text = reader.read_single_text(chunk)
            if text is not None:
                contents.append((frames.TEXT, bytes(text)))
                continue
            for opcode, content in reader.feed(chunk):
                contents.append((opcode, bytes(content)))
                if opcode == frames.CLOSE:
                    return contents, None
    except FrameError as error:
        return contents, error.code
    return contents, None


def split(data: bytes, positions: list[int]) -> list[bytes]:
    """Return `data` in chunks."""
    edges = sorted({0, len(data), *(position % (len(data) + 1) for position in positions)})
    return [data[start:end] for start, end in pairwise(edges)]


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
def test_messages_do_not_depend_on_the_reads(
    messages: list[tuple[int, list[bytes], bytes]], mask: bytes, positions: list[int]
) -> None:
    """Fragmented messages with control frames in between, in one read or many."""
    sent = b""
    expected: list[tuple[int, bytes]] = []
    for opcode, fragments, ping in messages:
        for number, fragment in enumerate(fragments):
            is_last = number == len(fragments) - 1
            frame_opcode = opcode if number == 0 else frames.CONTINUATION
            sent += masked(frame_opcode, fragment, mask, fin=is_last)
            if not is_last:
                sent += masked(frames.PING, ping, mask)
                expected.append((frames.PING, ping))
        expected.append((opcode, b"".join(fragments)))

    assert read(FrameReader(LIMIT), split(sent, positions)) == (expected, None)


@given(st.binary(max_size=300), st.lists(st.integers(min_value=0), max_size=8), st.booleans())
def test_errors_do_not_depend_on_the_reads(
    data: bytes, positions: list[int], allows_compression: bool
) -> None:
    """Arbitrary bytes raise no other exception, and no message exceeds the limit."""
    reader, other = (FrameReader(LIMIT, allows_compression=allows_compression) for _ in range(2))
    at_once = read(reader, [data])
    in_chunks = read(other, split(data, positions))

    assert in_chunks == at_once
    assert at_once[1] in {None, 1002, 1007, 1009}
    assert sum(len(content) for _, content in at_once[0]) <= max(len(data), 300 * LIMIT)


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=500))
def test_both_unmask_functions_are_equivalent(mask: bytes, data: bytes) -> None:
    """The compiled one may be removed in a version of aiohttp."""
    first, second = bytearray(data), bytearray(data)

    frames.unmask(mask, first)
    frames.unmask_in_python(mask, second)

    assert first == second
    frames.unmask(mask, first)
    assert first == data


@given(st.binary(max_size=70_000), opcodes, st.integers(min_value=9, max_value=15))
def test_compression_round_trips(content: bytes, opcode: int, bits: int) -> None:
    """With all windows, and for incompressible data too."""
    frame = bytearray(frames.deflated_frame(content, bits, opcode))
    # As a client would send it, with a mask of zeros.
    size = 2 if frame[1] < 126 else 4 if frame[1] == 126 else 10
    frame[1] |= 0x80
    sent = bytes(frame[:size]) + bytes(4) + bytes(frame[size:])

    assert read(FrameReader(100_000, allows_compression=True), [sent]) == (
        [(opcode, content)],
        None,
    )


def test_long_close_reasons_are_truncated_between_characters() -> None:
    """A control frame has room for 125 bytes."""
    frame = frames.close_frame(1000, "ä" * 100)

    assert len(frame) == 2 + 2 + 122
    assert frame[4:].decode() == "ä" * 61


def test_close_reasons_without_an_encoding_are_replaced() -> None:
    """Such as half of an emoji that a client has sent: the connection must be closed."""
    assert frames.close_frame(1000, "no \ud83d")[4:] == b"no ?"


def test_single_texts_are_recognized_up_to_the_limit() -> None:
    """And not beyond it."""
    for size in (0, 1, 125, 126, 127, LIMIT - 1, LIMIT):
        content = b"x" * size
        text = FrameReader(LIMIT).read_single_text(masked(frames.TEXT, content, bytes(4)))
        assert text is not None
        assert bytes(text) == content
    beyond = masked(frames.TEXT, b"x" * (LIMIT + 1), bytes(4))
    assert FrameReader(LIMIT).read_single_text(beyond) is None
    assert read(FrameReader(LIMIT), [beyond]) == ([], 1009)
