"""`Probes`: answers a platform that asks over HTTP whether workers live, and whether they work."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

from actionhero import BootError
from actionhero.transport import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from actionhero_tasks.heartbeats import HeartbeatReader

logger = logging.getLogger("actionhero.tasks")

#: How long a worker may keep its interpreter to itself and be alive all the same.
LIVE_SECONDS: Final = 60.0
#: How old the last answer of the store may be.
READY_SECONDS: Final = 10.0
#: How long whoever asks may take to do so.
ASK_SECONDS: Final = 5.0


class Probes:
    """`/livez` and `/readyz` of the workers of one parent.

    Args:
        address: Where it listens: a port, or a host and a port.
        signs: Returns what was heard of each worker that is there.
        is_stopping: Whether they were told to stop.
    """

    def __init__(
        self,
        address: str,
        signs: Callable[[], Collection[HeartbeatReader]],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._address = address
        self._signs = signs
        self._is_stopping = is_stopping

    async def start(self) -> None:
        """Listen.

        Raises:
            BootError: Somebody else listens there already, or there is no such address.
        """
        host, _, port = self._address.rpartition(":")
        host = host.strip("[]") or "127.0.0.1"
        try:
            self._server = await asyncio.start_server(self._serve, host, int(port))
        except OSError as error:
            raise BootError(
                f"tasks.health_address is {self._address!r}, and it cannot listen there: {error}; set "
                "another one"
            ) from error

    def close(self) -> None:
        """Listen no more."""
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            async with asyncio.timeout(ASK_SECONDS):
                line = await reader.readline()
                while (await reader.readline()).strip():
                    pass
                words = line.split()
                writer.write(self._answer(words[1].partition(b"?")[0] if len(words) > 1 else b""))
                await writer.drain()
        writer.close()

    def _answer(self, path: bytes) -> bytes:
        now = time.monotonic()
        signs = self._signs()
        if path == b"/livez":
            fine = all(now - each.tried_at <= LIVE_SECONDS for each in signs)
            told: dict[str, object] = {"alive": fine}
        elif path == b"/readyz":
            answered = [
                each
                for each in signs
                if each.answered_at is not None and now - each.answered_at <= READY_SECONDS
            ]
            fine = bool(answered) and not self._is_stopping()
            told = {"ready": fine, "workers": len(answered)}
        else:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        body = dumps(told)
        status = b"200 OK" if fine else b"503 Service Unavailable"
        return (
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
            b"Cache-Control: no-store\r\nConnection: close\r\n\r\n%b" % (status, len(body), body)
        )
