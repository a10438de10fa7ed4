"""`WriteBatch`: the writes of one iteration of the event loop, made together."""

from __future__ import annotations

import asyncio
from typing import Any, Final

#: Up to this size of all writes together, they wait for each other.
MAX_BYTES: Final = 64 * 1024


class WriteBatch:
    """Collects writes to connections, and makes them together, one after the other.

    A write wakes a client up that waits for it, and executes code of the kernel, after which ours
    is not in the processor's caches any more. Between two calls this costs more than the calls
    themselves. Together, the writes are faster, and a client that is awake is not woken up again.

    The writes of one connection keep their order, and several become one. Call `flush` before you
    close a connection, or write to it directly.
    """

    __slots__ = ("_is_scheduled", "_pending", "_size", "received")

    def __init__(self) -> None:
        self._pending: dict[Any, bytes | list[bytes]] = {}
        self._size = 0
        #: Whether something will call `flush`.
        self._is_scheduled = False
        #: The number of requests since the last write: a transport that counts them can write
        #: directly if there is only one.
        self.received = 0

    def __bool__(self) -> bool:
        """Return whether there are collected writes."""
        return bool(self._pending)

    def hold(self) -> None:
        """Collect writes until the caller calls `flush`."""
        self._is_scheduled = True

    def write(self, transport: Any, data: bytes) -> None:
        """Write to a connection, at the latest before the next iteration of the event loop.

        Args:
            transport: The transport of the connection.
            data: The data.
        """
        pending = self._pending
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self.flush)
        earlier = pending.get(transport)
        if earlier is None:
            pending[transport] = data
        elif isinstance(earlier, list):
            earlier.append(data)
        else:
            pending[transport] = [earlier, data]
        self._size += len(data)
        if self._size > MAX_BYTES:
            self.flush()

    def flush(self) -> None:
        """Make the collected writes."""
        self._is_scheduled = False
        self._size = self.received = 0
        pending, self._pending = self._pending, {}
        for transport, data in pending.items():
            if transport.is_closing():
                # The client has disconnected.
                continue
            try:
                transport.write(data if isinstance(data, bytes) else b"".join(data))
            except Exception as error:  # noqa: BLE001 - the other connections must be written to
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "a write failed", "exception": error, "transport": transport}
                )
