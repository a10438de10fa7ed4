"""`MetricsListener`: the listener for operators, on which one process responds for all."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import http.client
import io
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from actionhero import BootError, Forbidden, MalformedRequest
from actionhero.transport import is_loopback
from actionhero_telemetry.address import parse_address
from actionhero_telemetry.endpoint import (
    MetricsResponse,
    error_response,
    not_found_response,
)

if TYPE_CHECKING:
    from actionhero.transport import FileLock
    from actionhero_telemetry.endpoint import MetricsEndpoint

logger = logging.getLogger("actionhero.telemetry")

#: The path of the metrics.
PATH: Final = "/metrics"
#: How often a process tries to bind the address that another one has.
RETRY_SECONDS: Final = 2.0
#: How long a client may take to send its request, and to read its response.
REQUEST_SECONDS: Final = 5.0
#: How long a client may take to read its response, which can have megabytes.
RESPONSE_SECONDS: Final = 30.0
#: The largest head of a request.
HEAD_BYTES: Final = 16 * 1024
#: The maximum number of open connections; Prometheus has one.
MAX_CONNECTIONS: Final = 32


class MetricsListener:
    """Listens at an address, or takes it over when the process that listens there ends.

    Args:
        address: The host and the port.
        endpoint: Responds.
        lock: Held by the process that listens, of those with the same values.
    """

    def __init__(self, address: str, endpoint: MetricsEndpoint, lock: FileLock) -> None:
        self._address = address
        self._endpoint = endpoint
        self._lock = lock
        self._has_warned = False
        self._server: asyncio.Server | None = None
        self._binding: asyncio.Task[None] | None = None
        self._connections = 0

    async def start(self) -> None:
        """Listen, or begin to wait for the address.

        Raises:
            BootError: It is not an address of this machine.
        """
        if not await self._bind():
            self._binding = asyncio.create_task(self._take_over())

    async def stop(self) -> None:
        """Stop listening."""
        if self._binding is not None:
            self._binding.cancel()
            await asyncio.wait({self._binding})
        if self._server is not None:
            self._server.close()
        self._lock.release()

    @property
    def port(self) -> int | None:
        """The port, if this process listens."""
        if self._server is None:
            return None
        return int(self._server.sockets[0].getsockname()[1])

    async def _bind(self) -> bool:
        if not self._lock.try_lock():
            logger.debug("another process listens on %s; it serves the metrics", self._address)
            return False
        host, port = parse_address(self._address)
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=HEAD_BYTES)
        except OSError as error:
            self._lock.release()
            if error.errno == errno.EADDRINUSE:
                self._warn()
                return False
            raise BootError(
                f"cannot listen on telemetry.listen {self._address!r}: {error}; set another address"
            ) from error
        logger.info("metrics are served on http://%s%s", self._address, PATH)
        return True

    def _warn(self) -> None:
        """Warn once: the process that listens has other values, so it does not serve these."""
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "another application, or a process with another app.data_dir, listens on "
                "telemetry.listen %r, so the metrics of this process are not served there; set "
                "another address",
                self._address,
            )

    async def _take_over(self) -> None:
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                if await self._bind():
                    return
            except BootError as error:
                logger.warning("%s", error)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= MAX_CONNECTIONS:
                with contextlib.suppress(OSError, TimeoutError):
                    await self._respond(reader, writer)
        finally:
            self._connections -= 1
            writer.close()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            response = error_response(431, MalformedRequest("The headers are too large"))
            await _write(writer, response)
            return
        except asyncio.IncompleteReadError:
            return
        method, path, headers = _parse(head)
        if method is None or headers is None:
            response = error_response(400, MalformedRequest("The request cannot be parsed"))
        elif not self._is_allowed_host(headers):
            message = "The header Host must name this machine, as telemetry.username is not set"
            response = error_response(403, Forbidden(message))
        elif path != PATH:
            response = not_found_response()
        else:
            response = await self._endpoint.respond(method, headers)
        await _write(writer, response, has_body=method != "HEAD")

    def _is_allowed_host(self, headers: http.client.HTTPMessage) -> bool:
        """Return whether the client knows where it has connected to.

        The name of a site may resolve to this machine (DNS rebinding), whose pages would read
        metrics that only programs on this machine should.
        """
        if self._endpoint.requires_credentials or not self._is_local:
            return True
        own = parse_address(self._address)[0].lower()
        hosts = map(_host_of, headers.get_all("Host", []))
        return all(
            host == own or host.endswith(".localhost") or is_loopback(host) for host in hosts
        )

    @property
    def _is_local(self) -> bool:
        """Whether only this machine can connect."""
        assert self._server is not None  # noqa: S101 - it has accepted a connection
        return all(is_loopback(socket.getsockname()[0]) for socket in self._server.sockets)


def _host_of(host: str) -> str:
    """Return the host of `host:port` or `[address]:port`; empty if it is malformed."""
    try:
        return urlsplit(f"//{host.strip()}").hostname or ""
    except ValueError:
        return ""


def _parse(head: bytes) -> tuple[str | None, str, http.client.HTTPMessage | None]:
    line, _, rest = head.partition(b"\r\n")
    words = line.decode("latin-1").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None, "", None
    try:
        headers = http.client.parse_headers(io.BytesIO(rest))
    except http.client.HTTPException:
        return None, "", None
    return words[0], words[1].partition("?")[0], headers


async def _write(
    writer: asyncio.StreamWriter, response: MetricsResponse, *, has_body: bool = True
) -> None:
    lines = [
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *(f"{name}: {value}" for name, value in response.headers),
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    if has_body:
        writer.write(response.body)
    async with asyncio.timeout(RESPONSE_SECONDS):
        await writer.drain()
