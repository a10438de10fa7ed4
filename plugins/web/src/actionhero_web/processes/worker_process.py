"""A worker process of gunicorn, and its log."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.base import Worker  # type: ignore[import-untyped]

from actionhero import App, BootError, RunMode
from actionhero.cli import announce, configure_logs
from actionhero.transport import STOP_SIGNALS, add_facts, exit_soon, serve
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from actionhero import Application

logger = logging.getLogger("actionhero.workers")


class HttpWorker(Worker):  # type: ignore[misc]
    """A worker process. Its `app` is the `GunicornApp` of its parent."""

    def init_signals(self) -> None:
        """Leave the signals of a terminal to the parent."""
        # A terminal sends these to every process of its group; the parent handles them.
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGABRT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # gunicorn sends SIGABRT to a blocked worker; the traceback shows the blocking code.
        with contextlib.suppress(ValueError, OSError):
            faulthandler.enable()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def load_wsgi(self) -> None:
        """Do nothing: `run` loads the application."""

    def run(self) -> None:
        """Serve until a stop signal, and exit."""
        parent = self.app
        # gunicorn has set it before the application is loaded.
        self.booted = False
        add_facts(worker=self.age, pid=os.getpid())
        try:
            app = App.load(parent.sources, RunMode.SERVER)
            configure_logs(app)
            app.raise_for_problems()
            for server in app.servers:
                if isinstance(server, WebServer):
                    server.sockets = list(self.sockets)
            code = serve(
                app, lambda: self._report_ready(app), parent=self.ppid, heartbeat=self.notify
            )
        except BootError as error:
            parent.reports.send_failure(error)
            exit_soon(error.exit_code if self.booted else Arbiter.WORKER_BOOT_ERROR)
        exit_soon(code)

    def _report_ready(self, app: Application) -> None:
        self.booted = True
        self.app.reports.send_ready(os.getpid())
        if self.age == 1:
            announce(app)


class GunicornLogger(Logger):  # type: ignore[misc]
    """Passes the log of gunicorn to ours: warnings and errors as they are, the rest at DEBUG."""

    def __init__(self, cfg: Any) -> None:
        # Not `super().__init__`, which adds handlers to loggers.
        self.cfg = cfg
        self.error_log = self.access_log = logger

    def setup(self, cfg: Any) -> None:
        """Store the configuration."""
        self.cfg = cfg

    def info(self, msg: str, *args: Any, **options: Any) -> None:
        """Log at DEBUG."""
        logger.debug(msg, *args, **options)

    def reopen_files(self) -> None:
        """Do nothing: there are none."""

    def close_on_exec(self) -> None:
        """Do nothing: there are no files."""
