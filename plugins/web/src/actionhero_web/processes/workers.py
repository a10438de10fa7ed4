"""Several worker processes at one address, supervised by gunicorn.

This module needs gunicorn, which the extra `actionhero-web[workers]` installs. Only its arbiter is
used: its configuration files, environment variables and arguments are not read.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import logging
import math
import os
import signal
import socket
from typing import TYPE_CHECKING, Any, Final

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.errors import HaltServer  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.base import Worker  # type: ignore[import-untyped]

from actionhero import (
    App,
    Application,
    BootError,
    ConfigurationError,
    LifecycleError,
    RunMode,
    Supervisor,
)
from actionhero.cli import announce, configure_logs
from actionhero.transport import EXIT_SOFTWARE, STOP_SIGNALS, add_facts, exit_now, exit_soon, serve
from actionhero_web.connections.listener import Listener, listen
from actionhero_web.server import WebServer
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from types import FrameType

logger = logging.getLogger("actionhero.workers")

#: The in-memory file system of Linux, so that heartbeats never wait for a disk.
MEMORY_FOLDER: Final = "/dev/shm"  # noqa: S108
#: How long the event loop of a worker may be blocked before the worker is replaced.
HEARTBEAT_TIMEOUT_SECONDS: Final = 30
#: The time that a worker has to stop after the grace period of its calls.
EXTRA_STOP_SECONDS: Final = 5
#: The number of consecutive failed starts of workers after which the server stops.
MAX_FAILED_STARTS: Final = 3
#: The maximum length of the error message that a worker reports to its parent.
MAX_REPORT_CHARACTERS: Final = 10_000


class Workers(Supervisor):
    """Listens, and runs worker processes; a worker that exits is replaced.

    Args:
        app: The loaded application. Each worker loads its own.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    def run(self) -> int:
        """Supervise the workers until a stop signal.

        Raises:
            ConfigurationError: The address is in use, or a worker found invalid settings.
            LifecycleError: A worker failed to start or to stop.
        """
        listeners = listen(self._app.get(WebSettings))
        # The garbage collector does not write to frozen objects, so workers share their memory.
        gc.freeze()
        parent_pid = os.getpid()
        gunicorn_app = GunicornApp(self._app, listeners)
        arbiter = WorkerArbiter(gunicorn_app)
        try:
            arbiter.run()
        except SystemExit as exit_request:
            if os.getpid() != parent_pid:
                # A worker, which was forked from this process, exits here.
                raise
            code = exit_request.code
        finally:
            if os.getpid() == parent_pid:
                arbiter.kill_workers(signal.SIGKILL)
                for listener in listeners:
                    listener.close()
                gunicorn_app.read_reports()
                gunicorn_app.close()
        if gunicorn_app.failure is not None:
            raise gunicorn_app.failure
        if code:
            raise LifecycleError("no worker started, or their supervisor failed; see the log above")
        return 0


class GunicornApp(BaseApplication):  # type: ignore[misc]
    """The application and configuration of gunicorn, and the reports of workers to their parent.

    Args:
        app: The application as the parent has loaded it.
        listeners: The listening sockets.
    """

    def __init__(self, app: Application, listeners: list[Listener]) -> None:
        self.sources = app.sources
        self.listeners = listeners
        self._settings = app.get(WebSettings)
        self._grace_seconds = app.grace_seconds
        # Datagrams keep concurrent reports of several workers separate.
        self._report_reader, self._report_writer = socket.socketpair(type=socket.SOCK_DGRAM)
        self._report_reader.setblocking(False)
        #: The process ids of the workers that have started.
        self.ready: set[int] = set()
        #: The error of the first worker that failed.
        self.failure: BootError | None = None
        super().__init__()

    def load_config(self) -> None:
        """Override the defaults of gunicorn."""
        options = {
            "workers": self._settings.workers,
            "worker_class": HttpWorker,
            "logger_class": GunicornLogger,
            "timeout": HEARTBEAT_TIMEOUT_SECONDS,
            "graceful_timeout": math.ceil(self._grace_seconds) + EXTRA_STOP_SECONDS,
            "proc_name": "actionhero",
            # Unused, as the sockets exist already; but gunicorn parses it, and the default is
            # derived from PORT.
            "bind": "127.0.0.1:0",
            # The control socket of gunicorn 25 is not needed.
            "control_socket_disable": True,
        }
        if os.access(MEMORY_FOLDER, os.W_OK):
            options["worker_tmp_dir"] = MEMORY_FOLDER
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)
        self.cfg.set("child_exit", _on_exit)

    def report(self, **facts: Any) -> None:
        """Send a report to the parent. Called by workers."""
        with contextlib.suppress(OSError):
            self._report_writer.send(json.dumps(facts).encode())

    def read_reports(self) -> None:
        """Process the reports of workers. Called by the parent."""
        while True:
            try:
                facts = json.loads(self._report_reader.recv(1 << 18))
            except BlockingIOError:
                return
            if "ready" in facts:
                self.ready.add(facts["ready"])
            elif self.failure is None:
                is_lifecycle_error = facts["code"] == EXIT_SOFTWARE
                error_class = LifecycleError if is_lifecycle_error else ConfigurationError
                self.failure = error_class(facts["failure"])

    def close(self) -> None:
        """Close the sockets for reports."""
        self._report_reader.close()
        self._report_writer.close()


class WorkerArbiter(Arbiter):  # type: ignore[misc]
    """The arbiter of gunicorn, with our sockets, signal handling and shutdown."""

    def __init__(self, gunicorn_app: GunicornApp) -> None:
        self._gunicorn_app = gunicorn_app
        self._stop_requested = False
        self._stopping = False
        #: The number of consecutive failed starts.
        self.failed_starts = 0
        # Inherited from a gunicorn that started this process, they would make us its successor.
        for name in ("GUNICORN_PID", "GUNICORN_FD"):
            os.environ.pop(name, None)
        super().__init__(gunicorn_app)
        self.LISTENERS = [listener.socket for listener in gunicorn_app.listeners]

    def spawn_worker(self) -> int | None:
        # Block signals until the worker has its own handlers: the inherited ones would lose them.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            pid: int | None = super().spawn_worker()
            return pid
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def signal(self, sig: int, frame: FrameType | None) -> None:
        if sig in STOP_SIGNALS:
            if self._stop_requested:
                self.kill_workers(signal.SIGKILL)
                for listener in self._gunicorn_app.listeners:
                    listener.close()
                exit_now(sig)
            self._stop_requested = True
        super().signal(sig, frame)

    def handle_term(self) -> None:
        logger.info("stopping on SIGTERM")
        raise StopIteration

    def handle_int(self) -> None:
        # The default of gunicorn interrupts calls.
        logger.info("stopping on SIGINT")
        raise StopIteration

    handle_quit = handle_int

    def handle_hup(self) -> None:
        # The default of gunicorn reloads the application, which this process has imported already.
        logger.info("stopping on SIGHUP")
        raise StopIteration

    def handle_usr2(self) -> None:
        logger.warning("SIGUSR2 is ignored; start the new server in parallel to this one")

    def stop(self, graceful: bool = True) -> None:
        self._stopping = True
        # The workers have the sockets too, and drain their backlog before they close them.
        for listener in self._gunicorn_app.listeners:
            listener.stop_listening()
            listener.close()
        self.LISTENERS = []
        super().stop(graceful)

    def reap_workers(self) -> None:
        try:
            super().reap_workers()
        except HaltServer:
            # A failed start during shutdown must not interrupt the shutdown.
            if not self._stopping:
                raise

    def on_exit(self, worker: HttpWorker) -> None:
        """Handle the exit of a worker.

        Raises:
            HaltServer: Too many consecutive workers failed to start.
        """
        self._gunicorn_app.read_reports()
        if self._stopping:
            return
        self.failed_starts = 0 if worker.pid in self._gunicorn_app.ready else self.failed_starts + 1
        self._gunicorn_app.ready.discard(worker.pid)
        if self.failed_starts >= MAX_FAILED_STARTS:
            raise HaltServer(
                f"{MAX_FAILED_STARTS} consecutive workers exited before they were ready",
                EXIT_SOFTWARE,
            )
        # It had started, and its failure to stop is in its log.
        self._gunicorn_app.failure = None
        logger.warning("worker %d (process %d) exited; replacing it", worker.age, worker.pid)


class HttpWorker(Worker):  # type: ignore[misc]
    """A worker process."""

    def init_signals(self) -> None:
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
        gunicorn_app: GunicornApp = self.app
        # gunicorn has set it before the application is loaded.
        self.booted = False
        add_facts(worker=self.age, pid=os.getpid())
        try:
            app = App.load(gunicorn_app.sources, RunMode.SERVER)
            configure_logs(app)
            app.raise_for_problems()
            for server in app.servers:
                if isinstance(server, WebServer):
                    server.sockets = list(self.sockets)
            code = serve(
                app, lambda: self._report_ready(app), parent=self.ppid, heartbeat=self.notify
            )
        except BootError as error:
            gunicorn_app.report(
                failure=_with_causes(error)[:MAX_REPORT_CHARACTERS], code=error.exit_code
            )
            exit_soon(error.exit_code if self.booted else Arbiter.WORKER_BOOT_ERROR)
        exit_soon(code)

    def _report_ready(self, app: Application) -> None:
        self.booted = True
        self.app.report(ready=os.getpid())
        if self.age == 1:
            announce(app)


class GunicornLogger(Logger):  # type: ignore[misc]
    """Passes the log of gunicorn to ours: warnings and errors as they are, the rest at DEBUG."""

    def __init__(self, cfg: Any) -> None:
        # Not `super().__init__`, which adds handlers to loggers.
        self.cfg = cfg
        self.error_log = self.access_log = logger

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg

    def info(self, msg: str, *args: Any, **options: Any) -> None:
        logger.debug(msg, *args, **options)

    def reopen_files(self) -> None:
        """Do nothing: there are none."""

    def close_on_exec(self) -> None:
        """Do nothing: there are no files."""


def _on_exit(parent: WorkerArbiter, worker: HttpWorker) -> None:
    parent.on_exit(worker)


def _with_causes(error: BaseException) -> str:
    lines = [str(error) or type(error).__name__]
    while error.__cause__ is not None:
        error = error.__cause__
        lines.append(f"caused by {type(error).__name__}: {error}")
    return "\n".join(lines)
