"""Frames and messages that mean something, or nothing: they are answered, and the server lives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from plugins.websocket.tests.conftest import Client, Started

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MOVES = 20


class Move(NamedTuple):
    """A frame that is sent."""

    opcode: int
    content: bytes
    fin: bool
    reserved: int
    mask: bytes | None


def mostly(usual: object, others: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Give what is usual, and now and then something else."""
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
sayings = st.fixed_dictionaries(
    {"messageType": st.sampled_from(["action", "subscribe", "unsubscribe", "nope"]) | values},
    optional={
        "messageId": values,
        "action": st.sampled_from(
            ["greet", "value", "chunks", "event", "keep", "nobody", "whoami", "tell", "sign:in"]
        )
        | values,
        "params": st.fixed_dictionaries(
            {},
            optional={
                "name": values,
                "kind": st.sampled_from(["list", "raw", "unwritable", "none"]) | values,
                "password": values,
                "channel": st.sampled_from(["news", "log:a", "messages"]) | values,
                "message": values,
            },
        )
        | values,
        "channel": st.sampled_from(["news", "log:a", "messages", "many:1", "a b", "nowhere"])
        | values,
        "since": values,
    },
)
texts = (sayings | values).map(lambda value: json.dumps(value).encode())
damaged = st.tuples(texts, st.integers(0, 200), st.binary(max_size=3)).map(
    lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 1 :]
)
moves = st.builds(
    Move,
    mostly(TEXT, st.sampled_from([CONTINUATION, BINARY, CLOSE, PING, PONG, 3, 11])),
    texts | damaged | st.binary(max_size=200),
    mostly(True, st.just(False)),
    mostly(0, st.integers(1, 7)),
    mostly(b"\x01\x02\x03\x04", st.none() | st.binary(min_size=4, max_size=4)),
)


def say(client: Client, sent: list[Move]) -> None:
    """Send it all and take leave; look at all that is said."""
    try:
        for move in sent:
            content = move.content[:125] if move.opcode >= CLOSE else move.content
            client.put(move.opcode, content, fin=move.fin, reserved=move.reserved, mask=move.mask)
        client.put(CLOSE, b"\x03\xe8")
        while (said := client.frame()).opcode != CLOSE:
            assert b"Traceback" not in said.content
            assert b"File \\" not in said.content
        assert said.code in {0, 1000, 1001, 1002, 1007, 1009, *range(3000, 5000)}, said
    except (EOFError, ConnectionError):
        # It has heard enough of us.
        pass
    finally:
        client.close()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("examples", [50, pytest.param(2000, marks=pytest.mark.soak)])
def test_nonsense_is_answered_with_sense(server: Started, examples: int) -> None:
    """Never with our insides, and never with the end of the server."""
    told: list[int] = []

    @settings(
        max_examples=examples,
        deadline=None,
        # What every run tries is the same; the long one looks for what is new.
        derandomize=examples < 100,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(moves, min_size=5, max_size=MOVES))
    def try_it(sent: list[Move]) -> None:
        told.append(len(sent))
        say(server.connect(), sent)
        assert server.process.poll() is None

    try_it()

    print(f"{sum(told)} frames over {len(told)} sockets")
    client = server.connect()
    assert client.call("greet", name="Ada")["response"]["greeting"] == "Hello, Ada!"
