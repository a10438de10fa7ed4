"""`StdioServer`: the protocol over the standard streams, one JSON message a line."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from actionhero.transport import new_identifier
from actionhero_mcp.handshake import handshake_peer, unknown_peer
from actionhero_mcp.jsonrpc import (
    Request,
    Response,
    RpcError,
    error_bytes,
    is_request_id,
    notification_bytes,
    parse,
    result_bytes,
)
from actionhero_mcp.lines import LineReader, LineTooLong
from actionhero_mcp.peer import peer_of
from actionhero_mcp.revisions import (
    HANDSHAKE,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MODERN,
    PROTOCOL_VERSION,
    REVISIONS,
    UNSUPPORTED_VERSION,
)
from actionhero_mcp.service import McpService
from actionhero_mcp.settings import McpSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero import Application, Principal
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.peer import Peer


class StdioServer:
    """Serves one client.

    Args:
        app: The started application.
        catalog: Its tools, resources and prompts.
        write: Writes bytes to the client; it may block.
        principal: The user of the calls; `None`: the operator, without a session.
    """

    def __init__(
        self,
        app: Application,
        catalog: Catalog,
        write: Callable[[bytes], None],
        principal: Principal | None,
    ) -> None:
        settings = app.get(McpSettings)
        self._grace_seconds = app.grace_seconds
        self._service = McpService(app, catalog)
        self._write = write
        self._principal = principal
        self._peer: Peer | None = None
        #: The session of the process, in the revisions with a handshake.
        self._session_id = f"stdio-{new_identifier()}"
        self._legacy = settings.legacy
        self._slots = asyncio.Semaphore(settings.max_concurrent_calls)
        #: The open calls, and those that a notification can cancel: of two with one id, the latter.
        self._open: set[asyncio.Task[None]] = set()
        self._calls: dict[Any, asyncio.Task[None]] = {}
        self._notices: asyncio.Task[None] | None = None
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self.limit_bytes = settings.body_limit_bytes

    # -- messages to the client ----------------------------------------------------------------

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        self._send(notification_bytes(method, params))

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request, and return its result."""
        return await self._service.server_requests.request(self._send, method, params)

    def _send(self, message: bytes) -> None:
        self._outgoing.put_nowait(message + b"\n")

    async def _write_messages(self) -> None:
        while True:
            message = await self._outgoing.get()
            try:
                # The client may be slow.
                await asyncio.to_thread(self._write, message)
            finally:
                self._outgoing.task_done()

    # -- messages of the client ----------------------------------------------------------------

    async def run(self, lines: LineReader, stopped: asyncio.Event) -> None:
        """Serve until the end of the input, or until `stopped`; then finish the open calls."""
        writing = asyncio.create_task(self._write_messages())
        reading = asyncio.create_task(self._read_messages(lines))
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({writing, reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        reading.cancel()
        self._service.dispatcher.watchers.end_all()
        if self._open:
            _, late = await asyncio.wait(self._open, timeout=self._grace_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        if self._notices is not None:
            await asyncio.wait([self._notices])
        if not writing.done():
            await self._outgoing.join()
            writing.cancel()
        await self._service.stop()
        with contextlib.suppress(asyncio.CancelledError, BrokenPipeError):
            await writing

    async def _read_messages(self, lines: LineReader) -> None:
        while True:
            try:
                line = await lines.next()
            except LineTooLong:
                reason = f"A message has more than {self.limit_bytes} bytes"
                self._send(error_bytes(None, RpcError(INVALID_REQUEST, reason)))
                continue
            if line is None:
                return
            if line.strip():
                await self._handle(line)

    async def _handle(self, line: bytes) -> None:
        """Handle a message; a request is answered later."""
        try:
            message = parse(line)
        except RpcError as error:
            self._send(error_bytes(None, error))
            return
        if isinstance(message, Response):
            self._service.server_requests.respond(message)
            return
        if message.id is None:
            self._handle_notification(message)
            return
        task = self._calls[message.id] = asyncio.create_task(self._respond(message))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    def _handle_notification(self, message: Request) -> None:
        id = message.params.get("requestId")
        if message.method == "notifications/cancelled" and is_request_id(id):
            task = self._calls.get(id)
            if task is not None:
                task.cancel()

    async def _respond(self, message: Request) -> None:
        try:
            peer = await self._service.dispatcher.log_levels.apply(self._peer_of(message))
            connection = self._service.connect(peer, self, None, self._principal)
            if message.method == "subscriptions/listen":
                result = await self._service.dispatch(message, connection)
            else:
                async with self._slots:
                    result = await self._service.dispatch(message, connection)
            assert message.id is not None  # noqa: S101 - notifications have no response
            self._send(result_bytes(message.id, result))
            if message.method == "initialize":
                self._begin_session(peer)
        except RpcError as error:
            self._send(error_bytes(message.id, error))
        finally:
            if self._calls.get(message.id) is asyncio.current_task():
                del self._calls[message.id]

    def _peer_of(self, message: Request) -> Peer:
        """Return the peer of a request, from its metadata, or from the handshake before it.

        Raises:
            RpcError: The revision is not supported.
        """
        if PROTOCOL_VERSION in message.meta:
            version = message.meta[PROTOCOL_VERSION]
            if not isinstance(version, str):
                raise RpcError(INVALID_PARAMS, f"Invalid params: {PROTOCOL_VERSION!r} is no text")
            if version not in MODERN:
                raise self._unsupported(version)
            return peer_of(message, REVISIONS[version])
        if not self._legacy:
            raise self._unsupported("none")
        if message.method == "initialize":
            return handshake_peer(message)
        return self._peer or unknown_peer(None)

    def _unsupported(self, requested: str) -> RpcError:
        supported = [*MODERN, *(HANDSHAKE if self._legacy else ())]
        data = {"supported": supported, "requested": requested[:100]}
        return RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", data)

    def _begin_session(self, peer: Peer) -> None:
        """Keep the peer of a handshake, and announce changes to it."""
        if peer.revision.is_modern:
            return
        self._peer = peer.in_session(self._session_id)
        if self._notices is None:
            connection = self._service.connect(self._peer, self, None, self._principal)
            stream = self._service.dispatcher.session_streams.stream
            self._notices = asyncio.create_task(stream(connection, self._session_id))
