"""`WriteBatch`: the writes of one iteration of the event loop are made together."""

from __future__ import annotations

import asyncio
from typing import Any

from actionhero.transport import WriteBatch


class Wire(asyncio.Transport):
    """A transport that records its writes in a list that it shares with others.

    Args:
        log: The list.
        name: Its name in the list.
    """

    def __init__(self, log: list[tuple[str, bytes]], name: str) -> None:
        super().__init__()
        self._log = log
        self._name = name
        self.is_closed = False
        self.fails = False

    def write(self, data: Any) -> None:
        if self.fails:
            raise RuntimeError("expected")
        self._log.append((self._name, data))

    def is_closing(self) -> bool:
        return self.is_closed


async def test_writes_of_one_iteration_are_made_together() -> None:
    """After the code of this iteration; those to one connection become one, in order."""
    log: list[tuple[str, bytes]] = []
    one, other = Wire(log, "one"), Wire(log, "other")
    batch = WriteBatch()

    for transport, data in ((one, b"a"), (other, b"b"), (one, b"c"), (one, b"d")):
        batch.write(transport, data)
    before = list(log)
    await asyncio.sleep(0)

    assert before == []
    assert log == [("one", b"acd"), ("other", b"b")]
    assert not batch


async def test_later_writes_are_made_in_the_next_iteration() -> None:
    """A batch can be used again after its flush."""
    log: list[tuple[str, bytes]] = []
    wire, batch = Wire(log, "one"), WriteBatch()

    batch.write(wire, b"a")
    await asyncio.sleep(0)
    batch.write(wire, b"b")
    await asyncio.sleep(0)

    assert log == [("one", b"a"), ("one", b"b")]


async def test_held_writes_wait_for_flush() -> None:
    """The caller of `hold` calls `flush`, and no iteration of the event loop is in between."""
    log: list[tuple[str, bytes]] = []
    wire, batch = Wire(log, "one"), WriteBatch()

    batch.hold()
    batch.write(wire, b"a")
    await asyncio.sleep(0)
    before = list(log)
    batch.flush()

    assert before == []
    assert log == [("one", b"a")]


async def test_large_writes_do_not_wait() -> None:
    """So that an action that sends without waiting does not fill the memory."""
    log: list[tuple[str, bytes]] = []
    wire, batch = Wire(log, "one"), WriteBatch()

    batch.write(wire, b"a" * 40_000)
    before = list(log)
    batch.write(wire, b"b" * 40_000)

    assert before == []
    assert [len(data) for _, data in log] == [80_000]


async def test_disconnected_clients_are_skipped() -> None:
    """Their transport would refuse the write."""
    log: list[tuple[str, bytes]] = []
    gone, wire = Wire(log, "gone"), Wire(log, "one")
    batch = WriteBatch()

    batch.write(gone, b"a")
    batch.write(wire, b"b")
    gone.is_closed = True
    batch.flush()

    assert log == [("one", b"b")]


async def test_a_failing_write_does_not_prevent_the_others() -> None:
    """The error is reported to the event loop."""
    log: list[tuple[str, bytes]] = []
    errors: list[Any] = []
    failing, wire = Wire(log, "failing"), Wire(log, "one")
    failing.fails = True
    batch = WriteBatch()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: errors.append(str(context["exception"])))

    batch.write(failing, b"a")
    batch.write(wire, b"b")
    batch.flush()
    loop.set_exception_handler(None)

    assert log == [("one", b"b")]
    assert errors == ["expected"]
