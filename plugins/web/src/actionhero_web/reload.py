"""A process that serves, and a parent that starts it again when code or settings change.

This module needs watchfiles, which the extra `actionhero-web[reload]` brings.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from watchfiles import DefaultFilter, PythonFilter, awatch

from actionhero import Supervisor
from actionhero.cli import announce
from actionhero.settings import AppSettings
from actionhero.transport import EXIT_SOFTWARE, StopSignals, exit_now, serve
from actionhero_web.listener import Listener, listen
from actionhero_web.server import WebServer
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero import Application

logger = logging.getLogger("actionhero.reload")

#: The variable that tells a process that it is the one that serves: the descriptors of the
#: sockets that its parent listens on, with commas between.
SOCKETS_VARIABLE: Final = "_ACTIONHERO_WEB_SOCKETS"
#: How long calls may go on when the code has changed.
CHANGE_GRACE_SECONDS: Final = 2.0

_SETTINGS_FILE = re.compile(r"actionhero(\.\w+)?\.(toml|yaml|yml|json)|pyproject\.toml|\.env")


class Reloader(Supervisor):
    """Listens, and starts a process that accepts, again on each change.

    The sockets stay open meanwhile: who connects waits, and is not refused. A process that does
    not start tells why, and the next change is waited for. Host, port and Unix socket are read
    once.

    Args:
        app: The application, loaded as far as it could be.
    """

    tolerates_load_errors: ClassVar[bool] = True

    def __init__(self, app: Application) -> None:
        self._app = app
        self._settings = app.get(WebSettings)
        self._listeners: list[Listener] = []
        self._child: asyncio.subprocess.Process | None = None
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()

    def run(self) -> int:
        """Look after the process that serves until told to stop.

        Raises:
            ConfigurationError: The address is in use.
        """
        # It tells how many changes there are; we tell which.
        logging.getLogger("watchfiles").setLevel(logging.WARNING)
        if self._settings.workers > 1:
            logger.warning("web.workers is not looked at while web.reload is on: one serves")
        if sys.platform != "win32":
            # There a socket cannot be handed over in this way, and the process listens itself.
            self._listeners = listen(self._settings)
        try:
            with asyncio.Runner() as runner:
                loop = runner.get_loop()
                with StopSignals(loop, self._stop, exit_now=self._end_at_once):
                    return loop.run_until_complete(self._supervise())
        finally:
            for listener in self._listeners:
                listener.close()

    async def _supervise(self) -> int:
        watching = [asyncio.create_task(task) for task in self._watchers()]
        try:
            while True:
                self._changed.clear()
                child = self._child = await self._start()
                await _first(child.wait(), self._changed.wait(), self._stopping.wait())
                if child.returncode is not None and not self._stopping.is_set():
                    logger.error(
                        "the server ended with exit code %d; waiting for a change", child.returncode
                    )
                    await _first(self._changed.wait(), self._stopping.wait())
                if self._stopping.is_set():
                    code = await self._end(child)
                    return EXIT_SOFTWARE if code == EXIT_SOFTWARE else 0
                await self._end(child, CHANGE_GRACE_SECONDS)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    async def _start(self) -> asyncio.subprocess.Process:
        descriptors = [listener.socket.fileno() for listener in self._listeners]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *sys.orig_argv[1:],
            env={**os.environ, SOCKETS_VARIABLE: ",".join(map(str, descriptors))},
            pass_fds=descriptors,
        )

    async def _end(
        self, child: asyncio.subprocess.Process, grace_seconds: float | None = None
    ) -> int:
        """Stop the process that serves, and return its exit code.

        Args:
            child: The process; one that has ended is fine.
            grace_seconds: After how long it is killed; `None`: it sees to that itself.
        """
        if child.returncode is not None:
            # Its failure was told, and is no failure to stop.
            return 0
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        try:
            async with asyncio.timeout(grace_seconds):
                return await child.wait()
        except TimeoutError:
            logger.warning("calls were still open after %.0f s; they are lost", grace_seconds)
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            return await child.wait()

    def _stop(self, number: int) -> None:
        logger.info("stopping on %s", signal.Signals(number).name)
        self._stopping.set()

    def _end_at_once(self, number: int) -> None:
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._child.kill()
        for listener in self._listeners:
            listener.close()
        exit_now(number)

    # -- what is watched -----------------------------------------------------------------------

    def _watchers(self) -> Iterable[Any]:
        root = self._app.sources.root
        yield self._watch(root, SettingsFilter(root), recursive=False)
        package = self._app.get(AppSettings).package
        for folder in package_folders(package, root) if package is not None else ():
            yield self._watch(folder, PythonFilter(), recursive=True)

    async def _watch(self, folder: Path, wanted: DefaultFilter, *, recursive: bool) -> None:
        async for changes in awatch(folder, watch_filter=wanted, recursive=recursive):
            names = ", ".join(sorted({path for _, path in changes}))
            logger.info("starting again: %s changed", names)
            self._changed.set()


class ReloadedServer(Supervisor):
    """Serves in a process that a `Reloader` started, on its sockets.

    Args:
        app: The loaded application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    @staticmethod
    def is_wanted() -> bool:
        """Whether a `Reloader` has started this process."""
        return SOCKETS_VARIABLE in os.environ

    def run(self) -> int:
        """Serve until the parent says that it is enough."""
        parent = os.getppid()
        # Not for the processes that the application may start.
        descriptors = os.environ.pop(SOCKETS_VARIABLE)
        sockets = [socket.socket(fileno=int(number)) for number in descriptors.split(",") if number]
        for server in self._app.servers:
            if isinstance(server, WebServer):
                server.sockets = sockets
        return serve(self._app, lambda: announce(self._app), parent=parent)


class SettingsFilter(DefaultFilter):
    """Lets pass what settings are read from.

    Args:
        folder: Where such files lie.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder.resolve()

    def __call__(self, change: Any, path: str) -> bool:
        """Whether a changed file is of interest."""
        file = Path(path)
        is_here = file.parent.resolve() == self._folder
        return is_here and _SETTINGS_FILE.fullmatch(file.name) is not None


def package_folders(package: str, root: Path) -> list[Path]:
    """Return the folders of a package, also of one that does not import at present."""
    try:
        found = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        found = None
    folders = list(found.submodule_search_locations or ()) if found is not None else []
    if not folders and found is not None and found.origin is not None:
        folders = [str(Path(found.origin).parent)]
    # One that is nowhere yet may come.
    return [Path(folder) for folder in folders if Path(folder).is_dir()] or [root]


async def _first(*coroutines: Any) -> None:
    """Return as soon as one of several has, and give up on the others."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
