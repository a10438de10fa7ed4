"""`HealthServer`: serves the liveness and the readiness of worker processes over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from actionhero import BootError
from actionhero.transport import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from actionhero_tasks.worker.heartbeats import HeartbeatReader

#: How long a worker may be silent, for example while C code holds the GIL, and be alive.
LIVE_SECONDS: Final = 60.0
#: How long ago the last successful poll of a ready worker may be.
READY_SECONDS: Final = 10.0
#: How long a client may take to send its request.
REQUEST_SECONDS: Final = 5.0


class HealthServer:
    """`/livez` and `/readyz` of the workers of one supervisor.

    Args:
        address: Where to listen: a port, or a host and a port.
        heartbeats: Returns the heartbeats of the running workers.
        is_stopping: Returns whether the workers are stopping.
    """

    def __init__(
        self,
        address: str,
        heartbeats: Callable[[], Collection[HeartbeatReader]],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._address = address
        self._heartbeats = heartbeats
        self._is_stopping = is_stopping

    async def start(self) -> None:
        """Start listening.

        Raises:
            BootError: The address is in use, or invalid.
        """
        host, _, port = self._address.rpartition(":")
        host = host.strip("[]") or "127.0.0.1"
        try:
            self._server = await asyncio.start_server(self._serve, host, int(port))
        except (OSError, OverflowError) as error:  # OverflowError: the port is above 65535
            raise BootError(
                f"cannot listen on tasks.health_address {self._address!r}: {error}; set another "
                "address"
            ) from error

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            async with asyncio.timeout(REQUEST_SECONDS):
                line = await reader.readline()
                while (await reader.readline()).strip():
                    pass
                words = line.split()
                path = words[1].partition(b"?")[0] if len(words) > 1 else b""
                writer.write(self._response(path))
                await writer.drain()
        writer.close()

    def _response(self, path: bytes) -> bytes:
        now = time.monotonic()
        heartbeats = self._heartbeats()
        if path == b"/livez":
            healthy = all(now - heartbeat.polled_at <= LIVE_SECONDS for heartbeat in heartbeats)
            document: dict[str, object] = {"alive": healthy}
        elif path == b"/readyz":
            ready = [
                heartbeat
                for heartbeat in heartbeats
                if heartbeat.succeeded_at is not None
                and now - heartbeat.succeeded_at <= READY_SECONDS
            ]
            healthy = bool(ready) and not self._is_stopping()
            document = {"ready": healthy, "workers": len(ready)}
        else:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        body = dumps(document)
        status = b"200 OK" if healthy else b"503 Service Unavailable"
        return (
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
            b"Cache-Control: no-store\r\nConnection: close\r\n\r\n%b" % (status, len(body), body)
        )
