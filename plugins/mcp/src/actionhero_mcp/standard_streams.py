"""The standard streams of a process, as the streams of one client."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING, Final

from actionhero.transport import StopSignals, loop_factory
from actionhero_mcp.lines import LineReader
from actionhero_mcp.stdio import StdioServer

if TYPE_CHECKING:
    from actionhero import Application, Principal
    from actionhero_mcp.catalog import Catalog

#: The time limit of the shutdown after the grace period.
_MARGIN_SECONDS: Final = 4.5


def serve_stdio(
    app: Application, catalog: Catalog, stdout: int, principal: Principal | None
) -> None:
    """Serve the client of the standard streams until the end of its input, or a stop signal.

    Args:
        app: The loaded application.
        catalog: Its tools, resources and prompts.
        stdout: The file descriptor of the client's stream.
        principal: The user of the calls.
    """

    async def run() -> None:
        await app.start()
        try:
            server = StdioServer(app, catalog, lambda data: _write_all(stdout, data), principal)
            lines = LineReader(server.limit_bytes)
            _read_in_thread(lines, asyncio.get_running_loop())
            await server.run(lines, stopped)
        finally:
            await app.stop()

    stopped = asyncio.Event()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        loop = runner.get_loop()
        limit_seconds = app.grace_seconds + _MARGIN_SECONDS
        with StopSignals(loop, lambda _: stopped.set(), limit_seconds=limit_seconds):
            loop.run_until_complete(run())


def _read_in_thread(lines: LineReader, loop: asyncio.AbstractEventLoop) -> None:
    """Read the standard input: an event loop cannot read a file, and on Windows no pipe."""

    def read() -> None:
        with contextlib.suppress(RuntimeError, OSError):
            while data := os.read(sys.stdin.fileno(), 65536):
                asyncio.run_coroutine_threadsafe(lines.feed(data), loop).result()
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lines.close)

    threading.Thread(target=read, name="stdin", daemon=True).start()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
