"""Random frames and messages: the server responds, reveals no internals, and survives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Client, ServerProcess

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MAX_FRAMES = 20


class RandomFrame(NamedTuple):
    """A frame of the client."""

    opcode: int
    content: bytes
    fin: bool
    reserved: int
    mask: bytes | None


def mostly(usual: object, others: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Return a strategy for a usual value, and for others in one of thirty cases."""
    return st.integers(0, 29).flatmap(lambda chance: others if chance == 29 else st.just(usual))


words = st.sampled_from(
    ["messageType", "action", "messageId", "params", "channel", "since", "name", "greet", "news"]
)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | words
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(words | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
messages = st.fixed_dictionaries(
    {"messageType": st.sampled_from(["action", "subscribe", "unsubscribe", "unknown"]) | values},
    optional={
        "messageId": values,
        "action": st.sampled_from(
            [
                "greet",
                "value",
                "chunks",
                "event",
                "secret:store",
                "unknown",
                "whoami",
                "broadcast",
                "sign:in",
            ]
        )
        | values,
        "params": st.fixed_dictionaries(
            {},
            optional={
                "name": values,
                "kind": st.sampled_from(["list", "http", "unserializable", "none"]) | values,
                "password": values,
                "channel": st.sampled_from(["news", "log:a", "messages"]) | values,
                "message": values,
            },
        )
        | values,
        "channel": st.sampled_from(["news", "log:a", "messages", "many:1", "a b", "unknown"])
        | values,
        "since": values,
    },
)
texts = (messages | values).map(lambda value: json.dumps(value).encode())
damaged = st.tuples(texts, st.integers(0, 200), st.binary(max_size=3)).map(
    lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 1 :]
)
random_frames = st.builds(
    RandomFrame,
    mostly(TEXT, st.sampled_from([CONTINUATION, BINARY, CLOSE, PING, PONG, 3, 11])),
    texts | damaged | st.binary(max_size=200),
    mostly(True, st.just(False)),
    mostly(0, st.integers(1, 7)),
    mostly(b"\x01\x02\x03\x04", st.none() | st.binary(min_size=4, max_size=4)),
)


def exchange(client: Client, sent: list[RandomFrame]) -> None:
    """Send the frames and a close frame, and check all frames of the server."""
    try:
        for frame in sent:
            content = frame.content[:125] if frame.opcode >= CLOSE else frame.content
            client.send_frame(
                frame.opcode, content, fin=frame.fin, reserved=frame.reserved, mask=frame.mask
            )
        client.send_frame(CLOSE, b"\x03\xe8")
        while (received := client.read_frame()).opcode != CLOSE:
            assert b"Traceback" not in received.content
            assert b"File \\" not in received.content
        assert received.code in {0, 1000, 1001, 1002, 1007, 1009, *range(3000, 5000)}, received
    except (EOFError, ConnectionError):
        # The server has closed the connection.
        pass
    finally:
        client.close()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("examples", [50, pytest.param(2000, marks=pytest.mark.soak)])
def test_the_server_survives_random_frames(server: ServerProcess, examples: int) -> None:
    """And reveals no internals."""
    frame_counts: list[int] = []

    @settings(
        max_examples=examples,
        deadline=None,
        # Short runs are deterministic; the long one explores.
        derandomize=examples < 100,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(random_frames, min_size=5, max_size=MAX_FRAMES))
    def run(sent: list[RandomFrame]) -> None:
        frame_counts.append(len(sent))
        exchange(server.connect(), sent)
        assert server.process.poll() is None

    run()

    print(f"{sum(frame_counts)} frames over {len(frame_counts)} sockets")
    client = server.connect()
    assert client.call("greet", name="Ada")["response"]["greeting"] == "Hello, Ada!"
