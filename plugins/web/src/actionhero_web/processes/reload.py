"""The reloader: a parent that restarts the server process when code or settings change.

This module needs watchfiles, which the extra `actionhero-web[reload]` installs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Final

from actionhero import Supervisor
from actionhero.cli import announce
from actionhero.transport import (
    EXIT_SOFTWARE,
    StopSignals,
    exit_now,
    parent_environ,
    parent_id,
    serve,
    watch_files,
)
from actionhero_web.connections.inherited_sockets import SOCKETS_VARIABLE
from actionhero_web.connections.listener import Listener, listen
from actionhero_web.server import WebServer
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from actionhero import Application

logger = logging.getLogger("actionhero.reload")

#: Set in server processes after the first one, which has announced the URLs.
RESTARTED_VARIABLE: Final = "_ACTIONHERO_WEB_RESTARTED"
#: The grace period for calls when the code has changed.
CHANGE_GRACE_SECONDS: Final = 2.0


class Reloader(Supervisor):
    """Listens, and runs the server in a child process, which is restarted on each change.

    The sockets stay open during a restart: clients wait, and are not rejected. A child that does
    not start logs the reason, and is started again on the next change. Host, port and Unix socket
    are read once.

    Args:
        app: The application, which may have load errors.
    """

    tolerates_load_errors: ClassVar[bool] = True

    def __init__(self, app: Application) -> None:
        self._app = app
        self._settings = app.get(WebSettings)
        self._listeners: list[Listener] = []
        self._child: asyncio.subprocess.Process | None = None
        self._has_started = False
        self._change_event = asyncio.Event()
        self._stop_event = asyncio.Event()

    def run(self) -> int:
        """Run and restart the child process until a stop signal.

        Raises:
            ConfigurationError: The address is in use.
        """
        if self._settings.workers > 1:
            logger.warning("web.workers is ignored while web.reload is on; running one process")
        if sys.platform != "win32":
            # Windows cannot pass sockets to a child in this way; there the child listens itself.
            self._listeners = listen(self._settings)
        try:
            with asyncio.Runner() as runner:
                loop = runner.get_loop()
                with StopSignals(loop, self._handle_signal, exit_now=self._exit_now):
                    return loop.run_until_complete(self._supervise())
        finally:
            for listener in self._listeners:
                listener.close()

    async def _supervise(self) -> int:
        watcher = asyncio.create_task(watch_files(self._app, self._change_event.set))
        try:
            while True:
                self._change_event.clear()
                child = self._child = await self._start()
                await _wait_for_first(
                    child.wait(), self._change_event.wait(), self._stop_event.wait()
                )
                if child.returncode is not None and not self._stop_event.is_set():
                    logger.error(
                        "the server exited with code %d; waiting for a change", child.returncode
                    )
                    await _wait_for_first(self._change_event.wait(), self._stop_event.wait())
                if self._stop_event.is_set():
                    code = await self._stop_child(child)
                    return EXIT_SOFTWARE if code == EXIT_SOFTWARE else 0
                await self._stop_child(child, CHANGE_GRACE_SECONDS)
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    async def _start(self) -> asyncio.subprocess.Process:
        descriptors = [listener.socket.fileno() for listener in self._listeners]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *sys.orig_argv[1:],
            env={
                **os.environ,
                **parent_environ(),
                SOCKETS_VARIABLE: ",".join(map(str, descriptors)),
                **({RESTARTED_VARIABLE: "1"} if self._has_started else {}),
            },
            pass_fds=descriptors,
        )
        self._has_started = True
        return process

    async def _stop_child(
        self, child: asyncio.subprocess.Process, grace_seconds: float | None = None
    ) -> int:
        """Stop the child process, and return its exit code.

        Args:
            child: The process, which may have exited already.
            grace_seconds: The time until it is killed; `None` if it limits its shutdown itself.
        """
        if child.returncode is not None:
            # Its exit code has been logged, and is not a failed shutdown.
            return 0
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            async with asyncio.timeout(grace_seconds):
                return await child.wait()
        except TimeoutError:
            logger.warning("calls did not finish within %.0f s; they are lost", grace_seconds)
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            return await child.wait()

    def _handle_signal(self, number: int) -> None:
        logger.info("stopping on %s", signal.Signals(number).name)
        self._stop_event.set()

    def _exit_now(self, number: int) -> None:
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()
        for listener in self._listeners:
            listener.close()
        exit_now(number)


class ReloadedServer(Supervisor):
    """Runs the server in the child process of a `Reloader`, on the sockets of the parent.

    Args:
        app: The loaded application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    def run(self) -> int:
        """Serve until the parent stops this process."""
        # Removed, so that processes started by the application do not inherit it.
        descriptors = os.environ.pop(SOCKETS_VARIABLE)
        sockets = [socket.socket(fileno=int(number)) for number in descriptors.split(",") if number]
        for server in self._app.servers:
            if isinstance(server, WebServer):
                server.sockets = sockets
        is_first = os.environ.pop(RESTARTED_VARIABLE, None) is None
        return serve(
            self._app, lambda: announce(self._app, with_links=is_first), parent=parent_id()
        )


async def _wait_for_first(*coroutines: Any) -> None:
    """Wait for the first of several coroutines, and cancel the others."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
